"""Requests through every codec of the registry. Pure: no test here may touch the database."""

import copy
from typing import Any

import orjson
from hypothesis import assume, given, settings

from providers.dialects import canonical as c
from providers.dialects.base import Fetched, Given, Outgoing
from providers.dialects.canonical import BadRequest, Chat
from providers.dialects.registry import CALLERS, UPSTREAMS
from tests.providers.dialects import strategies
from tests.providers.dialects.contract import callers, chat_of, of_fixtures, target, upstreams
from tests.providers.dialects.fixtures import Fixture
from tests.providers.dialects.said import arguments


def read(dialect: str, sent: Outgoing) -> Chat:
    codec = CALLERS[dialect]
    return codec.read_request(codec.outline(sent.path.lstrip("/"), sent.body))


@of_fixtures("request", of=CALLERS)
def test_request_is_written_back_as_it_was(fixture: Fixture) -> None:
    content = orjson.loads(fixture.body)

    sent = CALLERS[fixture.dialect].write_request(chat_of(fixture), target(request=content), Given())

    written = orjson.loads(sent.body)
    if content.get("stream") and fixture.dialect == "openai":
        content["stream_options"] = {**content.get("stream_options", {}), "include_usage": True}
    assert written | {"model": ""} == content | {"model": ""}
    assert sent.report == c.Report()


@of_fixtures("request", of=CALLERS)
def test_request_with_nothing_to_change_is_passed_on_byte_for_byte(fixture: Fixture) -> None:
    codec = CALLERS[fixture.dialect]
    outline = codec.outline(fixture.path, fixture.body)
    assume_usage = b'"stream":true' in fixture.body.replace(b" ", b"") and fixture.dialect == "openai"

    spliced = codec.splice(fixture.body, outline, model=None, max_tokens=None, target=target())

    if assume_usage:
        assert orjson.loads(spliced)["stream_options"]["include_usage"] is True
    else:
        assert spliced == fixture.body


@upstreams
@of_fixtures("request", of=CALLERS)
def test_request_is_written_the_same_each_time(fixture: Fixture, upstream: str) -> None:
    chat = chat_of(fixture)

    assert _try(copy.deepcopy(chat), upstream) == _try(chat, upstream) == _try(chat, upstream)


def _try(chat: Chat, upstream: str) -> Outgoing | tuple[str, str]:
    codec = UPSTREAMS[upstream]
    media = {url: Fetched("AAAA", "image/png") for url in codec.wanted_media(chat, target())}
    try:
        return codec.write_request(chat, target(), Given(media=media))
    except BadRequest as refusal:
        return refusal.pointer, refusal.message


@callers
@given(chat=strategies.chats())
@settings(max_examples=60)
def test_chat_comes_back_but_for_what_the_report_names(caller: str, chat: Chat) -> None:
    try:
        sent = CALLERS[caller].write_request(chat, target(), Given())
    except BadRequest as refusal:
        assert refusal.pointer.startswith("/"), refusal  # noqa: PT017 (some chats fit no place of a dialect)
        assume(False)
    back = read(caller, sent)

    named = {*sent.report.dropped, *(name for name, _ in sent.report.clamped), *sent.report.emulated}
    assert _told(back) == _told(chat)
    for name, value in _asked_for(chat).items():
        assert _asked_for(back).get(name) == value or name in named, f"{name} is lost; reported: {sorted(named)}"


def _told(chat: Chat) -> dict[str, Any]:
    """What is said, whoever says it in how many pieces: ids are numbered by their first use."""
    numbers: dict[str, int] = {}
    said: list[list[Any]] = []
    system = ""
    for turn in chat.turns:
        for part in turn.parts:
            if turn.role == "system" and isinstance(part, c.Text):
                system += part.text
            elif isinstance(part, c.Text) and said and said[-1][:2] == [turn.role, "text"]:
                said[-1][2] += part.text
            else:
                said.append([turn.role, *_of_part(part, numbers)])
    return {"model": chat.model, "system": system, "said": said, "stream": chat.stream}


def _of_part(part: c.Part, numbers: dict[str, int]) -> list[Any]:
    if isinstance(part, c.Text):
        return ["text", part.text]
    if isinstance(part, c.Media):
        return [part.kind, part.media_type, part.data]
    if isinstance(part, c.ToolCall):
        number = numbers.setdefault(part.id, len(numbers))
        return ["call", number, part.name, arguments(part.arguments)]
    if isinstance(part, c.ToolResult):
        inner = "".join(each.text for each in part.parts if isinstance(each, c.Text))
        return ["result", numbers.setdefault(part.id, len(numbers)), part.name, inner]
    return [repr(part)]


def _asked_for(chat: Chat) -> dict[str, Any]:
    tools = [(tool.name, tool.description, tool.parameters) for tool in chat.tools if isinstance(tool, c.Tool)]
    output = chat.output
    wanted = {
        "tools": tools,
        "tool_choice": chat.tool_choice and (chat.tool_choice.mode, chat.tool_choice.name),
        # That several may be called at once holds wherever nothing is said.
        "parallel_tool_calls": None if chat.parallel_tools else chat.parallel_tools,
        "max_tokens": chat.max_tokens,
        "stop": chat.stop,
        "response_format": output and (output.kind, output.schema),
        "reasoning": chat.reasoning and ("off" if chat.reasoning.off else "on"),
        "is_error": [part.is_error for turn in chat.turns for part in turn.parts if isinstance(part, c.ToolResult)],
        **chat.params,
    }
    return {name: value for name, value in wanted.items() if value not in (None, [], ())}

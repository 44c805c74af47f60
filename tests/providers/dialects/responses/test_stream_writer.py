"""Events as the stream of a response, as callers and OpenAI's SDK read it. Pure: no test here may touch the database."""

from typing import Any

import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from providers.dialects.base import Shown
from providers.dialects.canonical import (
    Annotated,
    Delta,
    End,
    Event,
    Failed,
    Media,
    Opaque,
    PartEnd,
    PartStart,
    PartWhole,
    Ping,
    Signature,
    Signed,
    Start,
    Stop,
    Stopped,
    Thinking,
    UpstreamError,
    UsageSeen,
)
from providers.dialects.responses.codec import CODEC
from providers.dialects.usage import Usage
from tests.providers.dialects.responses.factories import DATA, ID, accumulated, asked, data_of, told

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
USAGE = UsageSeen(Usage(input_text=5, output_text=4))
SHOWN = Shown(502, "upstream-failed", "It broke.", problem={"code": "upstream-failed"})


def text(key: int, *pieces: str) -> list[Event]:
    return [PartStart(key, "text"), *(Delta(key, piece) for piece in pieces), PartEnd(key)]


def tool(key: int, *pieces: str) -> list[Event]:
    return [PartStart(key, "tool", f"call_{key}", "f"), *(Delta(key, piece) for piece in pieces), PartEnd(key)]


def ended(reason: Any = "stop") -> list[Event]:
    return [Stopped(Stop(reason)), USAGE, End()]


def kinds(stream: bytes) -> list[str]:
    return [each["type"].removeprefix("response.") for each in data_of(stream)]


# The sequence --------------------------------------------------------------------------------------------------------
def test_text_is_told_by_the_whole_documented_sequence() -> None:
    stream = told(Start(), *text(0, "He", "llo"), *ended())

    found = data_of(stream)
    place = {"item_id": f"msg_{ID}0000", "output_index": 0, "content_index": 0}
    whole = {"type": "output_text", "annotations": [], "logprobs": [], "text": "Hello"}
    head = {"id": f"msg_{ID}0000", "type": "message", "role": "assistant"}
    assert found[2:-1] == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**head, "status": "in_progress", "content": []},
            "sequence_number": 2,
        },
        {"type": "response.content_part.added", **place, "part": {**whole, "text": ""}, "sequence_number": 3},
        {"type": "response.output_text.delta", **place, "delta": "He", "logprobs": [], "sequence_number": 4},
        {"type": "response.output_text.delta", **place, "delta": "llo", "logprobs": [], "sequence_number": 5},
        {"type": "response.output_text.done", **place, "text": "Hello", "logprobs": [], "sequence_number": 6},
        {"type": "response.content_part.done", **place, "part": whole, "sequence_number": 7},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**head, "status": "completed", "content": [whole]},
            "sequence_number": 8,
        },
    ]
    begun, in_progress, last = found[0]["response"], found[1]["response"], found[-1]["response"]
    assert begun == in_progress
    assert (begun["status"], begun["output"], begun["usage"]) == ("in_progress", [], None)
    assert (last["status"], last["output"], last["usage"]["total_tokens"]) == ("completed", [found[-2]["item"]], 9)
    assert last["id"] == begun["id"] == f"resp_{ID}"


def test_each_event_is_one_of_the_sdks() -> None:
    stream = told(
        Start(),
        PartStart(0, "thinking"),
        Delta(0, "Hm."),
        Signed(0, Signature("anthropic", "claude", "sig")),
        PartEnd(0),
        PartStart(1, "text"),
        Delta(1, "Hi", {"content": [{"token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": []}]}),
        Annotated(1, "responses", {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "T", "url": "u"}),
        PartEnd(1),
        PartStart(2, "refusal"),
        Delta(2, "No."),
        PartEnd(2),
        *tool(3, '{"a"', ":1}"),
        PartWhole(4, Media("image", "image/png", DATA)),
        *ended("length"),
    )

    found = data_of(stream)
    assert [_EVENT.validate_python(each).type for each in found] == [each["type"] for each in found]
    assert [each["sequence_number"] for each in found] == list(range(len(found)))


def test_sdks_helper_accumulates_what_was_told() -> None:
    stream = told(
        Start(),
        PartStart(0, "thinking"),
        Delta(0, "Hm."),
        PartEnd(0),
        *text(1, "On", "e. "),
        *text(2, "Two."),
        *tool(3, '{"a":', "1}"),
        *ended("tool_calls"),
    )

    events, final = accumulated(stream)

    assert final is not None
    assert final.output_text == "One. Two."
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    snapshots = [each.snapshot for each in events if each.type == "response.function_call_arguments.delta"]
    assert snapshots == ['{"a":', '{"a":1}']


def test_t04_calls_side_by_side_keep_their_places() -> None:
    stream = told(
        Start(),
        PartStart(0, "tool", "call_0", "f"),
        PartStart(1, "tool", "call_1", "g"),
        Delta(0, '{"a"'),
        Delta(1, "{}"),
        Delta(0, ":1}"),
        PartEnd(1),
        PartEnd(0),
        *ended("tool_calls"),
    )

    _, final = accumulated(stream)

    assert final is not None
    assert [(item.call_id, item.arguments) for item in final.output if item.type == "function_call"] == [
        ("call_0", '{"a":1}'),
        ("call_1", "{}"),
    ]
    deltas = [each["output_index"] for each in data_of(stream) if each["type"].endswith("arguments.delta")]
    assert deltas == [0, 1, 0]


def test_t05_call_without_arguments_is_one_of_none() -> None:
    found = data_of(told(Start(), *tool(0), *ended("tool_calls")))

    assert [each["delta"] for each in found if "delta" in each] == ["{}"]
    assert found[-1]["response"]["output"][0]["arguments"] == "{}"


def test_text_that_goes_on_while_a_call_is_made_keeps_its_message() -> None:
    stream = told(
        Start(),
        PartStart(0, "text"),
        Delta(0, "I "),
        PartStart(1, "tool", "call_1", "f"),
        Delta(0, "look."),
        PartEnd(0),
        Delta(1, "{}"),
        PartEnd(1),
        *text(2, "Done."),
        *ended(),
    )

    _, final = accumulated(stream)

    assert final is not None
    assert [item.type for item in final.output] == ["message", "function_call", "message"]
    assert final.output_text == "I look.Done."


def test_nothing_is_told_of_what_no_item_can_hold() -> None:
    silent: list[Event] = [
        PartStart(0, "thinking"),
        PartEnd(0),
        PartWhole(1, Opaque("anthropic", "server_tool_use", {})),
        PartWhole(2, Media("audio", "audio/wav", DATA)),
        PartStart(3, "text", choice=1),
        Delta(3, "Two."),
        PartEnd(3),
    ]

    assert told(Start(), *silent, *ended()) == told(Start(), *ended())


def test_proofs_of_other_makers_are_wrapped() -> None:
    redacted = Thinking("", Signature("anthropic", "claude", ""), redacted="xyz")
    stream = told(
        Start(),
        PartStart(0, "thinking"),
        Signed(0, Signature("anthropic", "claude", "sig")),
        PartEnd(0),
        PartWhole(1, redacted),
        PartStart(2, "tool", "call_2", "f"),
        Signed(2, Signature("gemini", "gemini", "c2ln")),
        PartEnd(2),
        *ended(),
    )

    output = data_of(stream)[-1]["response"]["output"]
    assert [item["encrypted_content"] for item in output] == [
        "~apk:anthropic:claude:sig",
        "~apk:anthropic:claude:redacted:xyz",
        "~apk:gemini:gemini:c2ln",
    ]


# Beginning and end ---------------------------------------------------------------------------------------------------
def test_stream_starts_once_and_ends_once() -> None:
    stream = told(Start(), Start(), *text(0, "Hi"), *ended(), End(), *text(1, "More"), Ping())

    assert kinds(stream).count("created") == 1
    assert kinds(stream)[-1] == "completed"
    assert kinds(told(End())) == ["created", "in_progress", "completed"]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("tool_calls", "completed"), ("length", "incomplete"), ("content_filter", "incomplete"), ("failed", "failed")],
)
def test_stream_ends_as_the_model_stopped(reason: Any, kind: str) -> None:
    last = data_of(told(Start(), *text(0, "Hi"), *ended(reason)))[-1]

    assert (last["type"], last["response"]["status"]) == (f"response.{kind}", kind)


def test_t27_keep_alive_is_a_comment() -> None:
    assert CODEC.keep_alive == told(Ping()) == b": keep-alive\n\n"
    _, final = accumulated(told(Ping(), Start(), Ping(), *text(0, "Hi"), Ping(), *ended()))
    assert final is not None
    assert final.output_text == "Hi"


def test_t15_failure_is_an_error_that_the_sdk_raises_and_no_end() -> None:
    writer = CODEC.stream_writer(asked())
    begun: list[Event] = [Start(), PartStart(0, "text"), Delta(0, "Hi")]
    stream = b"".join(writer.write(each) for each in begun)
    stream += writer.write(Failed(UpstreamError("server", 500))) + writer.error(SHOWN)

    with pytest.raises(openai.APIError) as raised:
        accumulated(stream)

    assert (raised.value.code, raised.value.message) == ("upstream-failed", "It broke.")
    assert data_of(stream)[-1] == {
        "type": "error",
        "code": "upstream-failed",
        "message": "It broke.",
        "param": None,
        "error": {
            "message": "It broke.",
            "type": "server_error",
            "param": None,
            "code": "upstream-failed",
            "problem": {"code": "upstream-failed"},
        },
        "sequence_number": 5,
    }
    assert writer.write(End()) == writer.error(SHOWN) == writer.stop_at_cap({}, Usage()) == b""


def test_cap_ends_the_stream_as_if_its_limit_were_met() -> None:
    writer = CODEC.stream_writer(asked())
    begun: list[Event] = [Start(), *text(0, "I look."), PartStart(1, "tool", "call_1", "f"), Delta(1, '{"a')]
    stream = b"".join(writer.write(each) for each in begun)
    stream += writer.stop_at_cap({"code": "quota-exceeded"}, Usage(input_text=5, output_text=3))

    events, _ = accumulated(stream)

    last = events[-1].response
    assert (last.status, last.incomplete_details.reason, last.usage.total_tokens) == (
        "incomplete",
        "max_output_tokens",
        8,
    )
    assert last.problem == {"code": "quota-exceeded"}
    assert [(item.type, item.status) for item in last.output] == [
        ("message", "completed"),
        ("function_call", "incomplete"),
    ]
    assert kinds(stream)[-3:] == ["function_call_arguments.done", "output_item.done", "incomplete"]
    assert writer.write(End()) == b""

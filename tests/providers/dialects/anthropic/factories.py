"""Chats, targets and streams for the tests of Messages."""

from typing import Any

import orjson

from providers.dialects import canonical as c
from providers.dialects.anthropic.codec import CODEC
from providers.dialects.base import Asked, Given, Outgoing, Target
from providers.dialects.canonical import Chat, Event, Turn
from providers.dialects.profile import ModelFacts, Profile

BODY: dict[str, Any] = {"model": "claude", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]}
ASKED = Asked("asked-model", "0123456789abcdef01234567", 1_790_000_000, input_estimate=17)
WEATHER = c.Tool("get_weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}})
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def target(*, model: dict[str, Any] | None = None, **profile: Any) -> Target:
    facts: dict[str, Any] = {"name": "claude", "max_output_tokens": 64_000}
    return Target(
        Profile(**({"id": "anthropic", "name": "Anthropic"} | profile)), ModelFacts(**(facts | (model or {})))
    )


def chat(*turns: Turn, **changes: Any) -> Chat:
    """Of a caller of another dialect."""
    said = list(turns) or [Turn("user", [c.Text("Hello")])]
    members: dict[str, Any] = {"dialect": "openai", "model": "claude", "turns": said, "max_tokens": 8_192}
    return Chat(**(members | changes))


def user(*parts: c.Part | str) -> Turn:
    return Turn("user", [c.Text(part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: c.Part | str) -> Turn:
    return Turn("assistant", [c.Text(part) if isinstance(part, str) else part for part in parts])


def results(*parts: c.Part) -> Turn:
    return Turn("tool", list(parts))


def body(**changes: Any) -> bytes:
    return orjson.dumps({name: value for name, value in (BODY | changes).items() if value is not ...})


def read(**changes: Any) -> Chat:
    """A request of a caller of Messages; `...` leaves a member away."""
    return CODEC.read_request(CODEC.outline("messages", body(**changes)))


def write(written: Chat, to: Target | None = None, **given: Any) -> tuple[dict[str, Any], Outgoing]:
    sent = CODEC.write_request(written, to or target(), Given(**given))
    return orjson.loads(sent.body), sent


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **members}))


def start(**usage: int) -> bytes:
    counted = {"input_tokens": 9, "output_tokens": 1} | usage
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "usage": counted,
    }
    return event("message_start", message=message)


def stop(word: str | None = "end_turn", **usage: int) -> bytes:
    delta = {"stop_reason": word, "stop_sequence": None}
    return event("message_delta", delta=delta, usage={"output_tokens": 5} | usage) + event("message_stop")


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    pieces = [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    begun = event("content_block_start", index=index, content_block=content)
    return b"".join([begun, *pieces, event("content_block_stop", index=index)])


def events_of(stream: bytes, to: Target | None = None) -> list[Event]:
    reader = CODEC.stream_reader(to or target())
    return [*reader.feed(stream), *reader.close()]


def told(*events: Event, asked: Asked = ASKED) -> list[dict[str, Any]]:
    """The data of what the stream writer makes of them, each event named as it says."""
    writer = CODEC.stream_writer(asked)
    return data_of(b"".join(writer.write(each) for each in events))


def data_of(stream: bytes) -> list[dict[str, Any]]:
    found = []
    for each in stream.decode().split("\n\n")[:-1]:
        name, data = each.split("\n", 1)
        found.append(orjson.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found

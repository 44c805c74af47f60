"""Chats, targets and streams for the tests of the Responses API."""

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import orjson
from openai.types.responses import Response

from providers.dialects import canonical as c
from providers.dialects.base import Asked, Given, Target
from providers.dialects.canonical import Chat, Event, Report, Turn
from providers.dialects.profile import ModelFacts, Profile
from providers.dialects.responses.codec import CODEC

ID = "0123456789abcdef01234567"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = c.Tool("get_weather", "Tells it.", SCHEMA)
DATA = "iVBORw0KGgo="


def target(*, model: dict[str, Any] | None = None, **profile: Any) -> Target:
    return Target(
        Profile(**({"id": "openai", "name": "OpenAI"} | profile)), ModelFacts(**({"name": "gpt"} | (model or {})))
    )


def chat(*turns: Turn, **changes: Any) -> Chat:
    """Of a caller of another dialect."""
    said = list(turns) or [user("Hello")]
    return Chat(**({"dialect": "openai", "model": "gpt", "turns": said} | changes))


def user(*parts: c.Part | str) -> Turn:
    return Turn("user", [c.Text(part) if isinstance(part, str) else part for part in parts])


def assistant(*parts: c.Part | str) -> Turn:
    return Turn("assistant", [c.Text(part) if isinstance(part, str) else part for part in parts])


def call(id_: str = "call_1", arguments: str = '{"city":"Rome"}', **more: Any) -> c.ToolCall:
    return c.ToolCall(id_, "get_weather", arguments, **more)


def body(**changes: Any) -> bytes:
    """`...` leaves a member away."""
    members = {"model": "gpt", "input": "Hello"} | changes
    return orjson.dumps({name: value for name, value in members.items() if value is not ...})


def read(**changes: Any) -> Chat:
    """A request of a caller of Responses."""
    return CODEC.read_request(CODEC.outline("responses", body(**changes)))


def write(written: Chat, to: Target | None = None, **given: Any) -> tuple[dict[str, Any], Report]:
    sent = CODEC.write_request(written, to or target(), Given(**given))
    return orjson.loads(sent.body), sent.report


def response(*output: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-5",
        "status": "completed",
        "output": list(output),
        **members,
    }


def answer(*output: dict[str, Any], to: Target | None = None, **members: Any) -> c.Answer:
    return CODEC.read_answer(orjson.dumps(response(*output, **members)), to or target())


# Streams -------------------------------------------------------------------------------------------------------------
def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **members}))


CREATED = event("response.created", response={"id": "resp_1", "model": "gpt-5", "created_at": 7, "output": []})


def added(index: int, **item: Any) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: Any) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def delta(kind: str, text: str, index: int = 0, **members: Any) -> bytes:
    return event(f"response.{kind}.delta", output_index=index, item_id=f"item_{index}", delta=text, **members)


def completed(*output: dict[str, Any], **members: Any) -> bytes:
    return event("response.completed", response=response(*output, **members))


def events_of(stream: bytes, to: Target | None = None) -> list[Event]:
    reader = CODEC.stream_reader(to or target())
    return [*reader.feed(stream), *reader.close()]


def asked(chat: Chat | None = None) -> Asked:
    return Asked("asked-model", ID, 1_790_000_000, stream=True, chat=chat)


def told(*events: Event, to: Asked | None = None) -> bytes:
    """What the stream writer makes of them."""
    writer = CODEC.stream_writer(to or asked())
    return b"".join(writer.write(each) for each in events)


def data_of(stream: bytes) -> list[dict[str, Any]]:
    """Each event, named as it says."""
    found = []
    for each in stream.decode().split("\n\n")[:-1]:
        name, data = each.split("\n", 1)
        found.append(orjson.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


# OpenAI's SDK --------------------------------------------------------------------------------------------------------
class _Pieces(httpx2.SyncByteStream):
    def __init__(self, stream: bytes) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from (self._stream[at : at + 50] for at in range(0, len(self._stream), 50))


def accumulated(stream: bytes) -> tuple[list[Any], Response | None]:
    """What its helper for streams tells event by event, and the last event's response where it is a whole one."""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Pieces(stream))
    )
    client = openai.OpenAI(
        api_key="k", base_url="http://upstream/v1", http_client=httpx2.Client(transport=transport), max_retries=0
    )
    with client.responses.stream(model="gpt", input="Hello") as opened:
        events = list(opened)
        final = opened.get_final_response() if events[-1].type == "response.completed" else None
    return events, final

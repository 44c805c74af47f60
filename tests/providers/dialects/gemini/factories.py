"""Small requests, answers and streams of Gemini's."""

from typing import Any, Final

import orjson

from providers.dialects.base import Asked, Given, Outgoing, Target
from providers.dialects.canonical import Chat, Event, Part, Text, ToolCall, ToolResult, Turn
from providers.dialects.gemini.codec import CODEC
from providers.dialects.profile import Door, ModelFacts, Profile

MODEL: Final = "gemini-3-pro"
PATH: Final = f"models/{MODEL}:generateContent"
SIGNATURE: Final = "c2lnbmVkIGJ5IGdlbWluaQ=="


def a_target(model: str = MODEL, *, profile: Profile | None = None, **facts: Any) -> Target:
    return Target(profile or Profile("google", "Google", max_stop=5), ModelFacts(model, **facts))


def vertex(base_url: str) -> Profile:
    return Profile("vertex_ai", "Vertex", doors=(Door("gemini", base_url, "google"),), vertex=True)


def an_asked(**changes: Any) -> Asked:
    return Asked(**{"model": "asked-model", "id": "0123456789abcdef01234567", "created": 1_790_000_000, **changes})


# Requests ------------------------------------------------------------------------------------------------------------
def read(content: dict[str, Any], path: str = PATH) -> Chat:
    return CODEC.read_request(CODEC.outline(path, orjson.dumps(content)))


def asking(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts) or [{"text": "Hello"}]}], **more}


def sent(chat: Chat, target: Target | None = None, **given: Any) -> tuple[dict[str, Any], Outgoing]:
    outgoing = CODEC.write_request(chat, target or a_target(), Given(**given))
    return orjson.loads(outgoing.body), outgoing


def a_chat(*turns: Turn, **more: Any) -> Chat:
    """Of a caller of another dialect."""
    return Chat("openai", MODEL, list(turns) or [Turn("user", [Text("Hello")])], **more)


def a_round(call: ToolCall, *before: Part) -> list[Turn]:
    """A question, a call with what was thought before it, and its result."""
    result = ToolResult(call.id, parts=[Text("24 degrees")])
    return [Turn("user", [Text("Weather?")]), Turn("assistant", [*before, call]), Turn("tool", [result])]


# Answers and streams -------------------------------------------------------------------------------------------------
def an_answer(*parts: dict[str, Any], finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": MODEL, "responseId": "anAnswer", **more}


def a_stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + orjson.dumps(chunk) + b"\r\n\r\n" for chunk in chunks)


def events(body: bytes, target: Target | None = None) -> list[Event]:
    reader = CODEC.stream_reader(target or a_target())
    return [*reader.feed(body), *reader.close()]

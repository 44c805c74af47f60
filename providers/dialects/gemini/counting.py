"""`countTokens`: asked of Google with a chat of any dialect, and answered to callers."""

from typing import Any

import orjson

from providers.dialects.base import JSON, Given, Outgoing, Target, UnreadableAnswer
from providers.dialects.canonical import Chat, Report
from providers.dialects.gemini.reading import COUNT
from providers.dialects.gemini.writing import path_of, write_body
from providers.dialects.usage import count


def write_count_request(chat: Chat, target: Target, given: Given) -> Outgoing:
    """Google wants the whole request in a member of its own, with the model; Vertex wants it as it is. Raises BadRequest."""
    report = Report()
    body: dict[str, Any] = write_body(chat, target, given, report)
    if not target.profile.vertex:
        body = {"generateContentRequest": {**body, "model": f"models/{target.model.name.removeprefix('models/')}"}}
    return Outgoing(path_of(target, COUNT), [("content-type", JSON)], orjson.dumps(body), report)


def read_count(body: bytes) -> int:
    """Raises UnreadableAnswer. Zero is left out (ProtoJSON)."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer(f"no JSON: {error}") from error
    number = count(content.get("totalTokens", 0)) if isinstance(content, dict) and "error" not in content else None
    if number is None:
        raise UnreadableAnswer("no answer of countTokens")
    return number


def write_count(input_tokens: int) -> bytes:
    details = [{"modality": "TEXT", "tokenCount": input_tokens}]
    return orjson.dumps({"totalTokens": input_tokens, "promptTokensDetails": details})

"""What the gateway has to know of a request before it is passed on, and the few places of it that are changed then. Pure.

Chat, the old completions and embeddings: they are told apart by what they ask about (messages, a prompt, an input).
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from providers.dialects.base import Outline, Target
from providers.dialects.bodies import read_object, replaced
from providers.dialects.canonical import BadRequest
from providers.dialects.estimate import PER_MESSAGE
from providers.dialects.usage import count

# The estimate of what is passed through: from the size alone, since nobody looks into it.
_PER_TOKEN_BYTES: Final = 3
_LIMITS: Final = ("max_completion_tokens", "max_tokens")


def outline(path: str, body: bytes) -> Outline:
    """`path` is the caller's, below /v1. Raises BadRequest."""
    content = read_object(body)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("/model", "“model” must name a model.")
    operation = path.strip("/")
    if operation == "embeddings":
        return _embeddings(content, model)
    if operation == "completions":
        return _completions(content, model)
    asked = _chat(content, model, len(body))
    if b'"file_id"' in body:
        asked.kept_ids = tuple(_file_ids(content["messages"]))
    return asked


def _chat(content: dict[str, Any], model: str, size_bytes: int) -> Outline:
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("/messages", "“messages” must be a list with at least one message.")
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise BadRequest(f"/messages/{number}", "Each message must be an object.")
    extra = PER_MESSAGE * len(messages)
    return _generating(content, model, size_bytes + extra, size_bytes // _PER_TOKEN_BYTES + extra)


def _file_ids(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        content = message.get("content")
        for piece in content if isinstance(content, list) else []:
            match piece:
                case {"file": {"file_id": str(file_id)}} if file_id:
                    yield file_id


def _completions(content: dict[str, Any], model: str) -> Outline:
    """The old ones: each prompt is answered `n` times, and the provider may make more and show the best."""
    prompt = content.get("prompt")
    size = _size(prompt, "prompt")
    asked = _generating(content, model, size, -(-size // _PER_TOKEN_BYTES))
    prompts = len(prompt) if isinstance(prompt, list) and not _is_token(prompt[0]) else 1
    asked.n = prompts * max(asked.n, _positive(content, "best_of") or 1)
    return asked


def _generating(content: dict[str, Any], model: str, input_bound: int, input_expected: int) -> Outline:
    stream = content.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise BadRequest("/stream", "“stream” must be true or false.")
    options = content.get("stream_options") if stream else None
    if options is not None and not isinstance(options, dict):
        raise BadRequest("/stream_options", "“stream_options” must be an object.")
    # Both are checked; the newer name wins.
    limits = [_positive(content, name) for name in _LIMITS]
    return Outline(
        model=model,
        stream=bool(stream),
        max_tokens=limits[0] or limits[1],
        n=_positive(content, "n") or 1,
        include_usage=bool(options and options.get("include_usage")),
        input_bound=input_bound,
        input_expected=input_expected,
        content=content,
    )


def _embeddings(content: dict[str, Any], model: str) -> Outline:
    size = _size(content.get("input"), "input")
    return Outline(model, input_bound=size, input_expected=-(-size // _PER_TOKEN_BYTES), content=content)


def splice(body: bytes, asked: Outline, *, model: str | None, max_tokens: int | None, target: Target) -> bytes:
    """The body with those places changed and every other byte as it was. A stream is always asked for its usage."""
    changes: dict[tuple[str, ...], bytes] = {}
    if model is not None:
        changes["model",] = orjson.dumps(model)
    if max_tokens is not None:
        field = target.profile.max_tokens_field if "messages" in asked.content else "max_tokens"
        # A limit of the caller's is changed where it stands: two of them are refused.
        for name in [name for name in _LIMITS if asked.content.get(name) is not None] or [field]:
            changes[name,] = str(max_tokens).encode()
    if asked.stream and not asked.include_usage and target.profile.stream_options:
        changes["stream_options", "include_usage"] = b"true"
    return replaced(body, changes, asked.content)


def _positive(content: dict[str, Any], name: str) -> int | None:
    value = content.get(name)
    if value is None:
        return None
    number = count(value)
    if not number:
        raise BadRequest(f"/{name}", f"“{name}” must be a whole number greater than 0.")
    return number


def _size(value: Any, name: str) -> int:
    """Bytes of text, or tokens where the caller sends those."""
    if isinstance(value, str):
        return len(value.encode())
    if not isinstance(value, list) or not value:
        raise _unreadable(name)
    size = 0
    for item in value:
        if isinstance(item, str):
            size += len(item.encode())
        elif isinstance(item, list) and item and all(_is_token(token) for token in item):
            size += len(item)
        elif _is_token(item):
            size += 1
        else:
            raise _unreadable(name)
    return size


def _unreadable(name: str) -> BadRequest:
    return BadRequest(f"/{name}", f"“{name}” must be a text, a list of texts, or lists of tokens.")


def _is_token(value: Any) -> bool:
    return type(value) is int and value >= 0

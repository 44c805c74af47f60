"""The OpenAI dialect, passed through: what a request asks for, the few splices we make, and usage read beside the bytes.

Bytes go on as they came. A splice changes one place without writing the rest anew: `model` for an alias, an output limit
where none was asked for, `stream_options.include_usage`. Usage is set to the last value seen, never added.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from providers.dialects.bodies import read_object, replaced
from providers.dialects.canonical import BadRequest
from providers.dialects.usage import Usage, count
from providers.dialects.usage_rules import openai as usage_of_counts

# Of an answer that is read for its usage; beyond it usage is estimated.
_MOST_READ: Final = 8 * 1024 * 1024
# What a message costs beside its text, in every known tokenizer's favour.
_PER_MESSAGE: Final = 8
_PER_TOKEN_BYTES: Final = 3
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
_BOUNDARY: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(slots=True)
class Asked:
    """What the gateway has to know of a request."""

    model: str
    stream: bool = False
    # Output tokens asked for; None when the caller left it to the model.
    max_tokens: int | None = None
    n: int = 1
    include_usage: bool = False
    # No tokenizer makes more than one token of a byte.
    input_bound: int = 0
    input_expected: int = 0


def read_request(body: bytes, operation: Literal["chat", "embeddings"]) -> Asked:
    """Raises BadRequest."""
    content = read_object(body)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("/model", "“model” must name a model.")
    if operation == "embeddings":
        size = _embedding_size(content.get("input"))
        return Asked(model, input_bound=size, input_expected=_expected(size, 0))
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("/messages", "“messages” must be a list with at least one message.")
    if not all(isinstance(message, dict) for message in messages):
        raise BadRequest("/messages", "Each message must be an object.")
    return _chat(content, model, len(body), len(messages))


def _chat(content: dict[str, Any], model: str, size_bytes: int, messages: int) -> Asked:
    stream = "stream" in content and _typed(content, "stream", bool, default=False)
    options = _typed(content, "stream_options", dict, default={}) if stream else {}
    limit = _positive(content, "max_completion_tokens") or _positive(content, "max_tokens")
    return Asked(
        model=model,
        stream=stream,
        max_tokens=limit,
        n=_positive(content, "n") or 1,
        include_usage=bool(options.get("include_usage")),
        input_bound=size_bytes + _PER_MESSAGE * messages,
        input_expected=_expected(size_bytes, messages),
    )


def splice(
    body: bytes, *, model: str | None = None, max_tokens: int | None = None, include_usage: bool = False
) -> bytes:
    """The body with those places changed and every other byte as it was. `body` was read by `read_request`."""
    changes: dict[tuple[str, ...], bytes] = {}
    if model is not None:
        changes["model",] = orjson.dumps(model)
    if max_tokens is not None:
        changes["max_tokens",] = str(max_tokens).encode()
    if include_usage:
        changes["stream_options", "include_usage"] = b"true"
    return replaced(body, changes)


def usage_of(reported: Any) -> Usage | None:
    return usage_of_counts(reported) if isinstance(reported, dict) else None


def model_names(body: bytes) -> list[str]:
    """Of an answer to `GET /models`, in its order. Raises ValueError for anything else."""
    content = orjson.loads(body)  # its error is a ValueError
    listed = content.get("data") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no list of models")  # noqa: TRY004 (an answer is wrong, not an argument)
    names = [model.get("id") if isinstance(model, dict) else None for model in listed]
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("a model without an id")
    return [str(name) for name in names]


def error_message(body: bytes) -> str:
    """What the provider says in its envelope; empty when it says nothing that can be read."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    error = content.get("error") if isinstance(content, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


class AnswerMeter:
    """Reads usage from an answer that is not streamed."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.complete = True

    def feed(self, chunk: bytes) -> bytes:
        self._size += len(chunk)
        if self._size <= _MOST_READ:
            self._parts.append(chunk)
        return chunk

    def close(self) -> bytes:
        return b""

    @property
    def usage(self) -> Usage | None:
        if self._size > _MOST_READ:
            return None
        try:
            content = orjson.loads(b"".join(self._parts))
        except orjson.JSONDecodeError:
            return None
        return usage_of(content.get("usage")) if isinstance(content, dict) else None

    @property
    def output_seen(self) -> int:
        return self._size // _PER_TOKEN_BYTES


class StreamMeter:
    """Reads a stream of server-sent events; the result does not depend on where it is cut into chunks.

    With `hide_usage` the chunk that holds nothing but usage is not passed on: the caller did not ask for it, we did.
    """

    def __init__(self, *, hide_usage: bool) -> None:
        self._hide = hide_usage
        self._held = b""
        self.usage: Usage | None = None
        # Chunks with content: about one token each.
        self.output_seen = 0
        self.complete = False
        self.failed = False

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk
        end = 0
        for match in _BOUNDARY.finditer(data):
            end = match.end()
        whole, self._held = data[:end], data[end:]
        if not whole:
            return b"" if self._hide else chunk
        passed = self._read(whole)
        return passed if self._hide else chunk

    def close(self) -> bytes:
        """What was held back of an event that never ended; not a whole event, so it is read by nobody."""
        rest, self._held = self._held, b""
        if rest.strip() == b"data: [DONE]":
            self.complete = not self.failed
        return rest if self._hide else b""

    def _read(self, whole: bytes) -> bytes:
        if not _USAGE.search(whole) and b"[DONE]" not in whole and b'"error"' not in whole:
            self.output_seen += whole.count(b'"delta"')
            return whole
        passed = []
        start = 0
        for match in _BOUNDARY.finditer(whole):
            event = whole[start : match.end()]
            start = match.end()
            if self._event(event):
                passed.append(event)
        return b"".join(passed)

    def _event(self, event: bytes) -> bool:
        """Whether it is passed on."""
        data = b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
        if data == b"[DONE]":
            self.complete = not self.failed
            return True
        try:
            content = orjson.loads(data) if data else None
        except orjson.JSONDecodeError:
            return True
        if not isinstance(content, dict):
            return True
        if content.get("error"):
            self.failed = True
        choices = content.get("choices")
        self.output_seen += len(choices) if isinstance(choices, list) else 0
        usage = usage_of(content.get("usage"))
        if usage is None:
            return True
        self.usage = usage
        return not (self._hide and not choices)


def _typed(content: dict[str, Any], name: str, kind: type, *, default: Any) -> Any:
    value = content.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise BadRequest(f"/{name}", f"“{name}” must be {_KINDS[kind]}.")
    return value


_KINDS: Final = {bool: "true or false", dict: "an object"}


def _positive(content: dict[str, Any], name: str) -> int | None:
    value = content.get(name)
    if value is None:
        return None
    number = count(value)
    if not number:
        raise BadRequest(f"/{name}", f"“{name}” must be a whole number greater than 0.")
    return number


def _embedding_size(value: Any) -> int:
    """Bytes of text, or tokens where the caller sends those."""
    if isinstance(value, str):
        return len(value.encode())
    if not isinstance(value, list) or not value:
        raise BadRequest("/input", _INPUT)
    size = 0
    for item in value:
        if isinstance(item, str):
            size += len(item.encode())
        elif isinstance(item, list) and item and all(_is_token(token) for token in item):
            size += len(item)
        elif _is_token(item):
            size += 1
        else:
            raise BadRequest("/input", _INPUT)
    return size


_INPUT: Final = "“input” must be a text, a list of texts, or lists of tokens."


def _is_token(value: Any) -> bool:
    return type(value) is int and value >= 0


def _expected(size_bytes: int, messages: int) -> int:
    return size_bytes // _PER_TOKEN_BYTES + _PER_MESSAGE * messages

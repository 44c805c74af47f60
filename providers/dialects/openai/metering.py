"""Pass-through: usage read beside the bytes of an answer, which go on as they came.

Nearly all events of a stream are looked at by searches alone; only those that may hold usage, an end or an error are
parsed. Whole events are passed on, so that an answer can be ended in between. Usage is set to the last value seen of each
member, never added.
"""

import re
from typing import Any, Final

import orjson

from providers.dialects import usage_rules
from providers.dialects.base import Outline, Shown, Target
from providers.dialects.estimate import tokens_of
from providers.dialects.openai import answers, errors
from providers.dialects.openai.letter import NAME
from providers.dialects.openai.stream_writer import DONE, error_event
from providers.dialects.usage import Usage

# Of an answer that is read for its usage; beyond it usage is estimated.
_MOST_READ: Final = 8 * 1024 * 1024
# Text of a stream that is kept for the estimate until it is counted.
_MOST_KEPT: Final = 1024
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
_FINISHED: Final = re.compile(rb'"finish_reason"\s*:\s*"[^"]')
# A line end is CRLF as a whole, and a CR at the very end may be half of one.
_BOUNDARY: Final = re.compile(rb"(?>\r\n|\n|\r){2}")
_SURE_BOUNDARY: Final = re.compile(rb"(?>\r\n|\n|\r(?!\Z)){2}")
# What is generated, in the members that hold it in a chunk.
_TEXT: Final = re.compile(
    rb'"(?:content|text|arguments|refusal|reasoning(?:_content)?)"\s*:\s*"((?:[^"\\]|\\.)+)"', re.DOTALL
)


class AnswerMeter:
    """Of an answer that is not streamed."""

    failed = False
    complete = True

    def __init__(self, target: Target) -> None:
        self._target = target
        self._parts: list[bytes] = []
        self._size = 0
        # Of the first so many bytes.
        self._read: tuple[int, Usage | None] = (0, None)

    def feed(self, chunk: bytes) -> bytes:
        self._size += len(chunk)
        if self._size <= _MOST_READ:
            self._parts.append(chunk)
        return chunk

    def close(self) -> bytes:
        return b""

    @property
    def usage(self) -> Usage | None:
        if self._read[0] != self._size:
            self._read = self._size, self._usage()
        return self._read[1]

    def _usage(self) -> Usage | None:
        if self._size > _MOST_READ:
            return None
        try:
            content = orjson.loads(b"".join(self._parts))
        except orjson.JSONDecodeError:
            return None
        return usage_rules.read(content.get("usage"), self._target.profile, NAME) if isinstance(content, dict) else None

    @property
    def output_seen(self) -> int:
        """What the provider counts, where it does: to count a whole answer is for those without usage."""
        if self.usage is not None:
            return self.usage.output_total
        body = b"".join(self._parts)
        return sum(tokens_of(_plain(text)) for text in _TEXT.findall(body)) or tokens_of(body)

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:  # noqa: ARG002 (an answer in one piece cannot be ended early)
        return b""

    def error(self, shown: Shown) -> bytes:
        return errors.write(shown)


class StreamMeter:
    """The result does not depend on where the stream is cut into chunks.

    The chunk that holds nothing but usage is not passed on to a caller who did not ask for it: we did.
    """

    def __init__(self, asked: Outline, target: Target) -> None:
        self._asked, self._target = asked, target
        self._hide = not asked.include_usage
        self._held = b""
        self._reported: dict[str, Any] = {}
        self._usage: Usage | None = None
        self._last = b""
        self._text = bytearray()
        self._counted = 0
        self._finished = self._done = self.failed = False

    @property
    def usage(self) -> Usage | None:
        if self._usage is None and self._reported:
            self._usage = usage_rules.read(self._reported, self._target.profile, NAME)
        return self._usage

    @property
    def complete(self) -> bool:
        """Some providers end without [DONE]: then why it ended and the usage have been told."""
        return not self.failed and (self._done or (self._finished and bool(self._reported)))

    @property
    def output_seen(self) -> int:
        return self._counted + tokens_of(bytes(self._text))

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk if self._held else chunk
        if data.endswith(b"\n\n"):
            self._held = b""
        else:
            # An event without an end goes on as it is: nobody waits for its end, or holds all of it.
            end = _last_boundary(data) or (len(data) if len(data) > _MOST_READ else 0)
            self._held, data = data[end:], data[:end]
            if not data:
                return b""
        self._last = data
        for text in _TEXT.findall(data):
            # What was said to be finished goes on.
            self._finished = False
            self._text += text if b"\\" not in text else _plain(text)
            if len(self._text) > _MOST_KEPT:
                self._counted += tokens_of(bytes(self._text))
                self._text.clear()
        if (
            b"[DONE]" in data
            or b'"error"' in data
            or _USAGE.search(data) is not None
            or _FINISHED.search(data) is not None
        ):
            return self._read(data)
        return data

    def close(self) -> bytes:
        """What was held back of an event that never ended. [DONE] counts without its empty line."""
        rest, self._held = self._held, b""
        if rest.strip() == b"data: [DONE]":
            self._done = True
            return rest
        return self._read(rest)

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        self._held = b""
        chunk = self._like_the_last()
        chunk["choices"] = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
        ended = b"data: " + orjson.dumps({**chunk, "problem": problem}) + b"\n\n"
        if self._asked.include_usage:
            usage = self.usage or Usage(input_text=self._asked.input_expected, output_text=self.output_seen)
            ended += b"data: " + orjson.dumps({**chunk, "choices": [], "usage": answers.written_usage(usage)}) + b"\n\n"
        return ended + DONE

    def error(self, shown: Shown) -> bytes:
        self._held = b""
        return error_event(shown)

    def _like_the_last(self) -> dict[str, Any]:
        """The members that all chunks of an answer share."""
        for event in reversed(_BOUNDARY.split(self._last)):
            content = _content(event)
            if isinstance(content, dict) and "id" in content:
                return {name: content[name] for name in ("id", "object", "created", "model") if name in content}
        return {"id": "", "object": "chat.completion.chunk", "created": 0, "model": self._asked.model}

    def _read(self, whole: bytes) -> bytes:
        """What is passed on of it."""
        passed = []
        start = 0
        for match in _BOUNDARY.finditer(whole):
            event = whole[start : match.end()]
            start = match.end()
            if self._event(event):
                passed.append(event)
        passed.append(whole[start:])
        return b"".join(passed)

    def _event(self, event: bytes) -> bool:
        """Whether it is passed on."""
        content = _content(event)
        if content == "[DONE]":
            self._done = True
            return True
        if errors.in_stream(content, self._target) is not None:
            self.failed = True
        if not isinstance(content, dict):
            return True
        choices = content.get("choices")
        choices = choices if isinstance(choices, list) else []
        for choice in choices:
            if isinstance(choice, dict):
                self._finished = bool(choice.get("finish_reason")) or (self._finished and not _says(choice))
        told = answers.reported_usage(content)
        if not isinstance(told, dict):
            return True
        self._reported |= {name: value for name, value in told.items() if value is not None}
        self._usage = None
        return not (self._hide and not choices)


def _says(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")


def _last_boundary(data: bytes) -> int:
    if b"\r" not in data:
        return data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
    end = 0
    for match in _SURE_BOUNDARY.finditer(data):
        end = match.end()
    return end


def _content(event: bytes) -> Any:
    """Of an event's data; a text for what is no JSON."""
    data = b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
    if data == b"[DONE]":
        return "[DONE]"
    try:
        return orjson.loads(data) if data else None
    except orjson.JSONDecodeError:
        return None


def _plain(text: bytes) -> bytes:
    """Of a JSON text's inside."""
    if b"\\" not in text:
        return text
    try:
        return str(orjson.loads(b'"' + text + b'"')).encode()
    except orjson.JSONDecodeError:
        return text

"""Usage read beside the bytes of an answer that is passed through; nothing is changed.

Of a stream only whole events go on, so that it can be ended between two of them.
"""

from typing import Any, Final

import orjson

from providers.dialects.anthropic.answers import usage_view
from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.errors import error_event, write_error
from providers.dialects.anthropic.stream_reader import StreamReader
from providers.dialects.base import Outline, Shown, Target
from providers.dialects.canonical import Delta, End, Event, Failed, UsageSeen
from providers.dialects.estimate import tokens_of
from providers.dialects.usage import Usage
from providers.dialects.usage_rules import read as read_usage

# Of an answer that is read for its usage; beyond it usage is estimated.
_MOST_READ: Final = 8 * 1024 * 1024
_PER_TOKEN_BYTES: Final = 3
_BOUNDARIES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


class AnswerMeter:
    complete = True
    failed = False

    def __init__(self, target: Target) -> None:
        self._target = target
        self._parts: list[bytes] = []
        self._size = 0
        self.usage: Usage | None = None
        self.output_seen = 0

    def feed(self, chunk: bytes) -> bytes:
        self._size += len(chunk)
        if self._size <= _MOST_READ:
            self._parts.append(chunk)
        return chunk

    def close(self) -> bytes:
        self.output_seen = self._size // _PER_TOKEN_BYTES
        try:
            content = orjson.loads(b"".join(self._parts)) if self._size <= _MOST_READ else None
        except orjson.JSONDecodeError:
            content = None
        self._parts = []
        if isinstance(content, dict):
            self.usage = read_usage(content.get("usage"), self._target.profile, DIALECT)
            self.output_seen = tokens_of(orjson.dumps(content.get("content")))
        return b""

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:  # noqa: ARG002 (an answer in one piece is not cut)
        return b""

    def error(self, shown: Shown) -> bytes:
        return write_error(shown)


class StreamMeter:
    def __init__(self, outline: Outline, target: Target) -> None:
        self._reader = StreamReader(target)
        self._outline = outline
        self._held = b""
        self._seen_bytes = 0
        self.usage: Usage | None = None
        self.output_seen = 0
        self.complete = False
        self.failed = False

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk if self._held else chunk
        # As nearly all pieces end.
        end = len(data) if data.endswith(b"\n\n") else _end_of_events(data)
        whole, self._held = data[:end], data[end:]
        self._look(self._reader.feed(whole))
        return whole

    def close(self) -> bytes:
        rest, self._held = self._held, b""
        self._look(self._reader.feed(rest))
        self._look(self._reader.close())
        return rest

    def _look(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Delta):
                self._seen_bytes += len(event.text.encode())
            elif isinstance(event, UsageSeen):
                self.usage = event.usage
            elif isinstance(event, End):
                self.complete = True
            elif isinstance(event, Failed) and not event.interrupted:
                self.failed = True
        self.output_seen = -(-self._seen_bytes // _PER_TOKEN_BYTES)

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        """What is held of a torn event is not sent on."""
        if self.complete or self.failed:
            return b""
        counted = self.usage or Usage(input_text=self._outline.input_expected, source="own")
        used = counted.with_changes(output_text=max(counted.output_text, self.output_seen - counted.output_reasoning))
        closing = [_event("content_block_stop", index=place) for place in self._reader.open_blocks]
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        ending = _event("message_delta", delta=delta, usage=usage_view(used), problem=problem)
        return b"".join([*closing, ending, _event("message_stop")])

    def error(self, shown: Shown) -> bytes:
        return error_event(shown)


def _end_of_events(data: bytes) -> int:
    """Behind the last blank line; 0 when there is none."""
    return max(data.rfind(boundary) + len(boundary) if boundary in data else 0 for boundary in _BOUNDARIES)


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **members}))

"""Usage read beside the bytes of an answer that is passed through; nothing is changed.

Of a stream only whole events go on, so that it can be ended between two of them.
"""

from typing import Any, Final

import orjson

from providers.dialects.anthropic.answers import usage_view
from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.errors import error_event, write_error
from providers.dialects.anthropic.event_bytes import event_bytes, message_start
from providers.dialects.anthropic.stream_reader import StreamReader
from providers.dialects.base import Outline, Shown, Target
from providers.dialects.canonical import Delta, End, Event, Failed, PartStart, UsageSeen
from providers.dialects.estimate import PER_MESSAGE, tokens_of
from providers.dialects.usage import Usage
from providers.dialects.usage_rules import read as read_usage

# Of an answer that is read for its usage; beyond it usage is estimated.
_MOST_READ: Final = 8 * 1024 * 1024
_PER_TOKEN_BYTES: Final = 3
# What stands around a block, as around a message.
_PER_PART_BYTES: Final = PER_MESSAGE * _PER_TOKEN_BYTES
_BOUNDARIES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


class AnswerMeter:
    complete = True
    failed = False

    def __init__(self, target: Target) -> None:
        self._target = target
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> bytes:
        self._size += len(chunk)
        if self._size <= _MOST_READ:
            self._parts.append(chunk)
        return chunk

    def close(self) -> bytes:
        return b""

    @property
    def usage(self) -> Usage | None:
        return read_usage(self._content().get("usage"), self._target.profile, DIALECT)

    @property
    def output_seen(self) -> int:
        content = self._content().get("content")
        return self._size // _PER_TOKEN_BYTES if content is None else tokens_of(orjson.dumps(content))

    def _content(self) -> dict[str, Any]:
        """Empty while it is not whole, and when it is too long or no object."""
        try:
            content = orjson.loads(b"".join(self._parts)) if self._size <= _MOST_READ else None
        except orjson.JSONDecodeError:
            content = None
        return content if isinstance(content, dict) else {}

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
        self.complete = False
        self.failed = False

    @property
    def output_seen(self) -> int:
        return -(-self._seen_bytes // _PER_TOKEN_BYTES)

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
            elif isinstance(event, PartStart):
                self._seen_bytes += len(event.name.encode()) + _PER_PART_BYTES
            elif isinstance(event, UsageSeen):
                self.usage = event.usage
            elif isinstance(event, End):
                self.complete = True
            elif isinstance(event, Failed) and not event.interrupted:
                self.failed = True

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        """What is held of a torn event is not sent on."""
        if self.complete or self.failed:
            return b""
        counted = self.usage or Usage(input_text=self._outline.input_expected, source="own")
        used = counted.with_changes(output_text=max(counted.output_text, self.output_seen - counted.output_reasoning))
        begun = b"" if self._reader.started else message_start(self._outline.model, "0", used.input_total)
        closing = [event_bytes("content_block_stop", index=place) for place in self._reader.open_blocks]
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        ending = event_bytes("message_delta", delta=delta, usage=usage_view(used), problem=problem)
        return b"".join([begun, *closing, ending, event_bytes("message_stop")])

    def error(self, shown: Shown) -> bytes:
        return error_event(shown)


def _end_of_events(data: bytes) -> int:
    """Behind the last blank line; 0 when there is none."""
    return max(data.rfind(boundary) + len(boundary) if boundary in data else 0 for boundary in _BOUNDARIES)

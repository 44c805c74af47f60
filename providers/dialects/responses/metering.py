"""Usage read beside the bytes of a response that is passed through, and a proper end where a cap is met.

Only whole events are passed on: what is added at a cap then never lands in the middle of one.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from providers.dialects.base import Outline, Shown, Target
from providers.dialects.estimate import tokens_of
from providers.dialects.responses import errors
from providers.dialects.responses import usage as counts
from providers.dialects.responses.following import Followed
from providers.dialects.responses.transcript import KINDS
from providers.dialects.sse import Events
from providers.dialects.usage import Usage

# Of an answer that is read for its usage; beyond it the usage is estimated.
_MOST_KEPT: Final = 8 * 1024 * 1024
# Shorter texts hold no dense run, and most are plain: their bytes are added up unrounded.
_SHORT: Final = 24
# Of the longest blank line, without its last byte.
_BLANK: Final = 3
_PER_TOKEN_BYTES: Final = 3
# Members of an output that the model wrote.
_SAID: Final = frozenset({"text", "refusal", "arguments", "input", "code"})
_KINDS: Final = {form.delta: kind for kind, form in KINDS.items()}
_WHOLE: Final = ("response.completed", "response.incomplete")


class AnswerMeter:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._chunks: list[bytes] = []
        self._size = 0
        self.usage: Usage | None = None
        self.output_seen = 0
        self.complete = False
        self.failed = False

    def feed(self, chunk: bytes) -> bytes:
        self._size += len(chunk)
        if self._size <= _MOST_KEPT:
            self._chunks.append(chunk)
        return chunk

    def close(self) -> bytes:
        body, self._chunks = b"".join(self._chunks), []
        try:
            content = orjson.loads(body) if self._size <= _MOST_KEPT else None
        except orjson.JSONDecodeError:
            content = None
        if isinstance(content, dict):
            self.complete = True
            self.failed = content.get("status") == "failed"
            self.usage = counts.read(content, self._target.profile)
            self.output_seen = tokens_of("".join(_said(content.get("output"))).encode("utf-8", "surrogatepass"))
        else:
            # Too long to be read, or torn: whoever knows where its connection ended says which.
            self.complete = self._size > _MOST_KEPT
            self.output_seen = max(tokens_of(body), self._size // _PER_TOKEN_BYTES)
        return b""

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:  # noqa: ARG002  # an answer in one piece has no place for it
        return b""

    def error(self, shown: Shown) -> bytes:  # noqa: ARG002  # nor for this
        return b""


class StreamMeter:
    def __init__(self, outline: Outline, target: Target) -> None:
        self._outline = outline
        self._target = target
        self._sse = Events()
        self._followed = Followed()
        self._held: list[bytes] = []
        self._tail = b""
        # In 1/42 tokens: see estimate.py.
        self._weight = 0
        self.usage: Usage | None = None
        self.complete = False
        self.failed = False

    @property
    def output_seen(self) -> int:
        return -(-self._weight // 42)

    def feed(self, chunk: bytes) -> bytes:
        for _name, data in self._sse.feed(chunk):
            self._read(data)
        # An event may be long and come in many chunks: of what is held only its end is looked at again.
        end = _end_of_events(self._tail + chunk) - len(self._tail)
        if end <= 0:
            self._held.append(chunk)
            self._tail = (self._tail + chunk)[-_BLANK:]
            return b""
        passed = b"".join([*self._held, chunk[:end]])
        self._held, self._tail = [chunk[end:]], chunk[end:][-_BLANK:]
        return passed

    def close(self) -> bytes:
        for _name, data in self._sse.close():
            self._read(data)
        rest, self._held = b"".join(self._held), []
        return rest

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        self._held = []
        usage = self.usage or Usage(input_text=self._outline.input_expected, output_text=self.output_seen, source="own")
        return self._followed.capped(problem, usage)

    def error(self, shown: Shown) -> bytes:
        self._held = []
        return self._followed.event("error", errors.in_stream(shown))

    # What passes -----------------------------------------------------------------------------------------------------
    def _read(self, data: bytes) -> None:
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if not isinstance(event, dict):
            return
        self._followed.number(event)
        kind = event.get("type")
        if isinstance(kind, str) and kind in _KINDS:
            self._delta(event, _KINDS[kind])
            return
        if isinstance(response := event.get("response"), dict):
            self.usage = counts.read(response, self._target.profile) or self.usage
        self.failed = self.failed or kind in ("error", "response.failed") or bool(event.get("error"))
        self.complete = (self.complete or kind in _WHOLE) and not self.failed
        self._followed.follow(event)

    def _delta(self, event: dict[str, Any], kind: str) -> None:
        text = event.get("delta")
        if not isinstance(text, str):
            return
        if len(text) < _SHORT and text.isascii():
            self._weight += 14 * len(text)
        else:
            self._weight += 42 * tokens_of(text.encode("utf-8", "surrogatepass"))
        self._followed.delta(event, kind, text)


def _said(found: Any) -> Iterator[str]:
    if isinstance(found, list):
        for each in found:
            yield from _said(each)
    elif isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, str):
                if name in _SAID:
                    yield value
            else:
                yield from _said(value)


def _end_of_events(data: bytes) -> int:
    """Where the last whole event ends: after its blank line."""
    ends = [data.rfind(blank) + len(blank) for blank in (b"\n\n", b"\r\n\r\n", b"\r\r") if blank in data]
    return max(ends, default=0)

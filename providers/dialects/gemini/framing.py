"""A stream of answers cut into its chunks: server-sent events, or one JSON array, as its first byte tells."""

import re
from typing import Final

from providers.dialects.sse import Events

_BLANK: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_BOUNDARIES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_STRUCTURE: Final = re.compile(rb'[{}"]')
_STRING_END: Final = re.compile(rb'["\\]')


class Chunks:
    """`feed` and `close` give each chunk's JSON, wherever the bytes are cut."""

    def __init__(self) -> None:
        self._held = b""
        self._inner: Events | Objects | None = None

    def feed(self, piece: bytes) -> list[bytes]:
        if self._inner is None:
            self._held += piece
            start = self._held.removeprefix(_BOM).lstrip(_BLANK)
            if not start or (len(self._held) < len(_BOM) and _BOM.startswith(self._held)):
                return []
            self._inner = Objects() if start[:1] in {b"[", b"{"} else Events()
            piece, self._held = self._held, b""
        if isinstance(self._inner, Events):
            return [data for _, data in self._inner.feed(piece)]
        return self._inner.feed(piece)

    def close(self) -> list[bytes]:
        """An event without its blank line counts; an object without its end does not."""
        return [data for _, data in self._inner.close()] if isinstance(self._inner, Events) else []


class Whole:
    """The same stream, with what is torn held back: it can be ended between any two pieces that are given.

    `array` says what was asked for, until its first byte tells.
    """

    def __init__(self, *, array: bool) -> None:
        self._asked = array
        self._held = bytearray()
        self._objects: Objects | None = None
        self._known = False
        # The last byte given that is no blank.
        self._last = b""

    @property
    def array(self) -> bool:
        return self._objects is not None if self._known else self._asked

    def feed(self, piece: bytes) -> bytes:
        looked_at = len(self._held)
        self._held += piece
        if not self._known:
            start = bytes(self._held).removeprefix(_BOM).lstrip(_BLANK)[:1]
            if not start or _BOM.startswith(start):
                return b""
            self._known = True
            self._objects = Objects() if start in {b"[", b"{"} else None
            looked_at = 0
        if self._objects is not None:
            self._objects.feed(bytes(self._held[looked_at:]))
            return self._given(len(self._held) - self._objects.torn)
        # A boundary may begin in what was looked at before.
        begin = max(0, looked_at - len(b"\r\n\r"))
        ends = (
            self._held.rfind(boundary, begin) + len(boundary)
            for boundary in _BOUNDARIES
            if boundary in self._held[begin:]
        )
        return self._given(max(ends, default=0))

    def close(self) -> bytes:
        return self._given(len(self._held))

    def _given(self, size: int) -> bytes:
        given = bytes(self._held[:size])
        del self._held[:size]
        self._last = given.rstrip(_BLANK)[-1:] or self._last
        return given

    def added(self, content: bytes) -> bytes:
        """One more chunk behind what was given."""
        if not self.array:
            return b"data: " + content + b"\r\n\r\n"
        before = {b"": b"[", b"}": b","}.get(self._last, b"")
        self._last = b"}"
        return before + content

    def ended(self) -> bytes:
        return b"]" if self.array else b""


class Objects:
    """The objects of an array, or one alone; each byte is looked at once."""

    def __init__(self) -> None:
        self._held = bytearray()
        # Where the search goes on, and where the object began that is open.
        self._at = 0
        self._start = -1
        self._depth = 0
        self._in_string = False

    def feed(self, piece: bytes) -> list[bytes]:
        self._held += piece
        found = []
        while (end := self._next_end()) is not None:
            found.append(bytes(self._held[self._start : end]))
            self._start = -1
        done = self._at if self._start < 0 else self._start
        del self._held[:done]
        self._at -= done
        self._start = min(self._start, 0)
        return found

    @property
    def torn(self) -> int:
        """Bytes of an object without its end."""
        return len(self._held) if self._start == 0 else 0

    def _next_end(self) -> int | None:
        held = self._held
        while True:
            match = (_STRING_END if self._in_string else _STRUCTURE).search(held, self._at)
            if match is None:
                self._at = len(held)
                return None
            sign, at = match[0], match.start()
            self._at = at + 1
            if sign == b"\\":
                if self._at == len(held):
                    # What it hides is still to come.
                    self._at = at
                    return None
                self._at += 1
            elif sign == b'"':
                self._in_string = not self._in_string
            elif sign == b"{":
                if self._depth == 0:
                    self._start = at
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if self._depth == 0:
                    return self._at

"""What a wire does with the bytes of one call, in both directions. It never sends; it only reads, and says what it saw.

`RestWire` passes everything on. `AiWire` passes the caller's own dialect through byte by byte and reads usage beside it.
"""

from typing import Final, Protocol

from providers.dialects.openai.passthrough import AnswerMeter, Asked, StreamMeter
from providers.dialects.usage import Usage
from proxy import forwarding
from proxy.forwarding import RawPairs

# Statuses by which a provider refuses our key, not the caller's request.
_OUR_KEY: Final = frozenset({401, 402, 403})
_OUR_RATE: Final = 429


class Wire(Protocol):
    # Bytes go on as they came, so that a declared length stays true.
    verbatim: bool
    # A caller that leaves: read on for the usage, or abort at once.
    drains: bool

    def refuses_our_key(self, status: int) -> str:
        """The slug the caller gets instead of a provider's refusal of our own key or rate; empty when it is none."""
        ...

    def head(self, headers: list[tuple[str, str]]) -> RawPairs: ...

    def feed(self, chunk: bytes) -> bytes: ...

    def close(self) -> bytes: ...

    @property
    def complete(self) -> bool:
        """Whether what came is a whole answer: a stream without its end is not."""
        ...

    def used(self, status: int, *, whole: bool) -> Usage | None:
        """None when there is nothing to count. What the answer used, by the outcome matrix; `whole` is False for a cut or missing answer."""
        ...


class RestWire:
    verbatim = True
    drains = False
    complete = True

    def refuses_our_key(self, status: int) -> str:  # noqa: ARG002 (a service's own 401 is the caller's)
        return ""

    def head(self, headers: list[tuple[str, str]]) -> RawPairs:
        return forwarding.answer(headers)

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def close(self) -> bytes:
        return b""

    def used(self, status: int, *, whole: bool) -> Usage | None:  # noqa: ARG002 (none are counted)
        return None


def our_key_refused(status: int) -> str:
    if status in _OUR_KEY:
        return "upstream-credentials"
    return "upstream-unavailable" if status == _OUR_RATE else ""


class AiWire:
    """The caller's own dialect, passed through; the meter reads usage beside it."""

    drains = True

    def __init__(self, asked: Asked, *, hide_usage: bool) -> None:
        self._asked = asked
        self._meter: AnswerMeter | StreamMeter = StreamMeter(hide_usage=hide_usage) if asked.stream else AnswerMeter()
        self._streaming = asked.stream
        self.verbatim = not (asked.stream and hide_usage)

    def refuses_our_key(self, status: int) -> str:
        return our_key_refused(status)

    def head(self, headers: list[tuple[str, str]]) -> RawPairs:
        pairs = forwarding.answer(headers)
        if self._streaming and (b"content-type", b"application/json") in pairs:
            # An error, or a provider that does not stream: read as one answer.
            self._meter, self._streaming, self.verbatim = AnswerMeter(), False, True
        return pairs

    def feed(self, chunk: bytes) -> bytes:
        return self._meter.feed(chunk)

    def close(self) -> bytes:
        return self._meter.close()

    @property
    def complete(self) -> bool:
        return self._meter.complete

    def used(self, status: int, *, whole: bool) -> Usage | None:
        """Reported usage wins, a reported 0 is 0. A refused request used nothing; what was cut off is estimated."""
        usage = self._meter.usage
        if usage is not None:
            return usage
        if whole and not _OK <= status < _OK_END:
            return None
        return Usage(input_text=self._asked.input_expected, output_text=self._meter.output_seen, source="own")


_OK: Final = 200
_OK_END: Final = 400

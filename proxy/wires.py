"""What becomes of an upstream's answer on its way to the caller, and what is read beside it.

`RestWire` passes everything on. `PassedWire` passes the caller's own dialect on byte by byte and reads usage beside it.
`TranslatedStream` and `TranslatedAnswer` read one dialect and write another.
"""

from typing import Any, Final, Protocol

from providers.dialects import estimate, replaying
from providers.dialects.base import Asked, CallerDialect, Outline, Shown, Target, UnreadableAnswer, UpstreamDialect
from providers.dialects.canonical import (
    Delta,
    End,
    Event,
    Failed,
    PartStart,
    Signed,
    ToolCall,
    UpstreamError,
    UsageSeen,
)
from providers.dialects.usage import Usage
from proxy import forwarding
from proxy.forwarding import RawPairs

_OK: Final = 200
_OK_END: Final = 400
_JSON: Final = (b"content-type", b"application/json")
_EVENTS: Final = (b"content-type", b"text/event-stream; charset=utf-8")


class Wire(Protocol):
    # Bytes go on as they came, so that a declared length stays true.
    verbatim: bool
    # A caller that leaves: read on for the usage, or abort at once.
    drains: bool
    # The answer comes piece by piece; else it is small enough to be held until it is whole.
    streamed: bool
    # Nothing goes out before the whole answer is in.
    held_back: bool
    keep_alive: bytes
    # Of Gemini's thoughts, by tool call id: kept for callers that cannot send them back.
    signatures: dict[str, str]

    def head(self, headers: list[tuple[str, str]]) -> RawPairs: ...

    def feed(self, chunk: bytes) -> bytes: ...

    def close(self) -> bytes:
        """What is left to say at the upstream's end. Raises UnreadableAnswer."""
        ...

    @property
    def complete(self) -> bool:
        """Whether what came is a whole answer: a stream without its end is not."""
        ...

    @property
    def failure(self) -> UpstreamError | None:
        """What the upstream said went wrong, within its answer."""
        ...

    @property
    def output_seen(self) -> int:
        """Tokens of output so far, by our own count."""
        ...

    def used(self, status: int, *, whole: bool) -> Usage | None:
        """None when there is nothing to count, by the outcome matrix; `whole` is False for a cut or missing answer."""
        ...

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes: ...

    def error(self, shown: Shown) -> bytes: ...


class RestWire:
    verbatim = True
    drains = False
    streamed = False
    held_back = False
    complete = True
    failure: UpstreamError | None = None
    output_seen = 0
    keep_alive = b""
    signatures: dict[str, str] = {}

    def head(self, headers: list[tuple[str, str]]) -> RawPairs:
        return forwarding.answer(headers)

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def close(self) -> bytes:
        return b""

    def used(self, status: int, *, whole: bool) -> Usage | None:  # noqa: ARG002 (none are counted)
        return None

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:  # noqa: ARG002 (no stream of tokens)
        return b""

    def error(self, shown: Shown) -> bytes:  # noqa: ARG002 (HTTP has no way to say it but to break off)
        return b""


class PassedWire:
    """The caller's own dialect, passed through; the meter reads usage beside it."""

    drains = True
    held_back = False
    signatures: dict[str, str] = {}

    def __init__(self, dialect: CallerDialect, outline: Outline, target: Target) -> None:
        self._dialect = dialect
        self._target = target
        self._expected = outline.input_expected
        self.streamed = outline.stream
        self._meter = dialect.stream_meter(outline, target) if outline.stream else dialect.answer_meter(target)
        self.verbatim = not outline.stream
        self.keep_alive = dialect.keep_alive

    def head(self, headers: list[tuple[str, str]]) -> RawPairs:
        pairs = forwarding.answer(headers)
        if self.streamed and any(name == b"content-type" and b"json" in value for name, value in pairs):
            # A provider that does not stream this: read as one answer.
            self._meter, self.streamed, self.verbatim = self._dialect.answer_meter(self._target), False, True
        return pairs

    def feed(self, chunk: bytes) -> bytes:
        return self._meter.feed(chunk)

    def close(self) -> bytes:
        return self._meter.close()

    @property
    def complete(self) -> bool:
        return self._meter.complete

    @property
    def failure(self) -> UpstreamError | None:
        return UpstreamError("server", 0) if self._meter.failed else None

    @property
    def output_seen(self) -> int:
        return self._meter.output_seen

    def used(self, status: int, *, whole: bool) -> Usage | None:
        return counted(self._meter.usage, self._expected, self._meter.output_seen, status, whole=whole)

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        return self._meter.stop_at_cap(problem)

    def error(self, shown: Shown) -> bytes:
        return self._meter.error(shown)


class TranslatedStream:
    verbatim = False
    drains = True
    streamed = True
    held_back = False

    def __init__(
        self, upstream: UpstreamDialect, caller: CallerDialect, asked: Asked, outline: Outline, target: Target
    ) -> None:
        self._upstream, self._caller, self._asked, self._target = upstream, caller, asked, target
        self._reader = upstream.stream_reader(target)
        self._writer = caller.stream_writer(asked)
        self._expected = outline.input_expected
        self._whole: list[bytes] | None = None
        self._usage: Usage | None = None
        self.output_seen = 0
        self.complete = False
        self.failure: UpstreamError | None = None
        self.keep_alive = caller.keep_alive
        self.signatures: dict[str, str] = {}
        self._tools: dict[int, str] = {}

    def head(self, headers: list[tuple[str, str]]) -> RawPairs:
        media_type = next((value for name, value in headers if name == "content-type"), "")
        if media_type.startswith("application/json"):
            # It does not stream this: the whole answer is told as a stream of a few events.
            self._whole = []
        return [_JSON if self._asked.array else _EVENTS]

    def feed(self, chunk: bytes) -> bytes:
        if self._whole is not None:
            self._whole.append(chunk)
            return b""
        return self._write(self._reader.feed(chunk))

    def close(self) -> bytes:
        if self._whole is not None:
            answer = self._upstream.read_answer(b"".join(self._whole), self._target)
            return self._write(replaying.events_of(answer))
        return self._write(self._reader.close())

    def _write(self, events: list[Event]) -> bytes:
        parts = []
        for event in events:
            kind = type(event)
            if kind is Delta:
                self.output_seen += estimate.tokens_of(event.text.encode())  # type: ignore[union-attr]  # by its kind
            elif kind is UsageSeen:
                self._usage = event.usage  # type: ignore[union-attr]  # as above
            elif kind is Failed:
                self.failure = event.error  # type: ignore[union-attr]  # as above
                break
            elif kind is End:
                self.complete = True
            elif kind is PartStart or kind is Signed:
                self._note(event)
            parts.append(self._writer.write(event))
        return b"".join(parts)

    def _note(self, event: Event) -> None:
        if isinstance(event, PartStart) and event.kind == "tool":
            self._tools[event.key] = event.id
        elif isinstance(event, Signed) and event.key in self._tools:
            self.signatures[self._tools[event.key]] = event.signature.text

    def used(self, status: int, *, whole: bool) -> Usage | None:
        return counted(self._usage, self._expected, self.output_seen, status, whole=whole and self.complete)

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        usage = counted(self._usage, self._expected, self.output_seen, _OK, whole=False)
        return self._writer.stop_at_cap(problem, usage or Usage())

    def error(self, shown: Shown) -> bytes:
        return self._writer.error(shown)


class TranslatedAnswer:
    verbatim = False
    drains = True
    streamed = False
    held_back = True
    failure: UpstreamError | None = None

    def __init__(
        self, upstream: UpstreamDialect, caller: CallerDialect, asked: Asked, outline: Outline, target: Target
    ) -> None:
        self._upstream, self._caller, self._asked, self._target = upstream, caller, asked, target
        self._expected = outline.input_expected
        self._parts: list[bytes] = []
        self._usage: Usage | None = None
        self.complete = False
        self.output_seen = 0
        self.keep_alive = b""
        self.signatures: dict[str, str] = {}

    def head(self, headers: list[tuple[str, str]]) -> RawPairs:  # noqa: ARG002 (nothing of another dialect's head is meant for this caller)
        return [_JSON]

    def feed(self, chunk: bytes) -> bytes:
        self._parts.append(chunk)
        return b""

    def close(self) -> bytes:
        body = b"".join(self._parts)
        self.output_seen = estimate.tokens_of(body)
        answer = self._upstream.read_answer(body, self._target)
        if any(choice.stop.reason == "failed" for choice in answer.choices):
            word = next(choice.stop.word for choice in answer.choices if choice.stop.reason == "failed")
            self._usage = answer.usage
            raise UnreadableAnswer(f"the provider gave up: {word}")
        self._usage = answer.usage
        self.complete = True
        self.signatures = {
            part.id: part.signature.text
            for choice in answer.choices
            for part in choice.parts
            if isinstance(part, ToolCall) and part.signature
        }
        return self._caller.write_answer(answer, self._asked)

    def used(self, status: int, *, whole: bool) -> Usage | None:
        return counted(self._usage, self._expected, self.output_seen, status, whole=whole)

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:  # noqa: ARG002 (what is held back never passes a cap)
        return b""

    def error(self, shown: Shown) -> bytes:  # noqa: ARG002 (nothing was said yet)
        return b""


def counted(reported: Usage | None, expected: int, output_seen: int, status: int, *, whole: bool) -> Usage | None:
    """Reported usage wins, a reported 0 is 0. A refused request used nothing; what was cut off is what was seen at least."""
    if reported is not None:
        unseen = output_seen - reported.output_total
        if whole or unseen <= 0:
            return reported
        return reported.with_changes(output_text=reported.output_text + unseen, source="mixed")
    if whole and not _OK <= status < _OK_END:
        return None
    return Usage(input_text=expected, output_text=output_seen, source="own")

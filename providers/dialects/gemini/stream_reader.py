"""A stream of answers as events.

Each chunk is an answer with some of the parts; neighbouring texts of one kind are one part. Nothing tells the end but a
candidate's `finishReason`, which older models repeat with every chunk: so parts are ended and stops are told at the close,
and a stream in which a candidate never said it is interrupted.
"""

from typing import Any

import orjson

from providers.dialects import usage_rules
from providers.dialects.base import Target
from providers.dialects.canonical import (
    BadRequest,
    Delta,
    End,
    Event,
    Failed,
    Part,
    PartEnd,
    PartKind,
    PartStart,
    PartWhole,
    Signed,
    Start,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    UpstreamError,
    UsageSeen,
)
from providers.dialects.gemini.answers import blocked
from providers.dialects.gemini.errors import read_stream_error
from providers.dialects.gemini.framing import Chunks
from providers.dialects.gemini.logprobs import read_logprobs
from providers.dialects.gemini.parts import NAME, Calls, read_part
from providers.dialects.gemini.stops import finish_word, reason_of

# Members of a candidate that are told otherwise than as its extras.
_TOLD = frozenset({"content", "finishReason", "index", "logprobsResult"})


class _Candidate:
    """What is known of one so far."""

    __slots__ = ("called", "empty", "extras", "key", "kind", "word")

    def __init__(self) -> None:
        # Of the part that is open, -1 where none is.
        self.key = -1
        self.kind: PartKind = "text"
        self.called = False
        self.empty = True
        self.word = ""
        self.extras: dict[str, Any] = {}


class StreamReader:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._chunks = Chunks()
        self._calls = Calls()
        self._candidates: dict[int, _Candidate] = {}
        self._blocked: Stop | None = None
        self._reported: dict[str, Any] = {}
        self._key = -1
        self._started = False
        self._ended = False

    def feed(self, chunk: bytes) -> list[Event]:
        return self._events(self._chunks.feed(chunk))

    def close(self) -> list[Event]:
        events = self._events(self._chunks.close())
        if self._ended:
            return events
        self._ended = True
        for candidate in self._candidates.values():
            self._end_part(candidate, events)
        stops = [(number, each) for number, each in self._candidates.items() if each.word]
        if len(stops) < len(self._candidates) or not (stops or self._blocked):
            message = "The stream ended before its answer did."
            events.append(Failed(UpstreamError("interrupted", 0, message), interrupted=True))
            return events
        if not stops and self._blocked is not None:
            return [*events, Stopped(self._blocked), End()]
        return self._finished(stops, events)

    def _finished(self, stops: list[tuple[int, _Candidate]], events: list[Event]) -> list[Event]:
        for number, candidate in stops:
            reason = reason_of(candidate.word, called=candidate.called, empty=candidate.empty)
            if reason == "failed":
                said = candidate.extras.get("finishMessage")
                message = said if isinstance(said, str) else f"The model stopped: {candidate.word}."
                events.append(Failed(UpstreamError("server", 502, message, candidate.word)))
                return events
            events.append(Stopped(Stop(reason, candidate.word, extras={NAME: candidate.extras}), number))
        events.append(End())
        return events

    def _events(self, chunks: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for chunk in chunks:
            if self._ended:
                break
            try:
                content = orjson.loads(chunk)
            except orjson.JSONDecodeError:
                # Torn at the very end: then the stream has no end. In its midst it says nothing that can be read.
                continue
            if isinstance(content, dict):
                self._chunk(content, events)
        return events

    def _chunk(self, content: dict[str, Any], events: list[Event]) -> None:
        if "error" in content:
            self._fail(read_stream_error(content, self._target), events)
            return
        if not self._started:
            self._started = True
            found, model = content.get("responseId"), content.get("modelVersion")
            self._calls = Calls(found if isinstance(found, str) else "")
            events.append(Start(found if isinstance(found, str) else "", model if isinstance(model, str) else ""))
        candidates = content.get("candidates")
        if isinstance(candidates, list):
            for number, candidate in enumerate(candidates):
                if isinstance(candidate, dict) and not self._ended:
                    self._candidate(candidate, number, events)
        elif "promptFeedback" in content:
            stop = blocked(content)
            self._blocked = stop if stop.word else self._blocked
        usage = content.get("usageMetadata")
        if usage is not None and not self._ended:
            self._usage(usage, events)

    def _usage(self, reported: Any, events: list[Event]) -> None:
        """Set field by field, never added."""
        if not isinstance(reported, dict):
            return
        merged = {**self._reported, **reported}
        if merged != self._reported:
            self._reported = merged
            usage = usage_rules.read(merged, self._target.profile, NAME)
            if usage is not None:
                events.append(UsageSeen(usage))

    def _fail(self, error: UpstreamError, events: list[Event]) -> None:
        self._ended = True
        for candidate in self._candidates.values():
            self._end_part(candidate, events)
        events.append(Failed(error))

    # Candidates ------------------------------------------------------------------------------------------------------
    def _candidate(self, content: dict[str, Any], number: int, events: list[Event]) -> None:
        index = content.get("index", number)
        choice = index if type(index) is int else number
        candidate = self._candidates.get(choice)
        if candidate is None:
            candidate = self._candidates[choice] = _Candidate()
        held = content.get("content")
        parts = held.get("parts") if isinstance(held, dict) else None
        logprobs = read_logprobs(content["logprobsResult"]) if "logprobsResult" in content else None
        for raw in parts if isinstance(parts, list) else ():
            try:
                read = read_part(raw, "", self._calls, model=self._target.model.name)
            except BadRequest as error:
                self._fail(
                    UpstreamError("server", 502, f"The answer holds a part that is none: {error.message}"), events
                )
                return
            for part in read:
                if self._part(part, candidate, choice, logprobs, events):
                    logprobs = None
        if word := finish_word(content.get("finishReason")):
            candidate.word = word
        for name, value in content.items():
            if name not in _TOLD:
                candidate.extras[name] = value

    def _part(self, part: Part, candidate: _Candidate, choice: int, logprobs: Any, events: list[Event]) -> bool:
        """Whether the log probabilities went along."""
        if isinstance(part, Text | Thinking) and not (isinstance(part, Thinking) and part.redacted is not None):
            if not part.text and (isinstance(part, Text) or part.signature is None):
                return False
            candidate.empty = False
            self._text(part, candidate, choice, logprobs, events)
            return isinstance(part, Text)
        candidate.empty = False
        self._end_part(candidate, events)
        self._key += 1
        if isinstance(part, ToolCall):
            candidate.called = True
            events.append(PartStart(self._key, "tool", part.id, part.name, choice, part.extras))
            if part.signature is not None:
                events.append(Signed(self._key, part.signature))
            events += (Delta(self._key, part.arguments), PartEnd(self._key))
        else:
            events.append(PartWhole(self._key, part, choice))
        return False

    def _text(
        self, part: Text | Thinking, candidate: _Candidate, choice: int, logprobs: Any, events: list[Event]
    ) -> None:
        kind: PartKind = "text" if isinstance(part, Text) else "thinking"
        signature = part.signature if isinstance(part, Thinking) else None
        if candidate.key < 0 or candidate.kind != kind or (signature is not None and not part.text):
            self._end_part(candidate, events)
            self._key += 1
            candidate.key, candidate.kind = self._key, kind
            events.append(PartStart(self._key, kind, choice=choice, extras=part.extras))
        if part.text:
            events.append(Delta(candidate.key, part.text, logprobs if kind == "text" else None))
        if signature is not None:
            events.append(Signed(candidate.key, signature))
            self._end_part(candidate, events)

    @staticmethod
    def _end_part(candidate: _Candidate, events: list[Event]) -> None:
        if candidate.key >= 0:
            events.append(PartEnd(candidate.key))
            candidate.key = -1

"""Events as a stream for Gemini's callers: server-sent events with nothing but `data:`, or one JSON array.

Google's SDK takes a comment or an `event:` line for a broken chunk. Texts go out piece by piece, calls whole; the last chunk
holds why it stopped and the usage.
"""

from typing import Any, Final

import orjson

from providers.dialects.base import Asked, Shown, UnreadableAnswer
from providers.dialects.canonical import (
    Delta,
    End,
    Event,
    Opaque,
    PartEnd,
    PartKind,
    PartStart,
    PartWhole,
    Signature,
    Signed,
    Stop,
    Stopped,
    Thinking,
    ToolCall,
    UsageSeen,
)
from providers.dialects.gemini import answer_parts, errors
from providers.dialects.gemini.logprobs import written_logprobs
from providers.dialects.gemini.parts import NAME
from providers.dialects.gemini.stops import word_of
from providers.dialects.gemini.usage_writing import written_usage
from providers.dialects.usage import Usage

Written = dict[str, Any]
_BEFORE_TEXT: Final = b'{"candidates":[{"content":{"parts":[{"text":'
_END: Final = b"\r\n\r\n"


class Frames:
    """Where each chunk's JSON stands in the stream."""

    def __init__(self, *, array: bool) -> None:
        self._array = array
        self.before = b"[" if array else b"data: "
        self.after = b"" if array else _END

    def framed(self, content: bytes) -> bytes:
        written = self.before + content + self.after
        if self._array:
            self.before = b",\r\n"
        return written

    def closing(self) -> bytes:
        return b"]" if self._array else b""


class _Open:
    __slots__ = ("after", "choice", "pieces", "said", "signature", "start")

    def __init__(self, start: PartStart, after: bytes) -> None:
        self.start = start
        self.choice = start.choice
        # What stands behind the text of each piece.
        self.after = after
        self.said = False
        self.pieces: list[str] = []
        self.signature: Signature | None = None


class StreamWriter:
    def __init__(self, asked: Asked) -> None:
        self._frames = Frames(array=asked.array)
        self._about: Written = {"modelVersion": asked.model, "responseId": asked.id}
        self._open: dict[int, _Open] = {}
        # Bare signatures of this dialect's, by choice: each stands on what comes next.
        self._pending: dict[int, str] = {}
        self._stops: dict[int, Stop] = {}
        self._choices: dict[int, None] = {}
        self._usage: Usage | None = None
        self._done = False

    def write(self, event: Event) -> bytes:
        if self._done:
            return b""
        if isinstance(event, Delta):
            return self._delta(event)
        if isinstance(event, PartStart):
            self._choices[event.choice] = None
            self._open[event.key] = _Open(event, self._after(event.kind, event.choice))
        elif isinstance(event, Signed):
            self._open[event.key].signature = event.signature
        elif isinstance(event, PartEnd):
            return self._ended(self._open.pop(event.key))
        elif isinstance(event, PartWhole):
            return self._whole(event)
        elif isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Stopped):
            self._choices[event.choice] = None
            self._stops[event.choice] = event.stop
        elif isinstance(event, End):
            return self._finish(
                {choice: self._stops.get(choice, Stop("stop")) for choice in self._choices or {0: None}}
            )
        return b""

    def stop_at_cap(self, problem: dict[str, Any], usage: Usage) -> bytes:
        self._usage = usage
        self._pending = {}
        # Of a call that is not whole nothing is told.
        stops = dict.fromkeys(self._choices or {0: None}, Stop("length"))
        return b"" if self._done else self._finish(stops, problem=problem)

    def error(self, shown: Shown) -> bytes:
        if self._done:
            return b""
        self._done = True
        return self._frames.framed(errors.write_error(shown))

    # Parts -----------------------------------------------------------------------------------------------------------
    def _after(self, kind: PartKind, choice: int) -> bytes:
        flag = b',"thought":true}],' if kind == "thinking" else b"}],"
        about = orjson.dumps(self._about)[1:]
        return b'%s"role":"model"},"index":%d}],%s' % (flag, choice, about)

    def _delta(self, event: Delta) -> bytes:
        part = self._open[event.key]
        if part.start.kind == "tool":
            part.pieces.append(event.text)
            return b""
        if not event.text:
            return b""
        part.said = True
        if event.logprobs is not None or (self._pending and part.start.kind != "thinking"):
            return self._rich(event, part)
        return self._frames.framed(_BEFORE_TEXT + orjson.dumps(event.text) + part.after)

    def _rich(self, event: Delta, part: _Open) -> bytes:
        written: Written = {"text": event.text}
        if signature := self._pending.pop(part.choice, ""):
            written["thoughtSignature"] = signature
        logprobs = written_logprobs(event.logprobs)
        return self._chunk(written, part.choice, {} if logprobs is None else {"logprobsResult": logprobs})

    def _ended(self, part: _Open) -> bytes:
        if part.start.kind == "tool":
            return self._call(part)
        if part.signature is None or part.start.kind != "thinking":
            return b""
        if part.said:
            signed = answer_parts.signed(part.signature)
            return self._chunk({"text": "", "thought": True, "thoughtSignature": signed}, part.choice)
        written = answer_parts.thought(Thinking("", part.signature), own=False)
        if written is not None:
            return self._chunk(written, part.choice)
        before = self._bare(part.choice)
        self._pending[part.choice] = part.signature.text
        return before

    def _call(self, part: _Open) -> bytes:
        start = part.start
        try:
            written = answer_parts.call(ToolCall(start.id, start.name, "".join(part.pieces) or "{}", part.signature))
        except UnreadableAnswer as error:
            return self.error(Shown(502, "upstream-failed", str(error)))
        if signature := self._pending.pop(part.choice, ""):
            written.setdefault("thoughtSignature", signature)
        return self._chunk(written, part.choice)

    def _whole(self, event: PartWhole) -> bytes:
        self._choices[event.choice] = None
        part = event.part
        own = isinstance(part, Opaque) and part.dialect == NAME
        written = (
            answer_parts.thought(part, own=False)
            if isinstance(part, Thinking)
            else answer_parts.answer_part(part, own=own)
        )
        return b"" if written is None else self._chunk(written, event.choice)

    def _bare(self, choice: int) -> bytes:
        """A signature that nothing followed."""
        signature = self._pending.pop(choice, "")
        return self._chunk({"text": "", "thoughtSignature": signature}, choice) if signature else b""

    # Chunks ----------------------------------------------------------------------------------------------------------
    def _chunk(self, part: Written, choice: int, more: Written | None = None) -> bytes:
        candidate = {"content": {"parts": [part], "role": "model"}, "index": choice, **(more or {})}
        return self._frames.framed(orjson.dumps({"candidates": [candidate], **self._about}))

    def _finish(self, stops: dict[int, Stop], *, problem: dict[str, Any] | None = None) -> bytes:
        before = b"".join(self._bare(choice) for choice in list(self._pending))
        written: Written = {"candidates": [_last(choice, stop) for choice, stop in sorted(stops.items())]}
        if self._usage is not None:
            written["usageMetadata"] = written_usage(self._usage)
        written |= self._about
        if problem is not None:
            written["problem"] = problem
        self._done = True
        return before + self._frames.framed(orjson.dumps(written)) + self._frames.closing()


def _last(choice: int, stop: Stop) -> Written:
    """What a provider of this dialect told of the candidate goes along; of others nothing is known here."""
    content = {"parts": [{"text": ""}], "role": "model"}
    return {"content": content, "finishReason": word_of(stop), "index": choice, **(stop.extras or {}).get(NAME, {})}

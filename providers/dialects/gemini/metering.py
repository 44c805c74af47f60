"""Usage read beside the bytes of an answer that is passed through; nothing is changed."""

from typing import Any, Final

import orjson

from providers.dialects import estimate
from providers.dialects.base import Outline, Shown, Target, UnreadableAnswer
from providers.dialects.canonical import (
    Delta,
    End,
    Event,
    Failed,
    Media,
    Part,
    PartWhole,
    Text,
    Thinking,
    ToolCall,
    UsageSeen,
)
from providers.dialects.gemini import errors
from providers.dialects.gemini.answers import read_answer
from providers.dialects.gemini.framing import Whole
from providers.dialects.gemini.stream_reader import StreamReader
from providers.dialects.gemini.usage_writing import written_usage
from providers.dialects.usage import Usage

# Of an answer that is read for its usage; beyond it usage is estimated.
_MOST_READ: Final = 8 * 1024 * 1024


class _Seen:
    """What the events of an answer tell of it."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.output_seen = 0
        self.complete = False
        self.failed = False

    def look(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Delta):
                self.output_seen += estimate.tokens_of(event.text.encode())
            elif isinstance(event, UsageSeen):
                self.usage = event.usage
            elif isinstance(event, PartWhole):
                self.output_seen += _tokens_of(event.part)
            elif isinstance(event, End):
                self.complete = True
            elif isinstance(event, Failed) and not event.interrupted:
                self.failed = True


class AnswerMeter(_Seen):
    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._parts: list[bytes] = []
        self._size = 0
        self.complete = True

    def feed(self, chunk: bytes) -> bytes:
        self._size += len(chunk)
        if self._size <= _MOST_READ:
            self._parts.append(chunk)
        return chunk

    def close(self) -> bytes:
        """A stream as one array comes as JSON too."""
        body, self._parts = b"".join(self._parts), []
        if body.lstrip()[:1] == b"[":
            reader = StreamReader(self._target)
            self.look([*reader.feed(body), *reader.close()])
            return b""
        try:
            answer = read_answer(body, self._target) if self._size <= _MOST_READ else None
        except UnreadableAnswer:
            answer = None
        if answer is None:
            self.output_seen = estimate.tokens_of(body)
            return b""
        self.usage = answer.usage
        self.output_seen = sum(_tokens_of(part) for choice in answer.choices for part in choice.parts)
        return b""

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:  # noqa: ARG002 (an answer in one piece is not cut)
        return b""

    def error(self, shown: Shown) -> bytes:
        return errors.write_error(shown)


class StreamMeter(_Seen):
    """Only whole chunks go on, so that the stream can be ended between two of them."""

    def __init__(self, outline: Outline, target: Target) -> None:
        super().__init__()
        self._outline = outline
        self._reader = StreamReader(target)
        self._whole = Whole(array=outline.array)

    def feed(self, chunk: bytes) -> bytes:
        whole = self._whole.feed(chunk)
        if whole:
            self.look(self._reader.feed(whole))
        return whole

    def close(self) -> bytes:
        rest = self._whole.close()
        self.look(self._reader.feed(rest))
        self.look(self._reader.close())
        return rest

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        if self.complete or self.failed:
            return b""
        usage = self.usage or Usage(input_text=self._outline.input_expected, source="own")
        said = max(usage.output_text, self.output_seen - usage.output_reasoning)
        content = {"parts": [{"text": ""}], "role": "model"}
        last = {
            "candidates": [{"content": content, "finishReason": "MAX_TOKENS", "index": 0}],
            "usageMetadata": written_usage(usage.with_changes(output_text=said)),
            "modelVersion": self._outline.model,
            "problem": problem,
        }
        return self._whole.added(orjson.dumps(last)) + self._whole.ended()

    def error(self, shown: Shown) -> bytes:
        return self._whole.added(errors.write_error(shown))


def _tokens_of(part: Part) -> int:
    if isinstance(part, Text | Thinking):
        return estimate.tokens_of(part.text.encode())
    if isinstance(part, ToolCall):
        return estimate.tokens_of(part.name.encode() + part.arguments.encode())
    return estimate.PER_IMAGE if isinstance(part, Media) and part.kind == "image" else 0

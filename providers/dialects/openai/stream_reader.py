"""A provider's stream of chunks to events.

Within a choice one of text, reasoning and refusal is open at a time. What ends a choice is told at the end of the stream, since some providers
say it twice and some say more after it. The terminal event is [DONE]; without it a stream is whole when each choice has
told why it ended and the usage is known too (GPUStack ends so).
"""

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import orjson

from providers.dialects import usage_rules
from providers.dialects.base import Target, UnreadableAnswer
from providers.dialects.canonical import (
    Annotated,
    BadRequest,
    Delta,
    End,
    Event,
    Failed,
    Media,
    Opaque,
    PartEnd,
    PartKind,
    PartStart,
    PartWhole,
    Signature,
    Signed,
    Start,
    Stopped,
    UpstreamError,
    UsageSeen,
)
from providers.dialects.openai import answers, errors, stops
from providers.dialects.openai.content import read_piece
from providers.dialects.openai.letter import NAME
from providers.dialects.openai.stream_calls import StreamedCalls
from providers.dialects.sse import Events

_DONE: Final = b"[DONE]"


@dataclass(slots=True)
class _Choice:
    """What is open of one choice."""

    number: int
    calls: StreamedCalls
    kind: PartKind | None = None
    key: int = 0
    # Of `reasoning_details`: which one is open, its signature in pieces.
    detail: Any = None
    signature: list[str] = field(default_factory=list)
    # Why it ended, and whether nothing came after that.
    word: str = ""
    finished: bool = False
    sequence: Any = None
    said: bool = False
    failed: bool = False
    audio: dict[str, Any] = field(default_factory=dict)


class StreamReader:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._sse = Events()
        self._events: list[Event] = []
        self._keys = count()
        self._choices: dict[int, _Choice] = {}
        self._id = ""
        self._started = self._closing = self._ended = False
        self._reported: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> list[Event]:
        if not self._ended:
            self._read(self._sse.feed(chunk))
        return self._taken()

    def close(self) -> list[Event]:
        if not self._ended:
            self._closing = True
            self._read(self._sse.close())
        if not self._ended:
            usage_known = bool(self._reported) or not self._target.profile.stream_options
            if self._finished and usage_known:
                self._end()
            else:
                self._fail(UpstreamError("interrupted", 0, "The stream ended before its end."), interrupted=True)
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    @property
    def _finished(self) -> bool:
        return bool(self._choices) and all(choice.finished for choice in self._choices.values())

    def _read(self, told: list[tuple[str, bytes]]) -> None:
        for name, data in told:
            if data == _DONE:
                self._end()
            else:
                try:
                    self._chunk(orjson.loads(data) if data else {}, name)
                except orjson.JSONDecodeError:
                    self._broken(data, name)
            if self._ended:
                return

    def _broken(self, data: bytes, name: str) -> None:
        try:
            self._chunk(answers.loads(data), name)
        except UnreadableAnswer:
            # The last one may be torn.
            if not self._closing:
                self._fail(UpstreamError("server", 200, "An event of the stream is not JSON."))

    def _chunk(self, chunk: Any, name: str) -> None:
        if not isinstance(chunk, dict) or name == "error" or "error" in chunk or "choices" not in chunk:
            error = errors.in_stream(chunk, self._target)
            if error is None and name == "error":
                error = UpstreamError("server", 500, errors.message_in(chunk))
            if error is not None:
                self._fail(error)
                return
            if not isinstance(chunk, dict):
                return
        choices = chunk.get("choices")
        if choices and isinstance(choices, list):
            if not self._started:
                self._start(chunk)
            for choice in choices:
                if isinstance(choice, dict):
                    self._choice(choice)
        if chunk.get("usage") is not None or "x_groq" in chunk:
            self._usage(chunk)

    def _start(self, chunk: dict[str, Any]) -> None:
        self._started = True
        created = chunk.get("created")
        self._id = _text(chunk.get("id"))
        self._events.append(Start(self._id, _text(chunk.get("model")), created if type(created) is int else None))

    def _usage(self, chunk: dict[str, Any]) -> None:
        """The last value of each member counts; none is added."""
        told = answers.reported_usage(chunk)
        if not isinstance(told, dict):
            return
        self._reported |= {name: value for name, value in told.items() if value is not None}
        usage = usage_rules.read(self._reported, self._target.profile, NAME)
        if usage is not None:
            if not self._started:
                self._start(chunk)
            self._events.append(UsageSeen(usage))

    # A choice --------------------------------------------------------------------------------------------------------
    def _choice(self, told: dict[str, Any]) -> None:
        number = told.get("index")
        number = number if type(number) is int and number >= 0 else 0
        choice = self._choices.get(number)
        if choice is None:
            calls = StreamedCalls(number, self._id, self._keys, self._target.model.name)
            choice = self._choices[number] = _Choice(number, calls)
        delta = told.get("delta")
        if isinstance(delta, dict):
            text = delta.get("content")
            if text and type(text) is str and len(delta) <= 2 and ("role" in delta or len(delta) == 1):
                # Nearly all chunks.
                self._say(choice, "text", text, told.get("logprobs"))
            else:
                self._delta(choice, delta, told.get("logprobs"))
        if word := told.get("finish_reason"):
            choice.word, choice.finished = _text(word), True
            choice.sequence = told.get("stop_reason")
        if told.get("error"):
            choice.failed = True

    def _delta(self, choice: _Choice, delta: dict[str, Any], logprobs: Any) -> None:
        self._reason(choice, delta)
        content = delta.get("content")
        if content and isinstance(content, str):
            self._say(choice, "text", content, logprobs)
        elif content and isinstance(content, list):
            self._pieces(choice, content)
        if refusal := _text(delta.get("refusal")):
            self._say(choice, "refusal", refusal, logprobs)
        entries = delta.get("tool_calls")
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict):
                self._call(choice, entry, delta)
        old = delta.get("function_call")
        if old and isinstance(old, dict):
            self._call(choice, {"index": -1, "function": old}, delta)
        if "annotations" in delta or "images" in delta or "audio" in delta:
            self._beside(choice, delta)

    def _reason(self, choice: _Choice, delta: dict[str, Any]) -> None:
        """The details hold what the text beside them holds, and signatures."""
        details = delta.get("reasoning_details")
        if details and isinstance(details, list):
            self._details(choice, details)
        elif text := _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")):
            self._say(choice, "thinking", text)

    def _say(self, choice: _Choice, kind: PartKind, text: str, logprobs: Any = None) -> None:
        if choice.kind != kind:
            self._shut(choice)
            choice.kind, choice.key = kind, next(self._keys)
            choice.said = True
            self._events.append(PartStart(choice.key, kind, choice=choice.number))
        choice.finished = False
        self._events.append(Delta(choice.key, text, logprobs))

    def _shut(self, choice: _Choice) -> None:
        if choice.kind is None:
            return
        if choice.signature:
            signature = Signature(NAME, self._target.model.name, "".join(choice.signature))
            self._events.append(Signed(choice.key, signature))
            choice.signature = []
        self._events.append(PartEnd(choice.key))
        choice.kind = None

    def _call(self, choice: _Choice, entry: dict[str, Any], delta: dict[str, Any]) -> None:
        events = choice.calls.read(entry, delta)
        if events and isinstance(events[0], PartStart | PartEnd):
            self._shut(choice)
        choice.finished = choice.finished and not events
        self._events += events

    # Reasoning, and what else there is -------------------------------------------------------------------------------
    def _details(self, choice: _Choice, details: list[Any]) -> None:
        for detail in details:
            if not isinstance(detail, dict):
                continue
            kind, number = detail.get("type"), detail.get("index")
            if kind == "reasoning.encrypted":
                self._shut(choice)
                self._events.append(PartWhole(next(self._keys), Opaque(NAME, kind, detail), choice.number))
                continue
            text = _text(detail.get("summary" if kind == "reasoning.summary" else "text"))
            signature = _text(detail.get("signature"))
            if choice.kind == "thinking" and number != choice.detail and text:
                self._shut(choice)
            if text or (signature and choice.kind != "thinking"):
                choice.detail = number
                self._say(choice, "thinking", text)
            if signature:
                choice.signature.append(signature)

    def _pieces(self, choice: _Choice, content: list[Any]) -> None:
        """Mistral's: text and thinking as in a message."""
        for piece in content:
            match piece:
                case {"type": "text", "text": str(text)} if text:
                    self._say(choice, "text", text)
                case {"type": "thinking", "thinking": list(inner)}:
                    for each in inner:
                        if isinstance(each, dict) and (thought := _text(each.get("text"))):
                            self._say(choice, "thinking", thought)

    def _beside(self, choice: _Choice, delta: dict[str, Any]) -> None:
        annotations = delta.get("annotations")
        if annotations and choice.kind == "text":
            self._events.append(Annotated(choice.key, NAME, annotations))
        images = delta.get("images")
        for image in images if isinstance(images, list) else []:
            try:
                part = read_piece(image, "")
            except BadRequest:
                continue
            if isinstance(part, Media):
                self._shut(choice)
                choice.said = True
                self._events.append(PartWhole(next(self._keys), part, choice.number))
        audio = delta.get("audio")
        for name, value in audio.items() if isinstance(audio, dict) else []:
            if name not in {"data", "transcript"}:
                choice.audio[name] = value
            elif isinstance(value, str):
                choice.audio.setdefault(name, []).append(value)

    # The end ---------------------------------------------------------------------------------------------------------
    def _end(self) -> None:
        for choice in self._choices.values():
            self._close(choice)
        stopped = [
            Stopped(
                stops.read(choice.word, choice.sequence, calls=bool(choice.calls), said=choice.said),
                choice.number,
            )
            for choice in self._choices.values()
        ]
        broken = next((each for each in stopped if each.stop.reason == "failed"), None)
        if broken is not None or not stopped or any(choice.failed for choice in self._choices.values()):
            word = broken.stop.word if broken else ""
            self._fail(UpstreamError("server", 200, "The model failed on its answer.", code=word))
            return
        self._events += [*stopped, End()]
        self._ended = True

    def _close(self, choice: _Choice) -> None:
        self._shut(choice)
        self._events += choice.calls.close()
        if data := "".join(choice.audio.get("data", [])):
            rest = {name: "".join(value) if isinstance(value, list) else value for name, value in choice.audio.items()}
            del rest["data"]
            part = Media("audio", data=data, extras={"audio": rest})
            self._events.append(PartWhole(next(self._keys), part, choice.number))

    def _fail(self, error: UpstreamError, *, interrupted: bool = False) -> None:
        self._events.append(Failed(error, interrupted))
        self._ended = True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

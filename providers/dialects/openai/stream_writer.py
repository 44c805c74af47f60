"""Events to chunks for the caller. Nearly all of a chunk is the same each time and made once: a delta costs one join.

A choice begins with its role and ends with why it ended; usage comes last, where it was asked for; then [DONE]. After an
error there is none, so that nobody takes the answer for whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from providers.dialects.base import Asked, Shown
from providers.dialects.canonical import (
    Annotated,
    Delta,
    End,
    Event,
    Media,
    PartEnd,
    PartKind,
    PartStart,
    PartWhole,
    Ping,
    Signed,
    Start,
    Stopped,
    Thinking,
    UsageSeen,
)
from providers.dialects.openai import answers, errors, reasoning, stops
from providers.dialects.openai.letter import NAME
from providers.dialects.signatures import wrapped
from providers.dialects.usage import Usage

KEEP_ALIVE: Final = b": keep-alive\n\n"
DONE: Final = b"data: [DONE]\n\n"
_FIELDS: Final[dict[PartKind, bytes]] = {
    "text": b'{"content":',
    "thinking": b'{"reasoning_content":',
    "refusal": b'{"refusal":',
}


@dataclass(slots=True)
class _Part:
    choice: int
    kind: PartKind
    # Around the text of a delta.
    before: bytes
    after: bytes
    # Among the calls of its choice.
    index: int = 0
    empty: bool = True
    # Of reasoning alone: a signature is shown together with all that it signs.
    texts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    before: bytes
    calls: int = 0
    details: int = 0
    stopped: bool = False


class StreamWriter:
    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._functions = answers.asks_for_functions(asked)
        self._choices: dict[int, _Choice] = {}
        self._parts: dict[int, _Part] = {}
        self._usage: Usage | None = None
        self._ended = False
        self._head = self._head_of(asked.created)
        tail = b',"usage":null}\n\n' if asked.include_usage else b"}\n\n"
        self._after_choices = tail
        self._writes: dict[type, Callable[[Any], bytes]] = {
            Delta: self._delta,
            Start: self._start,
            PartStart: self._part_start,
            PartEnd: self._part_end,
            PartWhole: self._part_whole,
            Signed: self._signed,
            Annotated: self._annotated,
            UsageSeen: self._usage_seen,
            Stopped: self._stopped,
            End: self._end,
            Ping: self._ping,
        }
        self._after_delta = b',"logprobs":null,"finish_reason":null}]' + tail

    def write(self, event: Event) -> bytes:
        if self._ended:
            return b""
        writes = self._writes.get(type(event))
        return b"" if writes is None else writes(event)

    def stop_at_cap(self, problem: dict[str, Any], usage: Usage) -> bytes:
        if self._ended:
            return b""
        written = b"" if self._choices else self._choice_begins(0)
        told = b',"problem":' + orjson.dumps(problem) + self._after_choices
        for choice in self._choices.values():
            if not choice.stopped:
                written += self._stop(choice, "length", told)
        self._usage = usage
        return written + self._end(End())

    def error(self, shown: Shown) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return error_event(shown)

    # Chunks ----------------------------------------------------------------------------------------------------------
    def _head_of(self, created: int) -> bytes:
        head = {
            "id": f"chatcmpl-{self._asked.id}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": self._asked.model,
        }
        return b"data: " + orjson.dumps(head)[:-1] + b',"choices":['

    def _choice_begins(self, number: int) -> bytes:
        """Nothing where it has begun."""
        if number in self._choices:
            return b""
        choice = self._choices[number] = _Choice(self._head + b'{"index":%d,"delta":' % number)
        return choice.before + b'{"role":"assistant","content":""}' + self._after_delta

    def _chunk(self, number: int, delta: dict[str, Any]) -> bytes:
        return self._choices[number].before + orjson.dumps(delta) + self._after_delta

    def _start(self, event: Start) -> bytes:
        if event.created is not None:
            self._head = self._head_of(event.created)
        return self._choice_begins(0)

    def _part_start(self, event: PartStart) -> bytes:
        begun = self._choice_begins(event.choice)
        choice = self._choices[event.choice]
        if event.kind != "tool":
            before = choice.before + _FIELDS[event.kind]
            self._parts[event.key] = _Part(event.choice, event.kind, before, b"}" + self._after_delta)
            return begun
        index = choice.calls
        choice.calls += 1
        if self._functions:
            return begun + self._function_starts(event, choice, index)
        before = choice.before + b'{"tool_calls":[{"index":%d,"function":{"arguments":' % index
        self._parts[event.key] = _Part(event.choice, "tool", before, b"}}]}" + self._after_delta, index)
        function = {"name": event.name, "arguments": ""}
        entry = {"index": index, "id": event.id, "type": "function", "function": function}
        return begun + self._chunk(event.choice, {"tool_calls": [entry]})

    def _function_starts(self, event: PartStart, choice: _Choice, index: int) -> bytes:
        """The old way knows one call."""
        if index:
            return b""
        before = choice.before + b'{"function_call":{"arguments":'
        self._parts[event.key] = _Part(event.choice, "tool", before, b"}}" + self._after_delta)
        return self._chunk(event.choice, {"function_call": {"name": event.name, "arguments": ""}})

    def _delta(self, event: Delta) -> bytes:
        part = self._parts.get(event.key)
        if part is None:
            return b""
        part.empty = False
        if part.kind == "thinking":
            part.texts.append(event.text)
        if isinstance(event.logprobs, dict):
            logprobs = b',"logprobs":' + orjson.dumps(event.logprobs) + b',"finish_reason":null}]'
            return part.before + orjson.dumps(event.text) + b"}" + logprobs + self._after_choices
        return part.before + orjson.dumps(event.text) + part.after

    def _signed(self, event: Signed) -> bytes:
        part = self._parts.get(event.key)
        if part is None:
            return b""
        if part.kind == "thinking":
            return self._detail(part.choice, Thinking("".join(part.texts), event.signature))
        if part.kind != "tool" or self._functions:
            return b""
        signature = wrapped(event.signature, NAME)
        # The SDK wants a function in each fragment.
        entry = {
            "index": part.index,
            "function": {"arguments": ""},
            "extra_content": {"google": {"thought_signature": signature}},
        }
        return self._chunk(part.choice, {"tool_calls": [entry]})

    def _detail(self, number: int, thinking: Thinking) -> bytes:
        choice = self._choices[number]
        choice.details += 1
        return self._chunk(number, {"reasoning_details": [reasoning.detail_of(thinking, choice.details - 1)]})

    def _annotated(self, event: Annotated) -> bytes:
        part = self._parts.get(event.key)
        if part is None or event.dialect != NAME:
            return b""
        return self._chunk(part.choice, {"annotations": event.content})

    def _part_end(self, event: PartEnd) -> bytes:
        part = self._parts.pop(event.key, None)
        if part is None or part.kind != "tool" or not part.empty:
            return b""
        # No arguments are an empty object of them (T5).
        return part.before + b'"{}"' + part.after

    def _part_whole(self, event: PartWhole) -> bytes:
        begun, part = self._choice_begins(event.choice), event.part
        if isinstance(part, Media) and part.kind == "image":
            return begun + self._chunk(event.choice, {"images": [answers.written_image(part, 0)]})
        if isinstance(part, Thinking):
            told = self._chunk(event.choice, {"reasoning_content": part.text}) if part.text else b""
            signed = part.redacted is not None or part.signature is not None
            return begun + told + (self._detail(event.choice, part) if signed else b"")
        return begun

    # The end ---------------------------------------------------------------------------------------------------------
    def _stopped(self, event: Stopped) -> bytes:
        begun = self._choice_begins(event.choice)
        word = stops.written(event.stop)
        if self._functions and word == "tool_calls":
            word = "function_call"
        return begun + self._stop(self._choices[event.choice], word, self._after_choices)

    def _stop(self, choice: _Choice, word: str, tail: bytes) -> bytes:
        choice.stopped = True
        return choice.before + b'{},"logprobs":null,"finish_reason":"%s"}]' % word.encode() + tail

    def _usage_seen(self, event: UsageSeen) -> bytes:
        self._usage = event.usage
        return b""

    def _end(self, event: End) -> bytes:  # noqa: ARG002 (it says nothing but that it is the end)
        self._ended = True
        if not self._asked.include_usage or self._usage is None:
            return DONE
        usage = orjson.dumps(answers.written_usage(self._usage))
        return self._head + b'],"usage":' + usage + b"}\n\n" + DONE

    def _ping(self, event: Ping) -> bytes:  # noqa: ARG002
        return KEEP_ALIVE


def error_event(shown: Shown) -> bytes:
    return b"data: " + errors.write(shown) + b"\n\n"

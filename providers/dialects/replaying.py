"""A whole answer told as a stream: for a caller that asked for one of a provider that gave none. Pure."""

from typing import Any

from providers.dialects.canonical import (
    Answer,
    Delta,
    End,
    Event,
    Part,
    PartEnd,
    PartStart,
    PartWhole,
    Refusal,
    Signed,
    Start,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    UsageSeen,
)


def events_of(answer: Answer) -> list[Event]:
    events: list[Event] = [Start(answer.id, answer.model, answer.created)]
    key = 0
    for index, choice in enumerate(answer.choices):
        # Of which text they are, an answer does not say.
        logprobs = choice.logprobs
        for part in choice.parts:
            events += _part(part, key, index, logprobs)
            logprobs = None if isinstance(part, Text) else logprobs
            key += 1
    events += [Stopped(choice.stop, index) for index, choice in enumerate(answer.choices)]
    if answer.usage is not None:
        events.append(UsageSeen(answer.usage))
    return [*events, End()]


def _part(part: Part, key: int, choice: int, logprobs: Any) -> list[Event]:
    if isinstance(part, Text):
        start = PartStart(key, "text", choice=choice, extras=part.extras)
        return [start, Delta(key, part.text, logprobs), PartEnd(key)]
    if isinstance(part, Refusal):
        return [PartStart(key, "refusal", choice=choice), Delta(key, part.text), PartEnd(key)]
    if isinstance(part, Thinking) and part.redacted is None:
        signed = [Signed(key, part.signature)] if part.signature else []
        return [PartStart(key, "thinking", choice=choice), Delta(key, part.text), *signed, PartEnd(key)]
    if isinstance(part, ToolCall):
        signed = [Signed(key, part.signature)] if part.signature else []
        start = PartStart(key, "tool", part.id, part.name, choice)
        return [start, Delta(key, part.arguments), *signed, PartEnd(key)]
    return [PartWhole(key, part, choice)]

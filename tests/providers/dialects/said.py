"""What an answer says, in words that can be compared: read by an official SDK, or expected from its canonical form.

`gathered` also checks the grammar of a stream of events: one Start, parts that are opened and ended, one end.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from providers.dialects import canonical as c
from providers.dialects.usage import Usage


@dataclass(slots=True)
class ChoiceSaid:
    text: str = ""
    thinking: str = ""
    refusal: str = ""
    # Name and arguments, parsed where they are JSON.
    tools: list[tuple[str, Any]] = field(default_factory=list)
    # In the words of the dialect.
    stop: str = ""


@dataclass(slots=True)
class Said:
    choices: list[ChoiceSaid]
    # None where the answer tells nothing.
    usage: dict[str, int] | None = None


def arguments(text: str | None) -> Any:
    """No arguments are none, whether spelled "", "{}" or not at all."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


# What a dialect is expected to say -----------------------------------------------------------------------------------
_STOPS: Final[dict[str, dict[str, str]]] = {
    "openai": {
        "stop": "stop",
        "stop_sequence": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "content_filter": "content_filter",
        "pause": "length",
    },
    "responses": {
        "stop": "completed",
        "stop_sequence": "completed",
        "length": "incomplete: max_output_tokens",
        "tool_calls": "completed",
        "content_filter": "incomplete: content_filter",
        "pause": "incomplete: max_output_tokens",
    },
    "anthropic": {
        "stop": "end_turn",
        "stop_sequence": "stop_sequence",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "content_filter": "refusal",
        "pause": "max_tokens",
    },
    "gemini": {
        "stop": "STOP",
        "stop_sequence": "STOP",
        "length": "MAX_TOKENS",
        "tool_calls": "STOP",
        "content_filter": "SAFETY",
        "pause": "MAX_TOKENS",
    },
}
# Dialects that carry several choices, and those with a place of their own for refusals.
_SEVERAL: Final = frozenset({"openai", "gemini"})
_REFUSING: Final = frozenset({"openai", "responses"})
# Whose words for why they stopped are single ones.
_KEEPING: Final = frozenset({"openai", "anthropic", "gemini"})


def expected(answer: c.Answer, dialect: str, *, own: bool = False) -> Said:
    """`own`: read from the same dialect, so that the provider's own word for why it stopped is kept."""
    choices = answer.choices if dialect in _SEVERAL else answer.choices[:1]
    usage = None if answer.usage is None else counted(answer.usage, dialect)
    return Said([_choice(each, dialect, own=own) for each in choices], usage)


def _choice(choice: c.Choice, dialect: str, *, own: bool) -> ChoiceSaid:
    kept = own and dialect in _KEEPING and choice.stop.word
    said = ChoiceSaid(stop=kept or _STOPS[dialect][choice.stop.reason])
    for part in choice.parts:
        if isinstance(part, c.Text):
            said.text += part.text
        elif isinstance(part, c.Thinking):
            said.thinking += part.text
        elif isinstance(part, c.Refusal) and dialect in _REFUSING:
            said.refusal += part.text
        elif isinstance(part, c.Refusal):
            said.text += part.text
        elif isinstance(part, c.ToolCall):
            said.tools.append((part.name, arguments(part.arguments)))
    return said


def counted(usage: Usage, dialect: str) -> dict[str, int]:
    """A ledger as a dialect shows it."""
    if dialect == "anthropic":
        written = usage.cache_write + usage.cache_write_long
        return {
            "input": usage.input_total - usage.cached_total - written,
            "cached": usage.cached_total,
            "written": written,
            "output": usage.output_total,
        }
    if dialect == "gemini":
        return {
            "input": usage.input_total - usage.input_tool,
            "tools": usage.input_tool,
            "cached": usage.cached_total,
            "output": usage.output_total - usage.output_reasoning,
            "reasoning": usage.output_reasoning,
            "total": usage.input_total + usage.output_total,
        }
    return {
        "input": usage.input_total,
        "cached": usage.cached_total,
        "output": usage.output_total,
        "reasoning": usage.output_reasoning,
        "total": usage.input_total + usage.output_total,
    }


# Events --------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Open:
    kind: str
    choice: int
    start: c.PartStart
    texts: list[str] = field(default_factory=list)
    signature: c.Signature | None = None
    ended: bool = False


def gathered(events: Iterable[c.Event]) -> c.Answer:
    """The answer that a whole stream tells; AssertionError for a stream that breaks the grammar, or failed."""
    answer = c.Answer("", "", "", [])
    open_parts: dict[int, _Open] = {}
    parts: dict[int, tuple[int, c.Part]] = {}
    stops: dict[int, c.Stop] = {}
    started = ended = False
    last_key = -1
    for event in events:
        assert not ended, f"{event} after the end"
        assert started or isinstance(event, c.Start | c.Ping), f"{event} before the start"
        if isinstance(event, c.Start):
            assert not started, "two starts"
            started = True
            answer.id, answer.model, answer.created = event.id, event.model, event.created
        elif isinstance(event, c.PartStart):
            assert event.key > last_key, f"key {event.key} after {last_key}"
            last_key = event.key
            assert event.kind != "tool" or event.name, "a tool's call without a name"
            open_parts[event.key] = _Open(event.kind, event.choice, event)
        elif isinstance(event, c.Delta | c.Signed | c.Annotated):
            _add(open_parts[event.key], event)
        elif isinstance(event, c.PartEnd):
            part = open_parts[event.key]
            assert not part.ended, f"part {event.key} ended twice"
            part.ended = True
            parts[event.key] = part.choice, _part(part)
        elif isinstance(event, c.PartWhole):
            assert event.key > last_key, f"key {event.key} after {last_key}"
            last_key = event.key
            parts[event.key] = event.choice, event.part
        elif isinstance(event, c.UsageSeen):
            answer.usage = event.usage
        elif isinstance(event, c.Stopped):
            assert event.choice not in stops, "a choice stopped twice"
            stops[event.choice] = event.stop
        elif isinstance(event, c.End):
            ended = True
        else:
            assert isinstance(event, c.Ping), f"{event}"
    assert ended, "no end"
    assert all(part.ended for part in open_parts.values()), "a part left open"
    for choice in sorted({*stops, *(number for number, _ in parts.values())}):
        mine = [part for _, (number, part) in sorted(parts.items()) if number == choice]
        assert choice in stops, f"choice {choice} did not stop"
        answer.choices.append(c.Choice(mine, stops[choice]))
    return answer


def _add(part: _Open, event: c.Delta | c.Signed | c.Annotated) -> None:
    assert not part.ended, f"{event} after the part's end"
    if isinstance(event, c.Delta):
        part.texts.append(event.text)
    elif isinstance(event, c.Signed):
        part.signature = event.signature


def _part(part: _Open) -> c.Part:
    text = "".join(part.texts)
    if part.kind == "tool":
        return c.ToolCall(part.start.id, part.start.name, text or "{}", part.signature)
    if part.kind == "thinking":
        return c.Thinking(text, part.signature)
    return c.Refusal(text) if part.kind == "refusal" else c.Text(text)

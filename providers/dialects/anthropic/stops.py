"""Why an answer stopped, in both directions."""

from collections.abc import Mapping
from typing import Any, Final

from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.canonical import Stop, StopReason

_READ: Final[Mapping[str, StopReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "pause",
}
_WRITTEN: Final[Mapping[StopReason, str]] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    # The turn is not finished, and only Anthropic can go on with its own pause.
    "pause": "max_tokens",
}


def read_stop(word: Any, sequence: Any, *, said_something: bool, only_answer_tool: bool = False) -> Stop:
    """An unknown word is a stop when something was said, else a failure.

    `only_answer_tool`: the one tool called was that of an answer in JSON, so the caller sees no call.
    """
    told = word if isinstance(word, str) else ""
    reason: StopReason = _READ.get(told, "stop" if said_something else "failed")
    if reason == "tool_calls" and only_answer_tool:
        reason = "stop"
    # A finer word than the canonical one goes back to callers of this dialect.
    extras = {DIALECT: told} if told in _READ and _WRITTEN[_READ[told]] != told else None
    return Stop(reason, told, sequence if isinstance(sequence, str) else None, extras)


def stop_word(stop: Stop, *, tools: bool) -> str:
    """`tools`: whether there are calls in the answer; clients act on the word alone, and vendors disagree on it."""
    if stop.extras and DIALECT in stop.extras:
        return str(stop.extras[DIALECT])
    if stop.reason in {"stop", "tool_calls"}:
        return "tool_use" if tools else "end_turn"
    return _WRITTEN.get(stop.reason, "end_turn")

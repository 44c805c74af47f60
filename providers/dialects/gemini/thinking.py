"""How much a model shall think: by budget (Gemini 2.5), or by level (3 and later)."""

from typing import Any, Final

from providers.dialects.base import Target
from providers.dialects.canonical import Chat, Reasoning, Report
from providers.dialects.gemini.parts import NAME

# From the least to the most.
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# Google's own equivalents (ai.google.dev/gemini-api/docs/openai); above them there is no more.
_BUDGETS: Final = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
_LEVELS: Final = ("minimal", "low", "medium", "high")


def write_thinking(chat: Chat, target: Target, report: Report, config: dict[str, Any]) -> None:
    asked = chat.reasoning
    if asked is None:
        return
    if chat.dialect == NAME and asked.spelling is not None:
        config["thinkingConfig"] = asked.spelling
        return
    for name in asked.extras or {}:
        report.drop(name)
    written: dict[str, Any] = {}
    if asked.show is not None:
        written["includeThoughts"] = asked.show
    if target.model.thinking == "level":
        _write_level(asked, chat, target, report, written)
    else:
        _write_budget(asked, written)
    if written:
        config["thinkingConfig"] = written


def _write_level(asked: Reasoning, chat: Chat, target: Target, report: Report, written: dict[str, Any]) -> None:
    """A level has no "none": the least is nearest."""
    effort = asked.effort or _effort_of(asked.budget)
    if effort is None or effort not in _EFFORTS:
        return
    taken = [each for each in target.model.efforts if each in _LEVELS] or list(_LEVELS)
    wanted = _EFFORTS.index(effort)
    level = min(taken, key=lambda each: abs(_EFFORTS.index(each) - wanted))
    written["thinkingLevel"] = level.upper()
    if level != effort:
        report.clamped.append((chat.name_of("reasoning"), level))


def _effort_of(budget: int | None) -> str | None:
    """-1 leaves it to the model."""
    if budget is None or budget < 0:
        return None
    return next((effort for effort, most in _BUDGETS.items() if budget <= most), "high")


def _write_budget(asked: Reasoning, written: dict[str, Any]) -> None:
    """Models before 2.5 refuse even this, and such a caller asks for a thought that they do not have."""
    if asked.budget is not None:
        written["thinkingBudget"] = asked.budget
    elif asked.adaptive and asked.effort is None:
        written["thinkingBudget"] = -1
    elif asked.effort is not None:
        written["thinkingBudget"] = _BUDGETS.get(asked.effort, _BUDGETS["high"])

"""How much a model shall think, in this dialect's words: an effort, and whether a summary is shown."""

from typing import Any, Final

from providers.dialects.base import Target
from providers.dialects.canonical import Chat, Report
from providers.dialects.openai.reading import EFFORTS

# A budget of tokens up to this is that effort, as with chats; above the last it is "high".
_BUDGETS: Final = ((3_200, "low"), (8_000, "medium"))


def write(chat: Chat, target: Target, report: Report) -> dict[str, Any]:
    """The member `reasoning`; empty when nothing is to be said."""
    asked = chat.reasoning
    if asked is None:
        return {}
    name = chat.name_of("reasoning")
    effort = asked.effort
    if effort is None and asked.budget is not None:
        effort = _of_budget(asked.budget)
        if effort == "none" and "none" not in target.model.efforts:
            # Where it is not known to be a word, saying nothing is the nearest.
            effort = None
            report.drop(name)
        elif effort is not None:
            report.clamped.append((name, f"effort {effort}"))
    written: dict[str, Any] = {}
    if effort is not None:
        written["effort"] = fitted(effort, target.model.efforts)
        if written["effort"] != effort:
            report.clamped.append((name, f"effort {written['effort']}"))
    if asked.show:
        written["summary"] = "auto"
    if chat.dialect == "responses":
        return {**written, **(asked.spelling or {}), **(asked.extras or {})}
    for extra in asked.extras or {}:
        report.drop(extra)
    return written


def _of_budget(budget: int) -> str | None:
    """-1 leaves it to the model."""
    if budget <= 0:
        return "none" if budget == 0 else None
    return next((effort for most, effort in _BUDGETS if budget <= most), "high")


def fitted(effort: str, taken: tuple[str, ...]) -> str:
    """The nearest that a model takes, the lesser of two; a word that nobody knows is left as it is."""
    known = [each for each in taken if each in EFFORTS]
    if not known or effort in taken or effort not in EFFORTS:
        return effort
    wanted = EFFORTS.index(effort)
    return min(known, key=lambda each: (abs(EFFORTS.index(each) - wanted), EFFORTS.index(each)))

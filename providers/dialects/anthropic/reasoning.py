"""How much a model shall think: effort, a budget of tokens or "adaptive", as the model at hand takes it.

Anthropic refuses thinking beside a forced tool, beside changed sampling, with a budget that the limit of tokens does not
leave (T11), and within a round of tools that was begun without. Here the thinking gives way to the tools, the budget to the
limit, and sampling to the thinking; of a caller of this dialect nothing is mended, as when it is passed through.
"""

from dataclasses import dataclass
from typing import Any, Final

from providers.dialects.anthropic.draft import Draft
from providers.dialects.canonical import Reasoning

# The API's least budget.
_LEAST: Final = 1_024
# Tokens of thinking for an effort, where a model takes budgets: vendors' own tables lie near these.
_BUDGETS: Final = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 24_576, "max": 32_768}
_ORDER: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
# What every model with efforts takes.
_COMMON_EFFORTS: Final = ("low", "medium", "high")


@dataclass(slots=True)
class Thought:
    thinking: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        return self.thinking is not None and self.thinking["type"] != "disabled"

    @property
    def by_budget(self) -> bool:
        return self.thinking is not None and self.thinking["type"] == "enabled"


def goes_on_unthought(messages: list[dict[str, Any]]) -> bool:
    """Whether results of tools go to an assistant that did not think before it called, or whose thinking is not here.

    With a budget the API refuses that.
    """
    if len(messages) < 2 or not _begins_with(messages[-1], "tool_result"):
        return False
    return not _begins_with(messages[-2], "thinking", "redacted_thinking")


def _begins_with(message: dict[str, Any], *kinds: str) -> bool:
    content = message.get("content")
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and first.get("type") in kinds


def write_reasoning(draft: Draft, max_tokens: int, messages: list[dict[str, Any]], *, forced: bool) -> Thought:
    asked = draft.chat.reasoning
    if asked is None:
        return Thought()
    thought = _off(asked) if asked.off else _on(draft, asked, max_tokens)
    if thought.on and not draft.own and (forced or (thought.by_budget and goes_on_unthought(messages))):
        draft.report.drop(draft.chat.name_of("reasoning"))
        thought.thinking = {"type": "disabled"}
    if thought.thinking is not None and asked.show is not None and thought.on and draft.own:
        thought.thinking["display"] = "summarized" if asked.show else "omitted"
    draft.add_members({} if thought.thinking is None else thought.thinking, asked.extras, asked.spelling)
    return thought


def _off(asked: Reasoning) -> Thought:
    return Thought({"type": "disabled"}, None if asked.effort == "none" else asked.effort)


def _on(draft: Draft, asked: Reasoning, max_tokens: int) -> Thought:
    if draft.own and asked.extras and "type" in asked.extras:
        # A kind of thinking that only Anthropic knows.
        return Thought(dict(asked.extras), asked.effort)
    if draft.own and not asked.adaptive and asked.budget is None:
        return Thought(None, asked.effort)
    if _way(draft, asked) == "budget":
        return Thought(_budget(draft, asked, max_tokens), asked.effort if draft.own else None)
    return Thought({"type": "adaptive"}, _effort(draft, asked))


def _way(draft: Draft, asked: Reasoning) -> str:
    """Of a model of which nothing is known: budgets, which other vendors' Messages take too."""
    model = draft.target.model
    tells_effort = bool(model.efforts) and not (asked.budget and asked.budget > 0)
    return model.thinking or ("adaptive" if asked.adaptive or tells_effort else "budget")


def _budget(draft: Draft, asked: Reasoning, max_tokens: int) -> dict[str, Any] | None:
    wanted = asked.budget if asked.budget and asked.budget > 0 else _BUDGETS.get(asked.effort or "medium", _LEAST)
    if draft.own and asked.budget == wanted:
        return {"type": "enabled", "budget_tokens": wanted}
    if max_tokens <= _LEAST:
        draft.report.drop(draft.chat.name_of("reasoning"))
        return None
    fitting = min(max(wanted, _LEAST), max_tokens - 1)
    if fitting != asked.budget and asked.budget and asked.budget > 0:
        draft.report.clamped.append((draft.chat.name_of("reasoning"), str(fitting)))
    return {"type": "enabled", "budget_tokens": fitting}


def _effort(draft: Draft, asked: Reasoning) -> str | None:
    """The nearest that the model takes, of two the lower."""
    wanted = asked.effort
    if wanted is None and asked.budget and asked.budget > 0:
        wanted = next((word for word, tokens in _BUDGETS.items() if asked.budget <= tokens), "max")
    if wanted is None or (draft.own and not draft.target.model.efforts):
        return wanted
    takes = [word for word in _ORDER if word in (draft.target.model.efforts or _COMMON_EFFORTS)]
    if wanted not in _ORDER or wanted in takes or not takes:
        return wanted
    place = _ORDER.index(wanted)
    nearest = min(takes, key=lambda word: (abs(_ORDER.index(word) - place), _ORDER.index(word)))
    draft.report.clamped.append((draft.chat.name_of("reasoning"), nearest))
    return nearest

"""What a response used: its tokens, and the tools that the provider ran for it; and how a ledger is shown to callers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from providers.dialects import usage_rules
from providers.dialects.profile import Profile
from providers.dialects.usage import Usage, count

# Items of tools that a provider runs, besides searches of the web.
_RUN_THERE: Final = frozenset({"file_search_call", "code_interpreter_call", "image_generation_call", "mcp_call"})
# xAI's counts of them; searches of the web and of X cost the same there.
_SEARCHES: Final = ("web_search_calls", "x_search_calls")
_RUNS: Final = (
    "file_search_calls",
    "document_search_calls",
    "code_interpreter_calls",
    "image_generation_calls",
    "mcp_calls",
)


def read(response: Mapping[str, Any], profile: Profile) -> Usage | None:
    """None when the response reports no tokens. What is reported of tools wins over what its output shows."""
    usage = usage_rules.read(response.get("usage"), profile, "responses")
    if usage is None:
        return None
    details = _object(usage.raw or {}, "server_side_tool_usage_details")
    searches = _sum(details, _SEARCHES)
    if searches is None:
        searches = count(_object(_object(response, "tool_usage"), "web_search").get("num_requests"))
    if searches is None:
        searches = _shown(response, _is_search)
    runs = _sum(details, _RUNS)
    if runs is None:
        runs = _shown(response, lambda item: str(item.get("type")) in _RUN_THERE)
    return usage.with_changes(searches=searches, tool_runs=runs) if searches or runs else usage


def _sum(details: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = [number for name in names if (number := count(details.get(name))) is not None]
    return sum(found) if found else None


def _shown(response: Mapping[str, Any], fits: Callable[[Mapping[str, Any]], bool]) -> int:
    output = response.get("output")
    return sum(isinstance(item, dict) and fits(item) for item in output) if isinstance(output, list) else 0


def _is_search(item: Mapping[str, Any]) -> bool:
    """Opening a page that a search found is none."""
    return item.get("type") == "web_search_call" and _object(item, "action").get("type", "search") == "search"


def _object(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def written(usage: Usage, *, own: bool = False) -> dict[str, Any]:
    """As callers are shown it; with `own` the provider's object itself, as long as it says the same."""
    if own and usage.raw is not None:
        reported = usage_rules.responses(usage.raw)
        if reported and (reported.input_total, reported.output_total) == (usage.input_total, usage.output_total):
            return usage.raw
    details: dict[str, Any] = {
        "cached_tokens": usage.cached_total,
        "cache_write_tokens": usage.cache_write + usage.cache_write_long,
    }
    if usage.cache_write_long:
        details["cache_write_tokens_details"] = {
            "ttl_30m_tokens": usage.cache_write,
            "ttl_12h_tokens": usage.cache_write_long,
        }
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": details,
        "output_tokens": usage.output_total,
        "output_tokens_details": {"reasoning_tokens": usage.output_reasoning},
        "total_tokens": usage.input_total + usage.output_total,
    }

"""Why a response ended, by its status."""

from collections.abc import Mapping
from typing import Any, Final

from providers.dialects.canonical import Stop, StopReason

_INCOMPLETE: Final[Mapping[str, StopReason]] = {"max_output_tokens": "length", "content_filter": "content_filter"}
# Not yet ended: it goes on in the background.
_WAITING: Final = frozenset({"queued", "in_progress"})


def stop_of(response: Mapping[str, Any], *, called: bool, empty: bool) -> Stop:
    """`called`: the model called a tool of the caller's. `empty`: it said nothing at all."""
    status = response.get("status")
    if status == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        word = reason if isinstance(reason, str) else "incomplete"
        # Whatever else cut it short: the turn is not finished.
        return Stop(_INCOMPLETE.get(word, "length"), word)
    if status is None or status == "completed":
        return Stop("tool_calls" if called else "stop", "completed")
    word = status if isinstance(status, str) else ""
    if word in _WAITING:
        return Stop("pause", word)
    failed = word in {"failed", "cancelled"} or empty
    return Stop("failed" if failed else "stop", word, extras={"error": response.get("error")} if failed else None)

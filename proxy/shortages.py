"""Pure: an allowance that a call does not fit into, as the problem the caller gets."""

from datetime import datetime
from typing import Any, Final

from apipark.money import major_text
from apipark.problems import Problem, refuse
from billing.leases import AllowanceState
from proxy.purse import Shortage

_UNITS: Final = {"calls": "requests", "bytes": "content-bytes", "tokens": "tokens", "spend": "currency"}
_HELD_RETRY_S: Final = 1


def problem(shortage: Shortage, *, fits: dict[str, int] | None = None) -> Problem:
    """429 while the rest is only held by running calls, else the 402 of that limit."""
    spec, state = shortage.spec, shortage.state
    if not shortage.exhausted:
        available = max(0, (state.limit or 0) - state.used - state.leased)
        return refuse(
            "allowance-held", retry_after=_HELD_RETRY_S, meter=spec.meter, available=available, held=state.leased
        )
    if spec.kind == "cap" or spec.meter == "spend":
        return refuse("spend-cap-reached", cap=_cap(shortage), violated_policies=[spec.policy])
    members: dict[str, Any] = {
        "quota": quota(spec.meter, state, shortage.requested),
        "violated_policies": [spec.policy],
    }
    if fits:
        members["fits"] = fits
    return refuse("quota-exceeded", **members)


def quota(meter: str, state: AllowanceState, requested: int) -> dict[str, Any]:
    return {
        "metric": meter,
        "unit": _UNITS[meter],
        "limit": state.limit,
        "used": state.used,
        "held": state.leased,
        "requested": requested,
        "period_start": rfc3339(state.period_start),
        "resets_at": rfc3339(state.period_end),
        "overage": "off",
    }


def _cap(shortage: Shortage) -> dict[str, Any]:
    spec, state = shortage.spec, shortage.state
    cap: dict[str, Any] = {
        "id": spec.cap_ref,
        "scope": spec.cap_scope or "plan",
        "set_by": spec.set_by or "publisher",
        "metric": spec.meter,
    }
    if spec.period != "total":
        cap["resets_at"] = rfc3339(state.period_end)
    # Shown by the privacy rule only: the renderer leaves it out for keys that may not see money.
    cap["limit"] = major_text(spec.limit) if spec.meter == "spend" else spec.limit
    return cap


def rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")

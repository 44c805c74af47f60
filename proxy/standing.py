"""`GET /v1/standing`: what a call would get now. Costs nothing, reserves nothing, counts towards nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apipark.problems import Problem, refuse
from billing.leases import AllowanceState
from billing.standing import Refuse, lifecycle, payment_standing
from billing.terms import AllowanceSpec, Terms
from proxy import shortages
from proxy.coverage import Verdict
from proxy.purse import Shortage
from proxy.refusals import members_of


@dataclass(frozen=True, slots=True)
class Outlook:
    """`problem` is None when a call would pass."""

    problem: Problem | None
    allowances: list[dict[str, Any]]
    standing: dict[str, Any] | None


def outlook(
    verdict: Verdict, states: Sequence[AllowanceState], now: datetime, *, may_see_money: bool, model: str = ""
) -> Outlook:
    """`states` belong to the allowances of the verdict's terms, in their order."""
    terms = verdict.terms
    pairs = list(zip(terms.allowances, states, strict=True)) if terms else []
    return Outlook(
        problem=_problem(verdict, pairs, model),
        allowances=[_allowance(spec, state, may_see_money=may_see_money) for spec, state in pairs],
        standing=_standing(terms, now) if terms else None,
    )


def _problem(verdict: Verdict, pairs: list[tuple[AllowanceSpec, AllowanceState]], model: str) -> Problem | None:
    if isinstance(verdict.answer, Refuse):
        return refuse(verdict.answer.slug, **members_of(verdict.answer.members))
    if verdict.model_missing:
        return refuse("plan-upgrade-required", feature=model)
    for spec, state in pairs:
        # The smallest call there is: one unit. A free call needs none of a spending cap.
        if state.limit is not None and state.used + 1 > state.limit:
            return shortages.problem(Shortage(spec, 1, state, exhausted=True))
    return None


def _standing(terms: Terms, now: datetime) -> dict[str, Any]:
    payment = payment_standing(terms.facts, now)
    return {
        "lifecycle": lifecycle(terms.facts, now),
        "payment": payment.name,
        "hold": terms.facts.hold or None,
        "grace_ends_at": shortages.rfc3339(payment.until) if payment.until else None,
    }


def _allowance(spec: AllowanceSpec, state: AllowanceState, *, may_see_money: bool) -> dict[str, Any]:
    available = None if state.limit is None else max(0, state.limit - state.used - state.leased)
    if spec.meter == "spend" and not may_see_money and spec.cap_scope != "key":
        return {"policy": spec.policy, "metric": "spend", "sufficient": available is None or available > 0}
    return {
        "policy": spec.policy,
        "metric": spec.meter,
        "limit": state.limit,
        "used": state.used,
        "held": state.leased,
        "available": available,
        "period_start": shortages.rfc3339(state.period_start),
        "resets_at": shortages.rfc3339(state.period_end) if spec.period != "total" else None,
        "overage": "off",
        "mode": "block",
    }

"""Pure: which of an application's subscriptions carries a call, and whether it lets it pass."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.standing import Admit, Refuse, admit
from billing.terms import Terms
from proxy.consumers import Consumer

# Of several refusals the one that is easiest to lift names the problem: a subscription that ended long ago says nothing
# about the one that only waits for a payment.
_LAST_SAID: Final = frozenset({"subscription-ended", "trial-ended", "subscription-required"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`terms` is None when the application has no subscription that covers what is asked for."""

    terms: Terms | None
    service_id: int
    answer: Admit | Refuse
    # The plan holds the service, but not this model.
    model_missing: bool = False


def decide(consumer: Consumer, service_ids: Collection[int], model_id: int | None, now: datetime) -> Verdict:
    """The oldest subscription that covers the service and lets the call pass; else the refusal that matters most."""
    refused: Verdict | None = None
    for terms in consumer.terms:
        service_id = next((each for each in service_ids if each in terms.service_ids), None)
        if service_id is None:
            continue
        answer = admit(terms.facts, now)
        verdict = Verdict(terms, service_id, answer, _lacks(terms, model_id))
        if isinstance(answer, Admit) and not verdict.model_missing:
            return verdict
        if refused is None or _weight(verdict) > _weight(refused):
            refused = verdict
    if refused is not None:
        return refused
    return Verdict(None, next(iter(service_ids), 0), admit(consumer.without_subscription(), now))


def _lacks(terms: Terms, model_id: int | None) -> bool:
    return model_id is not None and terms.model_ids is not None and model_id not in terms.model_ids


def _weight(verdict: Verdict) -> int:
    if isinstance(verdict.answer, Admit):
        return 2
    return 0 if verdict.answer.slug in _LAST_SAID else 1

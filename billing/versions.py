"""Put a subscription on another plan version: the limits of the current period follow, what was used stays."""

from datetime import datetime

from apipark import changes
from billing import leases
from billing.contracts import cycle_of, plan_specs
from billing.models import PlanVersion, Subscription


def switch(subscription: Subscription, version: PlanVersion, *, anchor: datetime, now: datetime, billed: bool) -> None:
    """Call with the subscription locked, inside the transaction of the change.

    `billed`: the period that runs now needs no invoice of its own any more.
    """
    before = {spec.key: spec for spec in plan_specs(subscription, subscription.version, subscription.anchor)}
    goes_on = anchor == subscription.anchor
    subscription.version, subscription.anchor = version, anchor
    subscription.pending_version = subscription.pending_from = None
    if billed:
        subscription.invoiced_until = cycle_of(version, anchor).period(now)[0]
    subscription.save(update_fields=["version", "anchor", "pending_version", "pending_from", "invoiced_until"])
    after = {spec.key: spec for spec in plan_specs(subscription, version, anchor)}
    for spec in after.values():
        leases.change_limit(spec, spec.limit, now=now)
    if goes_on:
        for key in before.keys() - after.keys():
            leases.change_limit(before[key], None, now=now)
    changes.announce("subscription", subscription.pk)

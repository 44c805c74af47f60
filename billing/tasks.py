"""The sweep of billing: looks for what is due by the clock, so that nothing depends on a message or on its hour.

Standing is computed from facts and needs none of this to be right on time; this issues, charges and writes down.
"""

from datetime import datetime
from typing import Final

from celery import shared_task
from django.db.models import Q

from apipark import clock
from billing import dunning, subscriptions
from billing.models import Subscription
from billing.models.subscription import SubscriptionQuerySet

_CHUNK: Final = 200


@shared_task(name="billing.tasks.bill")
def bill() -> None:
    sweep(clock.now())


def sweep(now: datetime) -> int:
    """All that is due at `now`; repeating does nothing more. Each step is a short transaction of its own."""
    return (
        renew_all(now)
        + dunning.finish_left_over(now)
        + dunning.attempt_due(now)
        + dunning.end_series(now)
        + dunning.end_suspended(now)
    )


def renew_all(now: datetime) -> int:
    """By id in chunks, so that a sweep never holds all subscriptions in memory."""
    done, last = 0, 0
    while chunk := list(_running(now).filter(pk__gt=last).order_by("pk")[:_CHUNK]):
        for subscription in chunk:
            done += _renew(subscription, now)
        last = chunk[-1].pk
    return done


def _renew(subscription: Subscription, now: datetime) -> int:
    # Asked without a lock first: most have nothing to do, and each transaction stops SQLite's other writers.
    return subscriptions.renew(subscription, now) if subscriptions.is_due(subscription, now) else 0


def _running(now: datetime) -> SubscriptionQuerySet:
    """Those for which time can bring about anything: free ones without an end or a change are left alone."""
    awaits = Q(version__price_minor__gt=0) | Q(cancel_at__lte=now) | Q(pending_from__lte=now) | Q(resumes_at__lte=now)
    granted = Subscription.objects.filter(awaits, ended_at=None, approval=Subscription.Approval.GRANTED)
    return granted.filter(starts_at__lte=now).select_related("version")

"""What is done about unpaid invoices as time passes. Each verb handles all that is due and is repeated by the sweep."""

from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, Q, QuerySet

from apipark import changes, clock
from billing import invoicing
from billing.contracts import usable_default
from billing.models import Invoice, PaymentAttempt, PaymentMethod, PlanVersion, Subscription
from teams import audit
from teams.models import Team, User

# A charge answers within seconds; a pending attempt older than this was left by a process that died.
_LEFT_OVER: Final = timedelta(minutes=1)
_SERIES: Final = timedelta(days=invoicing.ATTEMPT_DAYS[-1])
# A suspended subscription ends as unpaid after so long.
_SUSPENDED_LIFE: Final = timedelta(days=30)
# Rows of one kind in one sweep; some 30 a second are handled.
_CHUNK: Final = 500

_Row = TypeVar("_Row", bound=Model)


def default_method(team: Team, now: datetime) -> PaymentMethod | None:
    """What is charged by itself, if anything can be."""
    return usable_default(PaymentMethod.objects.filter(team=team).on_file(), now)


def collect_open(team: Team, *, actor: User | None) -> list[PaymentAttempt]:
    """Try all open invoices that charge by themselves with the team's default method, at once; the oldest first."""
    method = default_method(team, clock.now())
    if method is None:
        return []
    invoices = Invoice.objects.unpaid().filter(team=team, collection=PlanVersion.Collection.AUTO).order_by("number")
    attempts = []
    for invoice in invoices:
        attempt = _try(invoice, method, actor)
        if attempt:
            attempts.append(attempt)
        if attempt and attempt.hard:
            break
    return attempts


def finish_left_over(now: datetime) -> int:
    """Ask again about attempts whose process died between the question and the answer."""
    left = PaymentAttempt.objects.filter(state=PaymentAttempt.State.PENDING, started_at__lte=now - _LEFT_OVER)
    count = 0
    for attempt in _by_id(left.select_related("invoice", "method")):
        invoicing.complete(attempt)
        count += 1
    return count


def attempt_due(now: datetime) -> int:
    """The planned attempts whose instant has come."""
    due = Invoice.objects.unpaid().filter(collection=PlanVersion.Collection.AUTO, next_attempt_at__lte=now)
    count = 0
    for invoice in _by_id(due.select_related("team")):
        method = default_method(invoice.team, now)
        if method:
            _try(invoice, method, None)
        else:
            _note_no_method(invoice, now)
        count += 1
    return count


def end_series(now: datetime) -> int:
    """When the last attempt has failed: a first payment ends the subscription, any other suspends it."""
    over = Invoice.objects.unpaid().filter(
        Q(subscription__hold="") | Q(subscription__hold=Subscription.Hold.PAUSED),
        collection=PlanVersion.Collection.AUTO,
        issued_at__lte=now - _SERIES,
        first_failed_at__isnull=False,
        next_attempt_at=None,
        subscription__ended_at=None,
    )
    count = 0
    for invoice in _by_id(over):
        with transaction.atomic():
            _end_series(invoicing.lock(invoice), now)
        count += 1
    return count


def end_suspended(now: datetime) -> int:
    """Suspended for 30 days by the end of dunning: ended as unpaid."""
    suspended = Subscription.objects.filter(
        hold=Subscription.Hold.SUSPENDED_BILLING,
        held_by=Subscription.HeldBy.SYSTEM,
        held_at__lte=now - _SUSPENDED_LIFE,
        ended_at=None,
    )
    count = 0
    for subscription in _by_id(suspended):
        with transaction.atomic():
            locked = Subscription.objects.select_for_update().get(pk=subscription.pk)
            if locked.hold == Subscription.Hold.SUSPENDED_BILLING and not locked.ended_at:
                _end(locked, Subscription.EndReason.UNPAID, now)
                count += 1
    return count


def _try(invoice: Invoice, method: PaymentMethod, actor: User | None) -> PaymentAttempt | None:
    """None when somebody else was faster: paid meanwhile, or a payment is under way."""
    try:
        return invoicing.pay(invoice, method, actor=actor)
    except ValidationError:
        return None


def _note_no_method(invoice: Invoice, now: datetime) -> None:
    """Without a method that could be charged the attempt has failed, too: grace runs."""
    with transaction.atomic():
        locked = invoicing.lock(invoice)
        if locked.state == Invoice.State.OPEN:
            invoicing.note_failure(locked, now=now)
            changes.announce("subscription", locked.subscription_id)


def _end_series(invoice: Invoice, now: datetime) -> None:
    subscription = invoice.subscription
    if invoice.state != Invoice.State.OPEN or invoice.next_attempt_at or subscription.ended_at:
        return
    if subscription.invoices.filter(state=Invoice.State.PAID).exists():
        subscription.hold = Subscription.Hold.SUSPENDED_BILLING
        subscription.held_by, subscription.held_at = Subscription.HeldBy.SYSTEM, now
        subscription.resumes_at = None
        subscription.save(update_fields=["hold", "held_by", "held_at", "resumes_at"])
        audit.record(
            team=invoice.team,
            actor=None,
            action="subscription.suspended",
            target=subscription,
            reason=f"invoice {invoice} was not paid",
        )
        changes.announce("subscription", subscription.pk)
    else:
        invoicing.void(invoice, actor=None, reason="the first payment never succeeded")
        _end(subscription, Subscription.EndReason.EXPIRED, now)


def _end(subscription: Subscription, reason: Subscription.EndReason, now: datetime) -> None:
    subscription.ended_at, subscription.ended_reason = now, reason
    subscription.save(update_fields=["ended_at", "ended_reason"])
    audit.record(
        team=subscription.team, actor=None, action="subscription.ended", target=subscription, after={"reason": reason}
    )
    changes.announce("subscription", subscription.pk)


def _by_id(rows: QuerySet[_Row]) -> list[_Row]:
    """At most a chunk: what is left comes with the next sweep, and no sweep runs for long."""
    return list(rows.order_by("id")[:_CHUNK])

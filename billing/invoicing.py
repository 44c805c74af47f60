"""Issue invoices and collect them.

An attempt is committed as pending before the gateway is asked and settled afterwards, each in a transaction of its own:
whatever dies in between, the next sweep asks again with the same key. Locks are taken in the order subscription, invoice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from apipark import changes, clock, money
from billing import versions
from billing.contracts import anchor_after, cycle_of, expires_at
from billing.gateways.base import Declined, Outcome, Succeeded
from billing.gateways.registry import gateway
from billing.models import (
    Invoice,
    InvoiceLine,
    InvoiceNumber,
    PaymentAttempt,
    PaymentMethod,
    PlanVersion,
    Subscription,
)
from teams import audit
from teams.models import Team, User

# Days after the invoice was issued on which it is tried again: often at first, when a card was only short of money.
ATTEMPT_DAYS: Final = (0, 1, 3, 5, 7, 10, 14)
_SPREAD_MINUTES: Final = 30  # so that the invoices of a midnight do not all arrive at the gateway in one second


@dataclass(frozen=True, slots=True)
class Line:
    """Rounded once, here."""

    description: str
    amount_nano: int

    def minor(self, currency: str) -> int:
        return money.minor_from_nano(self.amount_nano, currency)


def issue(
    subscription: Subscription,
    version: PlanVersion,
    lines: Sequence[Line],
    *,
    reason: Invoice.Reason,
    period: tuple[datetime, datetime],
    now: datetime,
) -> Invoice:
    """Inside the caller's transaction, with the subscription locked. An invoice of nothing is paid at once."""
    total = sum(line.minor(version.currency) for line in lines)
    auto = version.collection == PlanVersion.Collection.AUTO
    invoice = Invoice.objects.create(
        number=_next_number(),
        team=subscription.team,
        subscription=subscription,
        version=version,
        reason=reason,
        state=Invoice.State.OPEN if total else Invoice.State.PAID,
        paid_at=None if total else now,
        collection=version.collection,
        currency=version.currency,
        total_minor=total,
        period_start=period[0],
        period_end=period[1],
        issued_at=now,
        due_at=now if auto else now + timedelta(days=version.net_days),
        next_attempt_at=now if auto and total else None,
        buyer=_party(subscription.team),
        seller=_party(version.plan.publisher),
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice,
            description=line.description,
            amount_nano=line.amount_nano,
            amount_minor=line.minor(version.currency),
        )
        for line in lines
    )
    audit.record(
        team=subscription.team, actor=None, action="invoice.issued", target=invoice, after={"total_minor": total}
    )
    changes.announce("subscription", subscription.pk)
    return invoice


def issue_period(subscription: Subscription, start: datetime, *, now: datetime) -> Invoice | None:
    """The invoice of the period that begins at `start`, in advance; None when it is free or has its invoice already."""
    version = subscription.version
    invoiced = subscription.invoiced_until
    if not version.price_minor or (invoiced is not None and start <= invoiced):
        return None
    period = cycle_of(version, subscription.anchor).period(start)
    first = not subscription.invoices.exists()
    invoice = issue(
        subscription,
        version,
        [_period_line(version, period)],
        reason=Invoice.Reason.FIRST if first else Invoice.Reason.PERIOD,
        period=period,
        now=now,
    )
    subscription.invoiced_until = start
    subscription.save(update_fields=["invoiced_until"])
    return invoice


def skip_missed(subscription: Subscription, *, now: datetime) -> None:
    """After a hold: only the period that runs now is still to be billed, not those that were held."""
    invoiced = subscription.invoiced_until
    start, _end = cycle_of(subscription.version, subscription.anchor).period(now)
    if invoiced is not None and invoiced < start:
        subscription.invoiced_until = start - timedelta(microseconds=1)


def pay(invoice: Invoice, method: PaymentMethod, *, actor: User | None = None) -> PaymentAttempt:
    """Try to collect an open invoice now. The attempt says how it went; ValidationError when it cannot be tried."""
    with transaction.atomic(durable=True):
        attempt = begin(lock(invoice), method, now=clock.now())
    return complete(attempt, actor=actor)


def begin(invoice: Invoice, method: PaymentMethod, *, now: datetime) -> PaymentAttempt:
    """The pending attempt, with the invoice locked. The caller commits before `complete` asks the gateway."""
    if invoice.state != Invoice.State.OPEN:
        raise ValidationError(_("This invoice is not open any more."))
    if method.team_id != invoice.team_id or method.removed_at:
        raise ValidationError(_("This payment method is not on file."))
    if method.refused_at or now >= expires_at(method):
        raise ValidationError(_("This payment method can no longer be used. Replace it first."))
    if invoice.attempts.filter(state=PaymentAttempt.State.PENDING).exists():
        raise ValidationError(_("A payment of this invoice is under way."))
    return PaymentAttempt.objects.create(
        invoice=invoice,
        method=method,
        gateway=method.gateway,
        amount_minor=invoice.total_minor,
        currency=invoice.currency,
        started_at=now,
    )


def complete(attempt: PaymentAttempt, *, actor: User | None = None) -> PaymentAttempt:
    """Ask the gateway and write down what it said. Repeating is harmless."""
    outcome = gateway(attempt.gateway).charge(attempt)
    with transaction.atomic():
        return _settle(attempt, outcome, actor, clock.now())


@transaction.atomic
def record_payment(invoice: Invoice, amount_minor: int, *, actor: User, note: str = "") -> PaymentAttempt:
    """A person saw the money on the bank account."""
    now = clock.now()
    locked = lock(invoice)
    if locked.state != Invoice.State.OPEN:
        raise ValidationError(_("This invoice is not open any more."))
    if amount_minor != locked.total_minor:
        raise ValidationError(_("The amount is not that of the invoice."))
    if locked.attempts.filter(state=PaymentAttempt.State.PENDING).exists():
        raise ValidationError(_("A payment of this invoice is under way."))
    attempt = PaymentAttempt.objects.create(
        invoice=locked,
        gateway="manual",
        amount_minor=amount_minor,
        currency=locked.currency,
        state=PaymentAttempt.State.SUCCEEDED,
        started_at=now,
        finished_at=now,
    )
    _mark_paid(locked, actor, now, note)
    return attempt


def next_attempt(invoice: Invoice, after: datetime) -> datetime | None:
    """The first planned instant after `after`; None when the series is over."""
    spread = timedelta(minutes=invoice.number % _SPREAD_MINUTES)
    instants = (invoice.issued_at + timedelta(days=day) + (spread if day else timedelta(0)) for day in ATTEMPT_DAYS)
    return next((instant for instant in instants if instant > after), None)


def note_failure(invoice: Invoice, *, now: datetime, hard: bool = False) -> None:
    """Grace runs from the first failure and is never extended; a hard decline ends the series."""
    invoice.first_failed_at = invoice.first_failed_at or now
    invoice.next_attempt_at = None if hard else next_attempt(invoice, now)
    invoice.save(update_fields=["first_failed_at", "next_attempt_at"])


def lock(invoice: Invoice) -> Invoice:
    """Its subscription first, always."""
    subscription = Subscription.objects.select_for_update().get(pk=invoice.subscription_id)
    locked = Invoice.objects.select_for_update(of=("self",)).select_related("team").get(pk=invoice.pk)
    locked.subscription = subscription
    return locked


def void(invoice: Invoice, *, actor: User | None, reason: str) -> None:
    """With the invoice locked: it is owed no longer."""
    invoice.state, invoice.next_attempt_at = Invoice.State.VOID, None
    invoice.save(update_fields=["state", "next_attempt_at"])
    audit.record(team=invoice.team, actor=actor, action="invoice.voided", target=invoice, reason=reason)
    changes.announce("subscription", invoice.subscription_id)


def _settle(attempt: PaymentAttempt, outcome: Outcome, actor: User | None, now: datetime) -> PaymentAttempt:
    invoice = lock(attempt.invoice)
    settled = PaymentAttempt.objects.select_for_update(of=("self",)).select_related("method").get(pk=attempt.pk)
    if settled.state != PaymentAttempt.State.PENDING:
        return settled
    settled.invoice, settled.finished_at = invoice, now
    if isinstance(outcome, Succeeded):
        settled.state = PaymentAttempt.State.SUCCEEDED
    elif isinstance(outcome, Declined):
        settled.state, settled.category, settled.hard = PaymentAttempt.State.DECLINED, outcome.category, outcome.hard
    else:
        settled.state = PaymentAttempt.State.FAILED
    settled.save(update_fields=["state", "category", "hard", "finished_at"])
    if settled.state == PaymentAttempt.State.SUCCEEDED:
        _mark_paid(invoice, actor, now)
    else:
        _not_paid(invoice, settled, actor, now)
    return settled


def _mark_paid(invoice: Invoice, actor: User | None, now: datetime, note: str = "") -> None:
    invoice.state, invoice.paid_at, invoice.next_attempt_at = Invoice.State.PAID, now, None
    invoice.save(update_fields=["state", "paid_at", "next_attempt_at"])
    subscription = invoice.subscription
    if invoice.reason == Invoice.Reason.CHANGE and invoice.collection == PlanVersion.Collection.AUTO:
        anchor = anchor_after(subscription, invoice.version, invoice.period_start)
        versions.switch(subscription, invoice.version, anchor=anchor, now=now, billed=True)
    _lift_hold(subscription, now)
    audit.record(
        team=invoice.team,
        actor=actor,
        action="invoice.paid",
        target=invoice,
        after={"total_minor": invoice.total_minor, "currency": invoice.currency},
        reason=note,
    )
    changes.announce("subscription", invoice.subscription_id)


def _not_paid(invoice: Invoice, attempt: PaymentAttempt, actor: User | None, now: datetime) -> None:
    if attempt.hard and attempt.method:
        attempt.method.refused_at = now
        attempt.method.save(update_fields=["refused_at"])
    audit.record(
        team=invoice.team,
        actor=actor,
        action="payment.declined" if attempt.state == PaymentAttempt.State.DECLINED else "payment.failed",
        target=invoice,
        after={"category": attempt.category, "hard": attempt.hard},
    )
    if invoice.reason == Invoice.Reason.CHANGE and invoice.collection == PlanVersion.Collection.AUTO:
        void(invoice, actor=None, reason="the change of plan was not paid")
    else:
        note_failure(invoice, now=now, hard=attempt.hard)
    changes.announce("subscription", invoice.subscription_id)


def _lift_hold(subscription: Subscription, now: datetime) -> None:
    """What the end of dunning suspended goes on once nothing is owed."""
    by_system = subscription.held_by == Subscription.HeldBy.SYSTEM
    if subscription.hold != Subscription.Hold.SUSPENDED_BILLING or not by_system:
        return
    if subscription.invoices.unpaid().exists():
        return
    subscription.hold, subscription.held_by, subscription.held_at = "", "", None
    skip_missed(subscription, now=now)
    subscription.save(update_fields=["hold", "held_by", "held_at", "invoiced_until"])
    audit.record(team=subscription.team, actor=None, action="subscription.resumed", target=subscription)


def _period_line(version: PlanVersion, period: tuple[datetime, datetime]) -> Line:
    description = f"{version.plan.name}, {period[0]:%Y-%m-%d} – {period[1]:%Y-%m-%d}"
    return Line(description, money.nano_from_minor(version.price_minor, version.currency))


def _next_number() -> int:
    """Locked until the invoice is committed, so that no number is left out."""
    InvoiceNumber.objects.get_or_create(pk=1)
    last = InvoiceNumber.objects.select_for_update().get(pk=1)
    last.last += 1
    last.save(update_fields=["last"])
    return last.last


def _party(team: Team) -> dict[str, Any]:
    return {
        "name": team.legal_name or team.name,
        "address": team.address,
        "country": team.country,
        "tax_id": team.tax_id,
        "email": team.contact_email,
    }

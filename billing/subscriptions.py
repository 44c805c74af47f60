"""Subscribe, change, hold and end. Every verb locks the subscription, writes down who did it, and tells the gateway."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apipark import changes, clock, money
from billing import dunning, invoicing, leases, versions
from billing.contracts import anchor_after, cycle_of, period_at, plan_specs
from billing.invoicing import Line
from billing.models import Invoice, PaymentAttempt, PlanVersion, Subscription
from providers.models import Service
from teams import audit
from teams.models import Application, Team, User

# To compare what plans of different intervals cost; a year has 365.2425 days, a month is its twelfth.
_INTERVAL_MINUTES: Final = {"day": 1_440, "week": 10_080, "month": 43_829, "year": 525_949}


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What a change of plan means: at once for `amount_minor`, or for nothing when the period ends."""

    when: Literal["now", "period_end"]
    at: datetime
    amount_minor: int
    currency: str
    # What is given back of the period that was paid.
    credit_minor: int = 0


def subscribe(
    team: Team,
    version: PlanVersion,
    *,
    actor: User | None,
    application: Application | None = None,
    starts_at: datetime | None = None,
) -> Subscription:
    """Subscribe, and try the first invoice at once when there is one to pay and something to pay it with."""
    now = clock.now()
    # An attempt must be committed before anybody is charged; a free plan charges nobody.
    with transaction.atomic(durable=version.price_minor > 0):
        # Of two clicks one becomes a subscription.
        Team.objects.select_for_update().get(pk=team.pk)
        _check_subscribable(team, version, application, now)
        waits = version.plan.services.filter(approval=Service.Approval.MANUAL).exists()
        starts = max(starts_at or now, now)
        subscription = Subscription.objects.create(
            team=team,
            version=version,
            application=application,
            approval=Subscription.Approval.WAITING if waits else Subscription.Approval.GRANTED,
            requested_at=now,
            starts_at=starts,
            anchor=starts,
        )
        _write_down(subscription, "subscription.requested" if waits else "subscription.started", actor)
        attempt = None if waits else _bill_first(subscription, now)
    return _after_attempt(subscription, attempt, actor)


def approve(
    subscription: Subscription, *, actor: User | None, reason: str = "", address: str | None = None
) -> Subscription:
    """The publisher agrees: it begins now, or when it was meant to begin later."""
    now = clock.now()
    with transaction.atomic(durable=True):
        locked = _waiting(subscription)
        locked.approval = Subscription.Approval.GRANTED
        locked.starts_at = locked.anchor = max(locked.starts_at, now)
        locked.save(update_fields=["approval", "starts_at", "anchor"])
        _write_down(locked, "subscription.approved", actor, reason, address=address)
        attempt = _bill_first(locked, now)
    return _after_attempt(locked, attempt, actor)


@transaction.atomic
def decline(subscription: Subscription, *, actor: User | None, note: str) -> None:
    locked = _waiting(subscription)
    locked.approval, locked.approval_note = Subscription.Approval.DECLINED, note
    locked.save(update_fields=["approval", "approval_note"])
    _write_down(locked, "subscription.declined", actor, note)


def preview_change(subscription: Subscription, version: PlanVersion) -> ChangePreview:
    """For the page, before the button."""
    _check_changeable(subscription, version)
    return _preview(subscription, version, clock.now())


def change_plan(
    subscription: Subscription, version: PlanVersion, *, actor: User | None, agreed_minor: int | None = None
) -> Subscription:
    """A larger plan at once, from its payment on; a smaller one when the period ends. Its own plan: stay.

    `agreed_minor` is the price the person saw: more than that is never charged. Raises ValidationError when the payment
    is declined; the plan is then what it was.
    """
    now = clock.now()
    attempt = None
    with transaction.atomic(durable=True):
        locked = _lock(subscription)
        if version.pk == locked.version_id and locked.pending_version_id:
            return _stay(locked, actor)
        _check_changeable(locked, version)
        preview = _preview(locked, version, now)
        if agreed_minor is not None and preview.amount_minor > agreed_minor:
            raise ValidationError(_("The price has changed meanwhile. Please look at it again."))
        _write_down(locked, "subscription.change_asked", actor, before=str(locked.version), after=str(version))
        if preview.when == "period_end":
            locked.pending_version, locked.pending_from = version, preview.at
            locked.save(update_fields=["pending_version", "pending_from"])
        else:
            attempt = _upgrade(locked, version, preview, now)
    if attempt and invoicing.complete(attempt, actor=actor).state != PaymentAttempt.State.SUCCEEDED:
        raise ValidationError(_("The payment was declined. Your plan is unchanged."), code="payment_declined")
    return Subscription.objects.get(pk=subscription.pk)


@transaction.atomic
def cancel(subscription: Subscription, *, actor: User | None, at_once: bool = False, reason: str = "") -> Subscription:
    """At the end of the period, which is paid; at once when asked so, or when nothing was paid or begun yet."""
    now = clock.now()
    locked = _lock(subscription)
    if locked.ended_at:
        raise ValidationError(_("This subscription has ended."))
    if at_once or ends_at_once(locked, now):
        if unpaid_first := _first_unpaid(locked):
            invoicing.void(invoicing.lock(unpaid_first), actor=actor, reason="canceled before it was paid")
        locked.ended_at, locked.ended_reason = now, Subscription.EndReason.CANCELED
    else:
        locked.cancel_at = period_at(locked, now)[1]
    locked.pending_version = locked.pending_from = None
    locked.save(update_fields=["ended_at", "ended_reason", "cancel_at", "pending_version", "pending_from"])
    _write_down(locked, "subscription.canceled", actor, reason)
    return locked


def ends_at_once(subscription: Subscription, now: datetime) -> bool:
    """Whether a cancellation leaves nothing to keep: nothing was approved, begun or paid yet."""
    granted = subscription.approval == Subscription.Approval.GRANTED
    return not granted or now < subscription.starts_at or _first_unpaid(subscription) is not None


@transaction.atomic
def keep(subscription: Subscription, *, actor: User | None) -> Subscription:
    """Take a cancellation back while it has not come."""
    locked = _lock(subscription)
    if not locked.cancel_at or locked.ended_at or clock.now() >= locked.cancel_at:
        raise ValidationError(_("There is no cancellation to take back."))
    locked.cancel_at = None
    locked.save(update_fields=["cancel_at"])
    _write_down(locked, "subscription.kept", actor)
    return locked


@transaction.atomic
def pause(
    subscription: Subscription,
    *,
    by: Literal["customer", "publisher", "system"],
    actor: User | None,
    resumes_at: datetime | None = None,
    reason: str = "",
) -> Subscription:
    return _hold(subscription, Subscription.Hold.PAUSED, by, actor, reason, resumes_at)


@transaction.atomic
def suspend(
    subscription: Subscription, *, actor: User | None, reason: str, by: Literal["publisher", "system"] = "publisher"
) -> Subscription:
    """For non-payment, by hand."""
    return _hold(subscription, Subscription.Hold.SUSPENDED_BILLING, by, actor, reason, None)


@transaction.atomic
def resume(
    subscription: Subscription, *, by: Literal["customer", "publisher", "system"], actor: User | None, reason: str = ""
) -> Subscription:
    """A customer can end only a pause of its own; the next sweep bills the period that runs."""
    locked = _lock(subscription)
    if not locked.hold:
        raise ValidationError(_("This subscription is not held."))
    if by == "customer" and (locked.hold != Subscription.Hold.PAUSED or locked.held_by != by):
        raise ValidationError(_("Only the publisher can let this subscription go on."))
    locked.hold, locked.held_by, locked.held_at, locked.resumes_at = "", "", None, None
    invoicing.skip_missed(locked, now=clock.now())
    locked.save(update_fields=["hold", "held_by", "held_at", "resumes_at", "invoiced_until"])
    _write_down(locked, "subscription.resumed", actor, reason)
    return locked


@transaction.atomic
def renew(subscription: Subscription, now: datetime) -> int:
    """Whatever time alone brings about: the end, the end of a pause, a pending plan, invoices of new periods."""
    locked = _lock(subscription)
    if locked.ended_at or locked.approval != Subscription.Approval.GRANTED:
        return 0
    if locked.cancel_at and now >= locked.cancel_at:
        locked.ended_at, locked.ended_reason = locked.cancel_at, Subscription.EndReason.CANCELED
        locked.save(update_fields=["ended_at", "ended_reason"])
        _write_down(locked, "subscription.ended", None)
        return 1
    done = _end_pause(locked, now) + _begin_pending(locked, now)
    return done + (0 if locked.hold else _bill_periods(locked, now))


def is_due(subscription: Subscription, now: datetime) -> bool:
    """Whether `renew` has anything to do; without a lock, from loaded fields."""
    instants = (subscription.cancel_at, subscription.pending_from, subscription.resumes_at)
    if any(instant and now >= instant for instant in instants):
        return True
    current = cycle_of(subscription.version, subscription.anchor).period(now)[0]
    invoiced = subscription.invoiced_until
    return bool(subscription.version.price_minor) and not subscription.hold and (not invoiced or invoiced < current)


def _check_subscribable(team: Team, version: PlanVersion, application: Application | None, now: datetime) -> None:
    if version.state != PlanVersion.State.PUBLISHED:
        raise ValidationError(_("This plan is not on offer."))
    if application and application.team_id != team.pk:
        raise ValidationError(_("This application belongs to another team."))
    if version.currency != team.currency and version.price_minor:
        raise ValidationError(
            _("This plan is in %(plan)s, your team pays in %(team)s."),
            params={"plan": version.currency, "team": team.currency},
        )
    running = Subscription.objects.filter(
        Q(cancel_at=None) | Q(cancel_at__gt=now), team=team, version__plan=version.plan_id, ended_at=None
    ).exclude(approval=Subscription.Approval.DECLINED)
    if running.filter(application=application).exists():
        raise ValidationError(_("You have subscribed to this plan already."))


def _check_changeable(subscription: Subscription, version: PlanVersion) -> None:
    current = subscription.version
    if subscription.ended_at or subscription.approval != Subscription.Approval.GRANTED:
        raise ValidationError(_("This subscription cannot be changed."))
    if version.state != PlanVersion.State.PUBLISHED:
        raise ValidationError(_("This plan is not on offer."))
    if version.pk == current.pk:
        raise ValidationError(_("This is your plan already."))
    if version.plan.publisher_id != current.plan.publisher_id or version.currency != current.currency:
        raise ValidationError(_("This subscription cannot change to that plan: subscribe to it instead."))
    if subscription.invoices.unpaid().exists():
        raise ValidationError(_("Pay the open invoice first."))
    if subscription.cancel_at:
        raise ValidationError(_("This subscription was canceled: take that back first."))


def _preview(subscription: Subscription, version: PlanVersion, now: datetime) -> ChangePreview:
    """Proration in nano, rounded once. The credit goes by the smaller of time and quota left.

    So nobody can use everything on the first day and then get money back.
    """
    old, currency = subscription.version, version.currency
    start, end = cycle_of(old, subscription.anchor).period(now)
    if not _is_upgrade(old, version):
        return ChangePreview("period_end", end, 0, currency)
    seconds, left = _seconds(start, end), _seconds(now, end)
    paid_nano = money.nano_from_minor(old.price_minor, currency)
    credit_nano = min(paid_nano * left // seconds, _quota_credit(subscription, paid_nano, now))
    price_nano = money.nano_from_minor(version.price_minor, currency)
    if anchor_after(subscription, version, now) == subscription.anchor:
        price_nano = price_nano * left // seconds
    return ChangePreview(
        "now",
        now,
        money.minor_from_nano(max(0, price_nano - credit_nano), currency),
        currency,
        money.minor_from_nano(credit_nano, currency),
    )


def _quota_credit(subscription: Subscription, paid_nano: int, now: datetime) -> int:
    specs = plan_specs(subscription, subscription.version, subscription.anchor)
    states = leases.usage([spec for spec in specs if spec.period == "plan"], now)
    shares = [Fraction(max(0, state.limit - state.used - state.leased), state.limit) for state in states if state.limit]
    share = min(shares, default=Fraction(1))
    return paid_nano * share.numerator // share.denominator


def _is_upgrade(old: PlanVersion, new: PlanVersion) -> bool:
    """Dearer for the same time, or as dear and with no limit below what it was."""
    old_price, new_price = old.price_minor * _minutes(new), new.price_minor * _minutes(old)
    if old_price != new_price:
        return new_price > old_price
    limits = {(limit.meter, limit.period): limit.included for limit in old.limits.all()}
    fresh = {(limit.meter, limit.period): limit.included for limit in new.limits.all()}
    return all(key in limits and included >= limits[key] for key, included in fresh.items())


def _minutes(version: PlanVersion) -> int:
    return _INTERVAL_MINUTES[version.interval] * version.interval_count


def _upgrade(
    subscription: Subscription, version: PlanVersion, preview: ChangePreview, now: datetime
) -> PaymentAttempt | None:
    """The attempt that has to succeed for the change to hold; None when it holds already."""
    anchor = anchor_after(subscription, version, now)
    if not preview.amount_minor:
        versions.switch(subscription, version, anchor=anchor, now=now, billed=True)
        return None
    amount_nano = money.nano_from_minor(preview.amount_minor, version.currency)
    invoice = invoicing.issue(
        subscription,
        version,
        [Line(f"{subscription.version.plan.name} → {version.plan.name}", amount_nano)],
        reason=Invoice.Reason.CHANGE,
        period=(now, cycle_of(version, anchor).period(now)[1]),
        now=now,
    )
    if version.collection == PlanVersion.Collection.INVOICE:
        versions.switch(subscription, version, anchor=anchor, now=now, billed=True)
        return None
    method = dunning.default_method(subscription.team, now)
    if method is None:
        raise ValidationError(_("Add a payment method first."), code="method_missing")
    return invoicing.begin(invoice, method, now=now)


def _stay(subscription: Subscription, actor: User | None) -> Subscription:
    subscription.pending_version = subscription.pending_from = None
    subscription.save(update_fields=["pending_version", "pending_from"])
    _write_down(subscription, "subscription.change_withdrawn", actor)
    return subscription


def _bill_first(subscription: Subscription, now: datetime) -> PaymentAttempt | None:
    """The first invoice, and its pending attempt if there is something to charge."""
    if now < subscription.starts_at:
        return None
    invoice = invoicing.issue_period(subscription, subscription.anchor, now=now)
    if invoice is None or invoice.state != Invoice.State.OPEN or invoice.collection != PlanVersion.Collection.AUTO:
        return None
    method = dunning.default_method(subscription.team, now)
    return invoicing.begin(invoice, method, now=now) if method else None


def _after_attempt(subscription: Subscription, attempt: PaymentAttempt | None, actor: User | None) -> Subscription:
    """A first payment that is declined leaves an incomplete subscription, which a better card completes."""
    if attempt:
        invoicing.complete(attempt, actor=actor)
    subscription.refresh_from_db()
    return subscription


def _first_unpaid(subscription: Subscription) -> Invoice | None:
    if subscription.invoices.filter(state=Invoice.State.PAID).exists():
        return None
    return subscription.invoices.unpaid().filter(collection=PlanVersion.Collection.AUTO).first()


def _hold(
    subscription: Subscription,
    hold: Subscription.Hold,
    by: str,
    actor: User | None,
    reason: str,
    resumes_at: datetime | None,
) -> Subscription:
    locked = _lock(subscription)
    if locked.ended_at:
        raise ValidationError(_("This subscription has ended."))
    if locked.hold:
        raise ValidationError(_("This subscription is held already."))
    now = clock.now()
    if resumes_at and resumes_at <= now:
        raise ValidationError(_("A pause must end in the future."))
    locked.hold, locked.held_by, locked.held_at, locked.resumes_at = hold, by, now, resumes_at
    locked.save(update_fields=["hold", "held_by", "held_at", "resumes_at"])
    _write_down(locked, f"subscription.{hold}", actor, reason)
    return locked


def _end_pause(subscription: Subscription, now: datetime) -> int:
    """A pause that ran out ends by itself; this clears what it left."""
    if subscription.hold != Subscription.Hold.PAUSED or not subscription.resumes_at or now < subscription.resumes_at:
        return 0
    subscription.hold, subscription.held_by = "", ""
    subscription.held_at = subscription.resumes_at = None
    invoicing.skip_missed(subscription, now=now)
    subscription.save(update_fields=["hold", "held_by", "held_at", "resumes_at", "invoiced_until"])
    _write_down(subscription, "subscription.resumed", None)
    return 1


def _begin_pending(subscription: Subscription, now: datetime) -> int:
    pending, start = subscription.pending_version, subscription.pending_from
    if pending is None or start is None or now < start:
        return 0
    before, after = str(subscription.version), str(pending)
    anchor = anchor_after(subscription, pending, start)
    versions.switch(subscription, pending, anchor=anchor, now=now, billed=False)
    _write_down(subscription, "subscription.changed", None, before=before, after=after)
    return 1


def _bill_periods(subscription: Subscription, now: datetime) -> int:
    """One invoice for each period that has begun, up to the one that runs."""
    if not subscription.version.price_minor or now < subscription.starts_at:
        return 0
    cycle = cycle_of(subscription.version, subscription.anchor)
    current = cycle.period(now)[0]
    last = subscription.invoiced_until
    start = current if last is None else min(current, cycle.period(last)[1])
    issued = 0
    while start <= current:
        issued += invoicing.issue_period(subscription, start, now=now) is not None
        start = cycle.period(start)[1]
    return issued


def _lock(subscription: Subscription) -> Subscription:
    return (
        Subscription.objects.select_for_update(of=("self",))
        .select_related("team", "version__plan", "pending_version__plan")
        .get(pk=subscription.pk)
    )


def _waiting(subscription: Subscription) -> Subscription:
    locked = _lock(subscription)
    if locked.approval != Subscription.Approval.WAITING or locked.ended_at:
        raise ValidationError(_("This request is not waiting any more."))
    return locked


def _write_down(
    subscription: Subscription,
    action: str,
    actor: User | None,
    reason: str = "",
    *,
    before: str = "",
    after: str = "",
    address: str | None = None,
) -> None:
    audit.record(
        team=subscription.team,
        actor=actor,
        action=action,
        target=subscription,
        before={"plan": before} if before else None,
        after={"plan": after} if after else None,
        reason=reason,
        address=address,
    )
    changes.announce("subscription", subscription.pk)


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())

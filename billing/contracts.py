"""An application's subscriptions as the gateway needs them: facts, limits and caps, in a handful of queries."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, Q

from apipark import clock
from billing.models import Cap, Invoice, Limit, Meter, PaymentAttempt, PaymentMethod, PlanVersion, Subscription
from billing.models.subscription import SubscriptionQuerySet
from billing.periods import CALENDAR_ANCHOR, MONDAY_ANCHOR, Cycle
from billing.terms import AllowanceSpec, Facts, OpenInvoice, Terms
from providers.models import AiModel, Service
from teams.models import Application, Team

_METER_ORDER: Final = {meter: index for index, meter in enumerate(Meter.values)}
_CAP_ORDER: Final = ("key", "application", "team")


def terms_of(
    application: Application, api_key_id: int | None = None, *, now: datetime | None = None
) -> tuple[Terms, ...]:
    """All subscriptions that could answer for the application, ended and waiting ones too; the oldest first."""
    at = now or clock.now()
    own = Q(application=None) | Q(application=application)
    subscriptions = list(with_terms(Subscription.objects.filter(own, team=application.team_id)))
    if not subscriptions:
        return ()
    methods = list(PaymentMethod.objects.filter(team=application.team_id))
    caps = [cap_spec(cap) for cap in _caps(application, api_key_id)]
    return tuple(
        _terms(subscription, _facts(subscription, methods, at, application), caps, at) for subscription in subscriptions
    )


def facts_of(subscription: Subscription, now: datetime) -> Facts:
    """Of one subscription, for pages; without an application's switch."""
    loaded = with_terms(Subscription.objects.filter(pk=subscription.pk)).get()
    return _facts(loaded, list(PaymentMethod.objects.filter(team=loaded.team_id)), now)


def facts_of_team(team: Team, now: datetime) -> list[tuple[Subscription, Facts]]:
    """Of all subscriptions of a team, the oldest first, whatever their number with the same queries."""
    methods = list(PaymentMethod.objects.filter(team=team))
    loaded = with_terms(Subscription.objects.filter(team=team)).select_related("application")
    return [(subscription, _facts(subscription, methods, now)) for subscription in loaded]


def facts_without_subscription(application: Application, *, visible: bool) -> Facts:
    """Of a service the application has no subscription to."""
    return Facts(
        team_suspended_at=application.team.suspended_at,
        application_suspended_at=application.suspended_at,
        subscription="none" if visible else "invisible",
    )


def with_terms(subscriptions: SubscriptionQuerySet) -> SubscriptionQuerySet:
    """Loads all that facts and specs are made of, whatever the number of rows."""
    versions = PlanVersion.objects.select_related("plan").prefetch_related(
        Prefetch("limits", Limit.objects.order_by("id")),
        Prefetch("ai_models", AiModel.objects.only("id").order_by()),
        Prefetch("plan__services", Service.objects.only("id").order_by()),
    )
    # A change of plan that waits for its payment is no debt: unpaid, it does not happen.
    debts = Invoice.objects.unpaid().exclude(reason=Invoice.Reason.CHANGE, collection=PlanVersion.Collection.AUTO)
    debts = debts.order_by("number").prefetch_related(Prefetch("attempts", PaymentAttempt.objects.order_by("id")))
    paid = Invoice.objects.filter(subscription=OuterRef("pk"), state=Invoice.State.PAID)
    return (
        subscriptions.select_related("team")
        .prefetch_related(
            Prefetch("version", versions),
            Prefetch("pending_version", versions),
            Prefetch("invoices", debts, to_attr="debts"),
        )
        .annotate(has_paid=Exists(paid))
        .order_by("requested_at", "id")
    )


def version_at(subscription: Subscription, now: datetime) -> tuple[PlanVersion, datetime]:
    """The version that holds at an instant, and its anchor: a pending change holds from its instant on."""
    pending, start = subscription.pending_version, subscription.pending_from
    if pending is None or start is None or now < start:
        return subscription.version, subscription.anchor
    return pending, anchor_after(subscription, pending, start)


def anchor_after(subscription: Subscription, version: PlanVersion, at: datetime) -> datetime:
    """A plan of the same rhythm goes on in it; another begins its own."""
    old = subscription.version
    same = (old.interval, old.interval_count) == (version.interval, version.interval_count)
    return subscription.anchor if same else at


def cycle_of(version: PlanVersion, anchor: datetime) -> Cycle:
    return Cycle(version.interval, version.interval_count, anchor)


def period_at(subscription: Subscription, now: datetime) -> tuple[datetime, datetime]:
    return cycle_of(*version_at(subscription, now)).period(now)


def plan_specs(subscription: Subscription, version: PlanVersion, anchor: datetime) -> tuple[AllowanceSpec, ...]:
    limits = sorted(version.limits.all(), key=lambda limit: (_METER_ORDER[limit.meter], limit.pk))
    return tuple(plan_spec(subscription, limit, version, anchor) for limit in limits)


def plan_spec(subscription: Subscription, limit: Limit, version: PlanVersion, anchor: datetime) -> AllowanceSpec:
    cycles = {
        Limit.Period.PLAN: cycle_of(version, anchor),
        Limit.Period.DAY: Cycle("day", 1, CALENDAR_ANCHOR),
        Limit.Period.WEEK: Cycle("week", 1, MONDAY_ANCHOR),
        Limit.Period.MONTH: Cycle("month", 1, anchor),
    }
    suffix = "" if limit.period == Limit.Period.PLAN else f"-{limit.period}"
    return AllowanceSpec(
        scope=f"sub:{subscription.pk}",
        meter=limit.meter,  # type: ignore[arg-type]  # checked by the column's choices
        kind="included",
        period=limit.period,  # type: ignore[arg-type]  # checked by the column's choices
        cycle=cycles[Limit.Period(limit.period)],
        limit=limit.included,
        policy=f"plan-{limit.meter}{suffix}",
    )


def cap_spec(cap: Cap) -> AllowanceSpec:
    cycles = {
        Cap.Period.DAY: Cycle("day", 1, CALENDAR_ANCHOR),
        Cap.Period.WEEK: Cycle("week", 1, MONDAY_ANCHOR),
        Cap.Period.MONTH: Cycle("month", 1, CALENDAR_ANCHOR),
        Cap.Period.TOTAL: Cycle("total", 1, CALENDAR_ANCHOR),
    }
    return AllowanceSpec(
        scope=cap.scope,
        meter=cap.meter,  # type: ignore[arg-type]  # checked by the column's choices
        kind="cap",
        period=cap.period,  # type: ignore[arg-type]  # checked by the column's choices
        cycle=cycles[Cap.Period(cap.period)],
        limit=cap.limit,
        policy=f"cap-{cap.meter}-{cap.period}",
        cap_ref=cap.ref,
        cap_scope="key" if cap.api_key_id else "application" if cap.application_id else "team",
        set_by="customer",
    )


def expires_at(method: PaymentMethod) -> datetime:
    """A card is good to the end of its month."""
    months = method.exp_year * 12 + method.exp_month
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def usable_default(methods: Iterable[PaymentMethod], now: datetime) -> PaymentMethod | None:
    """What is charged: the default method, unless it was refused for good or has expired."""
    default = _default(methods)
    return default if default and not default.refused_at and now < expires_at(default) else None


def grace_seconds(team: Team, version: PlanVersion) -> int:
    for hours in (team.grace_hours, version.grace_hours):
        if hours is not None:
            return hours * 3600
    return int(settings.BILLING_GRACE.total_seconds())


def _caps(application: Application, api_key_id: int | None) -> list[Cap]:
    scopes = Q(application=application) | Q(application=None, api_key=None)
    if api_key_id:
        scopes |= Q(api_key=api_key_id)
    caps = Cap.objects.filter(scopes, team=application.team_id, lifted_at=None)
    return sorted(caps, key=lambda cap: (_CAP_ORDER.index(cap_spec(cap).cap_scope), _METER_ORDER[cap.meter], cap.pk))


def _terms(subscription: Subscription, facts: Facts, caps: list[AllowanceSpec], now: datetime) -> Terms:
    version, anchor = version_at(subscription, now)
    models = frozenset(model.pk for model in version.ai_models.all())
    return Terms(
        subscription_id=subscription.pk,
        subscription_ref=subscription.ref,
        plan_ref=version.plan.ref,
        plan_slug=version.plan.slug,
        plan_name=version.plan.name,
        plan_version_id=version.pk,
        plan_version=version.number,
        currency=version.currency,
        facts=facts,
        service_ids=frozenset(service.pk for service in version.plan.services.all()),
        model_ids=models or None,
        requests_per_minute=version.requests_per_minute,
        max_request_bytes=version.max_request_bytes,
        call_price_nano=version.call_price_nano,
        cost_factor_ppm=version.cost_factor_ppm,
        allowances=(*plan_specs(subscription, version, anchor), *caps),
    )


def _facts(
    subscription: Subscription, methods: list[PaymentMethod], now: datetime, application: Application | None = None
) -> Facts:
    version, anchor = version_at(subscription, now)
    approvals = {
        Subscription.Approval.GRANTED: "held",
        Subscription.Approval.WAITING: "waiting",
        Subscription.Approval.DECLINED: "declined",
    }
    debt = subscription.debts[0] if subscription.debts else None  # type: ignore[attr-defined]  # of with_terms
    has_paid: bool = subscription.has_paid  # type: ignore[attr-defined]  # of with_terms
    return Facts(
        team_suspended_at=subscription.team.suspended_at,
        application_suspended_at=application.suspended_at if application else None,
        subscription=approvals[Subscription.Approval(subscription.approval)],  # type: ignore[arg-type]  # the three above
        requested_at=subscription.requested_at,
        declined_reason=subscription.approval_note,
        starts_at=subscription.starts_at,
        cancel_at=subscription.cancel_at,
        ended_at=subscription.ended_at,
        ended_reason=subscription.ended_reason,  # type: ignore[arg-type]  # checked by the column's choices
        ever_billed=bool(has_paid or debt),
        hold=subscription.hold,  # type: ignore[arg-type]  # checked by the column's choices
        held_by=subscription.held_by,  # type: ignore[arg-type]  # checked by the column's choices
        held_at=subscription.held_at,
        resumes_at=subscription.resumes_at,
        method_required=version.requires_method,
        method_on_file=_default(methods) is not None,
        method_missing_since=subscription.method_missing_since,
        open_invoice=_open_invoice(debt, methods, now, has_paid=has_paid) if debt else None,
        grace_s=grace_seconds(subscription.team, version),
        period_end=cycle_of(version, anchor).period(now)[1],
    )


def _open_invoice(invoice: Invoice, methods: list[PaymentMethod], now: datetime, *, has_paid: bool) -> OpenInvoice:
    attempts = list(invoice.attempts.all())
    last = attempts[-1] if attempts else None
    return OpenInvoice(
        ref=invoice.ref,
        is_first=not has_paid,
        collection=invoice.collection,  # type: ignore[arg-type]  # checked by the plan's choices
        due_at=invoice.due_at,
        first_failed_at=invoice.first_failed_at,
        attempts=len(attempts),
        last_declined=bool(last and last.state == PaymentAttempt.State.DECLINED),
        decline_category=last.category if last else "",
        next_attempt_at=invoice.next_attempt_at,
        total_minor=invoice.total_minor,
        **_unusable(methods, now, invoice) if invoice.first_failed_at else {},  # type: ignore[arg-type]  # two members
    )


def _unusable(methods: list[PaymentMethod], now: datetime, invoice: Invoice) -> dict[str, object]:
    """Why the method that an unpaid invoice needs cannot be charged again, if so."""
    default = _default(methods)
    if invoice.collection != PlanVersion.Collection.AUTO:
        return {}
    if default is None:
        removals = [method.removed_at for method in methods if method.removed_at]
        return {"method_unusable": "removed", "method_unusable_since": max(removals, default=invoice.first_failed_at)}
    if now >= expires_at(default):
        return {"method_unusable": "expired", "method_unusable_since": expires_at(default)}
    if default.refused_at:
        return {"method_unusable": "refused", "method_unusable_since": default.refused_at}
    return {}


def _default(methods: Iterable[PaymentMethod]) -> PaymentMethod | None:
    return next((method for method in methods if method.is_default and not method.removed_at), None)

"""A subscription as its pages show it: what it is called, how it stands, what it reaches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from billing import allowances, standing, subscriptions
from billing.allowances import Used
from billing.contracts import facts_of_team
from billing.models import Subscription
from billing.offers import Offer
from billing.standing import Refuse
from billing.subscriptions import ChangePreview
from billing.terms import Facts
from providers.models import Service
from teams.models import Application

# Badges for what is no fault and needs nobody.
_QUIET = frozenset({"subscription-ended", "subscription-paused"})


@dataclass(frozen=True, slots=True)
class Overview:
    subscription: Subscription
    facts: Facts
    now: datetime

    @property
    def answer(self) -> standing.Admit | standing.Refuse:
        return standing.admit(self.facts, self.now)

    @property
    def ended(self) -> bool:
        return standing.lifecycle(self.facts, self.now) == "ended"

    @property
    def refusal(self) -> str:
        """The problem's slug; nothing while calls pass."""
        return self.answer.slug if isinstance(self.answer, Refuse) else ""

    @property
    def notice(self) -> str:
        """What will refuse calls when grace is over."""
        return "" if isinstance(self.answer, Refuse) else self.answer.notice

    @property
    def grace_ends_at(self) -> datetime | None:
        return None if isinstance(self.answer, Refuse) else self.answer.grace_ends_at

    @property
    def state(self) -> str:
        """One word or two."""
        if self.refusal:
            return {
                "approval-pending": _("Waits for approval"),
                "approval-rejected": _("Declined"),
                "subscription-ended": _("Ended"),
                "subscription-paused": _("Paused"),
                "subscription-required": _("Begins later"),
                "subscription-incomplete": _("First payment missing"),
                "account-suspended": _("Team suspended"),
                "account-suspended-billing": _("Suspended for non-payment"),
                "payment-method-missing": _("Payment method missing"),
                "payment-method-invalid": _("Payment method invalid"),
                "payment-declined": _("Payment declined"),
                "payment-overdue": _("Payment overdue"),
            }.get(self.refusal, _("Refused"))
        if self.notice:
            return _("In grace")
        return {"canceling": _("Canceled")}.get(standing.lifecycle(self.facts, self.now), _("Active"))

    @property
    def tone(self) -> str:
        if self.refusal:
            return {"approval-pending": "info", "subscription-required": "info"}.get(
                self.refusal, "" if self.refusal in _QUIET else "bad"
            )
        return "warn" if self.notice or self.subscription.cancel_at else "ok"


@dataclass(frozen=True, slots=True)
class Preview:
    """The change that the address asks for; `hindrance` says why it cannot be."""

    offer: Offer
    change: ChangePreview | None
    hindrance: str = ""


def change_preview(subscription: Subscription, plan_ref: str, beside: Sequence[Offer]) -> Preview | None:
    """Of the offer that is named; None when it is none of those."""
    offer = next((each for each in beside if each.version.plan.ref == plan_ref), None)
    if offer is None:
        return None
    try:
        return Preview(offer, subscriptions.preview_change(subscription, offer.version))
    except ValidationError as error:
        return Preview(offer, None, " ".join(error.messages))


@dataclass(frozen=True, slots=True)
class Reached:
    service: Service
    overview: Overview
    # The tightest of its allowances.
    used: Used | None


def reach(application: Application, now: datetime) -> list[Reached]:
    """Each service that the application has a subscription to that has not ended, the oldest first."""
    rows = [
        Overview(subscription, facts, now)
        for subscription, facts in facts_of_team(application.team, now)
        if subscription.application_id in {None, application.pk}
    ]
    live = [row for row in rows if not row.ended]
    used = allowances.of_subscriptions([row.subscription for row in live], now)
    plans = {row.subscription.version.plan_id for row in live}
    services = Service.objects.filter(Q(plans__in=plans)).distinct().prefetch_related("plans")
    by_plan: dict[int, list[Service]] = {}
    for service in services:
        for plan in service.plans.all():
            by_plan.setdefault(plan.pk, []).append(service)
    return [
        Reached(service, row, max(used[row.subscription.pk], key=lambda each: each.per_cent, default=None))
        for row in live
        for service in by_plan.get(row.subscription.version.plan_id, [])
    ]

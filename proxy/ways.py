"""Ways out of a refusal, as its page offers them: each with its price, its hindrance, and whether this person may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from apipark.problems import Problem, resolvers_of
from billing import offers, subscriptions
from billing.contracts import expires_at
from billing.dunning import default_method
from billing.models import Cap, Invoice, PaymentMethod, PlanVersion, Subscription
from billing.offers import Offer
from billing.subscriptions import ChangePreview
from providers.models import Service
from proxy.checking import Finding, application_of
from proxy.subjects import Subject
from teams.models import Application, Membership
from teams.roles import Action, may

SUBSCRIBE: Final = frozenset({"subscription-required", "subscription-ended", "trial-ended"})
CARD: Final = frozenset(
    {
        "payment-method-missing",
        "payment-method-invalid",
        "payment-declined",
        "payment-authentication-required",
        "subscription-incomplete",
        "payment-overdue",
        "account-suspended-billing",
    }
)
PAY: Final = frozenset(
    {
        "subscription-incomplete",
        "payment-declined",
        "payment-authentication-required",
        "payment-overdue",
        "payment-method-invalid",
        "account-suspended-billing",
    }
)
CHANGE: Final = frozenset({"plan-upgrade-required", "quota-exceeded"})
KEYS: Final = frozenset(
    {"credentials-missing", "credentials-invalid", "credentials-expired", "credentials-revoked", "ip-not-allowed"}
)
_THE_TEAM: Final = frozenset({"caller", "team_billing", "team_admin"})


@dataclass(frozen=True, slots=True)
class PlanWay:
    offer: Offer
    may: bool
    # The only one it is for: another application of the team has the plan for itself.
    application: Application | None = None
    # Whether the refused call fits into it.
    enough: bool = True
    # Of a change; a new subscription has none.
    change: ChangePreview | None = None
    # Why it cannot be changed to.
    hindrance: str = ""
    # There is something to pay today, and nothing that can be charged.
    lacks_method: bool = False
    # The publisher decides first.
    waits: bool = False

    @property
    def today_minor(self) -> int:
        return self.change.amount_minor if self.change else self.offer.version.price_minor

    @property
    def by_invoice(self) -> bool:
        """What is to pay is written on an invoice and paid later."""
        return bool(self.today_minor) and self.offer.version.collection == PlanVersion.Collection.INVOICE


def act_for(slug: str, finding: Finding) -> Action:
    """What the role must allow to lift it."""
    if slug == "spend-cap-reached" and not set_by_publisher(finding):
        return Action.CAPS
    if slug in KEYS or slug == "application-suspended":
        return Action.APPLICATIONS
    return Action.PAY


def only_others(problem: Problem) -> bool:
    """Only the publisher, the operator or time can lift it."""
    return problem.slug == "payment-disputed" or _THE_TEAM.isdisjoint(resolvers_of(problem))


def set_by_publisher(finding: Finding) -> bool:
    return bool(finding.shortage and finding.shortage.spec.set_by != "customer")


def changes_plan(slug: str, finding: Finding) -> bool:
    return slug in CHANGE or (slug == "spend-cap-reached" and set_by_publisher(finding))


def to_subscribe(subject: Subject, membership: Membership, now: datetime) -> list[PlanWay]:
    """Plans of the service that do not cover the application yet, those that hold the model first."""
    service = _service(subject)
    if service is None:
        return []
    application = application_of(subject)
    running = Subscription.objects.filter(team=subject.team, ended_at=None).exclude(cancel_at__lte=now)
    running = running.exclude(approval=Subscription.Approval.DECLINED)
    own = Q(application=None) | Q(application=application)
    held = set(running.filter(own).values_list("version__plan", flat=True))
    held_by_others = set(running.exclude(own).values_list("version__plan", flat=True))
    waits = service.approval == Service.Approval.MANUAL
    found = [
        PlanWay(
            offer,
            may(membership, act_of(offer)),
            application=application if offer.version.plan_id in held_by_others else None,
            enough=_holds_model(offer.version, subject),
            lacks_method=_lacks_method(offer, offer.version.price_minor, subject, now),
            waits=waits,
        )
        for offer in offers.of_service(service)
        if offer.version.plan_id not in held and offer.version.currency == subject.team.currency
    ]
    return sorted(found, key=lambda way: not way.enough)


def to_change(subject: Subject, finding: Finding, membership: Membership, now: datetime) -> list[PlanWay]:
    """Larger plans that hold at once; those that are enough first, the cheapest first."""
    subscription = subscription_of(subject, finding)
    if subscription is None:
        return []
    ways = [
        way
        for offer in offers.beside(subscription)
        if offer.version.pk != subscription.version_id
        and (way := _change(subscription, offer, subject, finding, membership, now))
    ]
    return sorted(ways, key=lambda way: (bool(way.hindrance), way.lacks_method, not way.enough))


def subscription_of(subject: Subject, finding: Finding) -> Subscription | None:
    """The one that refuses, which need not be the one in the link."""
    if finding.terms is None:
        return subject.subscription
    rows = Subscription.objects.filter(pk=finding.terms.subscription_id, team=subject.team)
    return rows.select_related("version__plan", "team", "application").first()


def act_of(offer: Offer, subscription: Subscription | None = None) -> Action:
    """Money is in play when the plan costs any, or the one it takes the place of."""
    paid = not offer.is_free or bool(subscription and subscription.version.price_minor)
    return Action.PAY if paid else Action.SUBSCRIBE_FREE


def methods(subject: Subject, now: datetime) -> list[tuple[PaymentMethod, str]]:
    """On file, with what is wrong with each."""
    found = PaymentMethod.objects.filter(team=subject.team).on_file()
    return [(method, _wrong(method, now)) for method in found]


def chargeable(subject: Subject, now: datetime) -> PaymentMethod | None:
    return default_method(subject.team, now)


def invoices(subject: Subject, finding: Finding) -> Sequence[Invoice]:
    """What is open of the subscription that refuses; the oldest first."""
    subscription = subscription_of(subject, finding)
    if subscription is None:
        return []
    rows = Invoice.objects.unpaid().filter(team=subject.team, subscription=subscription)
    return list(rows.select_related("version__plan").order_by("number"))


def cap(subject: Subject, finding: Finding) -> Cap | None:
    """The team's own cap that refuses."""
    ref = finding.shortage.spec.cap_ref if finding.shortage else ""
    rows = Cap.objects.filter(team=subject.team, lifted_at=None, ref=ref)
    return rows.select_related("application", "api_key", "team").first() if ref else None


def may_resume(subscription: Subscription | None) -> bool:
    """A pause of the customer's own; any other is ended by who made it."""
    return bool(
        subscription
        and subscription.hold == Subscription.Hold.PAUSED
        and subscription.held_by == Subscription.HeldBy.CUSTOMER
    )


def _change(
    subscription: Subscription,
    offer: Offer,
    subject: Subject,
    finding: Finding,
    membership: Membership,
    now: datetime,
) -> PlanWay | None:
    allowed = may(membership, act_of(offer, subscription))
    enough = _enough(offer.version, subject, finding)
    try:
        change = subscriptions.preview_change(subscription, offer.version)
    except ValidationError as error:
        return PlanWay(offer, allowed, enough=enough, hindrance=" ".join(error.messages))
    # A smaller plan holds from the next period on: it lifts nothing now.
    if change.when != "now":
        return None
    lacks_method = _lacks_method(offer, change.amount_minor, subject, now)
    return PlanWay(offer, allowed, enough=enough, change=change, lacks_method=lacks_method)


def _lacks_method(offer: Offer, amount_minor: int, subject: Subject, now: datetime) -> bool:
    charged = amount_minor and offer.version.collection == PlanVersion.Collection.AUTO
    return bool(charged) and default_method(subject.team, now) is None


def _enough(version: PlanVersion, subject: Subject, finding: Finding) -> bool:
    if not _holds_model(version, subject):
        return False
    size = subject.call.request_bytes if subject.call else 0
    if version.max_request_bytes is not None and size > version.max_request_bytes:
        return False
    shortage = finding.shortage
    if shortage is None:
        return True
    included = [limit.included for limit in version.limits.all() if limit.meter == shortage.spec.meter]
    return all(limit >= shortage.state.used + shortage.requested for limit in included)


def _holds_model(version: PlanVersion, subject: Subject) -> bool:
    """No models chosen: all of the plan's services."""
    if subject.ai_model is None:
        return True
    chosen = {model.pk for model in version.ai_models.all()}
    return not chosen or subject.ai_model.pk in chosen


def _service(subject: Subject) -> Service | None:
    if subject.service:
        return subject.service
    if subject.subscription:
        return subject.subscription.version.plan.services.order_by("pk").first()
    return None


def _wrong(method: PaymentMethod, now: datetime) -> str:
    if method.refused_at:
        return _("refused by the bank")
    return _("expired") if now >= expires_at(method) else ""

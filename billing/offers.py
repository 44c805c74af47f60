"""Plans on offer, in the words of pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apipark.templatetags.portal import cash, count, price, short, size, spend
from billing.models import Interval, Limit, Meter, PlanVersion, Subscription
from providers.models import Service


@dataclass(frozen=True, slots=True)
class Offer:
    """One version with all that is said of it. `version` has its plan, limits and models loaded."""

    version: PlanVersion

    @property
    def is_free(self) -> bool:
        return not self.version.price_minor

    @property
    def price(self) -> str:
        return cash(self.version.price_minor, self.version.currency)

    @property
    def interval(self) -> str:
        """“a month”, “every 3 months”."""
        version = self.version
        if version.interval_count == 1:
            return {
                Interval.DAY: _("a day"),
                Interval.WEEK: _("a week"),
                Interval.MONTH: _("a month"),
                Interval.YEAR: _("a year"),
            }[Interval(version.interval)]
        n = version.interval_count
        return {
            Interval.DAY: ngettext("every %(n)s day", "every %(n)s days", n),
            Interval.WEEK: ngettext("every %(n)s week", "every %(n)s weeks", n),
            Interval.MONTH: ngettext("every %(n)s month", "every %(n)s months", n),
            Interval.YEAR: ngettext("every %(n)s year", "every %(n)s years", n),
        }[Interval(version.interval)] % {"n": n}

    @property
    def included(self) -> list[tuple[str, str]]:
        """Name and amount of each limit."""
        return [(self._name(limit), self._amount(limit)) for limit in self.version.limits.all()]

    @property
    def terms(self) -> list[tuple[str, str]]:
        """What else differs between plans; only what there is."""
        version, found = self.version, []
        if version.requests_per_minute:
            found.append((_("Rate"), _("%(n)s calls a minute") % {"n": count(version.requests_per_minute)}))
        if version.call_price_nano:
            found.append((_("A call"), price(version.call_price_nano, version.currency)))
        if version.max_request_bytes:
            found.append((_("Largest request"), size(version.max_request_bytes)))
        models = list(version.ai_models.all())
        if models:
            found.append((_("Models"), ", ".join(model.name for model in models)))
        if version.requires_method:
            found.append((_("Payment method"), _("needed")))
        if version.price_minor and version.collection == PlanVersion.Collection.INVOICE:
            found.append((_("Payment"), _("by invoice, %(n)s days") % {"n": version.net_days}))
        return found

    def _name(self, limit: Limit) -> str:
        name = str(Meter(limit.meter).label)
        if limit.period == Limit.Period.PLAN:
            return f"{name} {self.interval}"
        of = {Limit.Period.DAY: _("a day"), Limit.Period.WEEK: _("a week"), Limit.Period.MONTH: _("a month")}
        return f"{name} {of[Limit.Period(limit.period)]}"

    def _amount(self, limit: Limit) -> str:
        if limit.meter == Meter.SPEND:
            return spend(limit.included, self.version.currency)
        return {Meter.BYTES: size, Meter.TOKENS: short}.get(Meter(limit.meter), count)(limit.included)


def of_service(service: Service) -> list[Offer]:
    """The cheapest first."""
    return _offers(on_offer().filter(plan__services=service))


def beside(subscription: Subscription) -> list[Offer]:
    """What it can change to, its own plan's present terms among them: same publisher, currency and service."""
    current = subscription.version
    services = current.plan.services.all()
    found = on_offer().filter(
        plan__publisher=current.plan.publisher_id, currency=current.currency, plan__services__in=services
    )
    return _offers(found.distinct())


def lowest_prices(services: Sequence[Service]) -> dict[str, str]:
    """By slug: “from $9.00 a month”, “Free”. Services without a plan are left out."""
    found: dict[str, str] = {}
    versions = on_offer().filter(plan__services__in=services).prefetch_related("plan__services").distinct()
    offers = sorted(_offers(versions), key=lambda offer: offer.version.price_minor, reverse=True)
    for offer in offers:
        words = _("Free to start") if offer.is_free else _("from %(price)s %(interval)s") % _price(offer)
        found |= {service.slug: words for service in offer.version.plan.services.all()}
    return {service.slug: found[service.slug] for service in services if service.slug in found}


def on_offer() -> QuerySet[PlanVersion]:
    return (
        PlanVersion.objects.filter(state=PlanVersion.State.PUBLISHED)
        .select_related("plan__publisher")
        .prefetch_related(Prefetch("limits", Limit.objects.order_by("id")), "ai_models")
    )


def _offers(versions: Iterable[PlanVersion]) -> list[Offer]:
    return sorted(
        (Offer(version) for version in versions), key=lambda each: (each.version.price_minor, each.version.pk)
    )


def _price(offer: Offer) -> dict[str, str]:
    return {"price": offer.price, "interval": offer.interval}

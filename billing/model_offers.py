"""Which plans hold a model for a team, and what they ask for it per million units."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apipark.templatetags.portal import count, price
from billing import offers, prices
from billing.contracts import facts_of_team, version_at
from billing.models import PlanVersion
from billing.overview import Overview
from billing.prices import Price
from providers import model_catalogue, price_book
from providers.models import AiModel, ModelPrice, Service, ServiceVersion
from providers.wording import CLASS_NAMES
from teams.models import Team


@dataclass(frozen=True, slots=True)
class Line:
    """One amount: for a million units of a class, the input being at least so long."""

    unit: str
    from_input_tokens: int
    text: str

    @property
    def name(self) -> str:
        name = str(CLASS_NAMES[self.unit])
        if not self.from_input_tokens:
            return name
        return _("%(name)s, from %(tokens)s tokens of input on") % {
            "name": name,
            "tokens": count(self.from_input_tokens),
        }


@dataclass(frozen=True, slots=True)
class Way:
    """A plan that holds a model, by one of its services. `overview` is of the team's subscription; None: it has none."""

    version: PlanVersion
    service: Service
    overview: Overview | None
    # Empty when the price is not known in the plan's currency.
    lines: Sequence[Line]

    @property
    def passes(self) -> bool:
        return self.overview is not None and not self.overview.refusal

    @property
    def brief(self) -> Sequence[Line]:
        """What most calls are made of."""
        first = [
            line for line in self.lines if line.unit in {"input_text", "output_text"} and not line.from_input_tokens
        ]
        return first or self.lines[:2]


@dataclass(frozen=True, slots=True)
class Offered:
    """A model with the team's ways to it, the one that calls take first, and the plans it could take instead."""

    model: AiModel
    held: Sequence[Way] = field(default_factory=list)
    others: Sequence[Way] = field(default_factory=list)

    @property
    def way(self) -> Way | None:
        """What answers for a call: the oldest subscription that lets it pass, else the oldest."""
        return next((way for way in self.held if way.passes), self.held[0] if self.held else None)


@dataclass(frozen=True, slots=True)
class _Held:
    overview: Overview
    version: PlanVersion


class Ways:
    """The ways of one team to models, asked for a page of them at a time."""

    def __init__(self, team: Team, services: QuerySet[Service], now: datetime) -> None:
        self._now = now
        self._services = services
        rows = (Overview(subscription, facts, now) for subscription, facts in facts_of_team(team, now))
        self._held = [_Held(row, version_at(row.subscription, now)[0]) for row in rows if not row.ended]

    @property
    def reached(self) -> Q:
        """Condition for the models that calls of the team reach now."""
        condition = Q(pk__in=[])
        for held in self._held:
            if not held.overview.refusal:
                plan = held.version.plan
                ids = {service.pk for service in plan.services.all()}
                condition |= model_catalogue.of_services(ids, _models_of(held.version))
        return condition

    def to(self, models: Sequence[AiModel]) -> list[Offered]:
        """In the order given, whatever their number with the same queries."""
        services = {service.pk: service for service in self._services}
        by_model = _services_by_model(models, services)
        on_offer = offers.on_offer().filter(plan__services__in=services).prefetch_related("plan__services").distinct()
        plans = sorted(on_offer, key=lambda version: (version.price_minor, version.pk))
        costs = {model: _cost(row) for model, row in price_book.current(models, self._now).items()}
        held_plans = {held.version.plan_id for held in self._held}
        found = []
        for model in models:
            cost, holding = costs.get(model.pk), by_model[model.pk]
            held = [_way(each.version, model, holding, cost, each.overview) for each in self._held]
            others = [_way(each, model, holding, cost, None) for each in plans if each.plan_id not in held_plans]
            found.append(Offered(model, [way for way in held if way], [way for way in others if way]))
        return found


def _way(
    version: PlanVersion,
    model: AiModel,
    services: Mapping[int, Service],
    cost: Price | None,
    overview: Overview | None,
) -> Way | None:
    """None when the plan does not hold the model."""
    service = next((services[each.pk] for each in version.plan.services.all() if each.pk in services), None)
    chosen = _models_of(version)
    if service is None or (chosen is not None and model.pk not in chosen):
        return None
    return Way(version, service, overview, quote(cost, version))


def quote(cost: Price | None, version: PlanVersion) -> list[Line]:
    """What a plan asks for a model that costs so much; empty when that is not known in the plan's currency."""
    if cost is None or cost.currency != version.currency:
        return []
    found: list[Line] = []
    before: Mapping[str, int] = {}
    for tier in cost.tiers:
        for unit in CLASS_NAMES:
            nano = tier.amounts.get(unit)
            if nano is not None and before.get(unit) != nano:
                text = price(prices.revenue(nano, version.cost_factor_ppm), version.currency)
                found.append(Line(unit, tier.from_input_tokens, text))
        before = tier.amounts
    return found


def _cost(row: ModelPrice) -> Price:
    rows = [(each.variant, each.unit, each.from_input_tokens, each.nano_per_million) for each in row.rows.all()]
    return prices.priced(row.pk, row.currency, rows)


def _models_of(version: PlanVersion) -> set[int] | None:
    """None: all of its services."""
    return {model.pk for model in version.ai_models.all()} or None


def _services_by_model(
    models: Iterable[AiModel], services: Mapping[int, Service]
) -> defaultdict[int, dict[int, Service]]:
    found: defaultdict[int, dict[int, Service]] = defaultdict(dict)
    rows = ServiceVersion.ai_models.through.objects.filter(
        aimodel__in=models, serviceversion__in=model_catalogue.current_versions().filter(service__in=services)
    )
    for model_id, service_id in rows.values_list("aimodel", "serviceversion__service").order_by("pk"):
        found[model_id][service_id] = services[service_id]
    return found

"""Small rows of billing without surprises."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import factory
from factory.django import DjangoModelFactory

from billing.models import Cap, Limit, PaymentMethod, Plan, PlanVersion, Subscription
from billing.periods import CALENDAR_ANCHOR, Cycle
from billing.terms import AllowanceSpec
from providers.models import Service
from tests.teams.factories import TeamFactory


class ServiceFactory(DjangoModelFactory[Service]):
    class Meta:
        model = Service

    team = factory.SubFactory(TeamFactory)
    slug = factory.Sequence(lambda n: f"service-{n}")
    name = factory.Sequence(lambda n: f"Service {n}")
    kind = Service.Kind.REST


class PlanFactory(DjangoModelFactory[Plan]):
    """A plan of one service, unless `services` names others."""

    class Meta:
        model = Plan

    publisher = factory.SubFactory(TeamFactory)
    slug = factory.Sequence(lambda n: f"plan-{n}")
    name = factory.Sequence(lambda n: f"Plan {n}")

    @classmethod
    def _create(cls, model_class: type[Plan], *args: Any, **fields: Any) -> Plan:
        services = fields.pop("services", None)
        plan = model_class.objects.create(*args, **fields)
        plan.services.set(services if services is not None else [ServiceFactory.create(team=plan.publisher)])
        return plan


class PlanVersionFactory(DjangoModelFactory[PlanVersion]):
    """On offer; free, monthly, without limits. `limits={"calls": 100}` adds limits per plan period."""

    class Meta:
        model = PlanVersion

    plan = factory.SubFactory(PlanFactory)
    number = factory.LazyAttribute(lambda version: version.plan.versions.count() + 1)
    state = PlanVersion.State.PUBLISHED

    @classmethod
    def _create(cls, model_class: type[PlanVersion], *args: Any, **fields: Any) -> PlanVersion:
        limits = fields.pop("limits", {})
        version = model_class.objects.create(*args, **fields)
        for meter, included in limits.items():
            Limit.objects.create(version=version, meter=meter, included=included)
        return version


class SubscriptionFactory(DjangoModelFactory[Subscription]):
    """The row alone: no invoice, no audit. `subscriptions.subscribe` is the verb."""

    class Meta:
        model = Subscription

    team = factory.SubFactory(TeamFactory)
    version = factory.SubFactory(PlanVersionFactory)


class PaymentMethodFactory(DjangoModelFactory[PaymentMethod]):
    """A test card that pays, unless `behaviour` says otherwise."""

    class Meta:
        model = PaymentMethod

    class Params:
        behaviour = "succeeds"

    team = factory.SubFactory(TeamFactory)
    gateway = "test"
    token = factory.LazyAttribute(lambda method: f"{method.behaviour}-{uuid4().hex}")
    brand = "Visa"
    last_four = "4242"
    exp_month = 12
    exp_year = 2080
    is_default = True


class CapFactory(DjangoModelFactory[Cap]):
    class Meta:
        model = Cap

    team = factory.SubFactory(TeamFactory)
    limit = 1_000_000_000


def a_spec(limit: int, **changes: Any) -> AllowanceSpec:
    """An allowance for good, so that no test meets the edge of a period by chance."""
    values: dict[str, Any] = {
        "scope": "sub:1",
        "meter": "calls",
        "kind": "included",
        "period": "total",
        "cycle": Cycle("total", 1, CALENDAR_ANCHOR),
        "policy": "plan-calls",
    }
    return AllowanceSpec(limit=limit, **values | changes)


def at(day: int, month: int = 1, year: int = 2027, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from apipark import clock, money
from billing.model_offers import Offered, Ways
from billing.models import PlanVersion
from providers import price_book
from providers.models import AiModel, PriceRow, Service
from teams.models import Team
from tests.billing.factories import PlanFactory, PlanVersionFactory, ServiceFactory, SubscriptionFactory
from tests.providers.factories import AiModelFactory
from tests.proxy.factories import published
from tests.teams.factories import TeamFactory

pytestmark = pytest.mark.django_db


def a_service(*models: AiModel) -> Service:
    service = published(ServiceFactory.create(kind=Service.Kind.AI))
    service.versions.get().ai_models.set(models)
    return service


def a_version(service: Service, **fields: object) -> PlanVersion:
    return PlanVersionFactory.create(plan=PlanFactory.create(services=[service]), **fields)


def asked(team: Team, *models: AiModel) -> list[Offered]:
    return Ways(team, Service.objects.all(), clock.now()).to(models)


def reached(team: Team) -> list[AiModel]:
    return list(AiModel.objects.filter(Ways(team, Service.objects.all(), clock.now()).reached).order_by("name"))


def test_price_is_the_cost_times_the_plans_factor() -> None:
    model = AiModelFactory.create()
    version = a_version(a_service(model), cost_factor_ppm=1_200_000)
    cost = price_book.add(model, {"input_text": 3 * money.NANO, "output_text": 15 * money.NANO})
    PriceRow.objects.create(price=cost, unit="input_text", from_input_tokens=200_000, nano_per_million=6 * money.NANO)

    (offered,) = asked(TeamFactory.create(), model)

    assert [way.version for way in offered.others] == [version]
    assert [(line.name, line.text) for line in offered.others[0].lines] == [
        ("Input", "$3.60"),
        ("Output", "$18.00"),
        ("Input, from 200,000 tokens of input on", "$7.20"),
    ]
    assert [line.text for line in offered.others[0].brief] == ["$3.60", "$18.00"]


def test_price_that_is_not_known_is_no_price() -> None:
    none, ended, foreign = AiModelFactory.create_batch(3)
    a_version(a_service(none, ended, foreign))
    price_book.add(foreign, {"input_text": 1}, currency="CNY")
    over = price_book.add(ended, {"input_text": 1}, effective_from=clock.now() - timedelta(days=2))
    over.effective_to = clock.now() - timedelta(days=1)
    over.save()

    found = asked(TeamFactory.create(), none, ended, foreign)

    assert [way.lines for offered in found for way in offered.others] == [[], [], []]


def test_way_is_the_oldest_subscription_that_lets_calls_pass() -> None:
    model = AiModelFactory.create()
    service, team = a_service(model), TeamFactory.create()
    waiting = SubscriptionFactory.create(team=team, version=a_version(service), approval="waiting")
    granted = SubscriptionFactory.create(team=team, version=a_version(service))
    SubscriptionFactory.create(team=team, version=a_version(service))
    on_offer = a_version(service)

    (offered,) = asked(team, model)

    assert offered.way is not None
    assert offered.way.overview is not None
    assert offered.way.overview.subscription == granted
    assert offered.held[0].overview is not None
    assert (offered.held[0].overview.subscription, offered.held[0].passes) == (waiting, False)
    assert [way.version for way in offered.others] == [on_offer]


def test_plan_of_chosen_models_holds_no_others() -> None:
    inside, outside = AiModelFactory.create(name="a"), AiModelFactory.create(name="b")
    team, service = TeamFactory.create(), a_service(inside, outside)
    version = a_version(service)
    version.ai_models.add(inside)
    SubscriptionFactory.create(team=team, version=version)

    first, second = asked(team, inside, outside)

    assert first.way is not None
    assert second.way is None
    assert reached(team) == [inside]


def test_ended_and_waiting_subscriptions_reach_nothing() -> None:
    team, service = TeamFactory.create(), a_service(AiModelFactory.create())
    SubscriptionFactory.create(
        team=team, version=a_version(service), ended_at=clock.now() - timedelta(days=1), ended_reason="canceled"
    )
    SubscriptionFactory.create(team=team, version=a_version(service), approval="waiting")

    assert reached(team) == []
    SubscriptionFactory.create(team=team, version=a_version(service))
    assert len(reached(team)) == 1


@pytest.mark.parametrize("rows", [1, 3])
def test_ways_cost_the_same_for_any_number(django_assert_max_num_queries: DjangoAssertNumQueries, rows: int) -> None:
    team, models = TeamFactory.create(), AiModelFactory.create_batch(rows)
    for model in models:
        price_book.add(model, {"input_text": 1})
        SubscriptionFactory.create(team=team, version=a_version(a_service(*models)))

    with django_assert_max_num_queries(20):
        found = asked(team, *models)

    assert all(len(offered.held) == rows for offered in found)

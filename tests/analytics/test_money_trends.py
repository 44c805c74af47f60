from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analytics import money_charts, money_trends
from analytics.money_trends import Dimension
from analytics.reports import RANGES
from apipark import clock, money
from tests.analytics.factories import CallRollupFactory
from tests.providers.factories import AiModelFactory, ProviderFactory, ProviderKeyFactory
from tests.teams.factories import MembershipFactory, TeamFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 14, 42, tzinfo=UTC)
HOUR = NOW.replace(minute=0)
URL = "admin:analytics_callrollup_trends"


def rolled(**values: object) -> None:
    CallRollupFactory.create(**{"team": 1, "start": HOUR, "currency": "USD", **values})


def of(dimension: Dimension = "model", currency: str = "USD") -> money_trends.Trends:
    return money_trends.trends(dimension, RANGES["24h"], NOW, currency)


def test_failed_attempts_are_cost_and_unknown_cost_is_told_beside_the_sums() -> None:
    rolled(calls=5, cost_nano=100, failed_cost_nano=7, revenue_nano=150, cost_unknown=2)
    rolled(team=2, start=HOUR - timedelta(hours=1), calls=1, cost_nano=10, revenue_nano=10)

    total = of().total

    assert (total.whole.calls, total.whole.unknown) == (6, 2)
    assert (total.whole.cost, total.whole.revenue, total.whole.margin) == (117, 160, 43)
    assert [each.cost for each in total.buckets[-3:]] == [0, 10, 107]


def test_currencies_and_other_ranges_are_not_added() -> None:
    rolled(cost_nano=100)
    rolled(cost_nano=9, currency="EUR")
    rolled(cost_nano=9, start=HOUR - timedelta(days=3))
    rolled(cost_nano=9, size="day")

    assert (of().total.whole.cost, of(currency="EUR").total.whole.cost) == (100, 9)
    assert money_trends.currencies(RANGES["24h"], NOW) == ["EUR", "USD"]


def test_lines_are_of_each_dimension() -> None:
    north = ProviderFactory.create(name="North")
    first, second = AiModelFactory.create_batch(2, provider=north)
    key, team = ProviderKeyFactory.create(provider=north), TeamFactory.create(name="Acme")
    rolled(ai_model=first.pk, provider_key=key.pk, team=team.pk, cost_nano=5)
    rolled(ai_model=second.pk, team=team.pk, cost_nano=3)

    def lines(dimension: Dimension) -> list[tuple[str, int]]:
        return [(line.name, line.whole.cost) for line in of(dimension).lines]

    assert lines("provider") == [("North", 8)]
    assert lines("model") == [(first.name, 5), (second.name, 3)]
    assert lines("team") == [("Acme", 8)]
    assert lines("key") == [(str(key), 5), ("None", 3)]


def test_the_dearest_have_lines_and_all_others_one() -> None:
    models = AiModelFactory.create_batch(5)
    for cost, model in enumerate(models, start=1):
        rolled(ai_model=model.pk, cost_nano=cost)

    assert [(line.name, line.whole.cost) for line in of().lines] == [
        (models[4].name, 5),
        (models[3].name, 4),
        (models[2].name, 3),
        ("All others", 3),
    ]


def test_a_loss_is_drawn_below_zero() -> None:
    rolled(ai_model=AiModelFactory.create().pk, cost_nano=3 * money.NANO, revenue_nano=money.NANO)

    chart = money_charts.of_each(of(), "margin")

    assert (chart.series[0].values[-1], chart.series[0].total) == (-2 * money.NANO, "−$2.00")
    assert chart.table is not None
    assert chart.table.rows[-1][1] == "−$2.00"


@pytest.mark.parametrize("rows", [1, 6])
@pytest.mark.parametrize("dimension", money_trends.DIMENSIONS)
def test_trends_cost_the_same_for_any_number(
    django_assert_max_num_queries: DjangoAssertNumQueries, dimension: Dimension, rows: int
) -> None:
    for model in AiModelFactory.create_batch(rows):
        rolled(ai_model=model.pk, team=model.pk, cost_nano=1)

    with django_assert_max_num_queries(3):
        of(dimension)


# The page ------------------------------------------------------------------------------------------------------------
def test_page_is_for_those_who_may_see_roll_ups(client: Client) -> None:
    staff = UserFactory.create(is_staff=True)
    client.force_login(staff)
    refused = client.get(reverse(URL)).status_code
    staff.user_permissions.add(Permission.objects.get(codename="view_callrollup"))

    assert (refused, client.get(reverse(URL)).status_code) == (403, 200)
    client.force_login(MembershipFactory.create().user)
    assert client.get(reverse(URL)).status_code == 302


def test_page_shows_sums_and_follows_its_address(client: Client) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    team, model = TeamFactory.create(name="Acme"), AiModelFactory.create()
    values = {"team": team.pk, "ai_model": model.pk, "start": hour, "calls": 4}
    rolled(**values, cost_nano=3 * money.NANO, revenue_nano=5 * money.NANO, cost_unknown=1)
    rolled(**values, cost_nano=9 * money.NANO, currency="EUR")

    usual = client.get(reverse(URL), {"currency": "USD"}).content.decode()
    euros = client.get(reverse(URL), {"currency": "EUR", "by": "team", "measure": "cost"}).context

    assert all(words in usual for words in ("$3.00", "$5.00", "$2.00", "25.00 %", model.provider.name))
    assert [(each.label, each.total) for each in euros["each"].series] == [("Acme", "€9.00")]


@pytest.mark.parametrize("name", ["range", "by", "measure", "currency"])
def test_page_refuses_what_is_no_choice(client: Client, name: str) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))

    assert client.get(reverse(URL), {name: "nonsense"}).status_code == 400

from datetime import UTC, datetime, timedelta

import pytest

from analytics import histograms, reports
from analytics.models import CallRollup
from analytics.reports import RANGES, Filters
from analytics.usage_charts import change, change_of_share
from tests.analytics.factories import CallRollupFactory
from tests.teams.factories import ApplicationFactory, TeamFactory

NOW = datetime(2026, 11, 21, 14, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("1h", datetime(2026, 11, 21, 13, 43, tzinfo=UTC)),
        ("24h", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 14, 15, tzinfo=UTC)),
        ("30d", datetime(2026, 10, 23, tzinfo=UTC)),
    ],
)
def test_range_begins_so_that_the_open_bucket_is_the_last(name: str, start: datetime) -> None:
    chosen = RANGES[name]

    assert chosen.start(NOW) == start
    assert chosen.start(NOW) + chosen.length - chosen.step <= NOW < chosen.start(NOW) + chosen.length


@pytest.mark.django_db
def test_usage_sums_the_range_and_the_one_before() -> None:
    team = TeamFactory.create()
    hour = NOW.replace(minute=0)
    CallRollupFactory.create(team=team.pk, start=hour, calls=7, status_2xx=5, status_402=2, latency=[0, 3])
    CallRollupFactory.create(
        team=team.pk, start=hour, application=1, calls=3, currency="USD", revenue_nano=5, latency=[1]
    )
    CallRollupFactory.create(team=team.pk, start=hour - timedelta(days=7), calls=4)
    CallRollupFactory.create(team=team.pk, start=hour - timedelta(days=14), calls=99)
    CallRollupFactory.create(team=team.pk, start=hour, calls=50, size=CallRollup.Size.DAY)
    CallRollupFactory.create(team=TeamFactory.create().pk, start=hour, calls=1000)

    found = reports.usage(team, RANGES["7d"], NOW)

    assert (found.now.calls, found.now.status_402, found.before.calls) == (10, 2, 4)
    assert (found.buckets[-1].calls, sum(bucket.calls for bucket in found.buckets)) == (10, 10)
    assert found.now.latency == [1, 3]
    assert found.now.p(50) == histograms.BOUNDS_MS[1]
    assert found.now.spend == {"USD": 5}


@pytest.mark.django_db
def test_currencies_are_never_added() -> None:
    team = TeamFactory.create()
    for currency in ("EUR", "USD"):
        CallRollupFactory.create(team=team.pk, start=NOW.replace(minute=0), currency=currency, revenue_nano=7)

    assert reports.usage(team, RANGES["24h"], NOW).now.spend == {"EUR": 7, "USD": 7}


@pytest.mark.django_db
def test_by_application_shows_the_busiest_first() -> None:
    team = TeamFactory.create()
    small, large = ApplicationFactory.create_batch(2, team=team)
    for application, calls in ((small, 1), (large, 9)):
        CallRollupFactory.create(team=team.pk, start=NOW.replace(minute=0), application=application.pk, calls=calls)

    parts = reports.by("application", team, RANGES["24h"], NOW, Filters())
    filtered = reports.usage(team, RANGES["24h"], NOW, Filters(application=small))

    assert [(part.row, part.measures.calls) for part in parts] == [(large, 9), (small, 1)]
    assert filtered.now.calls == 1


@pytest.mark.parametrize(
    ("now", "before", "words"), [(112, 100, "+12.0 %"), (1, 3, "−66.7 %"), (5, 0, ""), (None, 7, ""), (7, 7, "±0.0 %")]
)
def test_change_in_words(now: int | None, before: int, words: str) -> None:
    assert change(now, before) == words


def test_change_of_a_share_is_in_points() -> None:
    assert change_of_share((42, 10_000), (50, 10_000)) == "−0.08 pt"
    assert change_of_share((1, 2), (0, 0)) == ""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from analytics import histograms, rollups
from analytics.models import CallRollup
from proxy.models import Call, TouchedMinute
from tests.analytics.factories import CallFactory
from tests.teams.factories import ApiKeyFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SIZES = ["minute", "hour", "day"]
SUMMED = [
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "request_bytes",
    "response_bytes",
    "cost_nano",
    "failed_cost_nano",
    "revenue_nano",
]


def shipped(at: datetime, **fields: Any) -> Call:
    TouchedMinute.objects.get_or_create(minute=at.replace(second=0, microsecond=0))
    return CallFactory.create(at=at, **fields)


def rows() -> list[dict[str, Any]]:
    return [dict(row) for row in CallRollup.objects.order_by("pk").values()]


def many_calls() -> None:
    """Over two days, two teams and every outcome."""
    random = Random(7)
    outcomes = [
        (200, "answered", ""),
        (304, "answered", ""),
        (404, "answered", ""),
        (402, "refused", "quota-exceeded"),
        (402, "refused", "payment-method-missing"),
        (402, "refused", "payment-declined"),
        (429, "refused", "rate-limited"),
        (502, "not_sent", ""),
        (499, "client_gone", ""),
        (500, "gateway_lost", ""),
    ]
    for _ in range(80):
        status, outcome, slug = random.choice(outcomes)
        minute = random.choice([0, 1, 59, 60, 719, 720, 1500, 2879])
        shipped(
            NOON + timedelta(minutes=minute, seconds=random.randrange(60)),
            team=random.randrange(1, 3),
            ai_model=random.choice([None, 4]),
            status=status,
            outcome=outcome,
            slug=slug,
            usage_source=random.choice(["", "provider", "own", "mixed"]),
            duration_ms=random.randrange(100_000),
            currency="USD",
            **{name: random.randrange(10**6) for name in SUMMED}
            | ({"cost_nano": None} if random.randrange(5) == 0 else {}),
        )


@pytest.mark.parametrize("size", SIZES)
def test_each_size_sums_up_to_all_calls(size: str) -> None:
    many_calls()
    rollups.roll_up()
    calls = list(Call.objects.all())

    rolled = list(CallRollup.objects.filter(size=size))

    for name in SUMMED:
        assert sum(getattr(row, name) for row in rolled) == sum(getattr(call, name) or 0 for call in calls)
    statuses = Counter(call.status for call in calls)
    assert {name: sum(getattr(row, name) for row in rolled) for name in ("calls", *rollups._COUNTED)} == {
        "calls": len(calls),
        "status_2xx": statuses[200],
        "status_3xx": statuses[304],
        "status_4xx": statuses[404] + statuses[499],
        "status_402": statuses[402],
        "status_429": statuses[429],
        "status_5xx": statuses[502] + statuses[500],
        "refused_missing_payment": sum(call.slug == "payment-method-missing" for call in calls),
        "refused_exceeded_limits": sum(call.slug == "quota-exceeded" for call in calls),
        "refused_payment_method": sum(call.slug == "payment-declined" for call in calls),
        "incomplete": statuses[499] + statuses[500],
        "estimated": sum(call.usage_source in {"own", "mixed"} for call in calls),
        "cost_unknown": sum(call.cost_nano is None for call in calls),
    }
    latency: list[int] = []
    for row in rolled:
        latency = histograms.add(latency, row.latency)
    reached = [call.duration_ms for call in calls if call.outcome in {"answered", "client_gone"}]
    assert latency == histograms.of(reached)


def test_rolling_up_again_changes_no_bit() -> None:
    many_calls()
    minutes = list(TouchedMinute.objects.all())
    rollups.roll_up()
    before = rows()
    TouchedMinute.objects.bulk_create(minutes)

    rollups.roll_up()

    assert before
    assert rows() == before
    assert not TouchedMinute.objects.exists()


def test_minutes_in_any_order_give_the_same_rows() -> None:
    many_calls()
    while rollups.roll_up(limit=1):
        pass
    content = [{**row, "id": 0} for row in CallRollup.objects.order_by("size", "start", "team", "ai_model").values()]
    minutes = list(CallRollup.objects.filter(size="minute").values_list("start", flat=True).distinct())
    CallRollup.objects.all().delete()

    for minute in sorted(minutes, reverse=True):
        TouchedMinute.objects.create(minute=minute)
        rollups.roll_up()

    again = [{**row, "id": 0} for row in CallRollup.objects.order_by("size", "start", "team", "ai_model").values()]
    assert again == content


def test_a_late_call_joins_its_minute_hour_and_day() -> None:
    shipped(NOON, team=1, revenue_nano=5)
    rollups.roll_up()
    first = rows()

    shipped(NOON + timedelta(seconds=59, microseconds=999_999), team=1, revenue_nano=7)
    rollups.roll_up()

    assert [row["id"] for row in rows()] == [row["id"] for row in first]
    assert [(row["size"], row["calls"], row["revenue_nano"]) for row in rows()] == [(size, 2, 12) for size in SIZES]


def test_buckets_begin_at_the_edge() -> None:
    for at in (NOON - timedelta(microseconds=1), NOON, NOON + timedelta(hours=12)):
        shipped(at, team=1)

    rollups.roll_up()

    starts = {
        size: [str(row.start)[5:16] for row in CallRollup.objects.filter(size=size).order_by("start")] for size in SIZES
    }
    assert starts == {
        "minute": ["11-25 11:59", "11-25 12:00", "11-26 00:00"],
        "hour": ["11-25 11:00", "11-25 12:00", "11-26 00:00"],
        "day": ["11-25 00:00", "11-26 00:00"],
    }


def test_none_is_zero_in_every_dimension() -> None:
    shipped(NOON, team=1, subscription=None, service=None, ai_model=None, provider_key=None)

    rollups.roll_up()

    row = CallRollup.objects.get(size="day")
    assert (row.subscription, row.service, row.ai_model, row.provider_key) == (0, 0, 0, 0)


def test_limit_takes_the_oldest_minutes_first() -> None:
    for minutes in (2, 0, 1):
        shipped(NOON + timedelta(minutes=minutes))

    assert rollups.roll_up(limit=2) == 2

    assert list(TouchedMinute.objects.values_list("minute", flat=True)) == [NOON + timedelta(minutes=2)]


def test_calls_that_were_pruned_stay_counted() -> None:
    shipped(NOON, team=1)
    shipped(NOON, team=1)
    rollups.roll_up()
    before = rows()
    Call.objects.all().delete()

    shipped(NOON, team=1)
    rollups.roll_up()

    assert rows() == before
    assert not TouchedMinute.objects.exists()


def test_keys_learn_when_they_were_last_used() -> None:
    used, unused = ApiKeyFactory.create(), ApiKeyFactory.create()
    shipped(NOON + timedelta(minutes=5, seconds=7), api_key=used.pk)
    shipped(NOON + timedelta(minutes=1), api_key=used.pk)

    rollups.roll_up()
    shipped(NOON, api_key=used.pk)
    rollups.roll_up()

    used.refresh_from_db()
    unused.refresh_from_db()
    assert used.last_used_at == NOON + timedelta(minutes=5)
    assert unused.last_used_at is None

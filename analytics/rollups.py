"""Sums over calls by minute, hour and day, made again for each minute that the shipper touched.

A minute is recomputed whole from its calls, its hour from the hour's minutes, its day from the day's hours: doing it
again gives the same rows, and calls that come late or out of order are no special case. Calls are read before the write
transaction begins, since that takes longer than others may wait for SQLite's one writer. They are only ever added, so
an equal count, taken in the transaction, says that nothing came in between; otherwise the minute stays touched.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from analytics import histograms
from analytics.models import CallRollup
from apipark.problems import PROBLEMS
from proxy.models import Call, TouchedMinute
from teams.models import ApiKey

_DIMENSIONS: Final = (
    "team",
    "application",
    "api_key",
    "subscription",
    "service",
    "ai_model",
    "provider_key",
    "environment",
    "currency",
)
# 0 stands for none in a roll-up.
_OPTIONAL: Final = ("subscription", "service", "ai_model", "provider_key")
_SUMMED: Final = (
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "request_bytes",
    "response_bytes",
    "cost_nano",
    "failed_cost_nano",
    "revenue_nano",
)
_NEVER_SENT: Final = (Call.Outcome.REFUSED, Call.Outcome.NOT_SENT, Call.Outcome.GATEWAY_LOST)
_INCOMPLETE: Final = (Call.Outcome.CUT, Call.Outcome.CLIENT_GONE, Call.Outcome.GATEWAY_LOST)
_ESTIMATED: Final = (Call.UsageSource.OWN, Call.UsageSource.MIXED)
# For a transaction-level advisory lock of PostgreSQL: two roll-ups of one hour would not see each other's minutes.
_LOCK: Final = 0x726F6C6C
_REST_S: Final = 0.02

log = structlog.get_logger(__name__)


def _refused_because(cause: str) -> Q:
    return Q(status=402, slug__in=[slug for slug, problem in PROBLEMS.items() if problem.cause == cause])


_COUNTED: Final[dict[str, Q]] = {
    "status_2xx": Q(status__range=(200, 299)),
    "status_3xx": Q(status__range=(300, 399)),
    "status_4xx": Q(status__range=(400, 499)) & ~Q(status__in=(402, 429)),
    "status_402": Q(status=402),
    "status_429": Q(status=429),
    "status_5xx": Q(status__range=(500, 599)),
    "refused_missing_payment": _refused_because("missing_payment_information"),
    "refused_exceeded_limits": _refused_because("exceeded_limits"),
    "refused_payment_method": _refused_because("payment_method_issue"),
    "incomplete": Q(outcome__in=_INCOMPLETE),
    "estimated": Q(usage_source__in=_ESTIMATED),
    "cost_unknown": Q(cost_nano=None),
}
_MEASURES: Final = ("calls", *_COUNTED, *_SUMMED)

_Dimensions = tuple[Any, ...]


@dataclass(slots=True)
class _Sums:
    """In the order of `_MEASURES`."""

    measures: list[int] = field(default_factory=lambda: [0] * len(_MEASURES))
    latency: list[int] = field(default_factory=list)

    def add(self, measures: Iterable[int], latency: list[int]) -> None:
        self.measures = [have + more for have, more in zip(self.measures, measures, strict=True)]
        self.latency = histograms.add(self.latency, latency)


def roll_up(limit: int = 240) -> int:
    """Bring up to `limit` touched minutes up to date, oldest first; returns how many. Repeating is harmless."""
    minutes = list(TouchedMinute.objects.order_by("minute").values_list("minute", flat=True)[:limit])
    for minute in minutes:
        _roll_up_minute(minute)
        if connection.vendor == "sqlite":
            time.sleep(_REST_S)
    return len(minutes)


def _roll_up_minute(minute: datetime) -> None:
    calls = _calls_of(minute)
    sums = _of_calls(calls)
    counted = sum(one.measures[0] for one in sums.values())
    with transaction.atomic():
        _lock_out_others()
        # The shipper writes this row in the transaction of its calls, so behind this lock all of them can be seen.
        if not list(TouchedMinute.objects.select_for_update().filter(pk=minute)):
            return
        if counted < _rolled_up_before(minute):
            # Old calls were pruned, and one came after that: what was counted before must not get lost.
            log.error("late_call_not_rolled_up", minute=minute.isoformat())
        else:
            _write(minute, sums)
            _note_use(minute, {key[_DIMENSIONS.index("api_key")] for key in sums})
        if calls.count() == counted:
            TouchedMinute.objects.filter(pk=minute).delete()


def _write(minute: datetime, sums: dict[_Dimensions, _Sums]) -> None:
    hour = minute.replace(minute=0)
    day = hour.replace(hour=0)
    size = CallRollup.Size
    _put(size.MINUTE, minute, sums)
    _put(size.HOUR, hour, _of_rollups(size.MINUTE, hour, hour + timedelta(hours=1)))
    _put(size.DAY, day, _of_rollups(size.HOUR, day, day + timedelta(days=1)))


def _note_use(minute: datetime, api_keys: Iterable[int]) -> None:
    """When keys were last used, to the minute: told by the calls, since the gateway writes nothing on a call's way."""
    earlier = Q(last_used_at=None) | Q(last_used_at__lt=minute)
    ApiKey.objects.filter(earlier, pk__in=[key for key in api_keys if key]).update(last_used_at=minute)


def _calls_of(minute: datetime) -> QuerySet[Call]:
    return Call.objects.filter(at__gte=minute, at__lt=minute + timedelta(minutes=1)).order_by()


def _of_calls(calls: QuerySet[Call]) -> dict[_Dimensions, _Sums]:
    """One statement, so that all sums are of the same calls: grouped by dimensions and latency bucket."""
    dimensions = [Coalesce(name, Value(0)) if name in _OPTIONAL else F(name) for name in _DIMENSIONS]
    grouped = (
        calls.annotate(bucket=_latency_bucket())
        .values_list(*dimensions, "bucket")
        .annotate(
            _calls=Count("pk"),
            **{f"_{name}": Count("pk", filter=condition) for name, condition in _COUNTED.items()},
            **{f"_{name}": Coalesce(Sum(name), Value(0)) for name in _SUMMED},
        )
    )
    sums: dict[_Dimensions, _Sums] = {}
    width = len(_DIMENSIONS)
    for row in grouped:
        bucket, count = row[width], row[width + 1]
        latency = [0] * bucket + [count] if bucket >= 0 else []
        sums.setdefault(row[:width], _Sums()).add(row[width + 1 :], latency)
    return sums


def _latency_bucket() -> Case:
    """The bucket of histograms.py; -1 for calls that never reached an upstream."""
    bounds = histograms.BOUNDS_MS
    return Case(
        When(outcome__in=_NEVER_SENT, then=Value(-1)),
        *(When(duration_ms__lte=bound, then=Value(place)) for place, bound in enumerate(bounds[:-1])),
        default=Value(len(bounds) - 1),
        output_field=IntegerField(),
    )


def _of_rollups(size: CallRollup.Size, start: datetime, end: datetime) -> dict[_Dimensions, _Sums]:
    sums: dict[_Dimensions, _Sums] = {}
    width = len(_DIMENSIONS)
    rows = CallRollup.objects.filter(size=size, start__gte=start, start__lt=end).order_by()
    for row in rows.values_list(*_DIMENSIONS, *_MEASURES, "latency"):
        sums.setdefault(row[:width], _Sums()).add(row[width:-1], row[-1])
    return sums


def _rolled_up_before(minute: datetime) -> int:
    rows = CallRollup.objects.filter(size=CallRollup.Size.MINUTE, start=minute)
    return rows.aggregate(calls=Coalesce(Sum("calls"), Value(0)))["calls"] or 0


def _put(size: CallRollup.Size, start: datetime, sums: dict[_Dimensions, _Sums]) -> None:
    """Rows keep their ids. None has to go: calls are added to a bucket and never leave it."""
    CallRollup.objects.bulk_create(
        (
            CallRollup(
                size=size,
                start=start,
                latency=one.latency,
                **dict(zip(_DIMENSIONS, dimensions, strict=True)),
                **dict(zip(_MEASURES, one.measures, strict=True)),
            )
            for dimensions, one in sorted(sums.items(), key=lambda item: item[0])
        ),
        update_conflicts=True,
        unique_fields=["size", "start", *_DIMENSIONS],
        update_fields=[*_MEASURES, "latency"],
    )


def _lock_out_others() -> None:
    # On SQLite the transaction itself is the lock.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])

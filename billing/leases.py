"""Lend units of allowances to workers, book what they used, and take back what they did not.

A worker spends only what it has leased, so used + leased <= limit in every committed state. Everything that changes an
allowance locks its row first, several in the order of their ids, then the lease: nothing can wait in a circle. On SQLite
the transaction itself is the lock (BEGIN IMMEDIATE), and `select_for_update` does nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Greatest

from apipark import changes
from billing.models import Allowance, Lease
from billing.terms import AllowanceSpec

# SQLite commits a few hundred times a second: far from the limit even a slow worker takes this many at once.
_SQLITE_FLOOR: Final = 10
_FAR_FROM_LIMIT: Final = 100  # units of room for each live worker

# Leases that are reclaimed in one transaction: some 30 ms.
_AT_ONCE: Final = 500

_Key = tuple[str, str, str, str, datetime]


@dataclass(frozen=True, slots=True)
class Want:
    """What a worker asks for: `need` now; `demand` is what it used of this in the last second."""

    spec: AllowanceSpec
    need: int
    demand: int


@dataclass(frozen=True, slots=True)
class AllowanceState:
    """One allowance as it was read under its lock. `allowance_id` is 0 while nothing was asked of this period yet."""

    allowance_id: int
    limit: int | None
    used: int
    leased: int
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True, slots=True)
class LeasedUnits:
    """`used_after` counts what is booked; what workers hold, these units among it, comes on top."""

    allowance_id: int
    units: int
    period_start: datetime
    period_end: datetime
    limit: int | None
    used_after: int


@dataclass(frozen=True, slots=True)
class Granted:
    """In the order of the wants."""

    units: tuple[LeasedUnits, ...]


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The want at `index` would not fit even if every lease came back."""

    index: int
    state: AllowanceState


@dataclass(frozen=True, slots=True)
class Held:
    """The want at `index` will fit once running calls end and idle leases come back."""

    index: int
    state: AllowanceState


def acquire(worker: UUID, wants: Sequence[Want], *, now: datetime, live_workers: int) -> Granted | Exhausted | Held:
    """Lease from all of the allowances or from none. `now` says which periods."""
    answer = _lend(worker, wants, now, live_workers)
    while answer is None:
        # First call of a period. The empty rows are committed before any lock is held, or two workers that make the
        # same rows could wait for each other in a circle.
        _create_missing([want.spec for want in wants], now)
        answer = _lend(worker, wants, now, live_workers)
    return answer


def give_back(worker: UUID, units: Mapping[int, int]) -> None:
    """Return units (by allowance) that the worker no longer counts as its own. Units already reclaimed are ignored."""
    with transaction.atomic():
        _lock(units)
        _take_from_lease(worker, _covered(worker, units), used=False)
        _approach_wanted(units)


def ship(worker: UUID, charged: Mapping[int, int], overrun: Mapping[int, int]) -> dict[int, int]:
    """Book usage by allowance, inside the transaction that moves the spool's offset.

    `overrun` is what calls used beyond what they had reserved: booked where there is room, else only counted. The same
    holds for charges of a worker whose leases were reclaimed. Returns how much of each allowance's overrun was booked.
    """
    ids = charged.keys() | overrun.keys()
    _lock(ids)
    beyond = {allowance_id: count for allowance_id, count in overrun.items() if count}
    covered = _covered(worker, charged)
    _take_from_lease(worker, covered, used=True)
    late = {allowance_id for allowance_id, count in charged.items() if count} - covered.keys()
    for allowance_id in late:
        beyond[allowance_id] = beyond.get(allowance_id, 0) + charged[allowance_id]
    booked = {allowance_id: _book_beyond(allowance_id, count) for allowance_id, count in sorted(beyond.items())}
    _approach_wanted(ids)
    return {
        allowance_id: max(0, units - charged[allowance_id]) if allowance_id in late else units
        for allowance_id, units in booked.items()
    }


def reclaim(worker: UUID) -> bool:
    """Free what a dead worker held, some of its leases at a time; true when that was all.

    Call it in a transaction, the last time in the one that closes its spool.
    """
    ids = list(Lease.objects.filter(worker=worker).order_by("id").values_list("allowance_id", flat=True)[:_AT_ONCE])
    _lock(ids)
    _take_from_lease(worker, _outstanding(worker, ids), used=False)
    Lease.objects.filter(worker=worker, allowance__in=ids).delete()
    _approach_wanted(ids)
    return len(ids) < _AT_ONCE


@transaction.atomic
def change_limit(spec: AllowanceSpec, new: int | None, *, now: datetime) -> None:
    """Set the limit of the current period; None: no limit.

    Below what is used or lent it becomes that, and sinks to `new` with each unit that is shipped or comes back.
    """
    start, _ = spec.cycle.period(now)
    _create_missing([spec], now)
    allowance = Allowance.objects.select_for_update().get(_matching([_key(spec, start)]))
    taken = allowance.used + allowance.leased
    allowance.limit = None if new is None else max(new, taken)
    allowance.wanted_limit = new if new is not None and new < taken else None
    allowance.save(update_fields=["limit", "wanted_limit"])
    changes.announce("allowance", allowance.pk)


def usage(specs: Sequence[AllowanceSpec], now: datetime) -> list[AllowanceState]:
    """Of the current period of each, in the same order; one query."""
    keys = [_key(spec, spec.cycle.period(now)[0]) for spec in specs]
    rows = {_row_key(row): row for row in Allowance.objects.filter(_matching(keys))} if keys else {}
    return [
        _state(rows[key]) if key in rows else AllowanceState(0, spec.limit, 0, 0, *spec.cycle.period(now))
        for key, spec in zip(keys, specs, strict=True)
    ]


def _lend(worker: UUID, wants: Sequence[Want], now: datetime, live_workers: int) -> Granted | Exhausted | Held | None:
    """None: a row is missing."""
    keys = [_key(want.spec, want.spec.cycle.period(now)[0]) for want in wants]
    with transaction.atomic():
        rows = {_row_key(row): row for row in _locked(_matching(keys))}
        if len(rows) < len(set(keys)):
            return None
        allowances = [rows[key] for key in keys]
        if miss := _miss(wants, allowances):
            return miss
        units = [_block(want, row, live_workers) for want, row in zip(wants, allowances, strict=True)]
        for row, count in sorted(zip(allowances, units, strict=True), key=lambda pair: pair[0].pk):
            if not Allowance.objects.filter(pk=row.pk).fitting(count).update(leased=F("leased") + count):
                raise RuntimeError(f"allowance {row.pk} changed under its lock")
        _add_to_leases(worker, [(row.pk, count) for row, count in zip(allowances, units, strict=True)])
    return Granted(
        tuple(
            LeasedUnits(row.pk, count, row.period_start, row.period_end, row.limit, row.used)
            for row, count in zip(allowances, units, strict=True)
        )
    )


def _miss(wants: Sequence[Want], allowances: Sequence[Allowance]) -> Exhausted | Held | None:
    """The first that is exhausted, else the first that is held: waiting for the one does not help while the other is."""
    held = None
    for index, (want, row) in enumerate(zip(wants, allowances, strict=True)):
        if row.limit is None or row.used + row.leased + want.need <= row.limit:
            continue
        if row.used + want.need > row.limit:
            return Exhausted(index, _state(row))
        held = held or Held(index, _state(row))
    return held


def _block(want: Want, row: Allowance, live_workers: int) -> int:
    """Much while there is room, for few transactions; exactly what is needed near the limit, for others' sake."""
    if row.limit is None:
        return max(want.need, want.demand)
    room, demand = row.limit - row.used - row.leased, want.demand
    if connection.vendor == "sqlite" and room > _FAR_FROM_LIMIT * live_workers:
        demand = max(demand, _SQLITE_FLOOR)
    return max(want.need, min(demand, room // (2 * live_workers)))


def _create_missing(specs: Iterable[AllowanceSpec], now: datetime) -> None:
    """INSERT … ON CONFLICT DO NOTHING, in an order that is the same for all."""
    fresh = []
    for spec in specs:
        start, end = spec.cycle.period(now)
        fresh.append(
            Allowance(
                scope=spec.scope,
                meter=spec.meter,
                kind=spec.kind,
                period=spec.period,
                period_start=start,
                period_end=end,
                limit=spec.limit,
            )
        )
    Allowance.objects.bulk_create(sorted(fresh, key=_row_key), ignore_conflicts=True)


def _add_to_leases(worker: UUID, units: Sequence[tuple[int, int]]) -> None:
    # The ORM's upsert can only overwrite; a lease grows. One statement for all.
    worker_value = Lease._meta.get_field("worker").get_db_prep_value(worker, connection)
    rows = ", ".join(["(%s, %s, %s)"] * len(units))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO billing_lease (worker, allowance_id, outstanding) VALUES {rows}"  # noqa: S608 - placeholders
            " ON CONFLICT (worker, allowance_id)"
            " DO UPDATE SET outstanding = billing_lease.outstanding + excluded.outstanding",
            [value for allowance_id, count in units for value in (worker_value, allowance_id, count)],
        )


def _outstanding(worker: UUID, ids: Collection[int]) -> dict[int, int]:
    """By allowance, in the order of their ids. They are locked."""
    found = Lease.objects.filter(worker=worker, allowance__in=ids).order_by("allowance_id")
    return dict(found.values_list("allowance_id", "outstanding"))


def _covered(worker: UUID, units: Mapping[int, int]) -> dict[int, int]:
    """Those that the worker's leases hold."""
    outstanding = _outstanding(worker, units.keys())
    return {
        allowance_id: units[allowance_id] for allowance_id, held in outstanding.items() if held >= units[allowance_id]
    }


def _take_from_lease(worker: UUID, units: Mapping[int, int], *, used: bool) -> None:
    """They become used, or free for others."""
    # Hundreds at once: a statement of the ORM for each would take thirty times as long, in which all others wait.
    worker_value = Lease._meta.get_field("worker").get_db_prep_value(worker, connection)
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE billing_allowance SET used = used + %s, leased = leased - %s WHERE id = %s",
            [(count if used else 0, count, allowance_id) for allowance_id, count in units.items() if count],
        )
        cursor.executemany(
            "UPDATE billing_lease SET outstanding = outstanding - %s WHERE worker = %s AND allowance_id = %s",
            [(count, worker_value, allowance_id) for allowance_id, count in units.items() if count],
        )


def _book_beyond(allowance_id: int, count: int) -> int:
    """What fits is used, the rest is only counted."""
    row = Allowance.objects.get(pk=allowance_id)
    booked = count if row.limit is None else max(0, min(count, row.limit - row.used - row.leased))
    Allowance.objects.filter(pk=allowance_id).update(used=F("used") + booked, overrun=F("overrun") + count - booked)
    return booked


def _approach_wanted(ids: Collection[int]) -> None:
    """Lowered limits sink as far as they can."""
    taken = F("used") + F("leased")
    Allowance.objects.filter(pk__in=ids, wanted_limit__isnull=False).update(
        limit=Greatest(F("wanted_limit"), taken),
        wanted_limit=Case(When(wanted_limit__lt=taken, then=F("wanted_limit")), default=None),
    )


def _locked(condition: Q) -> list[Allowance]:
    return list(Allowance.objects.select_for_update().filter(condition).order_by("id"))


def _lock(ids: Collection[int]) -> None:
    # SQLite has locked everything already.
    if ids and connection.features.has_select_for_update:
        list(Allowance.objects.select_for_update().filter(pk__in=ids).order_by("id").values_list("id"))


def _matching(keys: Sequence[_Key]) -> Q:
    return reduce(
        or_,
        (
            Q(scope=scope, meter=meter, kind=kind, period=period, period_start=at)
            for scope, meter, kind, period, at in keys
        ),
    )


def _key(spec: AllowanceSpec, period_start: datetime) -> _Key:
    return *spec.key, period_start


def _row_key(row: Allowance) -> _Key:
    return row.scope, row.meter, row.kind, row.period, row.period_start


def _state(row: Allowance) -> AllowanceState:
    return AllowanceState(row.pk, row.limit, row.used, row.leased, row.period_start, row.period_end)

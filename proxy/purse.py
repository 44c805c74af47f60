"""The units of allowances that this worker holds: lent in blocks by the database, spent in memory.

A call takes from all of its allowances at once or from none, with no await in between. What is missing is fetched by
one acquire at a time; callers that are short wait in order and share what it brings. Free units that nobody used for a
second go back, so that a limit of 1,000 admits exactly 1,000 whichever worker is asked.
"""

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import DatabaseError, InterfaceError, connection, transaction

from apipark import clock
from billing import leases
from billing.models import Lease
from billing.terms import AllowanceSpec
from proxy.models import Spool

T = TypeVar("T")
_DATABASE_ERRORS: Final = (DatabaseError, InterfaceError)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# A finding of exhaustion is believed for so long: a flood beyond the limit then costs one look-up a second.
_EXHAUSTED_S: Final = 1.0
# Units lent to others come back within a second when idle: the last ones are not lost to a premature refusal.
_WAIT_S: Final = 2.0
_POLL_S: Final = 0.05
# The shipper shows itself every 5 s. When it does not, what seems to be held may long be used: that is our failure.
_SHIPPED_WITHIN: Final = timedelta(seconds=10)
# Callers waiting for units in one worker; beyond it new ones are shed.
_MOST_WAITING: Final = 1_000
# Allowances in one transaction: some 10 ms, in which others wait for SQLite.
_RETURNED_AT_ONCE: Final = 500


class Unavailable(Exception):  # noqa: N818 (named after what happened)
    """The database did not lend in time: our failure, never the caller's."""


@dataclass(frozen=True, slots=True)
class Shortage(Exception):  # noqa: N818
    """The amount does not fit. `exhausted`: not even if every lease came back; else the rest is held by running calls."""

    spec: AllowanceSpec
    requested: int
    state: leases.AllowanceState
    exhausted: bool


class Pool:
    """One allowance in one period, as this worker holds it."""

    __slots__ = (
        "allowance_id", "demand", "end_us", "exhausted_at", "exhausted_state", "free", "reserved", "spec", "start_us",
        "taken", "waiting", "waiting_units",
    )  # fmt: skip

    def __init__(self, spec: AllowanceSpec, start_us: int, end_us: int) -> None:
        self.spec = spec
        self.start_us = start_us
        self.end_us = end_us
        self.allowance_id = 0
        self.free = 0
        self.reserved = 0
        # Units taken since the last tick, and in the second before it.
        self.taken = 0
        self.demand = 0
        self.waiting = 0
        self.waiting_units = 0
        self.exhausted_at = float("-inf")
        self.exhausted_state: leases.AllowanceState | None = None


class Held:
    """What one call has reserved. Settled exactly once, without an await, on every way out."""

    __slots__ = ("_purse", "parts")

    def __init__(self, purse: "Purse", parts: list[tuple[Pool, int]]) -> None:
        self._purse = purse
        self.parts = parts

    def reservations(self) -> list[list[int]]:
        """[[allowance, units], …] for the admitted record, without allowances of which nothing was ever asked."""
        return [[pool.allowance_id, units] for pool, units in self.parts if pool.allowance_id]

    def has(self, meter: str) -> bool:
        for pool, _ in self.parts:  # noqa: SIM110 (a generator costs more than the look)
            if pool.spec.meter == meter:
                return True
        return False

    async def more(self, units: dict[str, int], *, patient: bool = True) -> None:
        """Reserve on, on the way, so many of each meter from each of its allowances. Raises Shortage or Unavailable.

        Not `patient`: what others hold is not waited for, since a stream would stand still meanwhile.
        """
        wants = [(pool, units[pool.spec.meter]) for pool, _ in self.parts if units.get(pool.spec.meter)]
        await self._purse.take(wants, patient=patient)
        if not self.parts:
            # Settled meanwhile: what was taken is nobody's.
            for pool, taken in wants:
                pool.reserved -= taken
                pool.free += taken
            return
        self.parts = [(pool, held + units.get(pool.spec.meter, 0)) for pool, held in self.parts]

    def charges(self, actual: dict[str, int]) -> list[list[int]]:
        """[[allowance, charged, actual], …] for the outcome record. Usage beyond the reservation is not charged."""
        return [
            [pool.allowance_id, min(units, actual[pool.spec.meter]), actual[pool.spec.meter]]
            for pool, units in self.parts
            if pool.allowance_id
        ]

    def release(self, charges: list[list[int]]) -> None:
        """Put back what was not charged. After the outcome record; repeating is harmless."""
        charged = {allowance_id: units for allowance_id, units, _ in charges}
        for pool, units in self.parts:
            pool.reserved -= units
            pool.free += units - charged.get(pool.allowance_id, 0)
            self._purse.look_at(pool)
        self.parts = []


class Purse:
    def __init__(self, worker: uuid.UUID, executor: Executor, *, deadline_s: float) -> None:
        self._worker = worker
        self._executor = executor
        self._deadline_s = deadline_s
        # Of the current periods, while there is something to remember.
        self._pools: dict[tuple[str, str, str, str], Pool] = {}
        # Those that may have units to give back, of periods that are over too.
        self._active: set[Pool] = set()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self.live_workers = 1
        # Whether the last acquire failed for a reason of ours; shown as degraded.
        self.degraded = False
        self._failed_at = float("-inf")
        self._stuck: asyncio.Future[Any] | None = None

    async def reserve(self, wants: Sequence[tuple[AllowanceSpec, int]], time_us: int) -> Held:
        """All or nothing. Raises Shortage or Unavailable."""
        parts = [(self._pool(spec, time_us), units) for spec, units in wants]
        await self.take(parts)
        return Held(self, parts)

    async def take(self, parts: list[tuple[Pool, int]], *, patient: bool = True) -> None:
        for pool, units in parts:
            if pool.free < units or pool.waiting:
                await self._wait(parts, patient=patient)
                return
        _deduct(parts)

    def forget_findings(self) -> None:
        """A limit changed: look again."""
        for pool in self._pools.values():
            pool.exhausted_at = float("-inf")

    async def tick(self) -> None:
        """Once a second: give back what was idle, and all of periods that are over."""
        if self.degraded and not await self._answers():
            # What is lent already is all there is to spend now.
            return
        for pool in self._active:
            pool.demand, pool.taken = pool.taken, 0
        await self._give_back(self._surplus)
        for pool in list(self._active):
            self._forget_if_idle(pool)

    async def empty(self) -> None:
        """At a clean stop: everything free goes back."""
        await self._give_back(lambda pool: pool.free)

    def look_at(self, pool: Pool) -> None:
        """At the next tick: it may have units to give back, or nothing to remember."""
        self._active.add(pool)

    def _pool(self, spec: AllowanceSpec, time_us: int) -> Pool:
        pool = self._pools.get(spec.key)
        # Another plan may count the same in other periods.
        if pool is not None and pool.start_us <= time_us < pool.end_us:
            if pool.spec is spec:
                return pool
            if pool.spec.cycle == spec.cycle:
                pool.spec = spec
                return pool
        start, end = spec.cycle.period(_EPOCH + timedelta(microseconds=time_us))
        self._pools[spec.key] = fresh = Pool(spec, (start - _EPOCH) // _MICROSECOND, (end - _EPOCH) // _MICROSECOND)
        self.look_at(fresh)
        return fresh

    def _surplus(self, pool: Pool) -> int:
        """Free units that it does not want in the next second; of a period that is over, all."""
        current = self._pools.get(pool.spec.key) is pool
        return pool.free - 2 * max(pool.demand, pool.waiting_units) if current else pool.free

    def _forget_if_idle(self, pool: Pool) -> None:
        found_exhausted = time.monotonic() - pool.exhausted_at <= _EXHAUSTED_S
        if pool.free or pool.demand or pool.taken or pool.waiting or found_exhausted:
            return
        self._active.discard(pool)
        if not pool.reserved and self._pools.get(pool.spec.key) is pool:
            del self._pools[pool.spec.key]

    async def _wait(self, parts: list[tuple[Pool, int]], *, patient: bool) -> None:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many calls wait for units")
        self._waiting += 1
        for pool, units in parts:
            pool.waiting += 1
            pool.waiting_units += units
        try:
            await self._fetch(parts, patient=patient)
        finally:
            self._waiting -= 1
            for pool, units in parts:
                pool.waiting -= 1
                pool.waiting_units -= units

    async def _fetch(self, parts: list[tuple[Pool, int]], *, patient: bool) -> None:
        began = time.monotonic()
        while True:
            async with self._turn:
                if _enough(parts):
                    _deduct(parts)
                    return
                _raise_if_known_exhausted(parts)
                if self._failed_at - began > self._deadline_s / 2:
                    # One after the other, many callers would wait a deadline each.
                    raise Unavailable("the database did not lend to another caller either")
                shortage = await self._acquire(parts)
                if shortage is None:
                    _deduct(parts)
                    return
            if shortage.exhausted or not patient:
                raise shortage
            if time.monotonic() - began > _WAIT_S:
                await self._insist_on_shipping(shortage)
                raise shortage
            await asyncio.sleep(_POLL_S)

    async def _insist_on_shipping(self, shortage: Shortage) -> None:
        allowance_id = shortage.state.allowance_id
        if await self._database(lambda: _holders_unshipped(allowance_id)):
            raise Unavailable("what others used is not booked")

    async def _acquire(self, parts: list[tuple[Pool, int]]) -> Shortage | None:
        """One transaction for all that is missing."""
        missing = [(pool, units) for pool, units in parts if pool.free < units]
        wants = [
            leases.Want(pool.spec, units - pool.free, max(pool.demand, pool.taken, pool.waiting_units))
            for pool, units in missing
        ]
        # Of the admission: a call that waits over the edge of a period stays in its own.
        now = _EPOCH + timedelta(microseconds=max(pool.start_us for pool, _ in missing))
        outcome = await self._database(
            lambda: leases.acquire(self._worker, wants, now=now, live_workers=self.live_workers),
            unclaimed=lambda done: self._credit(missing, done.result()) if _succeeded(done) else None,
        )
        if isinstance(outcome, leases.Granted):
            self._credit(missing, outcome)
            return None
        pool, units = missing[outcome.index]
        exhausted = isinstance(outcome, leases.Exhausted)
        if exhausted:
            pool.exhausted_at, pool.exhausted_state = time.monotonic(), outcome.state
        return Shortage(pool.spec, units, outcome.state, exhausted)

    async def _answers(self) -> bool:
        try:
            await self._database(_ask_nothing)
        except Unavailable:
            return False
        return True

    def _credit(self, missing: list[tuple[Pool, int]], outcome: object) -> None:
        if not isinstance(outcome, leases.Granted):
            return
        for (pool, _), granted in zip(missing, outcome.units, strict=True):
            pool.allowance_id = granted.allowance_id
            pool.free += granted.units
            self.look_at(pool)

    async def _give_back(self, surplus: Callable[[Pool], int]) -> None:
        """Of each pool so much as `surplus` says. What cannot be given back stays; the next tick tries again."""
        with_units = [pool for pool in self._active if pool.free]
        for start in range(0, len(with_units), _RETURNED_AT_ONCE):
            some = with_units[start : start + _RETURNED_AT_ONCE]
            back = {pool: units for pool in some if (units := surplus(pool)) > 0}
            if back and not self._hangs:
                with contextlib.suppress(Unavailable):
                    await self._return(back)

    async def _return(self, back: dict[Pool, int]) -> None:
        """In doubt it counts as done: what is stranded comes back when this worker ends. Raises Unavailable."""
        units: dict[int, int] = {}
        for pool, count in back.items():
            pool.free -= count
            units[pool.allowance_id] = units.get(pool.allowance_id, 0) + count
        committing = threading.Event()

        def work() -> None:
            with transaction.atomic():
                leases.give_back(self._worker, units)
                committing.set()

        def keep_if_undone(done: "asyncio.Future[None]") -> None:
            if _succeeded(done) or committing.is_set():
                return
            for pool, count in back.items():
                pool.free += count
                self.look_at(pool)

        await self._database(work, unclaimed=keep_if_undone)

    @property
    def _hangs(self) -> bool:
        return self._stuck is not None and not self._stuck.done()

    async def _database(
        self, work: Callable[[], T], unclaimed: "Callable[[asyncio.Future[T]], object] | None" = None
    ) -> T:
        """On the thread for leases, within the deadline.

        `unclaimed` hears how it ended where that is not returned: it failed, came too late, or its caller was cancelled.
        """
        if self._hangs:
            self._failed_at = time.monotonic()
            raise Unavailable("the database still does not answer")
        hear = unclaimed or _succeeded
        future = asyncio.get_running_loop().run_in_executor(self._executor, _closing_broken_connections, work)
        try:
            async with asyncio.timeout(self._deadline_s):
                result = await asyncio.shield(future)
        except TimeoutError as error:
            self._fail()
            self._stuck = future
            future.add_done_callback(hear)
            raise Unavailable("the database did not answer in time") from error
        except asyncio.CancelledError:
            future.add_done_callback(hear)
            raise
        except _DATABASE_ERRORS as error:
            self._fail()
            hear(future)
            raise Unavailable("the database cannot be reached") from error
        self.degraded = False
        return result

    def _fail(self) -> None:
        self.degraded, self._failed_at = True, time.monotonic()


def _holders_unshipped(allowance_id: int) -> bool:
    """A worker that holds units of it has not been looked at by its shipper for too long: what it used is not known."""
    holders = Lease.objects.filter(allowance=allowance_id, outstanding__gt=0).values("worker")
    seen_before = clock.now() - _SHIPPED_WITHIN
    return Spool.objects.filter(worker__in=holders, state=Spool.State.OPEN, heartbeat_at__lt=seen_before).exists()


def _ask_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _enough(parts: list[tuple[Pool, int]]) -> bool:
    return all(pool.free >= units for pool, units in parts)


def _deduct(parts: list[tuple[Pool, int]]) -> None:
    for pool, units in parts:
        pool.free -= units
        pool.reserved += units
        pool.taken += units


def _raise_if_known_exhausted(parts: list[tuple[Pool, int]]) -> None:
    now = time.monotonic()
    for pool, units in parts:
        state = pool.exhausted_state
        if state is None or now - pool.exhausted_at > _EXHAUSTED_S or state.limit is None:
            continue
        if pool.free < units and state.used + units > state.limit:
            raise Shortage(pool.spec, units, state, exhausted=True)


def _closing_broken_connections(work: Callable[[], T]) -> T:
    try:
        return work()
    except _DATABASE_ERRORS:
        connection.close()
        raise


def _succeeded(future: "asyncio.Future[T]") -> bool:
    return not future.cancelled() and future.exception() is None

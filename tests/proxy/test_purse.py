"""Units that a worker holds: none is lost on the way, whoever leaves, whatever fails, and nothing is kept for ever."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.db.models import Sum

from billing.models import Allowance, Lease
from billing.periods import Cycle
from proxy.purse import Held, Purse, Unavailable
from tests.billing.factories import a_spec, at

pytestmark = pytest.mark.django_db(transaction=True)

DAILY = Cycle("day", 1, at(1))


class LeaseThread(ThreadPoolExecutor):
    """The real one, but that it can be held, and that the database can be away."""

    def __init__(self) -> None:
        super().__init__(1)
        self._go = threading.Event()
        self._go.set()
        self.away = False
        self.asked = 0

    def hold(self) -> None:
        self._go.clear()

    def let_go(self) -> None:
        self._go.set()

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        self.asked += 1

        def act() -> Any:
            self._go.wait(10)
            if self.away:
                raise OperationalError("the database is away")
            return work(*arguments, **options)

        return super().submit(act)


def _close() -> None:
    connection.close()


async def _until_done(thread: LeaseThread, last: Callable[[], None] = lambda: None) -> None:
    """All that was asked before."""
    await asyncio.wrap_future(thread.submit(last))


@pytest.fixture
async def thread() -> AsyncIterator[LeaseThread]:
    thread = LeaseThread()
    yield thread
    thread.away = False
    thread.let_go()
    await _until_done(thread, _close)
    thread.shutdown()


@pytest.fixture
def purse(thread: LeaseThread) -> Purse:
    return Purse(uuid4(), thread, deadline_s=0.2)


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


NOON = us(at(15))


async def _lent() -> int:
    """By the database's account; the sums of allowances and of leases agree."""
    leased = (await Allowance.objects.aaggregate(units=Sum("leased")))["units"] or 0
    assert ((await Lease.objects.aaggregate(units=Sum("outstanding")))["units"] or 0) == leased
    return leased


async def _idle(purse: Purse) -> None:
    """Two seconds in which nobody calls."""
    await purse.tick()
    await purse.tick()


async def _asked(thread: LeaseThread, times: int) -> None:
    while thread.asked < times:  # noqa: ASYNC110  # no event says so
        await asyncio.sleep(0.001)


def _end(held: Held, **used: int) -> None:
    held.release(held.charges({"calls": 0, "bytes": 0, "tokens": 0, "spend": 0} | used))


async def test_unused_units_go_back_and_used_ones_stay(purse: Purse) -> None:
    used, unused = [await purse.reserve([(a_spec(100_000), 1)], NOON) for _ in range(2)]

    _end(used, calls=1)
    _end(unused)
    await _idle(purse)

    assert await _lent() == 1


async def test_units_fetched_for_a_caller_that_leaves_meanwhile_are_not_lost(purse: Purse, thread: LeaseThread) -> None:
    thread.hold()
    caller = asyncio.create_task(purse.reserve([(a_spec(100_000), 7)], NOON))
    await _asked(thread, 1)

    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    thread.let_go()
    await _until_done(thread)
    lent = await _lent()
    await _idle(purse)

    assert lent >= 7
    assert await _lent() == 0


async def test_units_that_come_too_late_are_not_lost(purse: Purse, thread: LeaseThread) -> None:
    thread.hold()
    with pytest.raises(Unavailable):
        await purse.reserve([(a_spec(100_000), 7)], NOON)
    thread.let_go()
    await _until_done(thread)

    lent = await _lent()
    await _idle(purse)

    assert lent >= 7
    assert await _lent() == 0


async def test_units_that_a_database_away_did_not_take_back_are_offered_again(
    purse: Purse, thread: LeaseThread
) -> None:
    _end(await purse.reserve([(a_spec(100_000), 7)], NOON))
    await purse.tick()

    thread.away = True
    await purse.tick()
    thread.away = False
    lent = await _lent()
    await _idle(purse)

    assert lent >= 7
    assert await _lent() == 0


async def test_units_that_a_hanging_database_did_not_take_back_in_time_are_offered_again(
    purse: Purse, thread: LeaseThread
) -> None:
    _end(await purse.reserve([(a_spec(100_000), 7)], NOON))
    await purse.tick()

    thread.hold()
    await purse.tick()
    thread.away = True
    thread.let_go()
    with contextlib.suppress(OperationalError):
        await _until_done(thread)
    thread.away = False
    lent = await _lent()
    await _idle(purse)

    assert lent >= 7
    assert await _lent() == 0


async def test_units_of_a_period_that_ends_while_they_are_fetched_go_back(purse: Purse, thread: LeaseThread) -> None:
    spec = a_spec(100_000, period="day", cycle=DAILY)
    thread.hold()
    before = asyncio.create_task(purse.reserve([(spec, 1)], us(at(15))))
    await _asked(thread, 1)
    after = asyncio.create_task(purse.reserve([(spec, 1)], us(at(16))))
    await asyncio.sleep(0)
    await purse.tick()
    thread.let_go()

    for held in (await before, await after):
        _end(held)
    await _idle(purse)

    assert await Allowance.objects.acount() == 2
    assert await _lent() == 0


async def test_units_reserved_late_by_a_call_of_a_period_that_is_over_go_back(purse: Purse) -> None:
    spec = a_spec(10_000_000, meter="bytes", period="day", cycle=DAILY)
    download = await purse.reserve([(spec, 0)], us(at(15)))
    _end(await purse.reserve([(spec, 0)], us(at(16))))
    await _idle(purse)

    await download.more({"bytes": 5_000})
    _end(download, bytes=2_000)
    await _idle(purse)

    assert await _lent() == 2_000
    assert (await Allowance.objects.aget()).period_start == at(15)


async def test_a_plan_of_another_rhythm_is_counted_in_its_own_periods(purse: Purse) -> None:
    spec = a_spec(1_000, period="plan", cycle=Cycle("month", 1, at(1)))
    _end(await purse.reserve([(spec, 1)], us(at(20))))

    weekly = replace(spec, cycle=Cycle("week", 1, at(17)), limit=50)
    _end(await purse.reserve([(weekly, 1)], us(at(20))), calls=1)

    rows = Allowance.objects.order_by("period_start", "limit").values_list("period_start", "period_end", "limit")
    assert [row async for row in rows] == [(at(1), at(1, 2), 1_000), (at(17), at(24), 50)]


async def test_nothing_is_remembered_of_allowances_that_nobody_uses(purse: Purse) -> None:
    specs = [a_spec(100_000, scope=f"key:{n}") for n in range(20)]
    for spec in specs:
        _end(await purse.reserve([(spec, 1)], NOON), calls=1)
    running = await purse.reserve([(specs[0], 1)], NOON)

    await _idle(purse)
    while_it_runs = list(purse._pools)
    _end(running, calls=1)
    await _idle(purse)

    assert while_it_runs == [specs[0].key]
    assert (purse._pools, purse._active) == ({}, set())
    assert await _lent() == 21

"""Units are lent and booked so that used + leased <= limit in every state that others can see."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from apipark.models import Change
from billing import leases
from billing.leases import Exhausted, Granted, Held, Want, acquire, change_limit, give_back, reclaim, ship, usage
from billing.models import Allowance, Lease
from billing.periods import Cycle
from tests.billing.factories import a_spec, at

NOW = at(15)
WORKER, OTHER = uuid4(), uuid4()


def lend(limit: int, need: int = 1, demand: int = 1, worker: UUID = WORKER, live_workers: int = 1) -> object:
    return acquire(worker, [Want(a_spec(limit), need, demand)], now=NOW, live_workers=live_workers)


def granted(answer: object) -> list[int]:
    assert isinstance(answer, Granted)
    return [leased.units for leased in answer.units]


def row() -> tuple[int | None, int, int, int]:
    return Allowance.objects.values_list("limit", "used", "leased", "overrun").get()


@pytest.mark.django_db
def test_the_first_call_of_a_period_makes_its_row() -> None:
    spec = a_spec(10, period="plan", cycle=Cycle("month", 1, at(10)))

    for day, month in ((9, 2), (10, 2)):
        acquire(WORKER, [Want(spec, 1, 1)], now=at(day, month), live_workers=1)

    periods = Allowance.objects.order_by("period_start").values_list("period_start", "period_end", "leased")
    assert list(periods) == [(at(10), at(10, 2), 1), (at(10, 2), at(10, 3), 1)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("limit", "need", "demand", "workers", "units"),
    [
        (1000, 1, 400, 1, 400),  # what the last second used
        (1000, 1, 5000, 1, 500),  # half of the room, shared by the workers
        (1000, 1, 5000, 4, 125),
        (1000, 1, 0, 4, 10),  # SQLite's floor, far from the limit
        (400, 1, 0, 4, 1),  # not so near it
        (7, 1, 100, 4, 1),
        (1000, 900, 1, 4, 900),
    ],
)
def test_block_size(limit: int, need: int, demand: int, workers: int, units: int) -> None:
    if connection.vendor != "sqlite" and (limit, demand) == (1000, 0):
        units = 1

    assert granted(lend(limit, need, demand, live_workers=workers)) == [units]


@pytest.mark.django_db
def test_without_a_limit_a_worker_gets_what_it_used() -> None:
    lend(10)
    change_limit(a_spec(10), None, now=NOW)

    assert granted(lend(10, need=5, demand=70)) == [70]


@pytest.mark.django_db
def test_held_while_leases_could_come_back_and_exhausted_once_they_cannot() -> None:
    lend(10, need=10, worker=OTHER)
    held = lend(10)
    ship(OTHER, {Allowance.objects.get().pk: 10}, {})
    exhausted = lend(10)

    assert isinstance(held, Held)
    assert (held.index, held.state.used, held.state.leased) == (0, 0, 10)
    assert isinstance(exhausted, Exhausted)
    assert (exhausted.state.used, exhausted.state.leased) == (10, 0)


@pytest.mark.django_db
def test_too_much_for_what_is_left_is_exhausted_although_something_is_left() -> None:
    assert isinstance(lend(10, need=11), Exhausted)


@pytest.mark.django_db
def test_all_allowances_or_none() -> None:
    wants = [Want(a_spec(100, scope=f"sub:{n}"), need, need) for n, need in ((1, 5), (2, 101), (3, 5))]

    answer = acquire(WORKER, wants, now=NOW, live_workers=1)

    assert isinstance(answer, Exhausted)
    assert answer.index == 1
    assert Allowance.objects.aggregate(Sum("leased")) == {"leased__sum": 0}
    assert not Lease.objects.exists()


@pytest.mark.django_db
def test_exhausted_goes_before_held_since_waiting_would_not_help() -> None:
    first, second = a_spec(10, scope="sub:1"), a_spec(10, scope="sub:2")
    acquire(OTHER, [Want(first, 10, 1)], now=NOW, live_workers=1)

    answer = acquire(WORKER, [Want(first, 1, 1), Want(second, 11, 1)], now=NOW, live_workers=1)

    assert isinstance(answer, Exhausted)
    assert answer.index == 1


@pytest.mark.django_db
def test_a_warm_acquire_of_three_takes_five_statements() -> None:
    wants = [Want(a_spec(100, scope=f"sub:{n}"), 1, 1) for n in range(3)]
    acquire(WORKER, wants, now=NOW, live_workers=1)

    with CaptureQueriesContext(
        connection,
    ) as statements:
        acquire(WORKER, wants, now=NOW, live_workers=1)

    assert len([query for query in statements if "SAVEPOINT" not in query["sql"]]) == 5


@pytest.mark.django_db
def test_returned_units_are_there_for_others() -> None:
    lend(10, need=10)
    give_back(WORKER, {Allowance.objects.get().pk: 4})

    assert granted(lend(10, need=4, worker=OTHER)) == [4]
    assert Lease.objects.get(worker=WORKER).outstanding == 6


@pytest.mark.django_db
def test_units_of_a_reclaimed_worker_cannot_be_returned_again() -> None:
    lend(10, need=10)
    pk = Allowance.objects.get().pk

    assert reclaim(WORKER)
    give_back(WORKER, {pk: 10})

    assert row() == (10, 0, 0, 0)
    assert not Lease.objects.exists()


def lend_many(count: int) -> None:
    """One unit each of so many allowances."""
    for start in range(0, count, 100):
        wants = [Want(a_spec(10, scope=f"key:{n}"), 1, 1) for n in range(start, min(start + 100, count))]
        acquire(WORKER, wants, now=NOW, live_workers=1)


@pytest.mark.django_db
def test_thousands_of_leases_are_reclaimed_in_several_transactions() -> None:
    lend_many(1_001)
    others = lend(10, need=3, worker=OTHER)

    left = []
    while not reclaim(WORKER):
        left.append(Lease.objects.filter(worker=WORKER).count())
        assert Allowance.objects.aggregate(units=Sum("leased"))["units"] == left[-1] + 3

    assert left == [501, 1]
    assert granted(others) == [3]
    assert Allowance.objects.aggregate(units=Sum("leased"))["units"] == Lease.objects.get().outstanding == 3


@pytest.mark.django_db
@pytest.mark.parametrize("act", ["ship", "give_back"])
def test_hundreds_of_allowances_are_a_handful_of_statements(act: str) -> None:
    lend_many(300)
    units = dict.fromkeys(Allowance.objects.values_list("pk", flat=True), 1)

    with CaptureQueriesContext(connection) as statements, transaction.atomic():
        ship(WORKER, units, {}) if act == "ship" else give_back(WORKER, units)

    assert len(statements) < 10
    assert set(Allowance.objects.values_list("used", "leased")) == {(1 if act == "ship" else 0, 0)}


@pytest.mark.django_db
def test_overrun_is_booked_where_there_is_room_and_else_only_counted() -> None:
    lend(10, need=6)
    pk = Allowance.objects.get().pk

    booked = ship(WORKER, {pk: 6}, {pk: 9})

    assert booked == {pk: 4}
    assert row() == (10, 10, 0, 5)


@pytest.mark.django_db
def test_what_a_forgotten_worker_ships_late_never_breaks_the_limit() -> None:
    lend(10, need=6)
    pk = Allowance.objects.get().pk
    reclaim(WORKER)
    lend(10, need=8, worker=OTHER)

    ship(WORKER, {pk: 6}, {})

    assert row() == (10, 2, 8, 4)


@pytest.mark.django_db
def test_a_lowered_limit_sinks_as_units_are_shipped_and_come_back() -> None:
    lend(100, need=60)
    pk = Allowance.objects.get().pk

    change_limit(a_spec(100), 20, now=NOW)
    steps = [row()]
    ship(WORKER, {pk: 15}, {})
    steps.append(row())
    give_back(WORKER, {pk: 30})
    steps.append(row())
    give_back(WORKER, {pk: 15})
    steps.append(row())

    assert steps == [(60, 0, 60, 0), (60, 15, 45, 0), (30, 15, 15, 0), (20, 15, 0, 0)]
    assert Allowance.objects.get().wanted_limit is None
    assert list(Change.objects.values_list("kind", "object_id")) == [("allowance", pk)]


@pytest.mark.django_db
def test_a_raised_limit_forgets_the_wanted_one() -> None:
    lend(100, need=60)
    change_limit(a_spec(100), 20, now=NOW)

    change_limit(a_spec(100), 200, now=NOW)

    assert (Allowance.objects.get().limit, Allowance.objects.get().wanted_limit) == (200, None)


@pytest.mark.django_db
def test_usage_is_one_query_and_knows_periods_without_a_row() -> None:
    lend(10, need=3)
    specs = [a_spec(7, scope="sub:9"), a_spec(10)]

    with CaptureQueriesContext(connection) as statements:
        states = usage(specs, NOW)

    assert len(statements) == 1
    assert [(state.limit, state.used, state.leased) for state in states] == [(7, 0, 0), (10, 0, 3)]
    assert states[0].allowance_id == 0


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "ship", "overrun", "return", "reclaim", "limit"]),
        st.integers(0, 2),  # worker
        st.integers(0, 2),  # allowance
        st.integers(0, 40),
    ),
    max_size=40,
)


class AnyInterleaving(HypothesisTestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_ACTS)
    def test_nothing_is_lent_twice_or_lost(self, acts: list[tuple[str, int, int, int]]) -> None:
        """Against a model of plain integers, after every step."""
        workers = [UUID(int=n + 1) for n in range(3)]
        limits = [30, 50, 80]
        specs = [a_spec(limit, scope=f"sub:{n}") for n, limit in enumerate(limits)]
        leases._create_missing(specs, NOW)
        ids = [Allowance.objects.get(scope=f"sub:{n}").pk for n in range(3)]
        held: Counter[tuple[int, int]] = Counter()
        used: Counter[int] = Counter()
        beyond: Counter[int] = Counter()

        for act, w, a, count in acts:
            mine = min(count, held[w, a])
            match act:
                case "acquire":
                    answer = acquire(
                        workers[w], [Want(specs[a], count, 9), Want(specs[(a + 1) % 3], 1, 2)], now=NOW, live_workers=3
                    )
                    if isinstance(answer, Granted):
                        for index, leased in zip((a, (a + 1) % 3), answer.units, strict=True):
                            held[w, index] += leased.units
                case "ship":
                    ship(workers[w], {ids[a]: mine}, {})
                    held[w, a] -= mine
                    used[a] += mine
                case "overrun":
                    booked = ship(workers[w], {ids[a]: mine}, {ids[a]: count})
                    held[w, a] -= mine
                    used[a] += mine + booked.get(ids[a], 0)
                    beyond[a] += count - booked.get(ids[a], 0)
                case "return":
                    give_back(workers[w], {ids[a]: mine})
                    held[w, a] -= mine
                case "reclaim":
                    reclaim(workers[w])
                    for index in range(3):
                        held[w, index] = 0
                case "limit":
                    change_limit(specs[a], count * 2, now=NOW)

            for index, allowance in enumerate(Allowance.objects.order_by("scope")):
                out = sum(held[worker, index] for worker in range(3))
                assert (allowance.used, allowance.leased, allowance.overrun) == (used[index], out, beyond[index])
                assert allowance.limit is not None
                assert allowance.used + allowance.leased <= allowance.limit
                lent = Lease.objects.filter(allowance=allowance).aggregate(units=Sum("outstanding"))["units"] or 0
                assert lent == allowance.leased


# Each process asks until it is told that nothing is left, and prints how much it got.
_PROCESS = """
import uuid, django
django.setup()
from billing.leases import Granted, Held, Want, acquire, ship
from tests.billing.factories import a_spec, at
from django.db import transaction
worker, got = uuid.uuid4(), 0
while True:
    answer = acquire(worker, [Want(a_spec(1000), 1, 7), Want(a_spec(5000, scope="team:1"), 1, 7)], now=at(15), live_workers=4)
    if isinstance(answer, Granted):
        got += next(leased.units for leased in answer.units if leased.limit == 1000)
        with transaction.atomic():
            ship(worker, {leased.allowance_id: leased.units for leased in answer.units}, {})
    elif not isinstance(answer, Held):
        break
print(got)
"""


def test_four_processes_get_exactly_the_limit(tmp_path: Path) -> None:
    environment = os.environ | {
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'leases.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=root, env=environment, check=True)

    processes = [
        subprocess.Popen([sys.executable, "-c", _PROCESS], cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    got = [int(process.communicate(timeout=60)[0]) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert sum(got) == 1000

import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError, connection, transaction
from django.db.models import F, Sum
from structlog.testing import capture_logs

from apipark import heartbeats
from billing.models import Allowance, Lease
from proxy import booking, retention
from proxy.booking import Book
from proxy.models import Call, DeadLetter, TouchedMinute
from proxy.models import Spool as SpoolRow
from proxy.shipper import AlreadyRunning, Shipper, insert_calls, only_one
from proxy.spool import Spool, segment_numbers, segment_path
from tests.proxy.factories import a_call, admitted_record, outcome_record, refused_record
from tests.teams.factories import ApplicationFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class Ship:
    """A directory of spools and shippers that start anew whenever a test says so."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.spools: list[Spool] = []
        self.shippers: list[Shipper] = []

    def spool(self, *, segment_bytes: int = 1 << 20) -> Spool:
        spool = Spool.open(self.directory, uuid4(), host="here", fsync="off", segment_bytes=segment_bytes, free_bytes=0)
        self.spools.append(spool)
        return spool

    def shipper(self) -> Shipper:
        """The one before it is gone, as after a kill."""
        for shipper in self.shippers:
            shipper.forget()
        self.shippers.append(Shipper(self.directory, self.directory.parent / "heartbeats", host="here"))
        return self.shippers[-1]

    def drain(self) -> None:
        self.shipper().drain()


@pytest.fixture
def ship(tmp_path: Path) -> Iterator[Ship]:
    ship = Ship(tmp_path / "spool")
    yield ship
    for shipper in ship.shippers:
        shipper.forget()
    for spool in ship.spools:
        spool.close()


def an_allowance(worker: UUID, *, lent: int, limit: int | None = 10_000, meter: str = "calls") -> int:
    """Lent whole to the worker, as after an acquire."""
    allowance = Allowance.objects.create(
        scope=f"sub:{Allowance.objects.count()}",
        meter=meter,
        kind="included",
        period="total",
        period_start=NOON,
        period_end=NOON + timedelta(days=30),
        limit=limit,
        leased=lent,
    )
    Lease.objects.create(worker=worker, allowance=allowance, outstanding=lent)
    return allowance.pk


def write(spool: Spool, *records: dict[str, Any]) -> None:
    for record in records:
        {"a": spool.admitted, "o": spool.outcome, "r": spool.refused}[record["k"]](record)
    spool.flush()


def kill(spool: Spool) -> None:
    """As the kernel leaves it: no end record, the lock is free."""
    spool._close_descriptors()


def database() -> list[Any]:
    return [
        list(Call.objects.order_by("pk").values()),
        list(Allowance.objects.order_by("pk").values()),
        list(Lease.objects.order_by("pk").values()),
        list(SpoolRow.objects.values_list("worker", "state", "segment", "offset")),
        list(TouchedMinute.objects.values_list("minute", flat=True)),
        list(DeadLetter.objects.values_list("worker", "segment", "offset", "reason")),
    ]


def assert_exact() -> None:
    """Used is the sum of the shipped calls' charges, leased the sum of what workers hold (I2, I3)."""
    charged: dict[int, int] = {}
    for charges in Call.objects.values_list("charges", flat=True):
        for allowance, units, _ in charges:
            charged[allowance] = charged.get(allowance, 0) + units
    rows = Allowance.objects.annotate(held=Sum("leases__outstanding"))
    for allowance, used, leased, held in rows.values_list("pk", "used", "leased", "held"):
        assert (used, leased) == (charged.get(allowance, 0), held or 0)


def test_columns_are_those_of_the_call() -> None:
    assert tuple(field.column for field in Call._meta.concrete_fields) == booking.COLUMNS


def test_a_call_is_booked_as_it_was_recorded(ship: Ship) -> None:
    spool = ship.spool()
    allowance = an_allowance(spool.worker, lent=5)
    write(spool, admitted_record(1, R=[[allowance, 1]]), outcome_record(1, C=[[allowance, 1, 1]]))

    ship.drain()

    call = Call.objects.get()
    assert (call.pk, call.at, call.worker) == (UUID(int=1), NOON + timedelta(milliseconds=1), spool.worker)
    assert (call.team, call.application, call.api_key, call.subscription, call.plan_version) == (7, 31, 90, 12, 5)
    assert (call.service, call.service_version, call.ai_model, call.provider_key, call.model_price) == (3, 4, 2, 8, 118)
    assert (call.environment, call.method, call.path) == ("live", "POST", "/v1/chat/completions")
    assert (call.status, call.upstream_status, call.outcome, call.slug, call.streamed) == (
        200,
        200,
        "answered",
        "",
        True,
    )
    assert (call.request_bytes, call.response_bytes, call.duration_ms, call.first_byte_ms) == (300, 1200, 812, 640)
    assert (call.input_tokens, call.cached_tokens, call.output_tokens, call.usage_source) == (70, 10, 40, "provider")
    assert (call.cost_nano, call.revenue_nano, call.currency) == (1000, 1500, "USD")
    assert (call.charges, call.asked) == ([[allowance, 1, 1]], {})
    assert list(TouchedMinute.objects.values_list("minute", flat=True)) == [NOON]
    assert_exact()


def test_a_refused_call_keeps_what_was_asked_for(ship: Ship) -> None:
    write(ship.spool(), refused_record(1, sub=None))

    ship.drain()

    call = Call.objects.get()
    assert (call.status, call.outcome, call.slug, call.subscription) == (402, "refused", "quota-exceeded", None)
    assert (call.asked, call.charges) == ({"units": {"calls": 1}}, [])


def test_the_database_orders_raw_and_orm_times_alike(ship: Ship) -> None:
    write(ship.spool(), *(refused_record(number, t=1_795_608_000_000_000 + number) for number in (0, 1)))

    ship.drain()

    assert list(Call.objects.filter(at=NOON).values_list("pk", flat=True)) == [UUID(int=0)]
    assert list(Call.objects.filter(at__gt=NOON).values_list("pk", flat=True)) == [UUID(int=1)]


def busy(spool: Spool, allowance: int) -> list[dict[str, Any]]:
    return [
        admitted_record(1, R=[[allowance, 2]]),
        admitted_record(2, R=[[allowance, 1]]),
        outcome_record(2, C=[[allowance, 1, 1]]),
        refused_record(3),
        outcome_record(1, C=[[allowance, 2, 2]]),
        admitted_record(4, R=[[allowance, 1]]),
    ]


def test_shipping_after_each_byte_gives_what_shipping_once_gives(ship: Ship) -> None:
    # The spool grows byte by byte under a shipper that is killed after each, half of the time before its commit.
    spool = ship.spool(segment_bytes=700)
    allowance = an_allowance(spool.worker, lent=9)
    write(spool, *busy(spool, allowance))
    spool.close()
    contents = [segment_path(spool.folder, number).read_bytes() for number in segment_numbers(spool.folder)]
    with transaction.atomic():
        ship.drain()
        once = database()
        transaction.set_rollback(True)

    growing = ship.spool()
    alive = segment_path(growing.folder, 0)
    alive.rename(alive.with_suffix(".held"))
    folder = ship.directory / spool.worker.hex
    folder.mkdir()
    assert len(contents) > 1
    alive.with_suffix(".held").rename(segment_path(folder, 0))  # the same locked file under the first spool's name
    growing.folder.rmdir()
    for number, content in enumerate(contents):
        segment_path(folder, number).touch()
        for end in range(0, len(content) + 1, 23):
            segment_path(folder, number).write_bytes(content[:end])
            with transaction.atomic():
                ship.drain()
                transaction.set_rollback(True)
            ship.drain()
        segment_path(folder, number).write_bytes(content)
    ship.drain()
    kill(growing)
    ship.drain()

    assert database() == once
    assert len(once[0]) == 4
    assert_exact()


def test_the_last_line_of_a_living_worker_is_waited_for(ship: Ship) -> None:
    spool = ship.spool()
    write(spool, refused_record(1))
    path = segment_path(spool.folder, 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5] + b"torn\n")
    shipper = ship.shipper()
    shipper.drain()
    assert not Call.objects.exists()

    path.write_bytes(whole)
    shipper.drain()

    assert Call.objects.count() == 1
    assert not DeadLetter.objects.exists()


def test_a_damaged_line_becomes_a_dead_letter_and_the_rest_is_shipped(ship: Ship) -> None:
    spool = ship.spool()
    write(spool, refused_record(1), refused_record(2), refused_record(3))
    path = segment_path(spool.folder, 0)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"quota", b"quote")
    path.write_bytes(b"".join(lines))

    ship.drain()

    assert list(Call.objects.order_by("pk").values_list("pk", flat=True)) == [UUID(int=1), UUID(int=3)]
    letter = DeadLetter.objects.get()
    assert (letter.worker, letter.segment, letter.offset) == (spool.worker, 0, len(lines[0] + lines[1]))
    assert (bytes(letter.record), letter.reason) == (lines[2], "wrong checksum")


def test_the_torn_last_line_of_a_dead_worker_is_skipped(ship: Ship) -> None:
    spool = ship.spool()
    write(spool, refused_record(1), refused_record(2))
    path = segment_path(spool.folder, 0)
    path.write_bytes(path.read_bytes()[:-9])
    kill(spool)

    ship.drain()

    assert Call.objects.count() == 1
    assert not DeadLetter.objects.exists()
    assert SpoolRow.objects.get().state == "closed"


@pytest.mark.parametrize("fault", [{"st": None}, {"C": [[999_999, 1, 1]]}, {"C": [[1]]}, {"cost": 1 << 63}])
def test_a_poison_record_is_given_up_and_the_rest_is_shipped(ship: Ship, fault: dict[str, Any]) -> None:
    spool = ship.spool()
    for number in range(1, 8):
        write(spool, admitted_record(number), outcome_record(number, **(fault if number == 4 else {})))

    ship.drain()
    spool.close()
    ship.drain()

    assert [call.int for call in Call.objects.order_by("pk").values_list("pk", flat=True)] == [1, 2, 3, 5, 6, 7]
    # The admission and the outcome.
    assert DeadLetter.objects.count() == 2
    assert SpoolRow.objects.get().state == "closed"


def test_a_call_that_is_there_already_is_not_charged_twice(ship: Ship) -> None:
    first, second = ship.spool(), ship.spool()
    allowances = [an_allowance(spool.worker, lent=5) for spool in (first, second)]
    for spool, allowance in zip((first, second), allowances, strict=True):
        write(spool, admitted_record(1, R=[[allowance, 1]]), outcome_record(1, C=[[allowance, 1, 1]]))

    ship.drain()

    assert Call.objects.count() == 1
    assert DeadLetter.objects.count() == 2
    assert_exact()


def test_a_dead_workers_open_calls_are_charged_and_its_leases_freed(ship: Ship) -> None:
    spool = ship.spool()
    calls = an_allowance(spool.worker, lent=10)
    spend = an_allowance(spool.worker, lent=9_000, meter="spend")
    write(spool, admitted_record(1, R=[[calls, 1], [spend, 4_000]]))
    write(spool, admitted_record(2, R=[[calls, 1]]), outcome_record(2, C=[[calls, 1, 1]]))
    ship.drain()
    kill(spool)

    ship.drain()

    lost = Call.objects.get(pk=UUID(int=1))
    assert (lost.outcome, lost.status, lost.usage_source, lost.input_tokens) == ("gateway_lost", 500, "own", 75)
    assert (lost.charges, lost.revenue_nano) == ([[calls, 1, 1], [spend, 4_000, 4_000]], 4_000)
    assert dict(Allowance.objects.values_list("pk", "used")) == {calls: 2, spend: 4_000}
    assert not Allowance.objects.exclude(leased=0).exists()
    assert not Lease.objects.exists()
    assert SpoolRow.objects.get().state == "closed"
    assert not spool.folder.exists()
    assert_exact()


def test_a_living_worker_keeps_its_leases_and_open_calls(ship: Ship) -> None:
    spool = ship.spool()
    allowance = an_allowance(spool.worker, lent=10)
    write(spool, admitted_record(1, R=[[allowance, 1]]))

    ship.drain()

    assert not Call.objects.exists()
    assert Lease.objects.get().outstanding == 10
    assert SpoolRow.objects.get().state == "open"


def test_usage_beyond_the_reservation_is_booked_where_there_is_room(ship: Ship) -> None:
    spool = ship.spool()
    tokens = an_allowance(spool.worker, lent=10, limit=14, meter="tokens")
    for number in (1, 2):
        write(spool, admitted_record(number, R=[[tokens, 5]]), outcome_record(number, C=[[tokens, 5, 8]]))

    ship.drain()

    assert list(Call.objects.order_by("pk").values_list("charges", flat=True)) == [[[tokens, 8, 8]], [[tokens, 6, 8]]]
    allowance = Allowance.objects.get()
    assert (allowance.used, allowance.leased, allowance.overrun) == (14, 0, 2)
    assert_exact()


def test_segments_go_when_no_call_admitted_in_them_is_open(ship: Ship) -> None:
    spool = ship.spool(segment_bytes=500)
    write(spool, refused_record(0))
    write(spool, *(admitted_record(number) for number in range(1, 7)))
    kept = segment_numbers(spool.folder)
    shipper = ship.shipper()
    shipper.drain()
    assert segment_numbers(spool.folder) == kept

    for number in range(1, 7):
        write(spool, outcome_record(number))
    write(spool, refused_record(7))
    shipper.drain()

    # The first carries the lock, the last is written to.
    assert len(segment_numbers(spool.folder)) == 2
    # What the first one still says to be open ended in a segment that is gone.
    kill(spool)
    ship.drain()
    assert not Call.objects.filter(outcome="gateway_lost").exists()
    assert (Call.objects.count(), DeadLetter.objects.count()) == (8, 0)


def test_a_spool_of_an_unknown_format_is_left_alone(ship: Ship) -> None:
    folder = ship.directory / uuid4().hex
    folder.mkdir(parents=True)
    header = b'{"k":"h","v":2}'
    segment_path(folder, 0).write_bytes(b"%08x %s\n" % (zlib.crc32(header), header))

    ship.drain()

    assert segment_path(folder, 0).exists()


def test_a_closed_spool_that_was_not_deleted_is_deleted(ship: Ship) -> None:
    spool = ship.spool()
    SpoolRow.objects.create(
        worker=spool.worker, host="here", started_at=NOON, heartbeat_at=NOON, state=SpoolRow.State.CLOSED
    )
    kill(spool)

    ship.drain()

    assert not spool.folder.exists()


def test_one_shipper_a_machine(tmp_path: Path) -> None:
    with only_one(tmp_path / "lock"), pytest.raises(AlreadyRunning), only_one(tmp_path / "lock"):
        pass
    with only_one(tmp_path / "lock"):
        pass


def test_running_ships_until_it_is_stopped_and_shows_its_lag(ship: Ship) -> None:
    write(ship.spool(), refused_record(1))
    stopping = threading.Event()
    timer = threading.Timer(0.3, stopping.set)
    timer.start()

    ship.shipper().run(stopping)

    timer.join()
    assert Call.objects.count() == 1
    heartbeat = heartbeats.read(ship.directory.parent / "heartbeats", "shipper")
    assert heartbeat is not None
    assert heartbeat.facts == {"lag_s": 0.0, "behind_bytes": 0, "spools": 1}


def test_text_that_postgresql_refuses_is_replaced() -> None:
    book = Book(uuid4().hex)
    book.refused(refused_record(1, p="/a\0b", m="M" * 99, asked={"model": "x\0y", "other": "\\u0000"}))

    insert_calls(book.rows)

    call = Call.objects.get()
    assert (call.path, call.method) == ("/a\ufffdb", "M" * 10)
    assert call.asked == {"model": "x\ufffdy", "other": "\\u0000"}


def test_inserting_a_call_twice_is_refused() -> None:
    book = Book(uuid4().hex)
    book.refused(refused_record(1))
    insert_calls(book.rows)

    with pytest.raises(IntegrityError), transaction.atomic():
        insert_calls(book.rows)


def test_pruning_keeps_what_is_young_or_not_rolled_up() -> None:
    application = ApplicationFactory.create()
    for days in (1, 50, 99, 200):
        a_call(application, id=UUID(int=days), at=NOON - timedelta(days=days))
    TouchedMinute.objects.create(minute=NOON - timedelta(days=150))

    deleted = retention.prune(NOON, timedelta(days=90), until=lambda: False)

    assert deleted == 1
    assert not Call.objects.filter(pk=UUID(int=200)).exists()
    TouchedMinute.objects.all().delete()
    assert retention.prune(NOON, timedelta(days=90), until=lambda: False) == 1
    assert [call.int for call in Call.objects.order_by("pk").values_list("pk", flat=True)] == [1, 50]


def test_pruning_takes_closed_spools_after_a_day() -> None:
    for state, hours in (("open", 50), ("closed", 50), ("closed", 5)):
        SpoolRow.objects.create(
            worker=uuid4(), host="here", started_at=NOON, heartbeat_at=NOON - timedelta(hours=hours), state=state
        )

    retention.prune(NOON, timedelta(days=90), until=lambda: False)

    assert set(SpoolRow.objects.values_list("state", F("heartbeat_at"))) == {
        ("open", NOON - timedelta(hours=50)),
        ("closed", NOON - timedelta(hours=5)),
    }


HUGE = 9_000_000_000_000_000_000


@pytest.mark.parametrize(
    "poison",
    [
        admitted_record(2, id=["a", "list"]),
        outcome_record(2, id={"a": "map"}),
        {"k": "p", "id": ["a", "list"]},
        refused_record(2, t=HUGE),
        refused_record(2, m=["GET"]),
        refused_record(2, p=None),
    ],
)
def test_a_record_that_nothing_can_be_made_of_stops_nobody(ship: Ship, poison: dict[str, Any]) -> None:
    spool = ship.spool()
    write(spool, admitted_record(1), outcome_record(1))
    spool.refused(poison)
    write(spool, admitted_record(3), outcome_record(3))
    shipper = ship.shipper()

    shipper.drain()
    kill(spool)
    shipper.drain()

    assert [call.pk.int for call in Call.objects.order_by("pk")] == [1, 3]
    assert DeadLetter.objects.count() == 1
    assert SpoolRow.objects.get().state == SpoolRow.State.CLOSED


@pytest.mark.parametrize("change", [{"t": HUGE}, {"R": "none"}, {"R": [5]}, {"R": [[["x"], 1]]}, {"R": [["x", 1]]}])
def test_a_lost_call_that_nothing_can_be_made_of_stops_nobody(ship: Ship, change: dict[str, Any]) -> None:
    spool = ship.spool()
    write(spool, admitted_record(1), admitted_record(2, **change))
    kill(spool)

    ship.drain()

    assert [call.pk.int for call in Call.objects.order_by("pk")] == [1]
    assert DeadLetter.objects.count() == 1
    assert SpoolRow.objects.get().state == SpoolRow.State.CLOSED


def test_a_dead_worker_is_closed_when_the_last_of_its_many_leases_is_free(ship: Ship) -> None:
    spool = ship.spool()
    for _ in range(600):
        an_allowance(spool.worker, lent=2)
    kill(spool)

    shipper = ship.shipper()
    for _ in range(2):  # its header, then what it held
        shipper.round()
    held = Lease.objects.count(), SpoolRow.objects.get().state, spool.folder.exists()
    shipper.drain()

    assert held == (100, SpoolRow.State.OPEN, True)
    assert (Lease.objects.count(), SpoolRow.objects.get().state) == (0, SpoolRow.State.CLOSED)
    assert not spool.folder.exists()
    assert_exact()


class Impatient(threading.Event):
    """Waits for nothing, and is set after so many rounds."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.left = rounds

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # the base class's
        self.left -= 1
        if not self.left:
            self.set()
        return self.is_set()


@pytest.mark.parametrize("failure", [OperationalError("away"), InternalError("read only"), InterfaceError("closed")])
def test_an_outage_of_the_database_is_two_lines_of_the_log(ship: Ship, failure: Exception) -> None:
    spool = ship.spool()
    write(spool, admitted_record(1), outcome_record(1))
    stopping = Impatient(rounds=8)

    def away(execute: Any, *statement: Any) -> Any:
        if stopping.left > 3:
            raise failure
        return execute(*statement)

    with capture_logs() as lines, connection.execute_wrapper(away):
        ship.shipper().run(stopping)

    assert [(line["event"], line["times"]) for line in lines] == [
        ("database_unreachable", 1),
        ("database_unreachable_no_more", 5),
    ]
    assert Call.objects.count() == 1

"""Carries the spools of this machine's workers into the database: calls, usage and position in one transaction.

A crash before the commit repeats the batch, after it the position skips it: every record is booked exactly once. Between
two commits it rests, since SQLite has one writer and a worker's lease must not wait behind a backlog.
"""

import fcntl
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection, transaction

from apipark import clock, heartbeats
from apipark.troubles import Trouble
from billing import leases
from billing.models import Allowance, Meter
from proxy.booking import COLUMNS, Row, minute_start
from proxy.following import Batch, FollowedSpool, Letter, UnknownFormat
from proxy.models import Call, DeadLetter, Spool
from proxy.spool import read_records, segment_numbers, segment_path

_INTERVAL_S: Final = 0.1
# Between two commits, also while catching up: the database belongs to the others then.
REST_S: Final = 0.02
_DATABASE_RETRY_S: Final = 1.0
_HEARTBEAT_S: Final = 1.0
_SPOOL_HEARTBEAT_S: Final = 5.0
# A record is refused thrice before it is given up; two of these could be a deadlock's doing.
_ATTEMPTS: Final = 3
_KNOWN_CHUNK: Final = 500
# A worker that starts has its folder before its first segment.
_ABANDONED_AFTER_S: Final = 60

log = structlog.get_logger(__name__)


class AlreadyRunning(Exception):  # noqa: N818  # a fact about the machine
    pass


class _Moved(Exception):  # noqa: N818
    """The position in the database is not the one held here: a commit that seemed lost was not."""


@contextmanager
def only_one(lock_path: Path) -> Iterator[None]:
    """One shipper a machine. The kernel frees the lock of a killed one."""
    with lock_path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"another shipper holds {lock_path}") from error
        yield


class Shipper:
    def __init__(self, spool_directory: Path, heartbeat_directory: Path, *, host: str) -> None:
        self._directory = spool_directory
        self._heartbeat_directory = heartbeat_directory
        self._host = host
        self._spools: dict[str, FollowedSpool] = {}
        # Of another version of this program, or with a database row that contradicts the files.
        self._left_alone: set[str] = set()
        self._beat_at = self._spool_beat_at = float("-inf")
        self.shipped_records = 0

    def run(self, stopping: threading.Event) -> None:
        """Ship until `stopping`; a batch that has begun is finished."""
        unreachable = Trouble("database_unreachable")
        while not stopping.is_set():
            began = time.monotonic()
            try:
                more = self.round(stopping)
                self._beat()
            except (DatabaseError, InterfaceError) as error:
                unreachable.met(error=str(error))
                self.forget()
                stopping.wait(_DATABASE_RETRY_S)
                continue
            unreachable.over()
            if not more:
                stopping.wait(max(REST_S, _INTERVAL_S - (time.monotonic() - began)))
        self.forget()

    def round(self, stopping: threading.Event | None = None) -> bool:
        """One batch of each spool; true when there is more."""
        more = False
        self._look_for_spools()
        for name, spool in list(self._spools.items()):
            if stopping and stopping.is_set():
                break
            try:
                more = self._ship(spool) or more
            except UnknownFormat as error:
                log.error("spool_unknown_format", error=str(error))  # noqa: TRY400  # no trace needed
                self._leave_alone(name)
            if stopping:
                stopping.wait(REST_S)
        return more

    def drain(self) -> None:
        """Until nothing is left to ship."""
        while self.round():
            pass

    def forget(self) -> None:
        """Start over with what the database says: after an error a commit may or may not have happened."""
        for spool in self._spools.values():
            spool.release()
        self._spools.clear()
        if not connection.in_atomic_block:
            connection.close()

    def _look_for_spools(self) -> None:
        if not self._directory.exists():
            return
        for folder in sorted(self._directory.iterdir()):
            if folder.name in self._spools or folder.name in self._left_alone:
                continue
            if segment_path(folder, 0).exists():
                self._follow(folder)
            elif _abandoned(folder):
                FollowedSpool(folder, UUID(folder.name)).delete()

    def _follow(self, folder: Path) -> None:
        worker = UUID(folder.name)
        row, _ = Spool.objects.get_or_create(
            worker=worker,
            defaults={"host": self._host, "started_at": _started_at(folder), "heartbeat_at": clock.now()},
        )
        spool = FollowedSpool(folder, worker, row.segment, row.offset)
        if row.state == Spool.State.CLOSED:
            spool.delete()
            return
        if segment_numbers(folder)[-1] < row.segment:
            log.error("spool_shorter_than_shipped", worker=str(worker), segment=row.segment)
            self._left_alone.add(folder.name)
            return
        spool.rebuild()
        for call in _settled_before(spool):
            del spool.open_calls[call]
        self._spools[folder.name] = spool

    def _leave_alone(self, name: str) -> None:
        self._left_alone.add(name)
        self._spools.pop(name).release()

    def _ship(self, spool: FollowedSpool) -> bool:
        batch = spool.next_batch(_spend_among)
        if not _anything(spool, batch):
            spool.caught_up_at = time.monotonic()
            return False
        try:
            closed = _book(spool, batch)
        except (DataError, IntegrityError, ObjectDoesNotExist, OverflowError) as error:
            return self._narrow(spool, batch, error)
        except _Moved:
            log.warning("spool_moved", worker=str(spool.worker))
            spool.release()
            del self._spools[spool.folder.name]
            return True
        self._after(spool, batch, closed=closed)
        return batch.more or (batch.last and not closed)

    def _narrow(self, spool: FollowedSpool, batch: Batch, error: Exception) -> bool:
        """The database refused the batch: half of it next time, until one record is left; that one is given up at last."""
        log.warning("batch_refused", worker=str(spool.worker), records=batch.records, error=str(error))
        if batch.records > 1:
            spool.limit = batch.records // 2
            return True
        spool.failures += 1
        if spool.failures >= _ATTEMPTS:
            batch = spool.next_batch(_spend_among, condemned=f"{type(error).__name__}: {error}")
            closed = _book(spool, batch)
            self._after(spool, batch, closed=closed)
        return True

    def _after(self, spool: FollowedSpool, batch: Batch, *, closed: bool) -> None:
        spool.booked(batch)
        self.shipped_records += batch.records
        for letter in batch.letters:
            log.error(
                "dead_letter",
                worker=str(spool.worker),
                segment=letter.segment,
                offset=letter.offset,
                reason=letter.reason,
            )
        if closed:
            spool.delete()
            del self._spools[spool.folder.name]
            log.info("spool_closed", worker=str(spool.worker), lost_calls=len(batch.closed))

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at >= _HEARTBEAT_S:
            self._beat_at = now
            behind = [(spool, spool.behind_bytes) for spool in self._spools.values()]
            lags = [now - spool.caught_up_at for spool, size in behind if size]
            heartbeats.touch(
                self._heartbeat_directory,
                "shipper",
                lag_s=round(max(lags, default=0.0), 1),
                behind_bytes=sum(size for _, size in behind),
                spools=len(behind),
            )
        if now - self._spool_beat_at >= _SPOOL_HEARTBEAT_S:
            self._spool_beat_at = now
            workers = [spool.worker for spool in self._spools.values()]
            Spool.objects.filter(worker__in=workers, state=Spool.State.OPEN).update(heartbeat_at=clock.now())


@transaction.atomic
def _book(spool: FollowedSpool, batch: Batch) -> bool:
    """Whether nothing of the spool is left, and it was closed. What its worker held goes back in several batches."""
    row = Spool.objects.select_for_update().get(worker=spool.worker)
    if (row.segment, row.offset, row.state) != (spool.segment, spool.offset, Spool.State.OPEN):
        raise _Moved
    book = batch.book
    if book.charged or book.overruns:
        book.spread(leases.ship(spool.worker, book.charged, book.overruns))
    insert_calls(book.rows)
    touch_minutes(book.minutes)
    _keep_letters(spool.worker, batch.letters)
    row.segment, row.offset, row.heartbeat_at = batch.segment, batch.offset, clock.now()
    if batch.last and leases.reclaim(spool.worker):
        row.state = Spool.State.CLOSED
    row.save(update_fields=["segment", "offset", "heartbeat_at", "state"])
    return row.state == Spool.State.CLOSED


def insert_calls(rows: Sequence[Row]) -> None:
    """In the order of `COLUMNS`. A call that is there already raises IntegrityError."""
    if not rows:
        return
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors, cursor.copy(f"COPY proxy_call ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(COLUMNS))
            cursor.executemany(f"INSERT INTO proxy_call ({columns}) VALUES ({places})", rows)  # noqa: S608  # constants


def touch_minutes(minutes: Collection[int]) -> None:
    """Minutes since 1970 whose roll-up has to be made again.

    The row is written even if it is there: that waits for a roll-up which has locked it and would delete it unseen.
    """
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        for minute in sorted(minutes):
            cursor.execute(
                "INSERT INTO proxy_touchedminute (minute) VALUES (%s)"
                " ON CONFLICT (minute) DO UPDATE SET minute = excluded.minute",
                [adapt(minute_start(minute))],
            )


def _keep_letters(worker: UUID, letters: Sequence[Letter]) -> None:
    DeadLetter.objects.bulk_create(
        (
            DeadLetter(
                worker=worker,
                segment=letter.segment,
                offset=letter.offset,
                record=letter.line,
                reason=letter.reason.replace("\0", ""),
                at=clock.now(),
            )
            for letter in letters
        ),
        ignore_conflicts=True,
    )


def _anything(spool: FollowedSpool, batch: Batch) -> bool:
    return batch.last or bool(batch.closed) or (batch.segment, batch.offset) != (spool.segment, spool.offset)


def _spend_among(allowances: set[int]) -> set[int]:
    return set(Allowance.objects.filter(pk__in=allowances, meter=Meter.SPEND).values_list("pk", flat=True))


def _settled_before(spool: FollowedSpool) -> set[str]:
    """Open calls by the kept segments whose outcome stood in a segment that is gone, or that were given up."""
    settled: set[str] = set()
    ids = list(spool.open_calls)
    for start in range(0, len(ids), _KNOWN_CHUNK):
        chunk = [UUID(hex=call) for call in ids[start : start + _KNOWN_CHUNK]]
        settled.update(call.hex for call in Call.objects.filter(pk__in=chunk).values_list("pk", flat=True))
    given_up = set(DeadLetter.objects.filter(worker=spool.worker).values_list("segment", "offset"))
    return settled | {
        call for call, admission in spool.open_calls.items() if (admission.segment, admission.offset) in given_up
    }


def _started_at(folder: Path) -> datetime:
    path = segment_path(folder, 0)
    with path.open("rb") as file:
        for _, _, header in read_records(file.readline()):
            if isinstance(header, dict) and isinstance(header.get("started_us"), int):
                return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=header["started_us"])
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _abandoned(folder: Path) -> bool:
    """Its worker died between making the folder and naming the first segment; nothing was ever recorded."""
    try:
        UUID(folder.name)
    except ValueError:
        return False
    return time.time() - folder.stat().st_mtime > _ABANDONED_AFTER_S

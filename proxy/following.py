"""One spool as the shipper follows it: where it stands, which calls are open, what the next batch is.

The position in the database moves in the transaction that books the batch; what is held here moves after it. Open calls
are kept nowhere else: at start they are read again from the segments, which stay while a call admitted in them is open.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson

from proxy.booking import Book, Unbookable
from proxy.spool import FORMAT_VERSION, Damaged, Record, read_records, segment_numbers, segment_path

# 1,000 calls: some 50 ms of writing, well below the 100 ms that others can wait for SQLite.
BATCH_RECORDS: Final = 2_000
# Holds a batch of ordinary records; more is read again next time.
_READ_BYTES: Final = 2 * 1024 * 1024


class UnknownFormat(Exception):  # noqa: N818  # what a spool is in
    """Written by another version of this program: left alone until one that knows it comes."""


@dataclass(frozen=True, slots=True)
class Admission:
    segment: int
    offset: int
    record: Record


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that cannot be booked."""

    segment: int
    offset: int
    line: bytes
    reason: str


@dataclass(slots=True)
class Batch:
    """What one transaction books, and what it makes of the spool."""

    book: Book
    segment: int
    offset: int
    records: int = 0
    opened: dict[str, Admission] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    letters: list[Letter] = field(default_factory=list)
    # There was more to read.
    more: bool = False
    # The worker is dead and all it wrote has been shipped: nothing of it stays.
    last: bool = False


@dataclass(slots=True)
class FollowedSpool:
    folder: Path
    worker: UUID
    segment: int = 0
    offset: int = 0
    open_calls: dict[str, Admission] = field(default_factory=dict)
    # Halved when a batch is refused, so that the record at fault is found soon.
    limit: int = BATCH_RECORDS
    failures: int = 0
    caught_up_at: float = field(default_factory=time.monotonic)
    _lock_fd: int = -1

    @property
    def dead(self) -> bool:
        """Its lock is free. Taken then and kept, so that it stays dead."""
        if self._lock_fd < 0:
            self._lock_fd = _lock(segment_path(self.folder, 0))
        return self._lock_fd >= 0

    @property
    def behind_bytes(self) -> int:
        """How much is written and not shipped."""
        sizes = {number: _size(segment_path(self.folder, number)) for number in segment_numbers(self.folder)}
        return sum(size for number, size in sizes.items() if number >= self.segment) - self.offset

    def rebuild(self) -> None:
        """Read the open calls again: admitted before the position and without outcome before it."""
        self.open_calls.clear()
        for number in segment_numbers(self.folder):
            if number > self.segment:
                break
            path = segment_path(self.folder, number)
            data = path.read_bytes()[: self.offset if number == self.segment else None]
            for start, _, record in read_records(data):
                self._replay(number, start, record)

    def _replay(self, segment: int, offset: int, record: Record | Damaged) -> None:
        if isinstance(record, Damaged):
            return
        if record["k"] == "a" and isinstance(record.get("id"), str):
            self.open_calls[record["id"]] = Admission(segment, offset, record)
        elif record["k"] == "p":
            _note_progress(self.open_calls.get(record.get("id", "")), record)
        elif record["k"] == "o":
            self.open_calls.pop(record.get("id", ""), None)

    def next_batch(self, spend_of: Callable[[set[int]], set[int]], condemned: str = "") -> Batch:
        """What to book next, at most `limit` records. With `condemned`, the next record becomes a dead letter.

        `spend_of` says which allowances count money; asked only about the calls that a dead worker left open.
        """
        dead = self.dead
        batch = self._read(dead=dead, limit=1 if condemned else self.limit, condemned=condemned)
        if dead and not batch.records and not batch.more:
            self._close_lost(batch, spend_of, condemned)
        batch.more = batch.more or (dead and not batch.last)
        return batch

    def _read(self, *, dead: bool, limit: int, condemned: str) -> Batch:
        batch = Batch(Book(self.worker.hex), self.segment, self.offset)
        # Looked at before the segment is read: a successor means that nothing more comes into this one.
        complete = segment_path(self.folder, self.segment + 1).exists()
        data = _read_from(segment_path(self.folder, self.segment), self.offset)
        full, end = len(data) == _READ_BYTES, self.offset + len(data)
        for start, stop, record in read_records(data, self.offset):
            if batch.records >= limit:
                batch.more = True
                return batch
            if isinstance(record, Damaged) and stop == end and not (full or complete or dead):
                return batch  # the last line of a living worker: it may not be all there yet
            line = data[start - self.offset : stop - self.offset]
            self._take(batch, start, line, record, condemned)
            batch.offset, batch.records = stop, batch.records + 1
        self._finish(batch, data[batch.offset - self.offset :], full=full, complete=complete)
        return batch

    @staticmethod
    def _finish(batch: Batch, rest: bytes, *, full: bool, complete: bool) -> None:
        """What follows the last whole line that was read."""
        if full:
            batch.more = True
            if not batch.records:  # so much without an LF
                batch.letters.append(Letter(batch.segment, batch.offset, rest, "no end of line"))
                batch.offset += len(rest)
        elif complete:
            if rest:
                batch.letters.append(Letter(batch.segment, batch.offset, rest, "cut off"))
            batch.segment, batch.offset, batch.more = batch.segment + 1, 0, True

    def _take(self, batch: Batch, offset: int, line: bytes, record: Record | Damaged, condemned: str) -> None:
        if isinstance(record, Damaged):
            batch.letters.append(Letter(batch.segment, offset, line, record.reason))
            return
        try:
            self._sort(batch, offset, record, condemned)
        except Unbookable as error:
            batch.letters.append(Letter(batch.segment, offset, line, str(error)[:200]))

    def _sort(self, batch: Batch, offset: int, record: Record, condemned: str) -> None:
        kind = record["k"]
        if kind == "a":
            if condemned or not isinstance(record.get("id"), str):
                raise Unbookable(condemned or "no id")
            batch.opened[record["id"]] = Admission(batch.segment, offset, record)
        elif kind == "o":
            self._end(batch, record, condemned)
        elif kind == "p":
            call = record.get("id", "")
            _note_progress(batch.opened.get(call) or self.open_calls.get(call), record)
        elif kind == "r":
            batch.book.refused(record, condemned)
        elif kind == "h":
            if record.get("v") != FORMAT_VERSION:
                raise UnknownFormat(f"{self.folder}: format {record.get('v')}")
        elif kind != "e":
            raise Unbookable("unknown kind")

    def _end(self, batch: Batch, outcome: Record, condemned: str) -> None:
        call = outcome.get("id", "")
        admission = batch.opened.get(call) or self.open_calls.get(call)
        if admission is None or call in batch.closed:
            raise Unbookable("outcome without admission")
        batch.closed.add(call)
        try:
            batch.book.ended(admission.record, outcome, condemned)
        except Unbookable as error:
            # Its admission goes with it, or the call would be closed once more when the worker ends.
            batch.letters.append(_letter(admission, str(error)))
            raise

    def _close_lost(self, batch: Batch, spend_of: Callable[[set[int]], set[int]], condemned: str) -> None:
        """Nothing more comes from this worker: its open calls are lost, then the spool itself is closed."""
        limit = 1 if condemned else self.limit
        lost = list(self.open_calls.items())[:limit]
        batch.last = len(lost) == len(self.open_calls)
        reserved = {allowance for _, admission in lost for allowance in _reserved(admission.record)}
        spend = spend_of(reserved) if reserved else set()
        for call, admission in lost:
            batch.closed.add(call)
            batch.records += 1
            try:
                batch.book.lost(admission.record, condemned, spend=spend)
            except Unbookable as error:
                batch.letters.append(_letter(admission, str(error)))

    def booked(self, batch: Batch) -> None:
        """The batch is committed."""
        self.segment, self.offset, self.failures = batch.segment, batch.offset, 0
        self.open_calls |= batch.opened
        for call in batch.closed:
            self.open_calls.pop(call, None)
        self.limit = min(BATCH_RECORDS, self.limit * 2)
        if not batch.more:
            self.caught_up_at = time.monotonic()
        self._delete_shipped()

    def _delete_shipped(self) -> None:
        if self.segment < 2:
            return
        needed = {admission.segment for admission in self.open_calls.values()}
        for number in segment_numbers(self.folder):
            # The first stays while its worker lives: it carries the lock.
            if 0 < number < self.segment and number not in needed:
                segment_path(self.folder, number).unlink()

    def delete(self) -> None:
        """All of it is in the database. Repeating is harmless."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.release()

    def release(self) -> None:
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1


def _note_progress(admission: Admission | None, progress: Record) -> None:
    """Kept with the admission until its outcome comes; reading it again changes nothing."""
    if admission is not None:
        admission.record["progress"] = progress


def _reserved(admitted: Record) -> set[int]:
    """Allowances; of a record that cannot be read none: whoever books it says what is wrong."""
    try:
        return {allowance for allowance, _ in admitted["R"] if isinstance(allowance, int)}
    except (KeyError, TypeError, ValueError):
        return set()


def _letter(admission: Admission, reason: str) -> Letter:
    return Letter(admission.segment, admission.offset, orjson.dumps(admission.record), reason[:200])


def _lock(path: Path) -> int:
    """A descriptor that holds the lock, -1 while somebody else does."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return -1
    return fd


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read_from(path: Path, offset: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), _READ_BYTES, offset)

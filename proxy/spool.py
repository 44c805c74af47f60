"""The journal of one worker: a call is written before its first byte goes upstream, and again when it ends.

One record, one line, one `write`: CRC-32 of the JSON in 8 hex digits, a space, compact JSON, LF. JSON holds no raw LF, so
a damaged line costs that line alone. A worker's spool is a folder of segments; the first carries a lock for the life of
the process, so a first segment that is not locked is that of a dead worker. What is written outlives the process; how
much of it outlives a power cut is `fsync`'s to say.

Kinds: h header of a segment, a admitted, p progress, o outcome, r refused, e clean end.
"""

import contextlib
import errno
import fcntl
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, Self
from uuid import UUID
from weakref import WeakSet

import orjson

from apipark import clock
from apipark.troubles import Trouble

FORMAT_VERSION: Final = 1
# Texts of callers are cut before they come here, so a longer record is a defect of ours.
MAX_RECORD_BYTES: Final = 16 * 1024
# What an open call may still write: its outcome has to fit on a disk on which nothing else is let in.
_OPEN_CALL_BYTES: Final = 4 * 1024
_FSYNC_INTERVAL_S: Final = 0.2
_SPACE_INTERVAL_S: Final = 1.0

Fsync = Literal["off", "interval", "always"]


class SpoolUnwritable(Exception):  # noqa: N818  # a state of the spool, named as callers speak of it
    """Nothing was recorded, so nothing may be sent upstream."""


class Spool:
    """The writer's side. Belongs to one process and one thread; open it after the server has forked."""

    def __init__(
        self, folder: Path, worker: UUID, *, host: str, fsync: Fsync, segment_bytes: int, free_bytes: int
    ) -> None:
        """Use `open`."""
        self.folder = folder
        self.worker = worker
        self._host = host
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._free_bytes = free_bytes
        self._started_us = clock.now_us()
        self._segment = 0
        self._written = 0
        self._open_calls = 0
        # Behind the last whole record of the current segment; a torn write is cut off to here.
        self._good = 0
        self._torn = False
        # Outcome records that wait for the next write.
        self._pending: list[bytes] = []
        self._fd = -1
        self._lock_fd = -1
        self._has_room = True
        self._look_at_room = 0.0
        self._syncer: _Syncer | None = None
        self._unwritable = Trouble("spool_unwritable", level=logging.ERROR)

    @classmethod
    def open(
        cls, directory: Path, worker: UUID, *, host: str, fsync: Fsync, segment_bytes: int, free_bytes: int
    ) -> Self:
        """Make the spool of a new worker. Raises `SpoolUnwritable` when the directory does not take it."""
        folder = directory / worker.hex
        spool = cls(folder, worker, host=host, fsync=fsync, segment_bytes=segment_bytes, free_bytes=free_bytes)
        try:
            folder.mkdir(mode=0o700, parents=True)
            spool._fd = spool._lock_fd = spool._new_segment(0)
        except OSError as error:
            raise SpoolUnwritable(f"{folder}: {error.strerror}") from error
        if fsync == "interval":
            spool._syncer = _Syncer(spool._fd)
        _open_spools.add(spool)
        return spool

    def admitted(self, record: Mapping[str, Any] | bytes) -> None:
        """Before the first byte goes upstream. Raises `SpoolUnwritable`: then the call must not be sent."""
        self._write_new(record)
        self._open_calls += 1

    def outcome(self, record: Mapping[str, Any] | bytes) -> None:
        """Once for each admitted call, on every way out. Written also when new calls are no longer let in.

        It joins the next record's write, or the one of `flush`: what a call gave back is spent by a call whose
        admitted record comes behind it, so a kill in between loses nothing but how this one ended.
        """
        self._pending.append(_checked_line(record))
        self._open_calls -= 1

    def progress(self, record: Mapping[str, Any]) -> None:
        """How far a stream has come and what is reserved for it; waits for the next write as an outcome does."""
        self._pending.append(_checked_line(record))

    def flush(self) -> None:
        """Write outcomes that wait; what cannot be written goes on waiting."""
        if not self._pending:
            return
        try:
            self._write()
        except SpoolUnwritable as error:
            self._unwritable.met(error=str(error))

    def refused(self, record: Mapping[str, Any] | bytes) -> None:
        self._write_new(record)

    def close(self) -> None:
        """The clean end: nothing may be written afterwards. Repeating is harmless."""
        if self._fd < 0:
            return
        try:
            self._write({"k": "e", "n": self._written + len(self._pending)})
        except SpoolUnwritable as error:
            self._unwritable.met(error=str(error))
        if self._syncer:
            self._syncer.stop()
        elif self._fsync == "always":
            os.fsync(self._fd)
        self._close_descriptors()
        _open_spools.discard(self)

    def _write_new(self, record: Mapping[str, Any] | bytes) -> None:
        try:
            self._append_new(record)
        except SpoolUnwritable as error:
            self._unwritable.met(error=str(error))
            raise
        self._unwritable.over()

    def _append_new(self, record: Mapping[str, Any] | bytes) -> None:
        if not self._room():
            raise SpoolUnwritable("too little free space")
        if self._good >= self._segment_bytes:
            self._rotate()
        self._write(record)

    def _write(self, *records: Mapping[str, Any] | bytes) -> None:
        lines = [*self._pending, *map(_checked_line, records)]
        self._append(b"".join(lines))
        self._written += len(lines)
        self._pending = []

    def _append(self, line: bytes) -> None:
        if self._torn:
            self._cut_off()
        try:
            written = os.write(self._fd, line)
            if written == len(line) and self._fsync == "always":
                os.fdatasync(self._fd)
        except OSError as error:
            self._refuse(error.strerror, error)
        if written != len(line):
            self._refuse("short write", None)
        self._good += len(line)
        if self._syncer:
            self._syncer.dirty = True

    def _refuse(self, reason: str | None, cause: OSError | None) -> NoReturn:
        self._torn = True
        with contextlib.suppress(SpoolUnwritable):
            self._cut_off()
        raise SpoolUnwritable(reason) from cause

    def _cut_off(self) -> None:
        try:
            os.ftruncate(self._fd, self._good)
        except OSError as error:
            raise SpoolUnwritable(error.strerror) from error
        self._torn = False

    def _room(self) -> bool:
        now = time.monotonic()
        if now >= self._look_at_room:
            self._look_at_room = now + _SPACE_INTERVAL_S
            disk = os.statvfs(self.folder)
            free = disk.f_bavail * disk.f_frsize
            self._has_room = free >= self._free_bytes + _OPEN_CALL_BYTES * self._open_calls
        return self._has_room

    def _rotate(self) -> None:
        if self._torn:
            self._cut_off()
        try:
            fd = self._new_segment(self._segment + 1)
        except OSError as error:
            raise SpoolUnwritable(error.strerror) from error
        old, self._fd = self._fd, fd
        self._segment += 1
        if self._syncer:
            self._syncer.follow(fd, close=old != self._lock_fd)
        elif old != self._lock_fd:
            os.close(old)

    def _new_segment(self, number: int) -> int:
        """Complete, locked and with its header before it gets the name under which the shipper finds it."""
        path = segment_path(self.folder, number)
        beside = path.with_suffix(".new")
        beside.unlink(missing_ok=True)  # of an attempt on a full disk
        fd = os.open(beside, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            header = _line(orjson.dumps(self._header(number)))
            if os.write(fd, header) != len(header):
                raise OSError(errno.ENOSPC, "short write")  # noqa: TRY301  # one clean-up for every way to fail
            beside.rename(path)
            if self._fsync != "off" and number == 0:
                os.fsync(fd)
                _sync_folder(self.folder)
        except OSError:
            os.close(fd)
            raise
        self._good = len(header)
        return fd

    def _header(self, number: int) -> dict[str, Any]:
        return {
            "k": "h",
            "v": FORMAT_VERSION,
            "worker": self.worker.hex,
            "host": self._host,
            "pid": os.getpid(),
            "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "segment": number,
            "started_us": self._started_us,
        }

    def _close_descriptors(self) -> None:
        for fd in {self._fd, self._lock_fd}:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._fd = self._lock_fd = -1


class _Syncer:
    """Carries records to the disk on a thread of its own: one sync takes 2 ms as a rule and 190 ms at worst."""

    def __init__(self, fd: int) -> None:
        self.dirty = True
        self._fd = fd
        self._retired: list[tuple[int, bool]] = []
        self._stopping = threading.Event()
        self._unsynced = Trouble("spool_not_synced", level=logging.ERROR)
        self._thread = threading.Thread(target=self._run, name="spool-fsync", daemon=True)
        self._thread.start()

    def follow(self, fd: int, *, close: bool) -> None:
        """Go on with the next segment's descriptor, after the old one has been synced and, unless kept, closed."""
        self._retired.append((self._fd, close))
        self._fd = fd
        self.dirty = True

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_FSYNC_INTERVAL_S):
            self._sync()
        self._sync()

    def _sync(self) -> None:
        while self._retired:
            fd, close = self._retired.pop(0)
            self._sync_one(fd)
            if close:
                os.close(fd)
        if self.dirty:
            # Before the sync: what is written meanwhile is for the next one.
            self.dirty = False
            self._sync_one(self._fd)

    def _sync_one(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as error:
            self._unsynced.met(error=error.strerror)
        else:
            self._unsynced.over()


_open_spools: "WeakSet[Spool]" = WeakSet()


def _forget_in_child() -> None:
    # A forked child would keep the lock after its parent was killed, and the dead spool would look alive.
    for spool in list(_open_spools):
        spool._close_descriptors()  # noqa: SLF001  # this module's own
    _open_spools.clear()


os.register_at_fork(after_in_child=_forget_in_child)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _checked_line(record: Mapping[str, Any] | bytes) -> bytes:
    body = record if isinstance(record, bytes) else orjson.dumps(record)
    if len(body) > MAX_RECORD_BYTES:
        raise ValueError(f"a record of {len(body)} bytes")
    return _line(body)


def _line(body: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(body), body)


# The reader's side ---------------------------------------------------------------------------------------------------
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A whole line that is no record."""

    line: bytes
    reason: str


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.seg"


def segment_numbers(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*.seg"))


def read_records(data: bytes, offset: int = 0) -> Iterator[tuple[int, int, Record | Damaged]]:
    """The whole lines in `data`, which starts at `offset` of its file: where each begins, where it ends, what it says.

    A last line without LF is left alone: its writer may still be at it.
    """
    start = 0
    while (end := data.find(b"\n", start) + 1) > 0:
        yield offset + start, offset + end, _parse(data[start : end - 1])
        start = end


def _parse(line: bytes) -> Record | Damaged:
    body = line[9:]
    try:
        if line[8:9] != b" " or int(line[:8], 16) != zlib.crc32(body):
            return Damaged(line, "wrong checksum")
        record = orjson.loads(body)
    except ValueError:
        return Damaged(line, "not a record")
    if (
        not isinstance(record, dict)
        or not isinstance(record.get("k"), str)
        or not isinstance(record.get("id", ""), str)
    ):
        return Damaged(line, "not a record")
    return record

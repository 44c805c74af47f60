import errno
import fcntl
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from proxy.spool import Damaged, Fsync, Spool, SpoolUnwritable, read_records, segment_numbers, segment_path

ADMITTED = {"k": "a", "id": "0" * 32, "t": 1, "p": "/v1/chat/completions\n"}
OUTCOME = {"k": "o", "id": "0" * 32, "st": 200}


def a_spool(tmp_path: Path, *, fsync: Fsync = "off", segment_bytes: int = 1 << 20, free_bytes: int = 0) -> Spool:
    return Spool.open(tmp_path, uuid4(), host="here", fsync=fsync, segment_bytes=segment_bytes, free_bytes=free_bytes)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = a_spool(tmp_path)
    yield spool
    spool.close()


def content(spool: Spool, segment: int = 0) -> bytes:
    return segment_path(spool.folder, segment).read_bytes()


def kinds(data: bytes) -> list[str]:
    return [record.line.decode() if isinstance(record, Damaged) else record["k"] for _, _, record in read_records(data)]


def test_records_come_back_as_they_were_written(spool: Spool) -> None:
    spool.admitted(ADMITTED)
    spool.outcome(OUTCOME)
    spool.close()

    records = [record for _, _, record in read_records(content(spool))]

    header = records[0]
    assert isinstance(header, dict)
    assert (header["k"], header["v"], UUID(header["worker"]), header["host"]) == ("h", 1, spool.worker, "here")
    assert (header["pid"], header["segment"]) == (os.getpid(), 0)
    assert records[1:] == [ADMITTED, OUTCOME, {"k": "e", "n": 2}]


def test_positions_lead_from_line_to_line(spool: Spool) -> None:
    spool.admitted(ADMITTED)
    data = content(spool)

    first, second = list(read_records(data))

    assert (first[0], first[1], second[1]) == (0, second[0], len(data))
    assert list(read_records(data[first[1] :], first[1])) == [second]


def test_a_file_cut_at_any_byte_gives_exactly_its_whole_lines(spool: Spool) -> None:
    spool.admitted(ADMITTED)
    spool.outcome(OUTCOME)
    spool.flush()
    data = content(spool)
    whole = list(read_records(data))

    for cut in range(len(data) + 1):
        assert list(read_records(data[:cut])) == [line for line in whole if line[1] <= cut]


def test_a_damaged_byte_costs_its_line_alone(spool: Spool) -> None:
    spool.admitted(ADMITTED)
    spool.outcome(OUTCOME)
    spool.flush()
    data = content(spool)
    (_, start, _), (_, end, _), _ = read_records(data)

    for position in range(start, end - 1):
        damaged = data[:position] + bytes([data[position] ^ 0x01]) + data[position + 1 :]
        lines = list(read_records(damaged))
        assert lines[0] == next(read_records(data))
        assert lines[-1][2] == OUTCOME
        # One more line when the damage made an LF of a byte.
        assert all(isinstance(record, Damaged) for _, _, record in lines[1:-1])


@pytest.mark.parametrize("line", [b"", b"00000000", b"zzzzzzzz {}", b"a3830348 []", b"a505df1b 1", b"\xff\xfe"])
def test_a_line_that_is_no_record_is_damaged(line: bytes) -> None:
    ((start, end, record),) = read_records(line + b"\n")

    assert (start, end) == (0, len(line) + 1)
    assert isinstance(record, Damaged)
    assert record.line == line


def test_a_short_write_is_cut_off_and_refused(spool: Spool) -> None:
    # A real limit of the kernel: the write that crosses it comes back short, the next one fails.
    spool.admitted(ADMITTED)
    before = content(spool)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        with pytest.raises(SpoolUnwritable, match="short write"):
            spool.admitted(ADMITTED)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), hard))
        with pytest.raises(SpoolUnwritable, match=os.strerror(errno.EFBIG)):
            spool.admitted(ADMITTED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert content(spool) == before
    spool.outcome(OUTCOME)
    spool.flush()
    assert kinds(content(spool)) == ["h", "a", "o"]


def test_an_outcome_stands_before_the_admitted_record_that_may_spend_what_it_gave_back(spool: Spool) -> None:
    spool.admitted(ADMITTED)
    spool.outcome(OUTCOME)
    assert kinds(content(spool)) == ["h", "a"]

    spool.admitted(ADMITTED)
    assert kinds(content(spool)) == ["h", "a", "o", "a"]


def test_without_free_space_new_calls_are_refused_and_open_ones_still_end(tmp_path: Path) -> None:
    spool = a_spool(tmp_path, free_bytes=1 << 60)

    with pytest.raises(SpoolUnwritable, match="free space"):
        spool.admitted(ADMITTED)
    with pytest.raises(SpoolUnwritable, match="free space"):
        spool.refused({"k": "r"})
    spool.outcome(OUTCOME)
    spool.close()

    assert kinds(content(spool)) == ["h", "o", "e"]


def test_a_spool_that_cannot_be_written_is_logged_once_and_when_it_can_be_again(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    spool.admitted(ADMITTED)
    spool.outcome(OUTCOME)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    with capture_logs() as lines:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(content(spool)), hard))
            for _ in range(3):
                with pytest.raises(SpoolUnwritable):
                    spool.admitted(ADMITTED)
                spool.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        spool.admitted(ADMITTED)
        spool.close()

    assert [(line["event"], line["times"]) for line in lines] == [
        ("spool_unwritable", 1),
        ("spool_unwritable_no_more", 6),
    ]
    assert lines[0]["error"] == os.strerror(errno.EFBIG)
    assert kinds(content(spool)) == ["h", "a", "o", "a", "e"]


def test_a_record_beyond_the_bound_is_a_defect(spool: Spool) -> None:
    with pytest.raises(ValueError, match="16"):
        spool.admitted(b'{"k":"a","p":"' + b"x" * 16 * 1024 + b'"}')


@pytest.mark.parametrize("fsync", ["off", "interval", "always"])
def test_segments_rotate_and_each_has_its_header(tmp_path: Path, fsync: Fsync) -> None:
    spool = a_spool(tmp_path, fsync=fsync, segment_bytes=400)
    for _ in range(6):
        spool.admitted(ADMITTED)
    spool.close()

    numbers = segment_numbers(spool.folder)

    assert len(numbers) > 1
    assert numbers == list(range(len(numbers)))
    assert [kinds(content(spool, number))[0] for number in numbers] == ["h"] * len(numbers)
    assert "".join(kind for number in numbers for kind in kinds(content(spool, number))).replace("h", "") == "aaaaaae"
    assert list(spool.folder.glob("*.new")) == []


def is_locked(spool: Spool) -> bool:
    with segment_path(spool.folder, 0).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_first_segment_is_locked_until_the_end(tmp_path: Path) -> None:
    spool = a_spool(tmp_path, segment_bytes=400)
    for _ in range(6):
        spool.admitted(ADMITTED)

    assert is_locked(spool)
    spool.close()
    assert not is_locked(spool)


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    # The worker is a process that forks a child and is killed: the child lives on and must not hold the lock.
    worker = os.fork()
    if worker == 0:
        spool = a_spool(tmp_path)
        (tmp_path / "child").write_text(str(os.fork() or os.getpid()))
        time.sleep(60)
        spool.close()
        os._exit(0)
    try:
        deadline = time.monotonic() + 10
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (first,) = tmp_path.glob("*/000000.seg")
        with first.open("rb") as file:
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            os.kill(int((tmp_path / "child").read_text()), 0)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_two_spools_of_one_worker_are_refused(tmp_path: Path) -> None:
    worker = uuid4()
    first = Spool.open(tmp_path, worker, host="here", fsync="off", segment_bytes=1, free_bytes=0)

    with pytest.raises(SpoolUnwritable):
        Spool.open(tmp_path, worker, host="here", fsync="off", segment_bytes=1, free_bytes=0)
    first.close()

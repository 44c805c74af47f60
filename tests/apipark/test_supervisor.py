"""Parts are real processes here, of a shell: small, and quick to start."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apipark import heartbeats
from apipark.supervisor import Interrupted, Part, PartFailed, Supervisor, delay_after
from tests.journeys.installation import soon


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def supervisor(tmp_path: Path, told: Told) -> Iterator[Supervisor]:
    (tmp_path / "logs").mkdir()
    made = Supervisor(log_dir=tmp_path / "logs", heartbeat_dir=tmp_path / "heartbeats", cwd=tmp_path, say=told)
    yield made
    made.stop()


def _part(script: str, *, name: str = "part", ready: Callable[[int], bool] = lambda _pid: True, **more: float) -> Part:
    # The last to end has the least patience, which makes these tests quick.
    return Part(
        name=name, argv=("/bin/sh", "-c", script), ready=ready, stop_rank=2, ready_within_s=more.get("within", 5)
    )


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def _run_until(supervisor: Supervisor, seen: Callable[[], object]) -> bool:
    """The supervisor works on this thread; another one watches and ends it."""
    found: list[object] = []

    def watch() -> None:
        found.append(soon(seen, 10))
        supervisor.request_stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    supervisor.run()
    watcher.join()
    return bool(found[0])


def test_the_delay_doubles_and_ends_at_half_a_minute() -> None:
    assert [delay_after(deaths) for deaths in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert delay_after(100_000) == 30


def test_a_part_that_ends_at_once_is_given_up_after_three_tries(supervisor: Supervisor, told: Told) -> None:
    with pytest.raises(PartFailed, match=r"part does not start, see .*part\.log: no such thing$"):
        supervisor.start([_part("echo no such thing; exit 3", ready=lambda _pid: False)])

    assert told.lines == [f"part ended (exit code 3) and is started again in {delay} s" for delay in ("0.5", "1", "2")]


def test_a_part_that_never_answers_is_ended_and_tried_again(supervisor: Supervisor, told: Told) -> None:
    with pytest.raises(PartFailed):
        supervisor.start([_part("sleep 100", ready=lambda _pid: False, within=0.1)])

    assert "part has not answered for 0 s and is ended" in told.lines


def test_a_part_that_is_killed_is_started_again_and_says_so(supervisor: Supervisor, told: Told, tmp_path: Path) -> None:
    supervisor.start([_part(f"echo $$ >> {tmp_path}/pids; exec sleep 100")])
    (first,) = _pids(tmp_path)
    os.kill(first, signal.SIGKILL)

    assert _run_until(supervisor, lambda: "part answers again" in told.lines)

    assert told.lines == ["part ended (SIGKILL) and is started again in 0.5 s", "part answers again"]
    assert len(_pids(tmp_path)) == 2


def _pids(folder: Path) -> list[int]:
    path = folder / "pids"
    assert soon(path.exists)
    assert soon(path.read_text)
    return [int(line) for line in path.read_text().split()]


def test_what_a_dead_part_left_behind_is_ended_before_it_is_started_again(
    supervisor: Supervisor, told: Told, tmp_path: Path
) -> None:
    supervisor.start([_part(f"sleep 100 & echo $! >> {tmp_path}/pids; echo $$ > {tmp_path}/main; wait")])
    (left,) = _pids(tmp_path)
    os.kill(int((tmp_path / "main").read_text()), signal.SIGKILL)

    assert _run_until(supervisor, lambda: "part answers again" in told.lines)

    assert not _lives(left)


def test_stopping_ends_children_of_children_and_whoever_does_not_listen(
    supervisor: Supervisor, told: Told, tmp_path: Path
) -> None:
    supervisor.start([_part(f"trap '' TERM; sleep 100 & echo $! $$ > {tmp_path}/pids; while :; do wait; done")])
    pids = _pids(tmp_path)

    supervisor.stop()

    assert _end_soon(pids)
    assert told.lines == ["part has not ended in time and is killed"]


def test_the_wish_to_end_is_heard_while_parts_are_starting(supervisor: Supervisor) -> None:
    threading.Timer(0.2, supervisor.request_stop).start()
    began = time.monotonic()

    with pytest.raises(Interrupted):
        supervisor.start([_part("sleep 100", ready=lambda _pid: False)])

    assert time.monotonic() - began < 2


def test_a_web_worker_whose_loop_does_not_turn_is_ended(supervisor: Supervisor, told: Told, tmp_path: Path) -> None:
    supervisor.start([_part(f"sleep 100 & echo $! > {tmp_path}/pids; wait", name="web")])
    (worker,) = _pids(tmp_path)
    _write_heartbeat(tmp_path, "web-1", worker, age_s=31)

    assert _run_until(supervisor, lambda: not _lives(worker))

    assert told.lines[0] == f"web worker {worker} hangs and is ended"
    assert heartbeats.read_all(tmp_path / "heartbeats") == []


def test_a_heartbeat_of_a_process_that_is_not_ours_harms_nobody(
    supervisor: Supervisor, told: Told, tmp_path: Path
) -> None:
    _write_heartbeat(tmp_path, "web-1", os.getpid(), age_s=61)

    assert _run_until(supervisor, lambda: not heartbeats.read_all(tmp_path / "heartbeats"))

    assert told.lines == []


def _end_soon(pids: list[int]) -> bool:
    """A killed process is there until the kernel has come round to it."""
    deadline = time.monotonic() + 2
    while any(map(_lives, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(_lives, pids))


def _write_heartbeat(folder: Path, name: str, pid: int, *, age_s: float) -> None:
    (folder / "heartbeats").mkdir(exist_ok=True)
    content = f'{{"pid": {pid}, "monotonic_s": {time.monotonic() - age_s}, "facts": {{}}}}'
    (folder / "heartbeats" / f"{name}.json").write_text(content)


def test_lines_that_matter_reach_the_console(supervisor: Supervisor, told: Told) -> None:
    event = '{"event": "spool_full", "level": "error", "logger": "proxy", "free_bytes": 3}'
    supervisor.start([_part(f"echo '{event}'; echo nothing new; exec sleep 100")])

    assert _run_until(supervisor, lambda: told.lines)

    assert told.lines == ["part | ERROR spool_full free_bytes=3"]

"""Start the parts, wait until each answers, start again what dies, end them all.

A part is data: what to run, how to ask whether it answers, when and how it ends. Children have a session of their own,
so that Ctrl-C reaches this process alone, and the kernel ends them when it is killed. They write into files and not
into a pipe of ours: a part never waits for its supervisor. Everything happens on the main thread, because the signal
of a parent's death follows the thread that made the child.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apipark import forked, heartbeats
from apipark.forked import ForkedProcess
from apipark.parent_death import available, die_with_parent
from apipark.part_logs import PartLog

Say = Callable[[str], None]

_LOOK_S: Final = 0.05
# A part that fails at once is not helped by haste, one that lived for a while is wanted back quickly.
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
_STEADY_AFTER_S: Final = 60.0
_TRIES_AT_START: Final = 3
# A web worker whose loop does not turn holds its share of the port: calls that reach it wait for ever.
_WORKER_HANGS_AFTER_S: Final = 30.0
_FORGOTTEN_AFTER_S: Final = 60.0
# Together below 10 s: the door first, what it leans on next, the broker last.
_PATIENCE_S: Final = (6.5, 1.5, 1.0)


class PartFailed(Exception):  # noqa: N818 (named after what happened)
    """A part did not come up; the message says which, and where to look."""


class Interrupted(Exception):  # noqa: N818 (named after what happened)
    """The person wants it to end before everything stood."""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    argv: tuple[str, ...]
    # Given the pid: does it answer?
    ready: Callable[[int], bool]
    ready_within_s: float = 30.0
    # 0 ends first, 2 last.
    stop_rank: int = 0
    # Celery finishes its tasks after SIGTERM, however long they take, until it is told to drop them.
    quit_after_s: float | None = None
    when_orphaned: signal.Signals = signal.SIGTERM
    # A command of Python that needs what this process has loaded: run in a fork of it where that is possible.
    forked: bool = False


@dataclass(slots=True)
class _Child:
    part: Part
    log: PartLog
    process: subprocess.Popen[bytes] | ForkedProcess | None = None
    ready: bool = False
    started_at: float = 0.0
    # Deaths in a row, each soon after the start.
    deaths: int = 0
    start_at: float = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    def __init__(self, *, log_dir: Path, heartbeat_dir: Path, cwd: Path, say: Say) -> None:
        self._log_dir, self._heartbeat_dir, self._cwd, self._say = log_dir, heartbeat_dir, cwd, say
        self._children: list[_Child] = []
        self._stop = False
        self._uv = _parent_that_is_uv()
        self._tidied_at = 0.0

    def listen(self) -> None:
        """Take SIGINT and SIGTERM as the wish to end. `uv run` and the terminal both send one: the second changes nothing."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.request_stop())

    def request_stop(self) -> None:
        self._stop = True

    @property
    def stopping(self) -> bool:
        return self._stop or (self._uv is not None and os.getppid() != self._uv)

    def start(self, parts: Iterable[Part]) -> None:
        """Start them side by side; return when all answer. Raises PartFailed, Interrupted."""
        added = [_Child(part, PartLog(self._log_dir / f"{part.name}.log")) for part in parts]
        self._children += added
        for child in added:
            self._spawn(child)
        while not all(child.ready for child in added):
            if self.stopping:
                raise Interrupted
            self._look_after_children()
            for child in added:
                self._give_up_on(child)
            time.sleep(_LOOK_S)

    def run(self) -> None:
        """Look after the parts until somebody wants them to end."""
        while not self.stopping:
            self._look_after_children()
            if time.monotonic() - self._tidied_at > 1:
                self._tidied_at = time.monotonic()
                self._end_hanging_workers()
            time.sleep(_LOOK_S * 2)

    def stop(self) -> None:
        """End all parts; none is left when this returns."""
        for rank, patience_s in enumerate(_PATIENCE_S):
            children = [child for child in self._children if child.part.stop_rank == rank]
            for child in children:
                if child.alive:
                    _signal_part(child, signal.SIGTERM)
            self._wait_for_end(children, patience_s)
        self._children = []

    def _look_after_children(self) -> None:
        for child in self._children:
            for line in child.log.important_lines():
                self._say(f"{child.part.name} | {line}")
            if child.process is None:
                if time.monotonic() >= child.start_at:
                    self._spawn(child)
            elif not child.alive:
                self._note_death(child)
            elif not child.ready:
                self._ask(child)

    def _spawn(self, child: _Child) -> None:
        part, supervisor = child.part, os.getpid()
        bound_to_us = available()

        def in_the_child() -> None:
            if bound_to_us:
                die_with_parent(supervisor, part.when_orphaned)

        with child.log.open() as output:
            if part.forked and sys.platform == "linux":
                child.process = forked.start(
                    part.argv, name=part.name, output=output.fileno(), cwd=self._cwd, first=in_the_child
                )
            else:
                child.process = subprocess.Popen(  # noqa: S603 (the parts are our own)
                    part.argv,
                    cwd=self._cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=in_the_child,  # noqa: PLW1509 (this process has one thread)
                )
        child.started_at, child.ready = time.monotonic(), False

    def _ask(self, child: _Child) -> None:
        process = child.process
        if process is None:
            return
        if child.part.ready(process.pid):
            child.ready = True
            if child.deaths:
                self._say(f"{child.part.name} answers again")
        elif time.monotonic() - child.started_at > child.part.ready_within_s:
            self._say(f"{child.part.name} has not answered for {child.part.ready_within_s:.0f} s and is ended")
            _kill_group(process.pid)
            process.wait()

    def _note_death(self, child: _Child) -> None:
        process = child.process
        if process is None:
            return
        # What the part left behind would hold its port, its socket or its lock.
        _kill_group(process.pid)
        if time.monotonic() - child.started_at > _STEADY_AFTER_S:
            child.deaths = 0
        delay_s = delay_after(child.deaths)
        child.deaths += 1
        child.process, child.ready = None, False
        child.start_at = time.monotonic() + delay_s
        self._say(f"{child.part.name} ended ({_ending(process.returncode)}) and is started again in {delay_s:g} s")

    def _give_up_on(self, child: _Child) -> None:
        if child.deaths < _TRIES_AT_START or child.ready:
            return
        last = child.log.last_line()
        raise PartFailed(f"{child.part.name} does not start, see {child.log.path}{f': {last}' if last else ''}")

    def _end_hanging_workers(self) -> None:
        sessions = {child.process.pid for child in self._children if child.process is not None}
        for heartbeat in heartbeats.read_all(self._heartbeat_dir):
            if not heartbeat.name.startswith("web-"):
                continue
            if heartbeat.age_s > _WORKER_HANGS_AFTER_S and _session(heartbeat.pid) in sessions:
                self._say(f"web worker {heartbeat.pid} hangs and is ended")
                _kill(heartbeat.pid, signal.SIGKILL)
                heartbeats.remove(self._heartbeat_dir, heartbeat.name)
            elif heartbeat.age_s > _FORGOTTEN_AFTER_S:
                heartbeats.remove(self._heartbeat_dir, heartbeat.name)

    def _wait_for_end(self, children: list[_Child], patience_s: float) -> None:
        began, told_to_quit = time.monotonic(), set[str]()
        while any(child.alive for child in children) and time.monotonic() - began < patience_s:
            for child in children:
                quit_after_s = child.part.quit_after_s
                due = quit_after_s is not None and time.monotonic() - began > quit_after_s
                if due and child.alive and child.part.name not in told_to_quit:
                    told_to_quit.add(child.part.name)
                    _signal_part(child, signal.SIGQUIT)
            time.sleep(_LOOK_S)
        for child in children:
            if child.process is None:
                continue
            if child.alive:
                self._say(f"{child.part.name} has not ended in time and is killed")
            _kill_group(child.process.pid)
            child.process.wait()


def delay_after(deaths: int) -> float:
    """Doubled with each death in a row. Bounded first: after a night of deaths the power would be no float any more."""
    return min(_FIRST_DELAY_S * 2.0 ** min(deaths, 10), _LONGEST_DELAY_S)


def _signal_part(child: _Child, number: signal.Signals) -> None:
    """Its main process alone: it knows how to end its own children."""
    if child.process is not None:
        child.process.send_signal(number)


def _kill_group(pid: int) -> None:
    """Everything of a part, also what outlived its main process."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _session(pid: int) -> int:
    """-1 when there is no such process (any more)."""
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _ending(code: int | None) -> str:
    if code is None:
        return "unknown"
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _parent_that_is_uv() -> int | None:
    """`uv run` waits for us as our parent; when it is killed, nobody is left who could end us by Ctrl-C."""
    parent = os.getppid()
    try:
        return parent if Path(f"/proc/{parent}/comm").read_text().strip() == "uv" else None
    except OSError:
        return None

"""Run a part's command in a fork of `up`, which has loaded Django and every app already.

Loading them takes each part some two seconds of a processor: four of them on two cores made a start wait for that
alone. Linux only: elsewhere system libraries do not survive a fork, and the part is executed as a new program.
"""

import ctypes
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Final

from django.conf import settings
from django.utils.log import configure_logging

_PR_SET_NAME: Final = 15
_NAME_BYTES: Final = 15
_HEARD_BY_UP: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Above all that `up` has open: its lock, which would outlive it, and pipes to the other parts.
_MOST_DESCRIPTORS: Final = 1024


class ForkedProcess:
    """What the supervisor needs of `subprocess.Popen`."""

    def __init__(self, process: BaseProcess, pid: int) -> None:
        self._process, self.pid = process, pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    argv: Sequence[str], *, name: str, output: int, cwd: os.PathLike[str], first: Callable[[], None]
) -> ForkedProcess:
    """`argv` as a shell would start it: this interpreter, then `-m module` or a script. `first` runs in the child."""
    process = multiprocessing.get_context("fork").Process(target=_become, args=(argv, name, output, cwd, first))
    # A signal in between would be taken for one to `up`, in the child too.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD_BY_UP)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD_BY_UP)
    assert process.pid is not None  # noqa: S101 (it is started)
    return ForkedProcess(process, process.pid)


def _become(argv: Sequence[str], name: str, output: int, cwd: os.PathLike[str], first: Callable[[], None]) -> None:
    os.setsid()
    first()
    os.chdir(cwd)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.closerange(3, _MOST_DESCRIPTORS)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _rename(name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD_BY_UP)
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)  # lines for a file, whatever `up` has
    _run(argv)


def _rename(name: str) -> None:
    """For `ps` and `top`, which would show them all as `python`."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, f"apipark-{name}".encode()[:_NAME_BYTES], 0, 0, 0)


def _run(argv: Sequence[str]) -> None:
    _python, *rest = argv
    if rest[0] == "-m":
        sys.argv = rest[1:]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(rest)
        runpy.run_path(rest[0], run_name="__main__")

"""End with the parent: a process whose supervisor was killed must not serve on as an orphan that holds the port.

Linux sends the signal when the *thread* that made the child ends, so children are made by a main thread.
"""

import ctypes
import os
import signal
import sys
from functools import cache
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel for `by` when the parent ends; end at once when that has happened already. Kept across exec."""
    if not available():
        return
    _libc().prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew of the wish
        os.kill(os.getpid(), by)


def available() -> bool:
    """Only Linux has it. Asked before a fork too: loading the C library in a forked child could deadlock."""
    return sys.platform == "linux" and _libc() is not None


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

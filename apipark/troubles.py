"""What goes on failing for a while, in the log: one line when it begins, one a minute while it lasts, one when it ends."""

import logging
import time
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

# A trouble is looked at twice a second or at each call: every line of that would bury the others, and fill a disk.
_EVERY_S: Final = 60.0


class Trouble:
    """One trouble of one part; belongs to one thread. Its `event` is what the lines are called."""

    def __init__(
        self, event: str, *, level: int = logging.WARNING, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._event, self._end = event, f"{event}_no_more"
        self._level = level
        self._monotonic = monotonic
        self._times = 0
        self._began_at = self._told_at = 0.0

    def met(self, **facts: object) -> None:
        now = self._monotonic()
        self._times += 1
        if self._times == 1:
            self._began_at = now
        elif now - self._told_at < _EVERY_S:
            return
        self._told_at = now
        log.log(self._level, self._event, **facts, **self._extent(now))

    def over(self) -> None:
        """Repeating is harmless."""
        if self._times:
            log.log(self._level, self._end, **self._extent(self._monotonic()))
            self._times = 0

    def _extent(self, now: float) -> dict[str, object]:
        return {"lasted_s": round(now - self._began_at, 1), "times": self._times}

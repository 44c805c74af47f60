"""The time of business: the system's, or the test clock's while the test payment gateway is on.

Nothing else asks the system for the date. Timeouts stay monotonic. Each process keeps the offset in memory: whoever
moves the clock calls `move`, the gateway's workers hear of it by the table of changes, all others look again each second.
"""

import contextlib
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import OperationalError, ProgrammingError, transaction

from apipark import changes
from apipark.models import TestClock

_LOOK_AGAIN_S = 1.0


class _Offset:
    """This process's copy of the row, in microseconds."""

    us = 0
    read_at = float("-inf")


def refresh() -> None:
    """Read the offset now. Blocks on the database; the gateway calls it on its look-up thread."""
    if settings.BILLING_TEST_GATEWAY:
        # Unreadable, or not there yet (Django's checks make a user before the first migration): the last one known holds.
        with contextlib.suppress(OperationalError, ProgrammingError):
            seconds = TestClock.objects.filter(pk=1).values_list("offset_s", flat=True).first() or 0
            _Offset.us = seconds * 1_000_000
    else:
        _Offset.us = 0
    _Offset.read_at = time.monotonic()


def forget() -> None:
    """Look at the row again at the next question."""
    _Offset.us, _Offset.read_at = 0, float("-inf")


def offset_us() -> int:
    """As last read, without a look at the database."""
    return _Offset.us


def now() -> datetime:
    """Aware UTC. Reads the offset when this process has not done so for a second."""
    if settings.BILLING_TEST_GATEWAY and time.monotonic() - _Offset.read_at > _LOOK_AGAIN_S:
        refresh()
    return datetime.now(UTC) + timedelta(microseconds=_Offset.us)


def now_us() -> int:
    """Microseconds since 1970 by the offset last read: for the gateway, which must not wait for the database."""
    return time.time_ns() // 1000 + _Offset.us


@transaction.atomic
def move(by: timedelta) -> datetime:
    """Move the test clock forward and return the new time. Raises ValueError when it is off or `by` is negative."""
    if not settings.BILLING_TEST_GATEWAY:
        raise ValueError("the test clock exists only while the test payment gateway is on")
    if by < timedelta(0):
        raise ValueError("the test clock only moves forward")
    clock, _ = TestClock.objects.select_for_update().get_or_create(pk=1)
    clock.offset_s += int(by.total_seconds())
    clock.save(update_fields=["offset_s"])
    changes.announce("clock", 1)
    refresh()
    return now()

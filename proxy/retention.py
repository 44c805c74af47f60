"""What is forgotten in time: old calls (their roll-ups stay), closed spools, changes that every worker has read.

In small transactions with a rest after each, since SQLite has one writer.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet

from apipark.models import Change
from proxy.models import Call, Spool, TouchedMinute

# Some 20 ms on SQLite with a million calls.
_CHUNK: Final = 500
_REST_S: Final = 0.02
_SPOOLS_KEPT: Final = timedelta(days=1)
_CHANGES_KEPT: Final = timedelta(hours=1)


def prune(now: datetime, keep_calls: timedelta, *, until: Callable[[], bool]) -> int:
    """Delete what is too old, until nothing is left or `until` says stop; returns how many rows. Repeating is harmless."""
    touched = TouchedMinute.objects.order_by("minute").values_list("minute", flat=True).first()
    # What is not rolled up yet stays, however old it is: the test clock can make a call old in a moment.
    calls_before = min(now - keep_calls, touched or now)
    # Changes carry the system's time.
    changes_before = datetime.now(UTC) - _CHANGES_KEPT
    return sum(
        _delete(rows, until)
        for rows in (
            Call.objects.filter(at__lt=calls_before).order_by("at"),
            Spool.objects.filter(state=Spool.State.CLOSED, heartbeat_at__lt=now - _SPOOLS_KEPT).order_by("pk"),
            Change.objects.filter(at__lt=changes_before).order_by("at"),
        )
    )


def _delete(rows: QuerySet[Any], until: Callable[[], bool]) -> int:
    deleted = 0
    while not until() and (keys := list(rows.values_list("pk", flat=True)[:_CHUNK])):
        deleted += rows.model.objects.filter(pk__in=keys).delete()[0]
        time.sleep(_REST_S)
    return deleted

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from apipark import clock
from apipark.models import TestClock
from billing import tasks


@pytest.fixture
def pass_time(db: None) -> Iterator[Callable[..., datetime]]:
    """Move the test clock and let the sweep do what is due then: `pass_time(days=3)`."""

    def move(**by: float) -> datetime:
        now = clock.move(timedelta(**by))
        tasks.sweep(now)
        return now

    yield move
    TestClock.objects.all().delete()
    clock.refresh()

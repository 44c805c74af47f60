"""A trouble that lasts is told when it begins, now and then, and when it ends."""

import logging
from collections.abc import Iterator

import django
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from apipark.troubles import Trouble


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


def _go_on(trouble: Trouble, clock: Clock, *, seconds: float) -> None:
    """Met twice a second."""
    until = clock.now + seconds
    while clock.now < until:
        clock.now += 0.5
        trouble.met(error="refused")


def test_lasting_trouble_is_told_at_its_begin_each_minute_and_at_its_end(lines: list[EventDict]) -> None:
    clock = Clock()
    trouble = Trouble("database_unreachable", monotonic=clock)

    trouble.met(error="refused")
    _go_on(trouble, clock, seconds=150)
    trouble.over()

    facts = {"event": "database_unreachable", "error": "refused", "log_level": "warning"}
    assert lines == [
        facts | {"lasted_s": 0.0, "times": 1},
        facts | {"lasted_s": 60.0, "times": 121},
        facts | {"lasted_s": 120.0, "times": 241},
        {"event": "database_unreachable_no_more", "log_level": "warning", "lasted_s": 150.0, "times": 301},
    ]


def test_next_trouble_is_told_at_once_and_counted_anew(lines: list[EventDict]) -> None:
    clock = Clock()
    trouble = Trouble("spool_unwritable", level=logging.ERROR, monotonic=clock)

    for _ in range(2):
        trouble.met()
        clock.now += 3
        trouble.over()

    begin = {"event": "spool_unwritable", "log_level": "error", "lasted_s": 0.0, "times": 1}
    end = {"event": "spool_unwritable_no_more", "log_level": "error", "lasted_s": 3.0, "times": 1}
    assert lines == [begin, end, begin, end]


def test_no_trouble_is_no_line(lines: list[EventDict]) -> None:
    trouble = Trouble("database_unreachable")

    trouble.over()
    trouble.over()

    assert lines == []


def test_lines_go_where_they_are_wanted_after_django_was_set_up_again() -> None:
    """A logger that was used before keeps what it was given."""
    clock = Clock()
    with capture_logs():
        Trouble("spool_unwritable", monotonic=clock).met()
    django.setup()

    with capture_logs() as lines:
        Trouble("database_unreachable", monotonic=clock).met()

    assert [line["event"] for line in lines] == ["database_unreachable"]

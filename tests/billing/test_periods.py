"""Periods against a table that was counted another way: day by day through the calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing.periods import CALENDAR_ANCHOR, FOREVER, MONDAY_ANCHOR, Cycle

TICK = timedelta(microseconds=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _is_last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).month != day.month


@pytest.mark.parametrize("anchor_day", [1, 15, 28, 29, 30, 31])
def test_400_days_each_in_the_month_that_a_calendar_gives(anchor_day: int) -> None:
    anchor = datetime(2027, 1, anchor_day, tzinfo=UTC)
    cycle = Cycle("month", 1, anchor)
    start, day = anchor, anchor.date()
    starts: list[tuple[datetime, datetime]] = []

    for _ in range(400):
        due = day.day == anchor_day or (day.day < anchor_day and _is_last_of_month(day))
        if due:
            start = _midnight(day)
        starts.append((_midnight(day), start))
        day += timedelta(days=1)

    assert [(at, cycle.period(at)[0]) for at, _ in starts] == starts
    assert all(cycle.period(at)[0] <= at < cycle.period(at)[1] for at, _ in starts)


def test_the_31st_renews_on_the_last_day_and_finds_back_to_the_31st() -> None:
    cycle = Cycle("month", 1, datetime(2027, 1, 31, 9, 30, tzinfo=UTC))

    days = [cycle.start(n).strftime("%m-%d %H:%M") for n in range(5)]

    assert days == ["01-31 09:30", "02-28 09:30", "03-31 09:30", "04-30 09:30", "05-31 09:30"]


def test_29_february_renews_on_the_28th_until_the_next_leap_year() -> None:
    cycle = Cycle("year", 1, datetime(2028, 2, 29, tzinfo=UTC))

    assert [cycle.start(n).date() for n in (0, 1, 3, 4)] == [
        date(2028, 2, 29),
        date(2029, 2, 28),
        date(2031, 2, 28),
        date(2032, 2, 29),
    ]


@pytest.mark.parametrize(
    "cycle",
    [
        Cycle("day", 1, CALENDAR_ANCHOR),
        Cycle("day", 10, datetime(2027, 1, 31, 5, tzinfo=UTC)),
        Cycle("week", 1, MONDAY_ANCHOR),
        Cycle("week", 2, datetime(2027, 3, 3, tzinfo=UTC)),
        Cycle("month", 3, datetime(2027, 11, 30, tzinfo=UTC)),
        Cycle("year", 1, datetime(2028, 2, 29, 23, 59, tzinfo=UTC)),
    ],
)
def test_periods_are_half_open_and_leave_no_gap(cycle: Cycle) -> None:
    for n in range(-30, 400):
        start, end = cycle.start(n), cycle.start(n + 1)

        assert cycle.period(start) == cycle.period(end - TICK) == (start, end)
        assert cycle.period(start - TICK)[1] == start


def test_weeks_of_the_calendar_begin_on_monday() -> None:
    start, end = Cycle("week", 1, MONDAY_ANCHOR).period(datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC))

    assert (start.strftime("%A %d"), end.strftime("%A %d")) == ("Monday 23", "Monday 30")


def test_total_never_renews() -> None:
    assert Cycle("total", 1, CALENDAR_ANCHOR).period(datetime(2026, 1, 1, tzinfo=UTC)) == (CALENDAR_ANCHOR, FOREVER)

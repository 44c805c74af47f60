from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.periods import FOREVER, Cycle

moments = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def starts(anchor: datetime, unit: str, count: int, n: int) -> list[str]:
    return [f"{Cycle(unit, count, anchor).start(i):%Y-%m-%d}" for i in range(n)]


def test_a_month_that_lacks_the_day_ends_earlier_and_the_next_does_not() -> None:
    assert starts(datetime(2026, 1, 31, tzinfo=UTC), "month", 1, 5) == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
    ]


def test_a_year_from_29_february_comes_back_to_it() -> None:
    assert starts(datetime(2024, 2, 29, tzinfo=UTC), "year", 1, 5) == [
        "2024-02-29",
        "2025-02-28",
        "2026-02-28",
        "2027-02-28",
        "2028-02-29",
    ]


@given(moments, moments, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 13))
def test_every_moment_lies_in_exactly_one_period(anchor: datetime, at: datetime, unit: str, count: int) -> None:
    cycle = Cycle(unit, count, anchor)
    start, end = cycle.period(at)

    assert start <= at < end
    assert cycle.period(start) == (start, end)
    assert cycle.period(end - timedelta(microseconds=1)) == (start, end)
    assert cycle.period(end)[0] == end


def test_what_never_renews_ends_never() -> None:
    assert Cycle("total", 1, datetime(2026, 1, 1, tzinfo=UTC)).period(datetime(2050, 1, 1, tzinfo=UTC))[1] == FOREVER

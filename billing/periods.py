"""Periods, counted from an anchor: the n-th starts at anchor + n × interval, never at the end of the one before.

So a subscription of 31 January renews on 28 February and on 31 March. Periods are half-open, in UTC.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
# Days and weeks of caps and of limits per day or week are the calendar's; weeks begin on Monday.
CALENDAR_ANCHOR: Final = datetime(1970, 1, 1, tzinfo=UTC)
MONDAY_ANCHOR: Final = datetime(1970, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Every `count` units of `day`, `week`, `month` or `year` from `anchor` on; `total` never renews."""

    unit: str
    count: int
    anchor: datetime

    def start(self, n: int) -> datetime:
        """Of the n-th period (n may be negative)."""
        steps = n * self.count
        if self.unit == "day":
            return self.anchor + timedelta(days=steps)
        if self.unit == "week":
            return self.anchor + timedelta(weeks=steps)
        return _add_months(self.anchor, steps * (12 if self.unit == "year" else 1))

    def period(self, at: datetime) -> tuple[datetime, datetime]:
        """The period that holds `at`: [start, end)."""
        if self.unit == "total":
            return CALENDAR_ANCHOR, FOREVER
        n = self._guess(at)
        while self.start(n) > at:
            n -= 1
        while self.start(n + 1) <= at:
            n += 1
        return self.start(n), self.start(n + 1)

    def _guess(self, at: datetime) -> int:
        """Off by one at most: the clamping of days is looked at by the caller."""
        if self.unit in {"day", "week"}:
            return (at - self.anchor).days // (self.count * (7 if self.unit == "week" else 1))
        months = (at.year - self.anchor.year) * 12 + at.month - self.anchor.month
        return months // (self.count * (12 if self.unit == "year" else 1))


def _add_months(anchor: datetime, months: int) -> datetime:
    """Same day of the month, clamped to the month's last day."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)

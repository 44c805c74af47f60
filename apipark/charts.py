"""What a chart on a page is made of; `{% chart %}` shows it, static/js/charts.js draws it.

Values are integers (money in nano of `currency`); None is a gap, where data are missing, and not zero.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Series:
    label: str
    # A class of components.css: c1 … c4, c-quiet, c-warn, c-bad.
    look: str
    # Areas and bars are stacked in the order given.
    draw: Literal["area", "line", "dash", "bars"]
    values: Sequence[int | None]
    # Stands beside the label until the pointer is over the chart.
    total: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The same figures as words; the first cell of a row is its name."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Mark:
    at: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    unit: Literal["count", "ms", "tokens", "money"]
    # Seconds since 1970, evenly spaced.
    times: Sequence[int]
    series: Sequence[Series]
    # What a screen reader says instead of the picture.
    alt: str
    # Name of the zone in which times are shown.
    zone: str = "UTC"
    currency: str = "USD"
    # Charts of one group share the pointer.
    group: str = ""
    # "tall" or "strip"; empty is the usual height.
    size: str = ""
    # Stands at the end of the legend until the pointer is over the chart.
    when: str = ""
    marks: Sequence[Mark] = ()
    table: Table | None = None
    # Without labels on the axis of time.
    bare: bool = False
    # Half a step free at each end.
    room: bool = False

    def json(self) -> str:
        """For charts.js; not escaped for HTML."""
        return json.dumps(
            {
                "zone": self.zone,
                "unit": self.unit,
                "currency": self.currency,
                "group": self.group,
                "times": list(self.times),
                "series": [
                    {"label": str(s.label), "look": s.look, "draw": s.draw, "values": list(s.values)}
                    for s in self.series
                ],
                "marks": [{"at": mark.at, "label": str(mark.label)} for mark in self.marks],
                "bare": self.bare,
                "room": self.room,
            },
            separators=(",", ":"),
        )

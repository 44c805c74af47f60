"""What calls cost the operator and what they brought in, over time and by whom. Reads roll-ups only.

One currency at a time: none is converted. A cost that is not known is in no sum; how many calls that concerns stands
beside the sums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from django.db.models import Model, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.models import CallRollup
from analytics.reports import Range
from providers.models import AiModel, Provider, ProviderKey
from teams.models import Team

Dimension = Literal["provider", "model", "team", "key"]
DIMENSIONS: Final[Mapping[Dimension, str | Promise]] = {
    "provider": _("Provider"),
    "model": _("Model"),
    "team": _("Team"),
    "key": _("Provider key"),
}
_COLUMNS: Final[Mapping[Dimension, str]] = {
    "provider": "ai_model",
    "model": "ai_model",
    "team": "team",
    "key": "provider_key",
}
_ROWS: Final[Mapping[Dimension, type[Model]]] = {
    "provider": Provider,
    "model": AiModel,
    "team": Team,
    "key": ProviderKey,
}
# Lines that can be told apart in a chart; the rest is one more.
_MOST_LINES: Final = 3


@dataclass(slots=True)
class Amounts:
    """Nano of one currency, and calls."""

    calls: int = 0
    # Calls whose cost is not known.
    unknown: int = 0
    # Failed attempts are in it.
    cost: int = 0
    revenue: int = 0

    @property
    def margin(self) -> int:
        return self.revenue - self.cost

    def add(self, other: "Amounts") -> None:
        self.calls += other.calls
        self.unknown += other.unknown
        self.cost += other.cost
        self.revenue += other.revenue


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    buckets: Sequence[Amounts]
    whole: Amounts


@dataclass(frozen=True, slots=True)
class Trends:
    range: Range
    starts: Sequence[datetime]
    currency: str
    # Of everybody, then of those with the greatest cost and of all the others together.
    total: Line
    lines: Sequence[Line]


def currencies(chosen: Range, now: datetime) -> list[str]:
    found = _rollups(chosen, now).exclude(currency="").values_list("currency", flat=True)
    return sorted(found.distinct())


def trends(dimension: Dimension, chosen: Range, now: datetime, currency: str) -> Trends:
    """Two queries: the sums, and the names of what they are of."""
    starts = [chosen.start(now) + chosen.step * number for number in range(chosen.count)]
    place = {at: number for number, at in enumerate(starts)}
    column = _COLUMNS[dimension]
    owner = dict(AiModel.objects.values_list("pk", "provider")) if dimension == "provider" else None
    sums: dict[int, list[Amounts]] = {}
    for at, key, *numbers in _summed(_rollups(chosen, now).filter(currency=currency), column):
        whose = key if owner is None else owner.get(key, 0)
        buckets = sums.setdefault(whose, [Amounts() for _at in starts])
        calls, unknown, cost, failed, revenue = numbers
        buckets[place[at]].add(Amounts(calls, unknown, cost + failed, revenue))
    lines = {key: _line("", [buckets]) for key, buckets in sums.items()}
    order = sorted(lines, key=lambda key: (-lines[key].whole.cost, -lines[key].whole.revenue, key))
    names = _ROWS[dimension]._default_manager.in_bulk(order[:_MOST_LINES])
    shown = [_line(str(names.get(key, _("None"))), [sums[key]]) for key in order[:_MOST_LINES]]
    if rest := order[_MOST_LINES:]:
        shown.append(_line(str(_("All others")), [sums[key] for key in rest]))
    total = _line("", [*sums.values()] or [[Amounts() for _at in starts]])
    return Trends(chosen, starts, currency, total, shown)


def _line(name: str, parts: Sequence[Sequence[Amounts]]) -> Line:
    buckets = [Amounts() for _bucket in parts[0]]
    whole = Amounts()
    for part in parts:
        for into, amounts in zip(buckets, part, strict=True):
            into.add(amounts)
            whole.add(amounts)
    return Line(name, buckets, whole)


def _rollups(chosen: Range, now: datetime) -> QuerySet[CallRollup]:
    start = chosen.start(now)
    return CallRollup.objects.filter(size=chosen.size, start__gte=start, start__lt=start + chosen.length).order_by()


def _summed(rows: QuerySet[CallRollup], column: str) -> Any:
    measures = ("calls", "cost_unknown", "cost_nano", "failed_cost_nano", "revenue_nano")
    return rows.values_list("start", column).annotate(**{f"sum_{name}": Sum(name) for name in measures})

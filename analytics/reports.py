"""What a team's pages say about its calls. Reads roll-ups only; the buckets of a range are whole, the last is still open."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics import histograms
from analytics.models import CallRollup
from providers.models import AiModel, Service
from teams.models import ApiKey, Application, Team

_COUNTS: Final = (
    "calls",
    "status_2xx",
    "status_3xx",
    "status_4xx",
    "status_402",
    "status_429",
    "status_5xx",
    "refused_missing_payment",
    "refused_exceeded_limits",
    "refused_payment_method",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "request_bytes",
    "response_bytes",
)


@dataclass(frozen=True, slots=True)
class Range:
    name: str
    label: str | Promise
    # As part of a sentence: "Compared with the 7 days before".
    words: str | Promise
    size: CallRollup.Size
    step: timedelta
    count: int

    @property
    def length(self) -> timedelta:
        return self.step * self.count

    def start(self, now: datetime) -> datetime:
        """Of the first bucket, so that the last one is the one of `now`. Buckets are those of UTC."""
        zero = datetime(1970, 1, 1, tzinfo=UTC)
        return zero + ((now - zero) // self.step + 1) * self.step - self.length


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RANGES: Final[Mapping[str, Range]] = {
    "1h": Range("1h", _("1 h"), _("the hour before"), CallRollup.Size.MINUTE, _MINUTE, 60),
    "24h": Range("24h", _("24 h"), _("the 24 hours before"), CallRollup.Size.HOUR, _HOUR, 24),
    "7d": Range("7d", _("7 d"), _("the 7 days before"), CallRollup.Size.HOUR, _HOUR, 168),
    "30d": Range("30d", _("30 d"), _("the 30 days before"), CallRollup.Size.DAY, _DAY, 30),
}


@dataclass(slots=True)
class Measures:
    """Sums of one bucket, or of several."""

    calls: int = 0
    status_2xx: int = 0
    status_3xx: int = 0
    status_4xx: int = 0
    status_402: int = 0
    status_429: int = 0
    status_5xx: int = 0
    refused_missing_payment: int = 0
    refused_exceeded_limits: int = 0
    refused_payment_method: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    # Nano by currency: amounts of different currencies are never added.
    spend: dict[str, int] = field(default_factory=dict)
    latency: list[int] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return self.status_2xx + self.status_3xx

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def p(self, per_cent: int) -> int | None:
        return histograms.quantile(self.latency, per_cent)

    def add(self, other: "Measures") -> None:
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for currency, nano in other.spend.items():
            self.spend[currency] = self.spend.get(currency, 0) + nano
        self.latency = histograms.add(self.latency, other.latency)


def total(parts: Iterable[Measures]) -> Measures:
    measures = Measures()
    for part in parts:
        measures.add(part)
    return measures


@dataclass(frozen=True, slots=True)
class Filters:
    application: Application | None = None
    service: Service | None = None

    def conditions(self) -> dict[str, int]:
        conditions = {}
        if self.application:
            conditions["application"] = self.application.pk
        if self.service:
            conditions["service"] = self.service.pk
        return conditions


@dataclass(frozen=True, slots=True)
class Usage:
    range: Range
    starts: Sequence[datetime]
    buckets: Sequence[Measures]
    now: Measures
    before: Measures

    @property
    def start(self) -> datetime:
        return self.starts[0]

    @property
    def end(self) -> datetime:
        return self.starts[-1] + self.range.step


Dimension = Literal["application", "api_key", "ai_model", "service"]
Row = Application | ApiKey | AiModel | Service
_ROWS: Final[Mapping[Dimension, type[Row]]] = {
    "application": Application,
    "api_key": ApiKey,
    "ai_model": AiModel,
    "service": Service,
}


@dataclass(frozen=True, slots=True)
class Part:
    """What one application, key, model or service made of the whole."""

    row: Row
    measures: Measures


def usage(team: Team, chosen: Range, now: datetime, filters: Filters | None = None) -> Usage:
    """Two queries: sums and latencies, of the range and of the equally long one before."""
    filters = filters or Filters()
    start = chosen.start(now)
    rows = _rollups(team, chosen, start - chosen.length, start + chosen.length, filters)
    by_start: dict[datetime, Measures] = {}
    for row in _summed(rows, "start"):
        by_start.setdefault(row["start"], Measures()).add(_measures(row))
    for at, latency in rows.exclude(latency=[]).values_list("start", "latency"):
        measures = by_start[at]
        measures.latency = histograms.add(measures.latency, latency)
    starts = [start + chosen.step * n for n in range(chosen.count)]
    buckets = [by_start.get(at, Measures()) for at in starts]
    before = total(measures for at, measures in by_start.items() if at < start)
    return Usage(chosen, starts, buckets, total(buckets), before)


def by(dimension: Dimension, team: Team, chosen: Range, now: datetime, filters: Filters) -> list[Part]:
    return _parts(team, chosen, now, filters, dimension, _ROWS[dimension])


def services_called(team: Team, now: datetime) -> list[Service]:
    """In the longest range: what there is to filter by."""
    longest = RANGES["30d"]
    start = longest.start(now)
    ids = _rollups(team, longest, start, start + longest.length, Filters()).values("service").distinct()
    return list(Service.objects.filter(pk__in=ids).order_by("name"))


def _parts(
    team: Team,
    chosen: Range,
    now: datetime,
    filters: Filters,
    dimension: str,
    model: type[Row],
) -> list[Part]:
    """The one with the most calls first."""
    start = chosen.start(now)
    sums: dict[int, Measures] = {}
    for row in _summed(_rollups(team, chosen, start, start + chosen.length, filters), dimension):
        sums.setdefault(row[dimension], Measures()).add(_measures(row))
    found = model._default_manager.in_bulk([key for key in sums if key])
    parts = [Part(found[key], measures) for key, measures in sums.items() if key in found]
    return sorted(parts, key=lambda part: (-part.measures.calls, str(part.row)))


def _rollups(team: Team, chosen: Range, start: datetime, end: datetime, filters: Filters) -> Any:
    return CallRollup.objects.filter(
        team=team.pk, size=chosen.size, start__gte=start, start__lt=end, **filters.conditions()
    ).order_by()


def _summed(rows: Any, dimension: str) -> Any:
    sums = {f"sum_{name}": Sum(name) for name in (*_COUNTS, "revenue_nano")}
    return rows.values(dimension, "currency").annotate(**sums)


def _measures(row: Mapping[str, Any]) -> Measures:
    measures = Measures(**{name: row[f"sum_{name}"] for name in _COUNTS})
    if row["sum_revenue_nano"]:
        measures.spend[row["currency"]] = row["sum_revenue_nano"]
    return measures

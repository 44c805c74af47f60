"""Charts and words for the figures of `reports.Usage`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from analytics.models import CallRollup
from analytics.reports import Dimension, Measures, Part, Usage
from apipark import money
from apipark.charts import Chart, Series, Table
from apipark.templatetags.portal import count, duration, rate, short, spend


def zone_of(usage: Usage) -> tzinfo:
    """The reader's, but days are those of UTC: a day of another zone cannot be made of them."""
    return UTC if usage.range.size == CallRollup.Size.DAY else timezone.get_current_timezone()


# Of a change of errors, by its sign.
_TONES = {"+": "bad", "−": "ok"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its change against the range before."""

    name: str
    value: str
    note: str
    tone: str = ""
    spark: Sequence[int] = ()
    look: str = "c-quiet"


def figures(usage: Usage, currency: str, *, sees_money: bool) -> list[Figure]:
    now, before = usage.now, usage.before
    errors, errors_before = (now.status_5xx, now.calls), (before.status_5xx, before.calls)
    errors_change = change_of_share(errors, errors_before)
    p95, p95_before = now.p(95), before.p(95)
    found = [
        Figure(
            _("Calls"), count(now.calls), change(now.calls, before.calls), "", spark(usage, lambda m: m.calls), "c1"
        ),
        Figure(
            _("Errors, 5xx"),
            rate(*errors),
            errors_change,
            _TONES.get(errors_change[:1], ""),
            spark(usage, lambda m: m.status_5xx),
        ),
        Figure(
            _("p95 latency"),
            duration(p95),
            change(p95, p95_before),
            "warn" if p95 and p95_before and p95 > p95_before else "",
            spark(usage, lambda m: m.p(95) or 0),
        ),
        Figure(_("Tokens"), short(now.tokens), change(now.tokens, before.tokens), "", spark(usage, lambda m: m.tokens)),
    ]
    if sees_money:
        spending = change(now.spend.get(currency), before.spend.get(currency))
        line = spark(usage, lambda m: m.spend.get(currency, 0))
        found.append(Figure(_("Spend"), spent(now, currency), spending, "", line))
    refused = change(now.status_402, before.status_402)
    tone = "warn" if now.status_402 > before.status_402 else ""
    line = spark(usage, lambda m: m.status_402)
    found.append(Figure(_("Refused, 402"), count(now.status_402), refused, tone, line, "c-warn"))
    return found


def causes(usage: Usage) -> list[tuple[str, int]]:
    """Of the calls refused with 402; only those there were, the most frequent first."""
    now = usage.now
    found = [
        (_("Limits of plan or cap used up"), now.refused_exceeded_limits),
        (_("No subscription or payment information"), now.refused_missing_payment),
        (_("Problem with the payment"), now.refused_payment_method),
    ]
    return sorted((cause for cause in found if cause[1]), key=lambda cause: -cause[1])


_Part = tuple[str, str, Callable[[Measures], int]]
STEPS: Final = {
    CallRollup.Size.MINUTE: gettext_lazy("by minute"),
    CallRollup.Size.HOUR: gettext_lazy("by hour"),
    CallRollup.Size.DAY: gettext_lazy("by day"),
}
# What of the histogram a filter by status leaves.
STATUS_SERIES: Final[Mapping[str, Sequence[str]]] = {
    "": ("2xx", "4xx", "429", "402", "5xx"),
    "2xx": ("2xx",),
    "4xx": ("4xx", "429", "402"),
    "402": ("402",),
    "429": ("429",),
    "5xx": ("5xx",),
}


def histogram(usage: Usage, status: str = "") -> list[Chart]:
    """Calls in bars: those that were answered, and on a scale of their own those that were not."""
    parts: dict[str, _Part] = {
        "2xx": (_("Answered"), "c1", lambda m: m.answered),
        "4xx": (_("Other 4xx"), "c-quiet", lambda m: m.status_4xx),
        "429": (_("Too many, 429"), "c2", lambda m: m.status_429),
        "402": (_("Refused, 402"), "c-warn", lambda m: m.status_402),
        "5xx": (_("5xx"), "c-bad", lambda m: m.status_5xx),
    }
    shown = [parts[name] for name in STATUS_SERIES[status]]
    groups = [
        (_("Answered calls"), [part for part in shown if part is parts["2xx"]]),
        (_("Other calls"), [part for part in shown if part is not parts["2xx"]]),
    ]
    return [_bars(usage, group, title) for title, group in groups if group]


def _bars(usage: Usage, parts: Sequence[_Part], title: str) -> Chart:
    series = [
        Series(label, look, "bars", [value(bucket) for bucket in usage.buckets], short(value(usage.now)))
        for label, look, value in parts
    ]
    rows = [
        [_label(usage, at), *(count(value(bucket)) for _name, _look, value in parts)]
        for at, bucket in zip(usage.starts, usage.buckets, strict=True)
    ]
    head = [_("From"), *(label for label, _look, _value in parts)]
    words = ", ".join(f"{label}: {count(value(usage.now))}" for label, _look, value in parts)
    return _chart(usage, "count", series, words, Table(title, head, rows), size="strip", room=True)


def calls(usage: Usage) -> Chart:
    parts: list[_Part] = [
        (_("Answered"), "c1", lambda m: m.answered),
        (_("4xx"), "c-quiet", lambda m: m.status_4xx + m.status_429),
        (_("Refused, 402"), "c-warn", lambda m: m.status_402),
        (_("5xx"), "c-bad", lambda m: m.status_5xx),
    ]
    series = [
        Series(label, look, "area", [value(bucket) for bucket in usage.buckets], short(value(usage.now)))
        for label, look, value in parts
    ]
    head = [_("From"), *(label for label, _look, _value in parts)]
    rows = [
        [_label(usage, at), *(count(value(bucket)) for _name, _look, value in parts)]
        for at, bucket in zip(usage.starts, usage.buckets, strict=True)
    ]
    words = _("Calls: %(all)s, of these %(refused)s refused with 402 and %(failed)s failed with 5xx") % {
        "all": count(usage.now.calls),
        "refused": count(usage.now.status_402),
        "failed": count(usage.now.status_5xx),
    }
    return _chart(usage, "count", series, words, Table(_("Calls by status"), head, rows), size="tall")


def latency(usage: Usage) -> Chart:
    """Of calls that reached an upstream; a bucket without any is a gap."""
    series = [
        Series(label, look, "line", [bucket.p(per_cent) for bucket in usage.buckets], duration(usage.now.p(per_cent)))
        for label, look, per_cent in (("p50", "c1", 50), ("p95", "c2", 95))
    ]
    rows = [
        [_label(usage, at), duration(bucket.p(50)), duration(bucket.p(95))]
        for at, bucket in zip(usage.starts, usage.buckets, strict=True)
    ]
    words = _("Latency: half of the calls within %(half)s, 95 of 100 within %(most)s") % {
        "half": duration(usage.now.p(50)),
        "most": duration(usage.now.p(95)),
    }
    return _chart(usage, "ms", series, words, Table(_("Latency"), [_("From"), "p50", "p95"], rows))


def tokens(usage: Usage) -> Chart:
    parts: list[_Part] = [
        (_("Input"), "c1", lambda m: m.input_tokens - m.cached_tokens),
        (_("Input from cache"), "c3", lambda m: m.cached_tokens),
        (_("Output"), "c2", lambda m: m.output_tokens),
    ]
    series = [
        Series(label, look, "area", [value(bucket) for bucket in usage.buckets], short(value(usage.now)))
        for label, look, value in parts
    ]
    rows = [
        [_label(usage, at), *(count(value(bucket)) for _name, _look, value in parts)]
        for at, bucket in zip(usage.starts, usage.buckets, strict=True)
    ]
    head = [_("From"), *(label for label, _look, _value in parts)]
    words = _("Tokens: %(number)s") % {"number": count(usage.now.tokens)}
    return _chart(usage, "tokens", series, words, Table(_("Tokens by kind"), head, rows))


def spend_over_time(usage: Usage, currency: str) -> Chart:
    """In one currency; what was spent in others stands in the figures."""
    values = [bucket.spend.get(currency, 0) for bucket in usage.buckets]
    whole = spend(usage.now.spend.get(currency, 0), currency)
    rows = [[_label(usage, at), spend(nano, currency)] for at, nano in zip(usage.starts, values, strict=True)]
    series = [Series(_("Spend"), "c1", "area", values, whole)]
    words = _("Spend: %(amount)s") % {"amount": whole}
    table = Table(_("Spend"), [_("From"), _("Spend")], rows)
    return _chart(usage, "money", series, words, table, currency=currency)


@dataclass(frozen=True, slots=True)
class Top:
    """Who or what made most of the usage: a table of its own on the page."""

    id: str
    title: str
    name: str
    # With what is said of their spend; nothing for those who see no money.
    rows: Sequence[tuple[Part, str]]
    # The filter that a row's name sets.
    parameter: str = ""


def top(dimension: Dimension, parts: Sequence[Part], currency: str, *, sees_money: bool, most: int = 10) -> Top:
    titles = {
        "application": (_("Top applications"), _("Application"), "application"),
        "api_key": (_("Top keys"), _("Key"), ""),
        "ai_model": (_("Top models"), _("Model"), ""),
        "service": (_("Top services"), _("Service"), "service"),
    }
    title, name, parameter = titles[dimension]
    rows = [(part, spent(part.measures, currency) if sees_money else "") for part in parts[:most]]
    return Top(f"h-{dimension}", title, name, rows, parameter)


def change(now: int | None, before: int | None) -> str:
    """+12.4 %; nothing when there is nothing to compare with."""
    if now is None or not before:
        return ""
    tenths = money.divide_half_even((now - before) * 1000, before)
    return f"{_signed(tenths)} %"


def change_of_share(now: tuple[int, int], before: tuple[int, int]) -> str:
    """Of two shares in points: −0.08 pt."""
    if not now[1] or not before[1]:
        return ""
    hundredths = money.divide_half_even(now[0] * 10_000, now[1]) - money.divide_half_even(before[0] * 10_000, before[1])
    digits = formats.number_format(f"{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}")
    return f"{_sign(hundredths)}{digits} {pgettext('percentage points', 'pt')}"


def spent(measures: Measures, currency: str) -> str:
    """Each currency by itself; nothing spent is zero of the team's."""
    return " + ".join(spend(nano, code) for code, nano in sorted(measures.spend.items())) or spend(0, currency)


def spark(usage: Usage, value: Callable[[Measures], int], points: int = 28) -> Sequence[int]:
    """The buckets joined to fewer, for a line without axes."""
    width = max(1, len(usage.buckets) // points)
    return [
        sum(value(bucket) for bucket in usage.buckets[begin : begin + width])
        for begin in range(0, len(usage.buckets), width)
    ]


def _signed(tenths: int) -> str:
    digits = formats.number_format(f"{abs(tenths) // 10}.{abs(tenths) % 10}", force_grouping=True)
    return f"{_sign(tenths)}{digits}"


def _sign(value: int) -> str:
    return "−" if value < 0 else "+" if value else "±"


def _label(usage: Usage, at: datetime) -> str:
    here = at.astimezone(zone_of(usage))
    if usage.range.size == CallRollup.Size.MINUTE:
        return f"{here:%H:%M}"
    date = formats.date_format(here, pgettext("date format", "j M"))
    return date if usage.range.size == CallRollup.Size.DAY else f"{date}, {here:%H:%M}"


def _chart(
    usage: Usage,
    unit: str,
    series: Sequence[Series],
    alt: str,
    table: Table,
    *,
    size: str = "",
    room: bool = False,
    currency: str = "USD",
) -> Chart:
    return Chart(
        unit=unit,  # type: ignore[arg-type]  # one of those written above
        times=[int(at.timestamp()) for at in usage.starts],
        series=series,
        alt=alt,
        zone=str(zone_of(usage)),
        currency=currency,
        group="usage",
        size=size,
        when=f"{_label(usage, usage.starts[0])} – {_label(usage, usage.starts[-1])}",
        table=table,
        room=room,
    )

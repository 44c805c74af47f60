"""Charts and figures of `money_trends`, for the operator's console."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from analytics.models import CallRollup
from analytics.money_trends import Amounts, Line, Trends
from apipark.charts import Chart, Series, Table
from apipark.templatetags.portal import NOTHING, count, percent, rate, spend

Measure = Literal["cost", "revenue", "margin", "unknown"]
MEASURES: Final[Mapping[Measure, str | Promise]] = {
    "cost": gettext_lazy("Cost"),
    "revenue": gettext_lazy("Revenue"),
    "margin": gettext_lazy("Margin"),
    "unknown": gettext_lazy("Calls of unknown cost"),
}
_READ: Final[Mapping[Measure, Callable[[Amounts], int]]] = {
    "cost": lambda amounts: amounts.cost,
    "revenue": lambda amounts: amounts.revenue,
    "margin": lambda amounts: amounts.margin,
    "unknown": lambda amounts: amounts.unknown,
}
_LOOKS: Final = ("c1", "c2", "c4", "c-quiet")


def figures(trends: Trends) -> list[tuple[str, str, str]]:
    """Name, value, and a note."""
    whole = trends.total.whole
    share = percent(whole.margin, whole.revenue) if whole.revenue else NOTHING
    return [
        (_("Cost"), spend(whole.cost, trends.currency), _("failed attempts in it")),
        (_("Revenue"), spend(whole.revenue, trends.currency), ""),
        (_("Margin"), spend(whole.margin, trends.currency), _("%(share)s of revenue") % {"share": share}),
        (_("Cost not known"), rate(whole.unknown, whole.calls), _("%(n)s calls") % {"n": count(whole.unknown)}),
    ]


def of_everybody(trends: Trends) -> Chart:
    """Cost, revenue and margin on one scale."""
    looks: Sequence[tuple[Measure, str]] = (("cost", "c2"), ("revenue", "c1"), ("margin", "c-quiet"))
    parts = [(str(MEASURES[measure]), look, measure, trends.total) for measure, look in looks]
    return _chart(trends, _("Cost, revenue and margin"), parts)


def of_each(trends: Trends, measure: Measure) -> Chart:
    parts = [(line.name, look, measure, line) for line, look in zip(trends.lines, _LOOKS, strict=False)]
    return _chart(trends, str(MEASURES[measure]), parts)


def _chart(trends: Trends, caption: str, parts: Sequence[tuple[str, str, Measure, Line]]) -> Chart:
    """As lines: a margin may be below zero."""

    def said(measure: Measure, amounts: Amounts) -> str:
        number = _READ[measure](amounts)
        return count(number) if measure == "unknown" else spend(number, trends.currency)

    counted = any(measure == "unknown" for _name, _look, measure, _line in parts)
    series = [
        Series(name, look, "line", [_READ[measure](each) for each in line.buckets], said(measure, line.whole))
        for name, look, measure, line in parts
    ]
    rows = [
        [_label(trends, at), *(said(measure, line.buckets[place]) for _name, _look, measure, line in parts)]
        for place, at in enumerate(trends.starts)
    ]
    head = [_("From"), *(name for name, _look, _measure, _line in parts)]
    alt = ", ".join(f"{each.label}: {each.total}" for each in series)
    return Chart(
        unit="count" if counted else "money",
        times=[int(at.timestamp()) for at in trends.starts],
        series=series,
        alt=f"{caption}. {alt}",
        zone=_zone(trends),
        currency=trends.currency,
        group="money",
        table=Table(caption, head, rows),
    )


def _zone(trends: Trends) -> str:
    """Days are those of UTC."""
    return "UTC" if trends.range.size == CallRollup.Size.DAY else str(timezone.get_current_timezone())


def _label(trends: Trends, at: datetime) -> str:
    if trends.range.size == CallRollup.Size.DAY:
        return formats.date_format(at, pgettext("date format", "j M"))
    here = timezone.localtime(at)
    return f"{formats.date_format(here, pgettext('date format', 'j M'))}, {here:%H:%M}"

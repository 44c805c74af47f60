"""Words for numbers, money and times, and the small parts that stand on many pages. Built in: no template loads it.

Numbers follow the reader's language, times the reader's zone. A missing value is a dash, never a zero.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext, pgettext

from apipark import clock, money
from apipark.charts import Chart, Table

register = template.Library()

NOTHING = "–"
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "CN¥", "INR": "₹", "KRW": "₩"}
_SCRIPT_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


# Numbers -------------------------------------------------------------------------------------------------------------
def _number(digits: str) -> str:
    """Decimal string with the reader's separators and a true minus sign."""
    text = formats.number_format(digits.removeprefix("-"), force_grouping=True)
    return f"−{text}" if digits.startswith("-") else text


def _tenths(value: int, unit: int) -> str:
    """`value` in units, with one place below 100 and none from there on."""
    tenths = money.divide_half_even(abs(value) * 10, unit)
    whole, place = divmod(tenths, 10)
    digits = str(money.divide_half_even(abs(value), unit)) if whole >= 100 or not place else f"{whole}.{place}"
    return _number(f"-{digits}" if value < 0 else digits)


@register.filter
def count(value: int | None) -> str:
    """1284310 → 1,284,310."""
    return NOTHING if value is None else _number(str(value))


@register.filter
def short(value: int | None) -> str:
    """96412000 → 96.4 M. Below 10,000 it is exact."""
    if value is None:
        return NOTHING
    if abs(value) < 10_000:
        return count(value)
    # 999,950 is 1 M and not 1,000 K: the unit is chosen after rounding.
    if abs(value) < 999_500:
        return pgettext("thousands", "%(number)s K") % {"number": _tenths(value, 1_000)}
    if abs(value) < 999_500_000:
        return pgettext("millions", "%(number)s M") % {"number": _tenths(value, 1_000_000)}
    return pgettext("billions", "%(number)s B") % {"number": _tenths(value, 1_000_000_000)}


@register.filter
def percent(part: int | None, whole: int | None) -> str:
    """Rounded down, so that 100 % means all of it."""
    if part is None or not whole:
        return NOTHING
    return f"{_number(str(part * 100 // whole))} %"


@register.filter
def rate(part: int | None, whole: int | None) -> str:
    """Two places, for shares that are small: 0.42 %."""
    if part is None or not whole:
        return NOTHING
    hundredths = money.divide_half_even(part * 10_000, whole)
    return f"{_number(f'{hundredths // 100}.{hundredths % 100:02d}')} %"


@register.filter
def duration(ms: int | None) -> str:
    """3412 → 3,412 ms; from 10 s on in seconds, from two minutes on in minutes."""
    if ms is None:
        return NOTHING
    if ms == 0:
        return gettext("< 1 ms")
    if ms < 10_000:
        return gettext("%(number)s ms") % {"number": count(ms)}
    if ms < 120_000:
        return gettext("%(number)s s") % {"number": _tenths(ms, 1_000)}
    return gettext("%(minutes)s min %(seconds)s s") % {"minutes": count(ms // 60_000), "seconds": ms // 1_000 % 60}


@register.filter
def size(size_bytes: int | None) -> str:
    """61200000000 → 61.2 GB. Decimal units, as plans are sold."""
    if size_bytes is None:
        return NOTHING
    if size_bytes < 1_000:
        return ngettext("%(number)s byte", "%(number)s bytes", size_bytes) % {"number": count(size_bytes)}
    unit, name = next(
        ((unit, name) for unit, name in ((10**3, "KB"), (10**6, "MB"), (10**9, "GB")) if size_bytes < unit * 1_000),
        (10**12, "TB"),
    )
    return f"{_tenths(size_bytes, unit)} {name}"


# Money ---------------------------------------------------------------------------------------------------------------
def _amount(digits: str, currency: str) -> str:
    number, sign = _number(digits.removeprefix("-")), "−" if digits.startswith("-") else ""
    if currency in _SYMBOLS:
        pattern = pgettext("an amount of money; German: %(number)s %(symbol)s", "%(symbol)s%(number)s")
        return sign + pattern % {"symbol": _SYMBOLS[currency], "number": number}
    pattern = pgettext("an amount of money with the code of its currency", "%(code)s\u00a0%(number)s")
    return sign + pattern % {"code": currency, "number": number}


@register.filter
def cash(minor: int | None, currency: str) -> str:
    """31120 → $311.20."""
    return NOTHING if minor is None else _amount(money.minor_text(minor, currency), currency)


@register.filter
def spend(nano: int | None, currency: str) -> str:
    """Usage as cash, rounded to the smallest coin: for sums."""
    return NOTHING if nano is None else cash(money.minor_from_nano(nano, currency), currency)


@register.filter
def price(nano: int | None, currency: str) -> str:
    """Usage to its last digit: for single calls and prices."""
    return NOTHING if nano is None else _amount(money.major_text(nano), currency)


# Times ---------------------------------------------------------------------------------------------------------------
def _date(moment: datetime, now: datetime) -> str:
    pattern = pgettext("date format", "j M") if moment.year == now.year else pgettext("date format", "j M Y")
    return formats.date_format(moment, pattern)


@register.filter
def ago(moment: datetime | None) -> str:
    """How people say it: just now, 2 min ago, today, 14:02, yesterday, 23:10, 12 Mar; also of what is to come."""
    if moment is None:
        return NOTHING
    now = timezone.localtime(clock.now())
    moment = timezone.localtime(moment)
    away = moment - now
    minutes = int(abs(away) / timedelta(minutes=1))
    if minutes == 0:
        return gettext("just now") if away <= timedelta(0) else gettext("in a moment")
    if minutes < 60:
        pattern = gettext("%(minutes)s min ago") if away < timedelta(0) else gettext("in %(minutes)s min")
        return pattern % {"minutes": minutes}
    days = {0: gettext("today, %(time)s"), -1: gettext("yesterday, %(time)s"), 1: gettext("tomorrow, %(time)s")}
    pattern = days.get((moment.date() - now.date()).days, "")
    return pattern % {"time": moment.strftime("%H:%M")} if pattern else _date(moment, now)


@register.filter
def day(moment: datetime | None) -> str:
    """1 Nov 2026."""
    if moment is None:
        return NOTHING
    return formats.date_format(timezone.localtime(moment), pgettext("date format", "j M Y"))


@register.filter
def stamp(moment: datetime | None) -> str:
    """21 Nov, 14:42:10, with the year when it is another one."""
    if moment is None:
        return NOTHING
    moment = timezone.localtime(moment)
    return f"{_date(moment, timezone.localtime(clock.now()))}, {moment:%H:%M:%S}"


@register.filter
def zoned(moment: datetime | None) -> str:
    """21 Nov, 14:42:10 UTC: where nothing else on the page names the zone."""
    return f"{stamp(moment)} {timezone.localtime(moment):%Z}" if moment else NOTHING


@register.filter
def minute(moment: datetime | None) -> str:
    """21 Nov, 14:42: for what has no seconds."""
    if moment is None:
        return NOTHING
    moment = timezone.localtime(moment)
    return f"{_date(moment, timezone.localtime(clock.now()))}, {moment:%H:%M}"


@register.filter
def past_day(moment: datetime | None) -> str:
    """Its date, unless that is today's."""
    if moment is None:
        return ""
    now, moment = timezone.localtime(clock.now()), timezone.localtime(moment)
    return "" if moment.date() == now.date() else _date(moment, now)


@register.simple_tag
def moment(at: datetime | None) -> SafeString:
    """`|ago` as a <time>, with the whole date for machines and for the pointer."""
    if at is None:
        return SafeString(NOTHING)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), stamp(at), ago(at))


# Parts of pages ------------------------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, look: str = "") -> SafeString:
    """A drawing of icons.svg; `look` is another class. Never the only word of a control."""
    look = f"icon {look}".rstrip()
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', look, static("icons.svg"), name)


@register.inclusion_tag("_copy.html")
def copy(target: str, label: str, *, word: bool = False) -> Mapping[str, object]:
    """A button that copies the text of `target` ("#id"); with `word` its label is seen."""
    return {"target": target, "label": label, "word": word}


@register.inclusion_tag("_chart.html")
def chart(chart: Chart, *, apart: bool = False) -> Mapping[str, object]:
    """A figure and its table; `apart` leaves the table to a `{% data_table %}` elsewhere on the page."""
    data = mark_safe(chart.json().translate(_SCRIPT_ESCAPES))  # noqa: S308 - nothing in it can end the script element
    return {"chart": chart, "data": data, "table": None if apart else chart.table}


@register.inclusion_tag("_data_table.html")
def data_table(table: Table) -> Mapping[str, object]:
    return {"table": table}


@register.simple_tag
def spark(values: Sequence[int], look: str = "c-quiet") -> SafeString:
    """A line without axes beside a figure that says the same in words."""
    if len(values) < 2:
        return SafeString("")
    low, high = min(values), max(values)
    span = (high - low) or 1
    points = (f"{i * 100 / (len(values) - 1):.1f} {26 - 24 * (v - low) / span:.1f}" for i, v in enumerate(values))
    return format_html(
        '<svg class="spark {}" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true"><path d="M{}"/></svg>',
        look,
        "L".join(points),
    )


@register.simple_tag
def control(field: BoundField, **attributes: str | bool) -> SafeString:
    """The control of a form's field in the kit's look. Attributes pass through (`_` for `-`), False or "" takes one away."""
    widget, attrs = field.field.widget, {name.replace("_", "-"): value or False for name, value in attributes.items()}
    if not isinstance(widget, CheckboxInput | CheckboxSelectMultiple | RadioSelect):
        attrs["class"] = f"input {widget.attrs.get('class', '')} {attrs.get('class') or ''}".strip()
    return field.as_widget(attrs=attrs)


@register.filter
def initials(name: str) -> str:
    """Acme Robotics → AR; ada@example.org → A."""
    words = name.partition("@")[0].replace(".", " ").replace("-", " ").split()
    return "".join(word[0] for word in words[:2]).upper()


@register.filter
def status_tone(status: int | None) -> str:
    """Tone of an HTTP status: what failed is bad, what wants money warns, what the caller can change is quiet."""
    if status is None or status >= 500:
        return "bad"
    if status == 402:
        return "warn"
    return "" if status >= 400 else "ok"

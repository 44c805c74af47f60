"""What a cell of a list says: states as badges, money, counts and durations as figures, times as distances.

`badge` and `figure` make HTML for a value; the others make a column for `list_display` and `readonly_fields`. A cell that
holds a `.num` is set at the end of its column, head included, by admin.css.
"""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_stubs_ext import StrOrPromise

from apipark.templatetags import portal

Cell = Callable[[Any], str]
# A function as `list_display`, `fields` and `readonly_fields` take it; django-stubs knows only names in the latter two.
Column = Any

# One word, one tone, on every page. A word that is missing is drawn quietly.
_TONES: Final[dict[str, str]] = {
    **dict.fromkeys(("active", "on", "published", "paid", "succeeded", "granted", "usable", "answers", "live"), "ok"),
    **dict.fromkeys(("waiting", "in_review", "deprecated", "retiring", "paused", "draft", "overdue"), "warn"),
    **dict.fromkeys(("refused", "declined", "failed", "silent", "suspended", "suspended_billing", "revoked"), "bad"),
    **dict.fromkeys(("open", "pending", "test", "trial"), "info"),
}
# What has ended has a hollow dot.
_ENDED: Final = frozenset(
    (
        "off",
        "ended",
        "expired",
        "revoked",
        "void",
        "uncollectible",
        "retired",
        "removed",
        "lifted",
        "closed",
        "canceled",
    )
)


def badge(value: str, label: str = "") -> SafeString:
    ended = SafeString(" data-ended") if value in _ENDED else ""
    tone = _TONES.get(value, "")
    return format_html('<span class="badge state" data-tone="{}"{}>{}</span>', tone, ended, label or value)


def figure(text: object, unit: str = "") -> SafeString:
    return format_html('<span class="num">{}{}</span>', text, format_html(" <small>{}</small>", unit) if unit else "")


def linked(row: Model | None) -> SafeString | str:
    """The row's name, leading to its page."""
    if row is None:
        return portal.NOTHING
    try:
        url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return str(row)
    return format_html('<a href="{}">{}</a>', url, row)


def _follow(row: Model, path: str) -> Any:
    value: Any = row
    for name in path.split("__"):
        if value is None:
            return None
        value = getattr(value, name)
    return value


def _column(name: str, label: StrOrPromise, ordering: str | None, cell: Cell) -> Column:
    cell.__name__ = name
    return admin.display(description=label, ordering=ordering)(cell)


def state(field: str, label: StrOrPromise, why: str = "") -> Column:
    """A badge for a field with choices; `why` names a field whose text stands below it."""

    def cell(row: Any) -> str:
        value = getattr(row, field)
        if not value:
            return portal.NOTHING
        mark = badge(value, getattr(row, f"get_{field}_display")())
        reason = getattr(row, why) if why else ""
        return format_html('{}<small class="why">{}</small>', mark, reason) if reason else mark

    return _column(field, label, field, cell)


def number(field: str, label: StrOrPromise, words: Callable[..., str] = portal.short, currency: str = "") -> Column:
    """A figure. `words` is one of portal's count, short, cash, spend, price, duration, size; `currency` is the path to it."""

    def cell(row: Any) -> str:
        value = getattr(row, field)
        return figure(words(value, _follow(row, currency)) if currency else words(value))

    return _column(field, label, field, cell)


def moment(field: str, label: StrOrPromise) -> Column:
    return _column(field, label, field, lambda row: portal.moment(getattr(row, field)))


def neighbour(path: str, label: StrOrPromise) -> Column:
    """A link to the row at the other end of a foreign key, or of several in a row."""
    return _column(f"{path}_link", label, path, lambda row: linked(_follow(row, path)))


def itself(label: StrOrPromise, ordering: str = "id") -> Column:
    """The row's own name with a link to it: for read-only inlines."""
    return _column("itself", label, ordering, lambda row: linked(row))  # noqa: PLW0108 - each column names its own function


def prose(field: str, label: StrOrPromise) -> Column:
    """A sentence: the only kind of cell that may take more than one line."""
    return _column(field, label, field, lambda row: format_html('<span class="prose">{}</span>', getattr(row, field)))

"""Filters as they stand in an address: each choice is a link that keeps all other parameters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Option:
    label: str | Promise
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter: what it can be, and what it is now."""

    name: str
    label: str | Promise
    none: Option
    options: Sequence[Option]

    @property
    def chosen(self) -> str | Promise:
        return next((option.label for option in self.options if option.current), "")


def choices(
    query: QueryDict, name: str, label: str | Promise, none: str | Promise, options: Iterable[tuple[str, str | Promise]]
) -> Filter:
    """Choosing begins again at the first page: cursors do not outlive another filter."""
    now = query.get(name, "")

    def option(value: str, words: str | Promise) -> Option:
        other = query.copy()
        for parameter in (name, "before", "after", "page"):
            other.pop(parameter, None)
        if value:
            other[name] = value
        return Option(words, f"?{other.urlencode()}", current=value == now)

    return Filter(name, label, option("", none), [option(value, words) for value, words in options])

"""What waits for the operator. Each app says what it needs (`billing.needs` …); the console's home asks them all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse


class Urgency(IntEnum):
    LOSING = 0  # calls or money are lost now
    SOON = 1
    WAITING = 2  # somebody waits

    @property
    def tone(self) -> str:
        return _TONES[self]


_TONES: Final = {Urgency.LOSING: "bad", Urgency.SOON: "warn", Urgency.WAITING: "info"}


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits: what, since when, where it is seen and the one thing to do about it."""

    urgency: Urgency
    icon: str
    title: str
    detail: str
    since: datetime | None
    url: str
    act: str
    act_url: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose needs, and the permission without which nobody is told of them."""

    ask: Callable[[], Iterable[Need]]
    permission: str


def change_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_url(model: type[Model], **filters: object) -> str:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def verb_url(row: Model, verb: str) -> str:
    """The page that tells what the verb will do to this row, and asks why."""
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_verb", args=[verb])
    return f"{url}?{urlencode({'id': row.pk})}"

"""Calls as CSV: the filtered list, newest first, bounded. Read by cursor in blocks, so that no more than one is in memory.

For programs and spreadsheets: names of columns are not translated, times are UTC, amounts have a point. A cell that a
spreadsheet would take for a formula begins with an apostrophe (OWASP, CSV injection): paths and names are others' words.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC
from typing import Final

from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from apipark import money
from providers.models import AiModel, Service
from proxy.models import Call
from teams.models import Application

_BLOCK: Final = 500
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS: Final = (
    "time",
    "request_id",
    "application",
    "service",
    "model",
    "environment",
    "method",
    "path",
    "status",
    "problem",
    "outcome",
    "latency_ms",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "request_bytes",
    "response_bytes",
)
_MONEY: Final = ("price", "currency")


def blocks(calls: QuerySet[Call], *, most: int, sees_money: bool) -> Iterator[str]:
    """Lines with their ends; the first block is the head. Four queries a block."""
    yield _lines([(*_COLUMNS, *(_MONEY if sees_money else ()))])
    found = list(calls.order_by("-id")[: min(_BLOCK, most)])
    while found:
        yield _lines(_rows(found, sees_money=sees_money))
        most -= len(found)
        found = list(calls.filter(id__lt=found[-1].id).order_by("-id")[: min(_BLOCK, most)])


async def streamed(parts: Iterator[str]) -> AsyncIterator[str]:
    """Under ASGI: Django would first collect a plain iterator as a whole."""
    following = sync_to_async(lambda: next(parts, ""))
    while part := await following():
        yield part


def _rows(calls: Sequence[Call], *, sees_money: bool) -> Iterator[Sequence[object]]:
    applications = _names(Application, {call.application for call in calls})
    services = _names(Service, {call.service for call in calls})
    models = _names(AiModel, {call.ai_model for call in calls})
    for call in calls:
        price = (money.major_text(call.revenue_nano), call.currency) if call.currency else ("", "")
        yield (
            call.at.astimezone(UTC).isoformat(timespec="milliseconds"),
            call.request_id,
            applications.get(call.application, ""),
            services.get(call.service or 0, ""),
            models.get(call.ai_model or 0, ""),
            call.environment,
            call.method,
            call.path,
            call.status,
            call.slug,
            call.outcome,
            call.duration_ms,
            call.input_tokens,
            call.cached_tokens,
            call.output_tokens,
            call.request_bytes,
            call.response_bytes,
            *(price if sees_money else ()),
        )


def _names(model: type[Application | Service | AiModel], ids: Iterable[int | None]) -> dict[int, str]:
    known = [pk for pk in ids if pk]
    return dict(model._default_manager.filter(pk__in=known).values_list("pk", "name"))


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell

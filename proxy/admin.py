"""Calls, and the spools they came through. Written by the gateway and the shipper alone."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark import clock
from apipark.columns import figure, linked, moment, number, prose, state
from apipark.ids import call_id
from apipark.model_admin import BigTableAdmin, ReadOnlyAdmin
from apipark.needs import change_url
from apipark.templatetags.portal import NOTHING, count, duration, price, short, size
from billing.models import Allowance, Meter, PlanVersion, Subscription
from providers.models import AiModel, ModelPrice, ProviderKey, Service, ServiceVersion
from providers.wording import named_counts
from proxy.models import Call, DeadLetter, Spool
from proxy.waterfall import changes, waterfall
from teams.models import ApiKey, Application, Team

# What a call names by its plain number.
_NAMED: dict[str, type[Model]] = {
    "team": Team,
    "application": Application,
    "api_key": ApiKey,
    "subscription": Subscription,
    "plan_version": PlanVersion,
    "service": Service,
    "service_version": ServiceVersion,
    "ai_model": AiModel,
    "provider_key": ProviderKey,
    "model_price": ModelPrice,
}


# Filters -------------------------------------------------------------------------------------------------------------
class StatusFilter(admin.SimpleListFilter):
    title = gettext_lazy("status")
    parameter_name = "class"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return [("2", "2xx"), ("402", "402"), ("429", "429"), ("4", "4xx"), ("5", "5xx")]

    def queryset(self, _request: HttpRequest, calls: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value in {"402", "429"}:
            return calls.filter(status=int(value))
        if value in {"2", "4", "5"}:
            return calls.filter(status__range=(int(value) * 100, int(value) * 100 + 99))
        return calls


class WhenFilter(admin.SimpleListFilter):
    """By the index over the time of calls: Django's own date filter would go through all of them."""

    title = gettext_lazy("when")
    parameter_name = "when"
    _SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return [("hour", _("The last hour")), ("day", _("The last day")), ("week", _("The last 7 days"))]

    def queryset(self, _request: HttpRequest, calls: QuerySet[Any]) -> QuerySet[Any]:
        span = self._SPANS.get(self.value() or "")
        return calls.filter(at__gte=clock.now() - span) if span else calls


class _NamedFilter(admin.SimpleListFilter):
    """Names of another table: asking a column of millions for its distinct values takes seconds."""

    model: type[Model]
    MOST = 100

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        rows = list(self.model._default_manager.all()[: self.MOST])
        chosen = self._chosen()
        if chosen and chosen not in {row.pk for row in rows}:
            rows += list(self.model._default_manager.filter(pk=chosen))
        return [(str(row.pk), str(row)) for row in rows]

    def queryset(self, _request: HttpRequest, calls: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self._chosen()
        return calls.filter(**{str(self.parameter_name): chosen}) if chosen else calls

    def _chosen(self) -> int | None:
        # 18 digits fit what the database calls an integer.
        text = self.value() or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


class TeamFilter(_NamedFilter):
    title = gettext_lazy("team")
    parameter_name = "team"
    model = Team


class ServiceFilter(_NamedFilter):
    title = gettext_lazy("service")
    parameter_name = "service"
    model = Service


class ModelFilter(_NamedFilter):
    title = gettext_lazy("model")
    parameter_name = "ai_model"
    model = AiModel


# Calls ---------------------------------------------------------------------------------------------------------------
def _status(call: Call) -> SafeString:
    """What went well is not coloured: the exceptions are looked for."""
    tone = "bad" if call.status >= 500 else "warn" if call.status in {402, 429} else ""
    return format_html('<span class="badge" data-tone="{}">{}</span>', tone, call.status)


@admin.register(Call)
class CallAdmin(BigTableAdmin[Call]):
    list_display = (
        moment("at", gettext_lazy("when")),
        "route",
        "status_and_slug",
        "team_named",
        "application_named",
        "model_named",
        "tokens",
        number("duration_ms", gettext_lazy("took"), duration),
        number("revenue_nano", gettext_lazy("price"), price, currency="currency"),
    )
    list_display_links = ("route",)
    list_filter = (StatusFilter, WhenFilter, TeamFilter, ServiceFilter, ModelFilter, "outcome", "environment")
    search_fields = ("id",)
    change_form_template = "admin/console/call.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        names = {
            "team_name": Subquery(Team.objects.filter(pk=OuterRef("team")).values("name")[:1]),
            "application_name": Subquery(Application.objects.filter(pk=OuterRef("application")).values("name")[:1]),
            "model_name": Subquery(AiModel.objects.filter(pk=OuterRef("ai_model")).values("name")[:1]),
        }
        return super().get_queryset(request).defer("charges", "asked").annotate(**names)

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A request id finds its call; words would be looked for in every row there is."""
        if not search_term.strip():
            return queryset, False
        found = call_id(search_term.strip().lower())
        return (queryset.filter(pk=found) if found else queryset.none()), False

    @admin.display(description=gettext_lazy("call"))
    def route(self, call: Call) -> SafeString:
        return format_html("<code>{} {}</code>", call.method, call.path)

    @admin.display(description=gettext_lazy("status"))
    def status_and_slug(self, call: Call) -> SafeString:
        return format_html('{} <span class="quiet">{}</span>', _status(call), call.slug) if call.slug else _status(call)

    @admin.display(description=gettext_lazy("team"))
    def team_named(self, call: Any) -> str:
        return call.team_name or NOTHING

    @admin.display(description=gettext_lazy("application"))
    def application_named(self, call: Any) -> str:
        return call.application_name or NOTHING

    @admin.display(description=gettext_lazy("model"))
    def model_named(self, call: Any) -> str:
        return call.model_name or NOTHING

    @admin.display(description=gettext_lazy("tokens"))
    def tokens(self, call: Call) -> str:
        return figure(short(call.input_tokens + call.output_tokens or None))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        if call := options.get("obj"):
            context |= _page(call)
        return super().render_change_form(request, context, *args, **options)


def _page(call: Call) -> dict[str, Any]:
    """What the page of a call shows: who and what it names, the way it went, what was counted and charged."""
    rows = {name: _row(model, getattr(call, name)) for name, model in _NAMED.items()}
    model, key = rows["ai_model"], rows["provider_key"]
    of_application = Call.objects.filter(team=call.team, application=call.application)
    return {
        "call": call,
        "status": _status(call),
        "named": {name: linked(row) for name, row in rows.items()},
        "waterfall": waterfall(
            call,
            model if isinstance(model, AiModel) else None,
            key if isinstance(key, ProviderKey) else None,
            for_operator=True,
        ),
        "changes": changes(call.report),
        "counted": named_counts(call.counts),
        "allowances": _allowances(call),
        "asked": json.dumps(call.asked, indent=2, ensure_ascii=False) if call.asked else "",
        "before": _url(of_application.filter(pk__lt=call.pk).order_by("-pk").first()),
        "after": _url(of_application.filter(pk__gt=call.pk).order_by("pk").first()),
    }


def _row(model: type[Model], pk: int | None) -> Model | None:
    return model._default_manager.filter(pk=pk).first() if pk else None


def _url(call: Call | None) -> str:
    return change_url(call) if call else ""


def _allowances(call: Call) -> list[dict[str, Any]]:
    rows = Allowance.objects.in_bulk([allowance for allowance, _charged, _actual in call.charges])
    return [
        {
            "name": linked(rows[allowance]) if allowance in rows else allowance,
            "charged": _units(rows.get(allowance), charged, call.currency),
            "actual": _units(rows.get(allowance), actual, call.currency),
        }
        for allowance, charged, actual in call.charges
    ]


def _units(allowance: Allowance | None, value: int, currency: str) -> str:
    """Spend is money, everything else is counted."""
    return price(value, currency) if allowance and allowance.meter == Meter.SPEND and currency else count(value)


# Spools --------------------------------------------------------------------------------------------------------------
@admin.register(Spool)
class SpoolAdmin(ReadOnlyAdmin[Spool]):
    list_display = (
        "worker",
        "host",
        state("state", gettext_lazy("state")),
        moment("started_at", gettext_lazy("started")),
        moment("heartbeat_at", gettext_lazy("last shipped")),
        number("segment", gettext_lazy("segment"), count),
        number("offset", gettext_lazy("offset"), size),
    )
    list_filter = ("state", "host")
    search_fields = ("host",)
    ordering = ("-started_at",)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin[DeadLetter]):
    list_display = (
        moment("at", gettext_lazy("when")),
        "worker",
        number("segment", gettext_lazy("segment"), count),
        number("offset", gettext_lazy("offset"), count),
        prose("reason", gettext_lazy("reason")),
    )
    list_filter = (("at", admin.DateFieldListFilter),)
    search_fields = ("reason",)
    ordering = ("-id",)
    fields = ("at", "worker", "segment", "offset", "reason", "content")
    readonly_fields = ("content",)

    def waiting(self, _request: HttpRequest) -> int:
        return DeadLetter.objects.count()

    @admin.display(description=gettext_lazy("record"))
    def content(self, letter: DeadLetter) -> SafeString:
        return format_html("<pre>{}</pre>", bytes(letter.record).decode(errors="backslashreplace"))

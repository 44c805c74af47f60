from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import money_charts, money_trends, reports
from analytics.models import CallRollup
from apipark import clock
from apipark.columns import moment, number
from apipark.filters import Filter, choices
from apipark.model_admin import BigTableAdmin
from apipark.templatetags.portal import count, spend

W = TypeVar("W", bound=str)


@admin.register(CallRollup)
class CallRollupAdmin(BigTableAdmin[CallRollup]):
    """Sums as they were computed from the calls; shown to find out why a figure is what it is."""

    list_display = (
        moment("start", gettext_lazy("from")),
        "size",
        "team",
        "application",
        "environment",
        number("calls", gettext_lazy("calls"), count),
        number("status_402", gettext_lazy("402"), count),
        number("status_5xx", gettext_lazy("5xx"), count),
        number("cost_nano", gettext_lazy("cost"), spend, currency="currency"),
        number("revenue_nano", gettext_lazy("revenue"), spend, currency="currency"),
    )
    list_filter = ("size", "environment")
    search_fields = ("=team", "=application")
    change_list_template = "admin/console/rollup_list.html"

    def get_urls(self) -> list[URLPattern]:
        trends = path("trends/", self.admin_site.admin_view(self.trends), name="analytics_callrollup_trends")
        return [trends, *super().get_urls()]

    def trends(self, request: HttpRequest) -> HttpResponse:
        """Cost, revenue and margin over time. A mistyped choice shows the usual one and says so by its status."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, query = clock.now(), request.GET
        chosen = reports.RANGES.get(query.get("range", "7d"))
        dimension = _one_of(money_trends.DIMENSIONS, query.get("by", "provider"))
        measure = _one_of(money_charts.MEASURES, query.get("measure", "cost"))
        span = chosen or reports.RANGES["7d"]
        currencies = money_trends.currencies(span, now)
        usual = currencies[0] if currencies else "USD"
        currency = query.get("currency", usual)
        good = chosen is not None and dimension is not None and measure is not None and currency in {*currencies, usual}
        found = money_trends.trends(dimension or "provider", span, now, currency if good else usual)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Cost and revenue"),
            "trends": found,
            "figures": money_charts.figures(found),
            "everybody": money_charts.of_everybody(found),
            "measure": money_charts.MEASURES[measure or "cost"],
            "each": money_charts.of_each(found, measure or "cost") if found.lines else None,
            "filters": [
                _choice(
                    request, "range", _("Range"), [(each.name, each.label) for each in reports.RANGES.values()], "7d"
                ),
                _choice(request, "by", _("By"), money_trends.DIMENSIONS.items(), "provider"),
                _choice(request, "measure", _("Of each"), money_charts.MEASURES.items(), "cost"),
                _choice(request, "currency", _("Currency"), [(each, each) for each in currencies or [usual]], usual),
            ],
        }
        return TemplateResponse(request, "admin/console/trends.html", context, status=200 if good else 400)


def _one_of(table: Mapping[W, Any], word: str) -> W | None:
    return next((each for each in table if each == word), None)


def _choice(
    request: HttpRequest, name: str, label: str, options: Iterable[tuple[str, str | Promise]], usual: str
) -> Filter:
    """The usual one stands in no address."""
    words = dict(options)
    none = words.pop(usual)
    return choices(request.GET, name, label, none, words.items())

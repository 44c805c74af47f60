from django.contrib import admin
from django.utils.translation import gettext_lazy

from analytics.models import CallRollup
from apipark.columns import moment, number
from apipark.model_admin import BigTableAdmin
from apipark.templatetags.portal import count, spend


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

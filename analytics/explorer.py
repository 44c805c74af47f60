"""Looking for calls: filters as they stand in the address, pages by cursor.

The newest first; a page begins below (`before`) or above (`after`) a call's id, which holds its time, so that the index
(team, id) serves every page and every range alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import django_filters
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from analytics.reports import RANGES
from apipark import clock
from apipark.ids import call_id
from apipark.templatetags.portal import price
from providers.models import AiModel, Service
from proxy.models import Call
from teams.models import ApiKey, Application, Team

PAGE: Final = 50
_LATEST: Final = 2000
STATUSES: Final = (("2xx", "2xx"), ("4xx", "4xx"), ("402", "402"), ("429", "429"), ("5xx", "5xx"))
_STATUS = RegexValidator(r"^([1-5]xx|[1-5][0-9][0-9])$", _("A status such as 402, or a class such as 4xx."))
_SLUG = RegexValidator(r"^[a-z0-9-]{1,40}$", _("The name of a problem, such as quota-exceeded."))


class CallFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """`is_valid()` also refuses names that are no filter: a mistyped one would show too much."""

    range = django_filters.ChoiceFilter(choices=[(name, each.label) for name, each in RANGES.items()], method="within")
    application = django_filters.ModelChoiceFilter(
        queryset=Application.objects.none(), to_field_name="ref", method="of_row"
    )
    service = django_filters.ModelChoiceFilter(queryset=Service.objects.none(), to_field_name="slug", method="of_row")
    key = django_filters.ModelChoiceFilter(
        queryset=ApiKey.objects.none(), to_field_name="ref", field_name="api_key", method="of_row"
    )
    status = django_filters.CharFilter(method="of_status", validators=[_STATUS])
    slug = django_filters.CharFilter(validators=[_SLUG])
    q = django_filters.CharFilter(method="searched", max_length=200)

    class Meta:
        model = Call
        fields: list[str] = []

    def __init__(self, data: Any, *, team: Team, services: Sequence[Service]) -> None:
        super().__init__(data, Call.objects.filter(team=team.pk))
        self.team, self.services = team, services
        self.filters["application"].queryset = Application.objects.filter(team=team)
        self.filters["service"].queryset = Service.objects.filter(pk__in=[service.pk for service in services])
        self.filters["key"].queryset = ApiKey.objects.filter(application__team=team)

    def is_valid(self) -> bool:
        for name in sorted(set(self.data) - set(self.filters) - {"before", "after"}):
            self.form.add_error(None, _("There is no filter “%(name)s”.") % {"name": name[:40]})
        for name in ("before", "after"):
            if self.data.get(name) and call_id(self.data[name]) is None:
                self.form.add_error(None, _("“%(name)s” is the id of a call, req_….") % {"name": name})
        return bool(super().is_valid())

    def within(self, calls: QuerySet[Call], _name: str, value: str) -> QuerySet[Call]:
        return calls.filter(id__gte=_first_id(RANGES[value].start(clock.now())))

    def of_row(self, calls: QuerySet[Call], name: str, value: Application | Service | ApiKey) -> QuerySet[Call]:
        return calls.filter(**{name: value.pk})

    def of_status(self, calls: QuerySet[Call], _name: str, value: str) -> QuerySet[Call]:
        if value.endswith("xx"):
            lowest = int(value[0]) * 100
            return calls.filter(status__gte=lowest, status__lt=lowest + 100)
        return calls.filter(status=int(value))

    def searched(self, calls: QuerySet[Call], _name: str, value: str) -> QuerySet[Call]:
        if found := call_id(value.strip()):
            return calls.filter(id=found)
        return calls.filter(path__icontains=value.strip())


@dataclass(frozen=True, slots=True)
class Row:
    """A call as the list shows it, with the names of what it refers to."""

    call: Call
    application: str
    what: str
    # In words; nothing for those who may not see money.
    cost: str = ""

    @property
    def at(self) -> datetime:
        return self.call.at

    @property
    def status(self) -> int:
        return self.call.status

    @property
    def method(self) -> str:
        return self.call.method

    @property
    def path(self) -> str:
        return self.call.path

    @property
    def latency_ms(self) -> int:
        return self.call.duration_ms

    @property
    def url(self) -> str:
        return reverse("analytics:call-detail", args=[self.call.request_id])

    @property
    def tokens(self) -> int | None:
        """None for what has no tokens, so that it is not shown as zero."""
        return self.call.input_tokens + self.call.output_tokens if self.call.usage_source else None


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    # Request ids, or nothing.
    newer: str
    older: str


def page(calls: QuerySet[Call], *, before: str = "", after: str = "", sees_money: bool) -> Page:
    """Three queries: the calls, and the names of applications and models."""
    if after and (newest := call_id(after)):
        found = list(calls.filter(id__gt=newest).order_by("id")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return _page(rows(found, sees_money=sees_money), newer=more, older=True)
    if before and (oldest := call_id(before)):
        calls = calls.filter(id__lt=oldest)
    found = list(calls.order_by("-id")[: PAGE + 1])
    return _page(rows(found[:PAGE], sees_money=sees_money), newer=bool(before), older=len(found) > PAGE)


def causes(team: Team) -> list[str]:
    """Problems among the team's latest calls: what there is to filter by, without a look at all of them."""
    latest = Call.objects.filter(team=team.pk).order_by("-id").values_list("slug", flat=True)[:_LATEST]
    return sorted(set(latest) - {""})


def rows(calls: Sequence[Call], *, sees_money: bool = False) -> list[Row]:
    applications = dict(
        Application.objects.filter(pk__in={call.application for call in calls}).values_list("pk", "name")
    )
    models = dict(AiModel.objects.filter(pk__in={call.ai_model for call in calls}).values_list("pk", "name"))
    return [
        Row(
            call,
            applications.get(call.application, ""),
            call.slug or models.get(call.ai_model or 0, ""),
            price(call.revenue_nano, call.currency)
            if sees_money and call.currency and call.outcome != Call.Outcome.REFUSED
            else "",
        )
        for call in calls
    ]


def _page(shown: Sequence[Row], *, newer: bool, older: bool) -> Page:
    return Page(
        shown,
        newer=shown[0].call.request_id if shown and newer else "",
        older=shown[-1].call.request_id if shown and older else "",
    )


def _first_id(at: datetime) -> UUID:
    """Not above any call's id from that time on."""
    return UUID(int=int(at.timestamp() * 1000) << 80)

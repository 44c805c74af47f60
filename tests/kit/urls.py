"""A portal of one page: every name the frame links to, and a page that shows each shared part of the templates."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path
from django.utils.html import format_html

from apipark import clock
from apipark.charts import Chart, Mark, Series, Table
from teams.views import preferences

_KIT = Path(__file__).with_name("kit.html")


class KeyForm(forms.Form):
    name = forms.CharField(help_text="The place that uses it.")
    environment = forms.ChoiceField(choices=[("live", "Live"), ("test", "Test")])
    scopes = forms.MultipleChoiceField(
        choices=[("call", "Call services"), ("usage", "Read usage")], widget=forms.CheckboxSelectMultiple
    )
    expiry = forms.ChoiceField(choices=[("30", "30 days"), ("90", "90 days")], widget=forms.RadioSelect)
    cap = forms.DecimalField(required=False, help_text="Refused with 402 beyond it.")
    networks = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    overage = forms.BooleanField(required=False, help_text="Calls beyond the limit cost money.")


def _chart() -> Chart:
    times = [1_790_000_000 + hour * 3600 for hour in range(24)]
    return Chart(
        unit="count",
        times=times,
        alt="Calls of a day",
        when="21 Nov",
        series=[
            Series("Answered", "c1", "area", [100 + hour * 7 % 40 for hour in range(24)], "2,812"),
            Series("</script>", "c-bad", "line", [hour % 5 for hour in range(24)], "46"),
        ],
        marks=[Mark(times[9], "1")],
        table=Table("Calls by hour", ["Hour", "Calls"], [["00", "100"], ["01", "107"]]),
    )


def _calls() -> list[SimpleNamespace]:
    now = clock.now()
    return [
        SimpleNamespace(
            at=now - timedelta(minutes=number),
            status=status,
            method="POST",
            path="/v1/chat/completions",
            what="quota-exceeded" if status == 402 else "demo",
            application="Field app",
            latency_ms=812 * number,
            tokens=None if status == 402 else 1284,
            cost="$0.0362",
            url="/calls/req_1/",
        )
        for number, status in enumerate([200, 402, 502, 429], start=1)
    ]


@login_required
def kit(request: HttpRequest) -> HttpResponse:
    messages.success(request, "The cap is $3,000 now.")
    messages.error(request, "The card was declined.")
    form = KeyForm(request.POST or {"environment": "live", "cap": "x", "networks": "10.0.0.0/8"})
    context = {
        "form": form,
        "free_form": KeyForm(prefix="free"),
        "chart": _chart(),
        "calls": _calls(),
        "page": Paginator(range(45), 20).page(2),
        "tabs": [
            {"label": "Overview", "url": "/", "current": True},
            {"label": "Keys", "url": "/", "current": False, "count": 3},
        ],
        "snippets": [
            ("curl", format_html("curl -H 'Authorization: Bearer <mark>{}</mark>'", "KEY")),
            ("Python", 'client = OpenAI(api_key="KEY")  # <not a tag>'),
        ],
        "sparks": [3, 5, 4, 8, 6, 9],
        "at": clock.now() - timedelta(minutes=2),
    }
    template = engines["django"].from_string(_KIT.read_text())
    return HttpResponse(template.render(context, request))


@login_required
def page(request: HttpRequest, **_parts: str) -> HttpResponse:
    template = engines["django"].from_string(
        '{% extends "base.html" %}{% block title %}Page{% endblock %}'
        '{% block page_head %}<div class="page-head"><div><h1>{{ portal.team.name }}</h1></div></div>{% endblock %}'
    )
    return HttpResponse(template.render({}, request))


def public_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string('{% extends "base.html" %}').render({}, request))


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("Invoices are seen by owner, admin and billing.")


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


_analytics = include(
    (
        [
            path("", page, name="home"),
            path("models/", page, name="model-list"),
            path("usage/", kit, name="usage"),
            path("calls/", page, name="call-list"),
            path("calls/<str:request_id>/", page, name="call-detail"),
        ],
        "analytics",
    )
)
_providers = include(([path("services/", page, name="service-list")], "providers"))
_billing = include(
    ([path("subscriptions/", page, name="subscription-list"), path("billing/", page, name="billing")], "billing")
)
_proxy = include(
    ([path("problems/", public_page, name="problem-list"), path("contact/", page, name="contact")], "proxy")
)
_teams = include(
    (
        [
            path("applications/", page, name="application-list"),
            path("applications/<str:ref>/", page, name="application-detail"),
            path("members/", page, name="member-list"),
            path("account/", page, name="account"),
            path("audit/", page, name="audit-list"),
            path("preferences/theme/", preferences.theme, name="theme"),
            path("teams/<str:ref>/switch/", preferences.switch_team, name="team-switch"),
        ],
        "teams",
    )
)
urlpatterns = [
    path("", _analytics),
    path("", _providers),
    path("", _billing),
    path("", _proxy),
    path("", _teams),
    path("forbidden/", forbidden),
    path("broken/", broken),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
]

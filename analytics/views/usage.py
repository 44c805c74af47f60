from datetime import datetime
from typing import Final

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analytics import reports, usage_charts
from apipark import clock
from apipark.filters import Filter, choices
from billing import allowances
from billing.models import Subscription
from providers.models import Service
from teams.models import Application, Team
from teams.roles import Action, may, requires
from teams.signed_in import SignedInRequest

_DIMENSIONS: Final[tuple[reports.Dimension, ...]] = ("application", "ai_model", "service", "api_key")


@requires(Action.SEE)
@require_safe
def usage(request: SignedInRequest) -> HttpResponse:
    now, team = clock.now(), request.team
    chosen = reports.RANGES.get(request.GET.get("range", "7d"))
    filters = _filters(request, team)
    found = reports.usage(team, chosen or reports.RANGES["7d"], now, filters)
    subscription = _subscription(request, team)
    sees_money = may(request.membership, Action.SEE_MONEY)
    return render(
        request,
        "analytics/usage.html",
        {
            "usage": found,
            "figures": usage_charts.figures(found, team.currency, sees_money=sees_money),
            "calls": usage_charts.calls(found),
            "latency": usage_charts.latency(found),
            "tokens": usage_charts.tokens(found) if found.now.tokens else None,
            "causes": usage_charts.causes(found),
            "zone": usage_charts.zone_of(found),
            "bad_range": chosen is None,
            "range_filter": _ranges(request, found.range.name),
            "filters": [*_choices(request, team), *_subscriptions(request, team, subscription)],
            "spend": usage_charts.spend_over_time(found, team.currency)
            if sees_money and found.now.spend.get(team.currency)
            else None,
            "sees_money": sees_money,
            "tops": _tops(team, found, now, filters, sees_money=sees_money),
            "subscription": subscription,
            "allowances": allowances.seen_by(
                allowances.of_subscription(subscription, now) if subscription else [],
                sees_money=sees_money,
            ),
        },
        status=200 if chosen else 400,
    )


def _tops(
    team: Team, found: reports.Usage, now: datetime, filters: reports.Filters, *, sees_money: bool
) -> list[usage_charts.Top]:
    """Only those of which there is something; applications are always told of."""
    tops = [
        usage_charts.top(
            dimension,
            reports.by(dimension, team, found.range, now, filters),
            team.currency,
            sees_money=sees_money,
        )
        for dimension in _DIMENSIONS
    ]
    return [top for top in tops if top.rows or top is tops[0]]


def _filters(request: SignedInRequest, team: Team) -> reports.Filters:
    application, service = request.GET.get("application"), request.GET.get("service")
    return reports.Filters(
        application=get_object_or_404(Application, team=team, ref=application) if application else None,
        service=_service(request, team, service) if service else None,
    )


def _service(request: SignedInRequest, team: Team, slug: str) -> Service:
    """One that the person may see, or that the team called while it still could. Raises Http404."""
    visible = Service.objects.visible_to(request.user).filter(slug=slug).first()
    called = (each for each in reports.services_called(team, clock.now()) if each.slug == slug)
    found = visible or next(called, None)
    if found is None:
        raise Http404
    return found


def _subscription(request: SignedInRequest, team: Team) -> Subscription | None:
    """The one that a refusal's link names, else the oldest that has not ended."""
    found = Subscription.objects.filter(team=team).select_related("version__plan", "pending_version__plan")
    if ref := request.GET.get("sub"):
        return get_object_or_404(found, ref=ref)
    return found.filter(ended_at=None).first()


def _ranges(request: SignedInRequest, now: str) -> Filter:
    query = request.GET.copy()
    query["range"] = now
    return choices(query, "range", _("Range"), "", [(each.name, each.label) for each in reports.RANGES.values()])


def _choices(request: SignedInRequest, team: Team) -> list[Filter]:
    applications = Application.objects.filter(team=team).values_list("ref", "name")
    services = [(service.slug, service.name) for service in reports.services_called(team, clock.now())]
    return [
        choices(request.GET, "application", _("Application"), _("all"), applications),
        choices(request.GET, "service", _("Service"), _("all"), services),
    ]


def _subscriptions(request: SignedInRequest, team: Team, shown: Subscription | None) -> list[Filter]:
    """Only where there is a choice."""
    found = Subscription.objects.filter(team=team, ended_at=None).select_related("version__plan")
    options = [(each.ref, each.version.plan.name) for each in found]
    if len(options) < 2 or shown is None:
        return []
    query = request.GET.copy()
    query["sub"] = shown.ref
    return [choices(query, "sub", _("Allowances of"), _("the oldest"), options)]

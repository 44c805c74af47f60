from collections.abc import Sequence

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analytics import explorer, export, reports, usage_charts
from analytics.call_detail import CallDetail
from apipark import clock
from apipark.filters import Filter, choices
from apipark.ids import call_id
from providers.models import Service
from proxy.models import Call
from teams.models import Application
from teams.roles import Action, check, may, requires, stand_in
from teams.signed_in import SignedInRequest


@requires(Action.SEE)
@require_safe
def index(request: SignedInRequest) -> HttpResponse:
    services = reports.services_called(request.team, clock.now())
    chosen = explorer.CallFilter(request.GET, team=request.team, services=services)
    return _page(request, chosen)


@requires(Action.SEE)
@require_safe
def export_list(request: SignedInRequest) -> HttpResponseBase:
    """The filtered list, from its beginning; a mistyped filter shows the page with the error."""
    services = reports.services_called(request.team, clock.now())
    chosen = explorer.CallFilter(request.GET, team=request.team, services=services)
    if not chosen.is_valid():
        return _page(request, chosen)
    blocks = export.blocks(
        chosen.qs, most=settings.PORTAL_EXPORT_CALLS, sees_money=may(request.membership, Action.SEE_MONEY)
    )
    answer = StreamingHttpResponse(
        export.streamed(blocks) if isinstance(request, ASGIRequest) else blocks, content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="calls-{clock.now():%Y-%m-%d}.csv"'
    return answer


def _page(request: SignedInRequest, chosen: explorer.CallFilter) -> HttpResponse:
    valid = chosen.is_valid()
    found = chosen.qs if valid else Call.objects.none()
    return render(
        request,
        "analytics/call_list.html",
        {
            "filter": chosen,
            "page": explorer.page(
                found,
                before=request.GET.get("before", ""),
                after=request.GET.get("after", ""),
                sees_money=may(request.membership, Action.SEE_MONEY),
            ),
            **(_histogram(request, chosen) if valid else {}),
            "export_most": settings.PORTAL_EXPORT_CALLS,
            "filters": _choices(request, chosen.services),
            "narrowed": bool(set(request.GET) - {"before", "after"}),
        },
        status=200 if valid else 400,
    )


def _histogram(request: SignedInRequest, chosen: explorer.CallFilter) -> dict[str, object]:
    """Over the range, or the longest there is. Roll-ups know neither keys nor causes nor paths: then there is none."""
    asked = chosen.form.cleaned_data
    status = asked["status"]
    if asked["key"] or asked["slug"] or asked["q"] or (status and status not in usage_charts.STATUS_SERIES):
        return {}
    filters = reports.Filters(application=asked["application"], service=asked["service"])
    usage = reports.usage(request.team, reports.RANGES[asked["range"] or "30d"], clock.now(), filters)
    step = usage_charts.STEPS[usage.range.size]
    return {"charts": usage_charts.histogram(usage, status), "step": step, "range": usage.range.label}


def _choices(request: SignedInRequest, services: Sequence[Service]) -> list[Filter]:
    ranges = [(each.name, each.label) for each in reports.RANGES.values()]
    applications = Application.objects.filter(team=request.team).values_list("ref", "name")
    causes = explorer.causes(request.team)
    return [
        choices(request.GET, "range", _("Range"), _("all that is kept"), ranges),
        choices(request.GET, "application", _("Application"), _("all"), applications),
        choices(request.GET, "service", _("Service"), _("all"), [(each.slug, each.name) for each in services]),
        choices(request.GET, "status", _("Status"), _("all"), explorer.STATUSES),
        choices(request.GET, "slug", _("Cause"), _("all"), [(slug, slug) for slug in causes]),
    ]


@requires(Action.SEE)
@require_safe
def detail(request: SignedInRequest, request_id: str) -> HttpResponse:
    found = call_id(request_id)
    if found is None:
        raise Http404
    call = get_object_or_404(Call.objects.visible_to(request.user), pk=found)
    stand_in(request, call.team)
    check(request, Action.SEE)
    context = {"detail": CallDetail.of(call), "sees_money": may(request.membership, Action.SEE_MONEY)}
    return render(request, "analytics/call_detail.html", context)

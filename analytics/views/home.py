from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics import explorer, first_call, needs_you, reports, usage_charts
from apipark import clock
from proxy.models import Call
from teams.roles import Action, may, requires
from teams.signed_in import SignedInRequest

_REFUSED = 5


@requires(Action.SEE)
@require_safe
def home(request: SignedInRequest) -> HttpResponse:
    if not first_call.is_made(request.team) and "guide" not in request.GET:
        return _guide(request)
    now, team = clock.now(), request.team
    found = reports.usage(team, reports.RANGES["7d"], now)
    held = needs_you.overviews(team, now)
    refused = Call.objects.filter(team=team.pk, status=402)
    return render(
        request,
        "analytics/home.html",
        {
            "usage": found,
            "figures": usage_charts.figures(found, team.currency, sees_money=may(request.membership, Action.SEE_MONEY)),
            "needs": needs_you.of_member(request.membership, team, held, now),
            "held": held,
            "refused": explorer.rows(list(refused.order_by("-id")[:_REFUSED])),
            "may_create": may(request.membership, Action.APPLICATIONS),
        },
    )


def _guide(request: SignedInRequest) -> HttpResponse:
    progress = first_call.progress(request.team, clock.now())
    return render(
        request,
        "analytics/home_first.html",
        {
            "progress": progress,
            "snippets": first_call.code(progress.subscription),
            "may_change": may(request.membership, Action.APPLICATIONS, progress.application),
        },
    )

"""What a person sets in passing: the theme, also without an account; the team to work in."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from teams.middleware import enter
from teams.models import Team
from teams.roles import Action, requires
from teams.signed_in import SignedInRequest

_YEAR_S = 365 * 24 * 3600


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """What theme.js does by itself, for browsers without script."""
    chosen = request.POST.get("theme")
    if chosen not in {"auto", "light", "dark"}:
        return HttpResponseBadRequest(_("The theme is auto, light or dark."), content_type="text/plain")
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = reverse("analytics:home")
    response = HttpResponseRedirect(back)
    # Readable by theme.js, which sets the same cookie.
    response.set_cookie("theme", chosen, max_age=_YEAR_S, samesite="Lax", secure=request.is_secure())
    return response


@requires(Action.BROWSE)
@require_POST
def switch_team(request: SignedInRequest, ref: str) -> HttpResponse:
    enter(request, get_object_or_404(Team.objects.visible_to(request.user), ref=ref))
    return redirect("analytics:home")

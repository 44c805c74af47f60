"""Who is here: the person's language and time zone, and the team in which the person is now.

A view that needs a team can rely on `request.team`: a signed-in person without one gets a page that says so, unless
the view is named in `WITHOUT_TEAM`.
"""

from collections.abc import Callable
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation

from teams.models import Membership, Team, User
from teams.signed_in import PersonRequest

_SESSION_KEY = "team"
_PORTAL = frozenset({"analytics", "billing", "providers", "proxy", "teams"})
WITHOUT_TEAM = frozenset(
    {
        "billing:prices",
        "billing:service-plans",
        "providers:service-list",
        "providers:service-detail",
        "proxy:contact",
        "proxy:problem-detail",
        "proxy:problem-list",
        "proxy:problem-type",
        "teams:account",
        "teams:invitation",
        "teams:theme",
    }
)


class PersonMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        person = cast("PersonRequest", request)
        person.memberships, person.membership, person.team = [], None, None
        if not isinstance(request.user, User):
            return self.get_response(request)
        person.memberships = list(request.user.memberships.select_related("team").order_by("team__name", "pk"))
        person.membership = _current(person)
        person.team = person.membership.team if person.membership else None
        # Not an override: LocaleMiddleware names the language of the answer after it has left this one.
        translation.activate(request.user.language)
        request.LANGUAGE_CODE = translation.get_language() or request.user.language
        with timezone.override(_zone(request.user.time_zone)):
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable[..., Any], _args: tuple[Any, ...], _kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or not request.user.is_authenticated or cast("PersonRequest", request).team:
            return None
        if match.namespace not in _PORTAL or match.view_name in WITHOUT_TEAM:
            return None
        return render(request, "teams/no_team.html", status=403)


def enter(request: HttpRequest, team: Team) -> None:
    """Make a team the person's current one, from the next request on."""
    request.session[_SESSION_KEY] = team.ref


def _current(request: PersonRequest) -> Membership | None:
    chosen = request.session.get(_SESSION_KEY)
    return next(
        (membership for membership in request.memberships if membership.team.ref == chosen),
        request.memberships[0] if request.memberships else None,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # a zone that this system's database does not know
        return ZoneInfo("UTC")

"""A request whose user is known to be signed in, and in which team: what PersonMiddleware puts on it."""

import ipaddress

from django.http import HttpRequest

from teams.models import Membership, Team, User


class PersonRequest(HttpRequest):
    """Any request of the portal; `team` is None for a stranger and for a person without a team."""

    memberships: list[Membership]
    membership: Membership | None
    team: Team | None


class SignedInRequest(HttpRequest):
    """Under `@login_required`, in every view of the portal that needs a team (see teams/middleware.py)."""

    user: User
    memberships: list[Membership]
    membership: Membership
    team: Team


def came_from(request: HttpRequest) -> str | None:
    """The address of the person, for the record of changes; None behind a socket that has none."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None

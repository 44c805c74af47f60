"""Who may do what: the table of roles as data, one question about it, and the decorator by which each page names its act.

A page of one object is a page of that object's team, whichever team the person is in at the moment: the role is looked
up there. What nobody is named for, nobody may.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.models import ApiKey, Application, Membership, Person, Role, Team
from teams.signed_in import PersonRequest

View = Callable[..., HttpResponseBase]
V = TypeVar("V", bound=View)


class Action(models.TextChoices):
    """What a page or verb does. The words end the sentence "… may"."""

    BROWSE = "browse", gettext_lazy("look at the catalogue and at their own account")
    SEE = "see", gettext_lazy("see applications, usage and calls")
    APPLICATIONS = "applications", gettext_lazy("change applications and keys")
    DESIGN = "design", gettext_lazy("design services and prompts")
    PUBLISH = "publish", gettext_lazy("publish services and approve subscribers")
    SUBSCRIBE_FREE = "subscribe_free", gettext_lazy("ask for a free plan")
    PAY = "pay", gettext_lazy("subscribe to paid plans, pay and change payment methods")
    CAPS = "caps", gettext_lazy("set caps")
    SEE_MONEY = "see_money", gettext_lazy("see invoices and prices")
    MANAGE = "manage", gettext_lazy("manage members and policies")
    SEE_CHANGES = "see_changes", gettext_lazy("see who changed what")
    SEE_BODIES = "see_bodies", gettext_lazy("read the bodies of logged calls")
    DELETE_TEAM = "delete_team", gettext_lazy("hand over or delete the team")


_O, _A, _D, _B, _V = Role.OWNER, Role.ADMIN, Role.DEVELOPER, Role.BILLING, Role.VIEWER
ROLES: Final[dict[Action, frozenset[Role]]] = {
    Action.BROWSE: frozenset({_O, _A, _D, _B, _V}),
    Action.SEE: frozenset({_O, _A, _D, _B, _V}),
    # Developers: the applications that they made themselves.
    Action.APPLICATIONS: frozenset({_O, _A, _D}),
    Action.DESIGN: frozenset({_O, _A, _D}),
    Action.PUBLISH: frozenset({_O, _A}),
    Action.SUBSCRIBE_FREE: frozenset({_O, _A, _D, _B}),
    Action.PAY: frozenset({_O, _B}),
    Action.CAPS: frozenset({_O, _A}),
    Action.SEE_MONEY: frozenset({_O, _A, _B}),
    Action.MANAGE: frozenset({_O, _A}),
    Action.SEE_CHANGES: frozenset({_O, _A}),
    Action.SEE_BODIES: frozenset({_O, _A, _D}),
    Action.DELETE_TEAM: frozenset({_O}),
}
# Open to whoever is signed in, also without a team.
_WITHOUT_TEAM: Final = frozenset({Action.BROWSE})


def may(membership: Membership | None, action: str, application: Application | None = None) -> bool:
    """Name the application for acts upon one: a developer's are those of his own making."""
    action = Action(action)
    if membership is None:
        return action in _WITHOUT_TEAM
    if membership.role not in ROLES.get(action, frozenset()):
        return False
    if action == Action.APPLICATIONS and application and membership.role == Role.DEVELOPER:
        return application.created_by_id == membership.user_id
    return True


def people_who_may(team: Team, action: str) -> models.QuerySet[Membership]:
    """Of the team, with their users; the oldest first."""
    roles = ROLES[Action(action)]
    return Membership.objects.filter(team=team, role__in=roles).select_related("user").order_by("created_at", "pk")


def requires(
    action: Action, *, of: Callable[[Person], models.QuerySet[Any]] | None = None, by: str = "ref"
) -> Callable[[View], View]:
    """Sign in, find the object, ask `may`; 404 for an object of others, 403 that says who may.

    `of=ApiKey.objects.visible_to` fetches the object that the URL's `ref` (or what `by` names) means, hands it to the view
    in the place of that argument, and makes its team the request's team (not for the catalogue, which is of others).
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if of is None:
                check(request, action)
                return view(request, *args, **kwargs)
            found = get_object_or_404(of(request.user), **{by: kwargs.pop(by)})
            if action not in _WITHOUT_TEAM:
                stand_in(request, found.team_id)
            check(request, action, application_of(found))
            return view(request, found, *args, **kwargs)

        return names(action)(login_required(checked))

    return decorate


def names(action: Action) -> Callable[[V], V]:
    """Declare the act of a view that asks `check` itself, once it has found what it is about."""

    def declare(view: V) -> V:
        view.action = action  # type: ignore[attr-defined]  # read by the sweep over all routes
        return view

    return declare


def check(request: HttpRequest, action: Action, application: Application | None = None) -> None:
    """Raise PermissionDenied, with who may, unless the request's person may."""
    person = cast("PersonRequest", request)
    if may(person.membership, action, application):
        return
    if person.team is None:
        raise PermissionDenied
    names = ", ".join(str(membership.user) for membership in people_who_may(person.team, action)[:5])
    raise PermissionDenied(
        _("Who may %(act)s in this team: %(names)s.") % {"act": action.label, "names": names or _("nobody")}
    )


def stand_in(request: HttpRequest, team_id: int) -> None:
    """Make one of the person's teams the one of this request: its role counts, its name is on the page."""
    person = cast("PersonRequest", request)
    for membership in person.memberships:
        if membership.team_id == team_id:
            person.membership, person.team = membership, membership.team


def application_of(found: object) -> Application | None:
    if isinstance(found, ApiKey):
        return found.application
    return found if isinstance(found, Application) else None


# For the page of members ---------------------------------------------------------------------------------------------
TABLE: Final = (
    (gettext_lazy("See catalogue, applications, usage"), Action.SEE),
    (gettext_lazy("Applications and keys"), Action.APPLICATIONS),
    (gettext_lazy("Ask for a free plan"), Action.SUBSCRIBE_FREE),
    (gettext_lazy("Paid plans, payment methods, invoices"), Action.PAY),
    (gettext_lazy("Caps of team, application, key"), Action.CAPS),
    (gettext_lazy("See invoices and prices"), Action.SEE_MONEY),
    (gettext_lazy("See who changed what"), Action.SEE_CHANGES),
)

"""What the frame of each page shows: the team, the other teams, the sidebar, the theme."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apipark.version import version
from teams.models import Membership, Team, User
from teams.roles import Action, may


@dataclass(frozen=True, slots=True)
class _Entry:
    label: str | Promise
    icon: str
    # The page, and the beginnings of the names of those that lie below it.
    name: str
    below: tuple[str, ...]
    action: Action = Action.SEE


_SIDEBAR: Sequence[tuple[str | Promise, Sequence[_Entry]]] = (
    (
        _("Build"),
        (
            _Entry(_("Home"), "house", "analytics:home", ("analytics:home",)),
            _Entry(_("Services"), "layout-grid", "providers:service-list", ("providers:service",)),
            _Entry(_("Models"), "cpu", "analytics:model-list", ("analytics:model",)),
            _Entry(_("Applications"), "app-window", "teams:application-list", ("teams:application", "teams:key")),
        ),
    ),
    (
        _("Observe"),
        (
            _Entry(_("Usage"), "chart-line", "analytics:usage", ("analytics:usage",)),
            _Entry(_("Calls"), "list", "analytics:call-list", ("analytics:call",)),
        ),
    ),
    (
        _("Pay"),
        (
            _Entry(_("Subscriptions"), "gauge", "billing:subscription-list", ("billing:subscription", "proxy:fix")),
            _Entry(
                _("Billing"),
                "receipt-text",
                "billing:billing",
                ("billing:billing", "billing:invoice", "billing:method"),
                Action.SEE_MONEY,
            ),
        ),
    ),
    (
        _("Team"),
        (
            _Entry(_("Members"), "users", "teams:member-list", ("teams:member", "teams:invitation")),
            _Entry(_("Changes"), "history", "teams:audit-list", ("teams:audit",), Action.SEE_CHANGES),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class NavItem:
    label: str | Promise
    icon: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class NavGroup:
    label: str | Promise
    items: Sequence[NavItem]


@dataclass(frozen=True, slots=True)
class Portal:
    theme: str
    host: str
    version: str
    support_email: str
    signup_open: bool
    person: User | None
    membership: Membership | None
    memberships: Sequence[Membership]
    nav: Sequence[NavGroup]

    @property
    def team(self) -> Team | None:
        return self.membership.team if self.membership else None

    @property
    def role(self) -> str:
        return self.membership.role if self.membership else ""


def portal(request: HttpRequest) -> dict[str, Portal]:
    # A page of an error may be made before the middleware that knows the person has run.
    user = getattr(request, "user", None)
    membership: Membership | None = getattr(request, "membership", None)
    theme = request.COOKIES.get("theme", "")
    return {
        "portal": Portal(
            theme=theme if theme in {"light", "dark"} else "",
            host=urlsplit(settings.PUBLIC_URL).netloc,
            version=version(),
            support_email=settings.PORTAL_SUPPORT_EMAIL,
            signup_open=settings.PORTAL_SIGNUP_OPEN,
            person=user if isinstance(user, User) else None,
            membership=membership,
            memberships=getattr(request, "memberships", []),
            nav=list(_sidebar(request, membership)) if membership else [],
        )
    }


def _sidebar(request: HttpRequest, membership: Membership) -> Iterator[NavGroup]:
    """What this member may see. A page that this URLconf does not have is left out."""
    here = request.resolver_match.view_name if request.resolver_match else ""
    for label, entries in _SIDEBAR:
        items = []
        for entry in entries:
            if not may(membership, entry.action):
                continue
            try:
                url = reverse(entry.name)
            except NoReverseMatch:
                continue
            items.append(NavItem(entry.label, entry.icon, url, current=here.startswith(entry.below)))
        if items:
            yield NavGroup(label, items)

"""Who is not of the team: a sweep over the URLconf. Whatever a route can name of a team is not there for others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any, Final

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from billing.models import Cap, Invoice, PaymentAttempt, PaymentMethod, Subscription
from proxy.models import Call
from teams.models import ApiKey, Application, AuditEvent, Membership, Role, Team
from teams.roles import may
from tests.journeys.addresses import (
    MARK,
    PORTAL,
    PUBLIC,
    Belongings,
    Route,
    addresses,
    plain,
    reads,
    routes,
)
from tests.teams.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db

ROUTES: Final = routes(*PORTAL)
CONSOLE: Final = routes("admin")
every_route = pytest.mark.parametrize("route", ROUTES.values(), ids=str)
# Without a namespace: the doors of everybody, and the gateway, which knows keys and no people.
_OF_NOBODY: Final = {"healthz", "readyz", "gateway-ai", "gateway-rest"}
_MODELS: Final = (
    Application, ApiKey, AuditEvent, Call, Cap, Invoice, Membership, PaymentAttempt, PaymentMethod, Subscription, Team,
)  # fmt: skip
# Names in queries and forms, and what of a team they can name.
_REFERENCES: Final[Mapping[str, Callable[[Belongings], Sequence[object]]]] = {
    "after": lambda own: [own.call.request_id],
    "app": lambda own: [own.application.ref],
    "application": lambda own: [own.application.ref, own.application.pk],
    "before": lambda own: [own.call.request_id],
    "cap": lambda own: [own.cap.ref],
    "inv": lambda own: [own.invoice.ref],
    "key": lambda own: [own.key.ref],
    "q": lambda own: [own.call.request_id, own.call.path],
    "ref": lambda own: [own.call.request_id, own.method.ref, own.invoice.ref],
    "service": lambda own: [own.service.slug],
    "sub": lambda own: [own.subscription.ref],
    "svc": lambda own: [own.service.ref],
    "to": lambda own: [own.version.plan.ref, own.owner.pk],
    "version": lambda own: [own.version.ref],
}
# Of no team.
_NEUTRAL: Final = frozenset(
    {"capability", "category", "guide", "kind", "next", "page", "plan", "range", "slug", "status", "vendor"}
)
# Beside the one that names something, so that a form is not refused for what it lacks.
_VALID: Final = {"agreed_minor": "0", "limit": "5", "note": "Please", "period": "month", "text": "Hello"}


@pytest.fixture
def theirs() -> Belongings:
    return Belongings.of(MARK)


@pytest.fixture
def mine(client: Client) -> Belongings:
    """Of the person who asks: an owner, so that no role is in the way."""
    found = Belongings.of("Mine")
    client.force_login(found.owner.user)
    return found


@pytest.fixture
def _recording(settings: LazySettings) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.journeys.addresses.recording"]


def shown(response: Any) -> str:
    return unescape(response.content.decode())


def nobodys(ref: object) -> str:
    """An id of the same form that was never given."""
    return f"{str(ref)[:-4]}0000"


def rows() -> Iterator[Any]:
    for model in _MODELS:
        yield from model.objects.order_by("pk").values()


# Other teams ---------------------------------------------------------------------------------------------------------
@every_route
def test_another_teams_people_get_404(client: Client, theirs: Belongings, mine: Belongings, route: Route) -> None:
    before = list(rows())
    urls = addresses(route, theirs)

    for url in urls:
        answers = [client.get(url), client.post(url, {"ref": theirs.method.ref})]
        statuses = {answer.status_code for answer in answers}
        assert 404 in statuses, url
        assert statuses <= {404, 405}, url
        assert not [url for answer in answers if MARK in shown(answer)]

    assert list(rows()) == before
    # The team's own people do not, or the sweep would have asked for what is nowhere.
    client.force_login(theirs.owner.user)
    assert {url for url in [*urls, plain(route, theirs)] if client.get(url).status_code == 404} == set()


@every_route
@pytest.mark.usefixtures("_recording")
def test_queries_and_forms_reach_nothing_of_another_team(
    client: Client, theirs: Belongings, mine: Belongings, route: Route
) -> None:
    """On a page of one's own, every name that it reads and by which the other team's things could be named."""
    url = plain(route, mine)
    joint = "&" if "?" in url else "?"
    queries, _none = reads(client.get(url))
    _none, fields = reads(client.post(url, {"nothing": "1"}))
    before = [row for row in rows() if row.get("team_id", row.get("team")) == theirs.team.pk]

    assert queries <= _REFERENCES.keys() | _NEUTRAL, f"{route}: say whether {queries} can name something of a team"
    for name in sorted(queries & _REFERENCES.keys()):
        for ref in _REFERENCES[name](theirs):
            answer = client.get(f"{url}{joint}{name}={ref}")
            unknown = client.get(f"{url}{joint}{name}={nobodys(ref)}")
            assert answer.status_code in {200, 400, 404, 405}
            assert answer.status_code == unknown.status_code, f"{url}: {name}={ref}"
            assert MARK not in shown(answer), f"{url}: {name}={ref}"
    for name in sorted(fields & _REFERENCES.keys()):
        for ref in _REFERENCES[name](theirs):
            answer = client.post(url, {**_VALID, name: ref}, follow=True)
            assert answer.status_code in {200, 400, 404, 405}
            assert MARK not in shown(answer), f"{url}: {name}={ref}"

    assert before
    assert [row for row in rows() if row.get("team_id", row.get("team")) == theirs.team.pk] == before


# Nobody yet ----------------------------------------------------------------------------------------------------------
def test_strangers_are_asked_to_sign_in(client: Client, theirs: Belongings) -> None:
    for route in ROUTES.values():
        for url in [plain(route, theirs), *addresses(route, theirs)]:
            for answer in (client.get(url), client.post(url)):
                assert MARK not in shown(answer)
                if route.name in PUBLIC:
                    assert answer.status_code in {200, 302, 400, 404, 405}, url
                else:
                    assert answer.status_code == 302, url
                    assert answer["Location"].startswith(f"{reverse('account_login')}?next="), url


def test_every_route_is_of_one_of_these() -> None:
    """What is beside the portal and the console is named here, so that a new door is noticed."""
    accounts = {name for name in routes("") if name.startswith("account_")}

    assert routes("").keys() - accounts == _OF_NOBODY
    assert {route.path.partition("/")[0] for name, route in routes("").items() if name in accounts} == {"accounts"}


# The console ---------------------------------------------------------------------------------------------------------
def test_console_is_closed_to_all_but_operators(theirs: Belongings) -> None:
    member, stranger = Client(), Client()
    member.force_login(theirs.owner.user)
    sign_in = reverse("admin:login")

    for name, route in CONSOLE.items():
        kwargs = {parameter: "teams" if parameter == "app_label" else "1" for parameter in route.parameters}
        url = reverse(name, kwargs=kwargs)
        if name in {"admin:login", "admin:logout"}:
            continue
        for visitor in (stranger, member):
            for answer in (visitor.get(url), visitor.post(url)):
                assert answer.status_code == 302, name
                assert answer["Location"].startswith(f"{sign_in}?next="), name

    assert member.get(sign_in).status_code == 403
    assert stranger.get(sign_in)["Location"].startswith(reverse("account_login"))


def test_operator_of_one_permission_opens_nothing_else(client: Client, theirs: Belongings) -> None:
    client.force_login(UserFactory.create(is_staff=True))

    for model in (theirs.team, theirs.application, theirs.key, theirs.subscription, theirs.invoice, theirs.call):
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[model.pk])
        assert client.get(url).status_code == 403
        assert client.post(url).status_code == 403


# Roles ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("route", [route for route in ROUTES.values() if route.name not in PUBLIC], ids=str)
def test_roles_of_the_team_may_what_the_page_names(client: Client, theirs: Belongings, route: Route) -> None:
    assert route.action is not None
    url = plain(route, theirs)
    about = theirs.application if route.path.startswith(("applications/<", "keys/<")) else None

    for role in Role:
        membership = MembershipFactory.create(team=theirs.team, role=role)
        client.force_login(membership.user)
        answers = [client.get(url), client.post(url)]
        statuses = [answer.status_code for answer in answers]
        if may(membership, route.action, about if route.action == "applications" else None):
            assert 403 not in statuses, f"{role}: {url}"
        else:
            assert statuses[1] == 403, f"{role}: {url}"
            assert statuses[0] in {403, 405}, f"{role}: {url}"

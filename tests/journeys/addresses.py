"""All routes of the product, and every address by which one of them can name something of a team.

A sweep that asks for the addresses of a route without a rule here fails: a new route needs one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import URLResolver, get_resolver, reverse

from apipark import clock
from billing import subscriptions
from billing.models import Cap, Invoice, PaymentMethod, PlanVersion, Subscription
from providers.models import AiModel, Service
from proxy.models import Call
from teams.models import ApiKey, Application, Membership, Role, Team
from teams.roles import Action
from tests.billing.factories import (
    CapFactory,
    PaymentMethodFactory,
    PlanFactory,
    PlanVersionFactory,
    ServiceFactory,
)
from tests.providers.factories import AiModelFactory
from tests.proxy.factories import published, refused
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, MembershipFactory, TeamFactory, UserFactory

PORTAL: Final = ("analytics", "billing", "providers", "proxy", "teams")
# For people who have not signed in too.
PUBLIC: Final = frozenset(
    {
        "proxy:contact",
        "proxy:fix",
        "proxy:problem-detail",
        "proxy:problem-list",
        "proxy:problem-type",
        "teams:theme",
    }
)
SLUG: Final = "quota-exceeded"
# In every name of what the team has, so that a page that shows any of it can be told.
MARK: Final = "Quokka"


@dataclass(frozen=True)
class Route:
    name: str
    # As urls.py writes it.
    path: str
    parameters: tuple[str, ...]
    action: Action | None

    def __str__(self) -> str:
        return self.name


def routes(*namespaces: str) -> dict[str, Route]:
    """By name; "" is the namespace of what has none. Routes without a name have none to be reversed by and only redirect."""
    return {route.name: route for space, route in _walk(get_resolver()) if space in namespaces}


def _walk(resolver: URLResolver, space: str = "", before: str = "") -> Iterator[tuple[str, Route]]:
    for entry in resolver.url_patterns:
        path = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, entry.namespace or space, path)
        elif entry.name:
            name = f"{space}:{entry.name}" if space else entry.name
            parameters = tuple(entry.pattern.regex.groupindex) or tuple(entry.pattern.converters)
            yield space, Route(name, path, parameters, getattr(entry.callback, "action", None))


@dataclass(frozen=True)
class Belongings:
    """A team with one of everything that an address can name."""

    owner: Membership
    team: Team
    application: Application
    key: ApiKey
    # Visible to the team alone.
    service: Service
    model: AiModel
    version: PlanVersion
    subscription: Subscription
    invoice: Invoice
    method: PaymentMethod
    cap: Cap
    call: Call

    @classmethod
    def of(cls, name: str) -> Self:
        owner = MembershipFactory.create(
            role=Role.OWNER,
            user=UserFactory.create(name=f"{name} Owner"),
            team=TeamFactory.create(name=f"{name} Works", legal_name=f"{name} Ltd"),
        )
        team = owner.team
        application = ApplicationFactory.create(team=team, name=f"{name} robot")
        key = ApiKeyFactory.create(application=application, name=f"{name} key")
        service = published(
            ServiceFactory.create(team=team, name=f"{name} API", visibility=Service.Visibility.TEAM, summary=name)
        )
        model = AiModelFactory.create(name=f"{name}-model")
        service.versions.get().ai_models.add(model)
        plan = PlanFactory.create(publisher=team, services=[service], name=f"{name} plan")
        version = PlanVersionFactory.create(plan=plan, limits={"calls": 0})
        subscription = subscriptions.subscribe(team, version, actor=None)
        return cls(
            owner=owner,
            team=team,
            application=application,
            key=key,
            service=service,
            model=model,
            version=version,
            subscription=subscription,
            invoice=_an_invoice(subscription),
            method=PaymentMethodFactory.create(team=team, brand=f"{name}Card"),
            cap=CapFactory.create(team=team),
            call=refused(application, service=service, subscription=subscription, key=key),
        )

    @property
    def ids(self) -> dict[str, str]:
        """As links of refusals name them."""
        return {
            "sub": self.subscription.ref,
            "app": self.application.ref,
            "svc": self.service.ref,
            "cap": self.cap.ref,
            "inv": self.invoice.ref,
            "key": self.key.ref,
            "ref": self.call.request_id,
        }


def _an_invoice(subscription: Subscription) -> Invoice:
    now = clock.now()
    return Invoice.objects.create(
        team=subscription.team,
        subscription=subscription,
        number=Invoice.objects.count() + 1,
        version=subscription.version,
        reason=Invoice.Reason.FIRST,
        collection="invoice",
        currency="USD",
        total_minor=4_900,
        period_start=now,
        period_end=now + timedelta(days=30),
        issued_at=now,
        due_at=now - timedelta(days=1),
    )


# By the beginning of a route's path; the longest counts.
_NAMES: Final[Mapping[str, Callable[[Belongings], Sequence[str]]]] = {
    "applications/<str:ref>/": lambda own: [own.application.ref],
    "billing/invoices/<str:ref>/": lambda own: [own.invoice.ref],
    "billing/methods/<str:ref>/": lambda own: [own.method.ref],
    "calls/<str:request_id>/": lambda own: [own.call.request_id],
    "caps/<str:ref>/": lambda own: [own.cap.ref],
    "keys/<str:ref>/": lambda own: [own.key.ref],
    "models/<str:ref>/": lambda own: [own.model.ref],
    "services/<slug:slug>/": lambda own: [own.service.slug],
    "services/<slug:slug>/subscribe/<str:ref>/": lambda own: [own.service.slug, own.version.plan.ref],
    "subscriptions/<str:ref>/": lambda own: [own.subscription.ref],
    "teams/<str:ref>/": lambda own: [own.team.ref],
}
# Of everybody: what they name is no team's.
_COMMON: Final[Mapping[str, Sequence[str]]] = {"fix/<slug:slug>/": [SLUG], "problems/<slug:slug>": [SLUG]}


def addresses(route: Route, own: Belongings) -> list[str]:
    """Where the route shows something of the team: by its path, or by an id in the query of what is behind a refusal."""
    if not route.parameters:
        return []
    common = _longest(_COMMON, route)
    if common is not None:
        url = reverse(route.name, args=_COMMON[common])
        return [f"{url}?{urlencode({name: ref})}" for name, ref in own.ids.items()] if common.startswith("fix/") else []
    begins = _longest(_NAMES, route)
    assert begins is not None, f"{route}: say in {__name__} what {route.path} names, so that sweeps can ask for it"
    return [reverse(route.name, args=_NAMES[begins](own))]


def plain(route: Route, own: Belongings) -> str:
    """One address of the route that answers the team's people."""
    if not route.parameters:
        return reverse(route.name)
    found = addresses(route, own)
    return found[0] if found else reverse(route.name, args=[SLUG])


def _longest(table: Mapping[str, Any], route: Route) -> str | None:
    return max((begins for begins in table if route.path.startswith(begins)), key=len, default=None)


# What a page reads ---------------------------------------------------------------------------------------------------
class Recorded(QueryDict):
    """Knows which names were asked for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.read: set[str] = set()
        super().__init__(*args, **options)

    @classmethod
    def of(cls, query: QueryDict) -> Self:
        found = cls(mutable=True, encoding=query.encoding)
        for name, values in query.lists():
            found.setlist(name, values)
        found._mutable = False
        found.read.clear()
        return found

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def getlist(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().getlist(name, default)


def recording(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware, for `reads`."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.GET = Recorded.of(request.GET)  # type: ignore[assignment]  # a QueryDict that nobody changes
        request.POST = Recorded.of(request.POST)  # type: ignore[assignment]
        return get_response(request)

    return middleware


def reads(response: Any) -> tuple[set[str], set[str]]:
    """Names of the query and of the form that a page asked for; `response` is of the test client."""
    request = response.wsgi_request
    return set(request.GET.read), set(request.POST.read)

"""Each page of the portal in Chromium: by axe, by the strict policy, and no wider than the screen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from apipark import clock, money
from billing import caps, subscriptions
from providers import price_book
from teams import keys
from teams.models import Membership, Role
from tests.analytics.factories import CallFactory, CallRollupFactory
from tests.billing.factories import PaymentMethodFactory, PlanFactory, PlanVersionFactory, ServiceFactory
from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.providers.factories import AiModelFactory
from tests.proxy.factories import published, refused
from tests.teams.factories import ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)

Shot = Callable[[Page, str], None]
Scheme = Literal["light", "dark"]
_LISTS = (
    "analytics:home",
    "analytics:usage",
    "analytics:call-list",
    "analytics:model-list",
    "billing:billing",
    "billing:subscription-list",
    "proxy:contact",
    "proxy:problem-list",
    "providers:service-list",
    "teams:account",
    "teams:application-list",
    "teams:audit-list",
    "teams:member-list",
)


def full_team(membership: Membership) -> list[tuple[str, str]]:
    """Something of everything; the addresses of its pages."""
    team, user = membership.team, membership.user
    MembershipFactory.create(team=team, role=Role.DEVELOPER, user__email=f"{'long-' * 9}name@accounting.example.org")
    application = ApplicationFactory.create(team=team, name="Batch import for the night shift")
    key = keys.issue(application, name="CI", actor=user, expires_at=clock.now() + timedelta(days=2)).key
    service = published(ServiceFactory.create(name="Weather API", slug="weather"))
    model = AiModelFactory.create(
        name="a-rather-long-vendor/model-name-with-a-date-2026-11-26", inputs=["text", "image"]
    )
    service.versions.get().ai_models.add(model)
    price_book.add(model, {"input_text": 3 * money.NANO, "output_text": 15 * money.NANO})
    plans = [
        PlanVersionFactory.create(
            plan=PlanFactory.create(name=name, publisher=service.team, services=[service]),
            price_minor=price,
            limits=limits,
        )
        for name, price, limits in (
            ("Free", 0, {"calls": 500}),
            ("Pro", 900, {"calls": 50_000, "bytes": 10**9, "spend": 5 * money.NANO}),
            ("Enterprise with a person to call", 49_900, {"calls": 5_000_000, "tokens": 10**12}),
        )
    ]
    method = PaymentMethodFactory.create(team=team)
    subscription = subscriptions.subscribe(team, plans[1], actor=user)
    caps.set_cap(team, limit=25 * money.NANO, actor=user)
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    CallRollupFactory.create(
        team=team.pk, application=application.pk, service=service.pk, start=hour, calls=9, status_2xx=7, status_402=2
    )
    answered = CallFactory.create(
        team=team.pk, application=application.pk, api_key=key.pk, path="/apis/weather/" + "a-long-way/" * 12
    )
    away = refused(application, service=service, subscription=subscription, key=key)
    return [
        ("services-none", f"{reverse('providers:service-list')}?q=nothing-like-it"),
        ("service", reverse("providers:service-detail", args=[service.slug])),
        ("service-plans", reverse("billing:service-plans", args=[service.slug])),
        ("subscribe", reverse("billing:subscribe", args=[service.slug, plans[0].plan.ref])),
        ("subscription", reverse("billing:subscription-detail", args=[subscription.ref])),
        (
            "subscription-change",
            f"{reverse('billing:subscription-detail', args=[subscription.ref])}?to={plans[2].plan.ref}",
        ),
        ("model", reverse("analytics:model-detail", args=[model.ref])),
        ("models-none", f"{reverse('analytics:model-list')}?q=nothing-like-it"),
        ("application", reverse("teams:application-detail", args=[application.ref])),
        ("application-new", reverse("teams:application-new")),
        ("application-edit", reverse("teams:application-edit", args=[application.ref])),
        ("application-reach", reverse("billing:application-reach", args=[application.ref])),
        ("key-new", reverse("teams:key-new", args=[application.ref])),
        ("key-rotate", reverse("teams:key-rotate", args=[key.ref])),
        ("key-revoke", reverse("teams:key-revoke", args=[key.ref])),
        ("billing-details", reverse("billing:billing-details")),
        ("method-new", reverse("billing:method-new")),
        ("method-replace", reverse("billing:method-replace", args=[method.ref])),
        ("method-remove", reverse("billing:method-remove", args=[method.ref])),
        ("invoice", reverse("billing:invoice-detail", args=[subscription.invoices.get().ref])),
        ("calls-none", f"{reverse('analytics:call-list')}?q=nothing-like-it"),
        ("calls-wrong", f"{reverse('analytics:call-list')}?nonsense=1"),
        ("call", reverse("analytics:call-detail", args=[answered.request_id])),
        ("call-refused", reverse("analytics:call-detail", args=[away.request_id])),
        ("email", reverse("account_email")),
        ("password", reverse("account_change_password")),
        ("sign-out", reverse("account_logout")),
    ]


@pytest.mark.parametrize(("width", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_every_page_of_a_busy_team_is_accessible(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    membership = MembershipFactory.create(role=Role.OWNER, team__name="Acme Robotics", user__name="Ada Berg")
    visited = visit(width=width, scheme=scheme)
    visited.sign_in(membership.user)

    pages = [*full_team(membership), *((name.partition(":")[2], reverse(name)) for name in _LISTS)]
    for name, address in pages:
        page = visited.open(address)
        shot(page, f"portal-{name}-{width}-{scheme}")
        assert page.title().endswith(" · APIPark")
        visited.check_accessible()


@pytest.mark.parametrize(("width", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")])
def test_every_page_of_an_empty_team_is_accessible(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    membership = MembershipFactory.create(role=Role.OWNER, team__name="Blank Slate")
    visited = visit(width=width, scheme=scheme)
    visited.sign_in(membership.user)

    for name in _LISTS:
        page = visited.open(reverse(name))
        shot(page, f"portal-empty-{name.partition(':')[2]}-{width}-{scheme}")
        visited.check_accessible()


@pytest.mark.parametrize(("width", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")])
def test_every_page_of_strangers_is_accessible(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    visited = visit(width=width, scheme=scheme)

    for name in ("account_login", "account_signup", "account_reset_password", "proxy:problem-list"):
        page = visited.open(reverse(name))
        shot(page, f"portal-{name.rpartition(':')[2]}-{width}-{scheme}")
        visited.check_accessible()

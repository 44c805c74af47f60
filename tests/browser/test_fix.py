"""The page behind a refusal as people meet it: looked at, checked by axe, and clicked through."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from billing import caps, subscriptions
from billing.models import PlanVersion, Subscription
from proxy.models import Call
from teams.models import Membership, Role
from tests.billing.factories import PaymentMethodFactory, PlanFactory, PlanVersionFactory, ServiceFactory
from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.proxy.factories import published, refused
from tests.teams.factories import ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)

Shot = Callable[[Page, str], None]
Scheme = Literal["light", "dark"]
looks = pytest.mark.parametrize(("width", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])


def a_team(role: str = Role.OWNER) -> Membership:
    return MembershipFactory.create(role=role, team__name="Acme Robotics", user__name="Ada Berg")


def plan(**fields: Any) -> PlanVersion:
    found = PlanVersion.objects.first()
    services = list(found.plan.services.all()) if found else [published(ServiceFactory.create(name="Weather API"))]
    name = fields.pop("name")
    return PlanVersionFactory.create(
        plan=PlanFactory.create(name=name, publisher=services[0].team, services=services), **fields
    )


def used_up(membership: Membership) -> tuple[str, Subscription]:
    """All calls of a free plan are used; a larger one costs 49 a month."""
    application = ApplicationFactory.create(team=membership.team, name="Field app")
    subscription = subscriptions.subscribe(membership.team, plan(name="Starter", limits={"calls": 0}), actor=None)
    plan(name="Growth", price_minor=4900, limits={"calls": 100_000})
    service = subscription.version.plan.services.get()
    call: Call = refused(application, service=service, subscription=subscription)
    return f"/fix/quota-exceeded/?sub={subscription.ref}&app={application.ref}&ref={call.request_id}", subscription


@looks
def test_used_up_calls_are_fixed_with_two_clicks(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    membership = a_team()
    PaymentMethodFactory.create(team=membership.team)
    url, subscription = used_up(membership)
    visited = visit(width=width, scheme=scheme)
    visited.sign_in(membership.user)

    page = visited.open(url)
    expect(page.get_by_role("heading", name="Plan quota used up")).to_be_visible()
    shot(page, f"fix-quota-{width}-{scheme}")
    visited.check_accessible()
    page.get_by_role("button", name="Change plan and pay").click()
    expect(page.get_by_role("heading", name="This is fixed.")).to_be_visible()
    shot(page, f"fix-done-{width}-{scheme}")
    visited.check_accessible()
    page.get_by_role("button", name="Try the call again").click()
    expect(page.get_by_role("heading", name="It would pass")).to_be_visible()

    subscription.refresh_from_db()
    assert subscription.version.plan.name == "Growth"


@looks
def test_missing_card_is_added_on_the_page(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    membership = a_team()
    ApplicationFactory.create(team=membership.team)
    subscription = subscriptions.subscribe(membership.team, plan(name="Starter", requires_method=True), actor=None)
    visited = visit(width=width, scheme=scheme)
    visited.sign_in(membership.user)

    page = visited.open(f"/fix/payment-method-missing/?sub={subscription.ref}")
    shot(page, f"fix-card-{width}-{scheme}")
    visited.check_accessible()
    page.get_by_label("Card number").fill("1234")
    page.get_by_role("button", name="Add the card").click()
    expect(page.get_by_role("alert")).to_be_focused()
    shot(page, f"fix-card-error-{width}-{scheme}")
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expires, month").fill("12")
    page.get_by_label("Expires, year").fill("2080")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Add the card").click()

    expect(page.get_by_role("heading", name="This is fixed.")).to_be_visible()


@looks
def test_developer_asks_who_may(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    owner = a_team()
    developer = MembershipFactory.create(team=owner.team, role=Role.DEVELOPER)
    url, _ = used_up(owner)
    visited = visit(width=width, scheme=scheme)
    visited.sign_in(developer.user)

    page = visited.open(url)
    shot(page, f"fix-other-role-{width}-{scheme}")
    visited.check_accessible()
    page.get_by_label("Note").fill("The forecast is down.")
    page.get_by_role("button", name="Ask them").click()

    expect(page.get_by_text("Asked: Ada Berg.")).to_be_visible()
    expect(page.get_by_text("The forecast is down.")).to_be_visible()


@looks
def test_other_pages_are_accessible(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    membership = a_team()
    ApplicationFactory.create(team=membership.team)
    plan(name="Starter", limits={"calls": 100})
    paid = plan(name="Growth", price_minor=4900, collection=PlanVersion.Collection.INVOICE)
    service = paid.plan.services.get()
    visited = visit(width=width, scheme=scheme)

    for name, url in {
        "fix-stranger": f"/fix/subscription-required/?svc={service.ref}",
        "problem-list": "/problems/",
        "problem-detail": "/problems/quota-exceeded/",
        "contact-stranger": f"/contact/?svc={service.ref}",
    }.items():
        shot(visited.open(url), f"{name}-{width}-{scheme}")
        visited.check_accessible()
    visited.sign_in(membership.user)
    shot(visited.open(f"/fix/subscription-required/?svc={service.ref}"), f"fix-subscribe-{width}-{scheme}")
    visited.check_accessible()
    subscription = subscriptions.subscribe(membership.team, paid, actor=None)
    caps.set_cap(membership.team, limit=0, actor=membership.user, meter="calls")
    shot(visited.open(f"/fix/spend-cap-reached/?sub={subscription.ref}"), f"fix-cap-{width}-{scheme}")
    visited.check_accessible()
    shot(visited.open(f"/contact/?svc={service.ref}"), f"contact-{width}-{scheme}")
    visited.check_accessible()

"""What stops something asks first, with script and without: the platform opens the dialog."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from apipark import money
from billing import caps, subscriptions
from billing.models import Cap, Subscription
from teams.models import Application, Membership
from tests.billing.factories import PlanFactory, PlanVersionFactory
from tests.browser.conftest import DESKTOP, PHONE, Visit, Visitor
from tests.teams.factories import ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)

looks = pytest.mark.parametrize(
    ("width", "script"), [(DESKTOP, True), (PHONE, False)], ids=["desktop with script", "phone without"]
)


@pytest.fixture
def membership() -> Membership:
    return MembershipFactory.create(team__name="Acme Robotics", user__name="Ada Berg")


@pytest.fixture
def subscription(membership: Membership) -> Subscription:
    version = PlanVersionFactory.create(plan=PlanFactory.create(name="Pro"), limits={"calls": 5})
    return subscriptions.subscribe(membership.team, version, actor=None)


@pytest.fixture
def application(membership: Membership) -> Application:
    return ApplicationFactory.create(team=membership.team, name="Field app")


def ask(visited: Visit, button: str, title: str, *, script: bool) -> Page:
    """Open the dialog, leave it by its way back, open it again."""
    page = visited.page
    dialog = page.get_by_role("dialog", name=title)
    page.get_by_role("button", name=button).click()
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    if script:
        visited.check_accessible()
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name=button).click()
    return page


@looks
def test_subscription_is_canceled(
    visit: Visitor, membership: Membership, subscription: Subscription, width: int, *, script: bool
) -> None:
    visited = visit(width=width, script=script)
    visited.sign_in(membership.user)
    visited.open(reverse("billing:subscription-detail", args=[subscription.ref]))

    page = ask(visited, "Cancel Pro…", "Cancel Pro?", script=script)
    subscription.refresh_from_db()
    asked = subscription.cancel_at
    page.get_by_role("dialog").get_by_role("button", name="Cancel Pro").click()
    expect(page.get_by_role("button", name="Keep it")).to_be_visible()

    subscription.refresh_from_db()
    assert asked is None
    assert subscription.cancel_at is not None


@looks
def test_application_is_switched_off(
    visit: Visitor, membership: Membership, application: Application, width: int, *, script: bool
) -> None:
    visited = visit(width=width, script=script)
    visited.sign_in(membership.user)
    visited.open(reverse("teams:application-detail", args=[application.ref]))

    page = ask(visited, "Switch off…", "Switch Field app off?", script=script)
    page.get_by_role("dialog").get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("Field app is switched off.")).to_be_visible()

    application.refresh_from_db()
    assert application.suspended_at is not None


@looks
def test_cap_is_lifted(
    visit: Visitor, membership: Membership, subscription: Subscription, width: int, *, script: bool
) -> None:
    caps.set_cap(membership.team, limit=money.NANO, actor=membership.user)
    visited = visit(width=width, script=script)
    visited.sign_in(membership.user)
    visited.open(reverse("billing:subscription-detail", args=[subscription.ref]))

    page = ask(visited, "Lift…", "Lift the cap?", script=script)
    assert not Cap.objects.exclude(lifted_at=None).exists()
    page.get_by_role("dialog").get_by_role("button", name="Lift the cap").click()
    expect(page.get_by_text("The cap is lifted.")).to_be_visible()

    assert Cap.objects.exclude(lifted_at=None).exists()


@looks
def test_cap_is_lifted_behind_its_refusal(
    visit: Visitor,
    membership: Membership,
    subscription: Subscription,
    application: Application,
    width: int,
    *,
    script: bool,
) -> None:
    caps.set_cap(membership.team, limit=0, actor=membership.user, meter="calls")
    visited = visit(width=width, script=script)
    visited.sign_in(membership.user)
    visited.open(f"/fix/spend-cap-reached/?sub={subscription.ref}&app={application.ref}")

    page = ask(visited, "Lift it…", "Lift the cap?", script=script)
    page.get_by_role("dialog").get_by_role("button", name="Lift the cap").click()

    expect(page.get_by_text("The cap is lifted.")).to_be_visible()
    assert Cap.objects.exclude(lifted_at=None).exists()


def test_address_is_removed(visit: Visitor, membership: Membership) -> None:
    visited = visit(script=False)
    visited.sign_in(membership.user)
    visited.open(reverse("account_email"))
    visited.page.get_by_label("Another address").fill("second@example.org")
    visited.page.get_by_role("button", name="Add it").click()
    visited.page.get_by_label("second@example.org").check()

    page = ask(visited, "Remove…", "Remove the address?", script=False)
    expect(page.get_by_label("second@example.org")).to_have_count(1)
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()

    expect(page.get_by_label("second@example.org")).to_have_count(0)

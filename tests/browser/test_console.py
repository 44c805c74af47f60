"""The operator's console in Chromium: one page of each kind, by axe and by the strict policy."""

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from apipark.needs import verb_url
from billing.models import Subscription
from teams import audit
from teams.models import Membership, User
from tests.analytics.factories import CallFactory
from tests.billing.factories import CapFactory, PaymentMethodFactory, PlanVersionFactory, SubscriptionFactory
from tests.browser.conftest import DESKTOP, PHONE, Visit, Visitor
from tests.proxy.factories import a_call
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

Shot = Callable[[Page, str], None]
Scheme = Literal["light", "dark"]
looks = pytest.mark.parametrize(
    ("width", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
)


def an_operator() -> User:
    return UserFactory.create(name="Olga Operator", is_staff=True, is_superuser=True)


def a_customer() -> tuple[Membership, Subscription]:
    membership = MembershipFactory.create(team__name="Acme Robotics", user__name="Ada Berg")
    application = ApplicationFactory.create(team=membership.team, name="Batch import for the night shift")
    ApiKeyFactory.create(application=application)
    PaymentMethodFactory.create(team=membership.team)
    CapFactory.create(team=membership.team)
    waiting = SubscriptionFactory.create(
        team=membership.team,
        version=PlanVersionFactory.create(price_minor=4900, limits={"calls": 100, "spend": 5_000_000_000}),
        approval=Subscription.Approval.WAITING,
    )
    a_call(application)
    a_call(application, path="/apis/weather/" + "a-long-way/" * 12, slug="", status=404)
    CallFactory.create(team=membership.team_id, application=application.pk, currency="USD", revenue_nano=27_750)
    audit.record(
        team=membership.team,
        actor=membership.user,
        action="application.created",
        target=application,
        reason="Nobody had thought of the depots beyond the mountains, where the weather is another one",
        address="2001:db8:85a3:8d3:1319:8a2e:370:7348",
    )
    return membership, waiting


def pages(membership: Membership, waiting: Subscription) -> Iterator[tuple[str, str]]:
    """One of each kind, and the lists with the most columns."""
    yield "index", reverse("admin:index")
    yield "search", f"{reverse('admin:search')}?q=acme"
    for kind in ("teams_team", "teams_auditevent", "proxy_call", "billing_subscription", "billing_planversion"):
        yield f"list-{kind}", reverse(f"admin:{kind}_changelist")
    yield "list-empty", f"{reverse('admin:teams_team_changelist')}?q=nobody"
    yield "form", reverse("admin:teams_team_change", args=[membership.team_id])
    yield "form-read-only", reverse("admin:billing_subscription_change", args=[waiting.pk])
    yield "form-new", reverse("admin:billing_planversion_add")
    yield "history", reverse("admin:teams_team_history", args=[membership.team_id])
    yield "verb", verb_url(waiting, "approve")
    yield "verb-final", verb_url(waiting, "end")


@looks
def test_every_kind_of_page_is_accessible(visit: Visitor, shot: Shot, width: int, scheme: Scheme) -> None:
    membership, waiting = a_customer()
    visited = visit(width=width, scheme=scheme)
    visited.sign_in(an_operator())

    for name, path in pages(membership, waiting):
        visited.open(path)
        shot(visited.page, f"console-{name}-{width}-{scheme}")
        visited.check_accessible()


def test_verb_asks_why_and_then_does_it(visit: Visitor, shot: Shot) -> None:
    _membership, waiting = a_customer()
    visited = visit()
    visited.sign_in(an_operator())

    page = visited.open(verb_url(waiting, "decline"))
    expect(page.get_by_text("This cannot be undone")).to_be_visible()
    page.get_by_label("Reason").fill("No such company")
    _press(visited, "Decline")

    expect(page.get_by_text("Decline: done.")).to_be_visible()
    shot(page, "console-verb-done")
    visited.check_accessible()
    waiting.refresh_from_db()
    assert (waiting.approval, waiting.approval_note) == (Subscription.Approval.DECLINED, "No such company")


def _press(visited: Visit, name: str) -> None:
    visited.page.locator("form").get_by_role("button", name=name).click()

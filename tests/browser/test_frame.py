from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.teams.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.urls("tests.kit.urls")

Shot = Callable[[Page, str], None]


@pytest.mark.parametrize(
    ("width", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
)
def test_every_shared_part_is_accessible(
    visit: Visitor, shot: Shot, width: int, scheme: Literal["light", "dark"]
) -> None:
    first = MembershipFactory.create(team__name="Acme Robotics", user__name="Ada Berg")
    MembershipFactory.create(user=first.user, team__name="Weather Co")
    visited = visit(width=width, scheme=scheme)
    visited.sign_in(first.user)

    page = visited.open("/usage/")

    expect(page.locator(".uplot canvas")).to_be_visible()
    expect(page.get_by_role("tab", name="curl")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("alert").filter(has_text="The key was not made")).to_be_focused()
    shot(page, f"kit-{width}-{scheme}")
    visited.check_accessible()


def test_team_switch(visit: Visitor, shot: Shot) -> None:
    first = MembershipFactory.create(team__name="Acme Robotics")
    MembershipFactory.create(user=first.user, team__name="Weather Co")
    visited = visit()

    page = visited.sign_in(first.user)
    page.get_by_role("button", name="Acme Robotics").click()
    shot(page, "team-menu")
    visited.check_accessible()
    page.get_by_role("button", name="Weather Co").click()

    expect(page.get_by_role("heading", name="Weather Co")).to_be_visible()


def test_phone_opens_the_sidebar(visit: Visitor, shot: Shot) -> None:
    member = MembershipFactory.create()
    visited = visit(width=PHONE)

    page = visited.sign_in(member.user)
    expect(page.get_by_role("link", name="Usage")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()

    expect(page.get_by_role("link", name="Usage")).to_be_visible()
    shot(page, "phone-sidebar")
    visited.check_accessible()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_pages_of_errors_are_accessible(visit: Visitor, shot: Shot, width: int) -> None:
    member = MembershipFactory.create()
    visited = visit(width=width)
    visited.sign_in(member.user)

    for path, title in [("/forbidden/", "Not allowed"), ("/nowhere/", "Not found")]:
        page = visited.open(path)
        expect(page).to_have_title(f"{title} · APIPark")
        shot(page, f"error-{title.split()[-1]}-{width}")
        visited.check_accessible()


def test_person_without_a_team_is_told(visit: Visitor, shot: Shot) -> None:
    user = UserFactory.create()
    visited = visit()

    page = visited.sign_in(user)

    expect(page.get_by_role("heading", name="You are in no team yet.")).to_be_visible()
    shot(page, "no-team")
    visited.check_accessible()

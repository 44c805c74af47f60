from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visitor
from tests.teams.factories import MembershipFactory

pytestmark = pytest.mark.urls("tests.kit.urls")

Shot = Callable[[Page, str], None]
looks = pytest.mark.parametrize(
    ("width", "scheme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
)


@looks
def test_login_page_is_accessible(visit: Visitor, shot: Shot, width: int, scheme: Literal["light", "dark"]) -> None:
    visited = visit(width=width, scheme=scheme)

    page = visited.open("/accounts/login/")

    expect(page).to_have_title("Sign in · APIPark")
    shot(page, f"login-{width}-{scheme}")
    visited.check_accessible()


@looks
def test_wrong_password_is_told_and_takes_the_focus(
    visit: Visitor, shot: Shot, width: int, scheme: Literal["light", "dark"]
) -> None:
    member = MembershipFactory.create()
    visited = visit(width=width, scheme=scheme)

    page = visited.sign_in(member.user, "wrong")

    expect(page).to_have_title("Error: Sign in · APIPark")
    expect(page.get_by_role("alert")).to_contain_text("E-mail and password do not match")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("E-mail")).to_have_value(member.user.email.upper())
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-describedby", "login-error")
    shot(page, f"login-error-{width}-{scheme}")
    visited.check_accessible()


@pytest.mark.parametrize("script", [True, False])
def test_sign_in_and_out(visit: Visitor, *, script: bool) -> None:
    member = MembershipFactory.create(team__name="Acme Robotics", user__name="Ada Berg")
    visited = visit(script=script)

    page = visited.sign_in(member.user)

    expect(page.get_by_role("heading", name="Acme Robotics")).to_be_visible()
    expect(page.get_by_role("link", name="Home", exact=True)).to_have_attribute("aria-current", "page")

    page.get_by_role("button", name="Account of Ada Berg").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(visited.base_url + "/usage/")

    expect(page).to_have_title("Sign in · APIPark")


def test_theme_switch_stays_without_script(visit: Visitor) -> None:
    visited = visit(script=False)

    page = visited.open("/accounts/login/?next=/usage/")
    page.get_by_role("button", name="Dark theme").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page).to_have_url(visited.base_url + "/accounts/login/?next=/usage/")
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")

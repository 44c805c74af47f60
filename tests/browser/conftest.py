"""Chromium against pytest-django's live server.

`visit` opens a page and, when the test ends, complains of everything that the strict policy blocked, that threw, or that
the server did not have. `Visit.check_accessible` runs axe. Skipped with its reason where no Chromium is installed.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, sync_playwright
from pytest_django.live_server_helper import LiveServer

from teams.models import User
from tests.teams.factories import PASSWORD

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP, PHONE = 1440, 390


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # One Chromium at a time: two would starve each other on two cores.
            item.add_marker(pytest.mark.xdist_group("browser"))


class Visit:
    """One browser window with its own cookies."""

    def __init__(self, context: BrowserContext, base_url: str) -> None:
        self.complaints: list[str] = []
        self.base_url = base_url
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"threw: {error}"))
        self.page.on("response", self._answered)

    def _heard(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.complaints.append(message.text)

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            self.complaints.append(f"{response.status} {response.url}")

    def open(self, path: str) -> Page:
        self.page.goto(self.base_url + path)
        return self.page

    def sign_in(self, user: User, password: str = PASSWORD) -> Page:
        self.open(reverse("account_login"))
        self.page.get_by_label("E-mail").fill(user.email.upper())
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        return self.page

    def check_accessible(self) -> None:
        """No violation that is more than minor on the page as it stands; nothing wider than the screen."""
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, "the page is too wide"
        before = list(self.complaints)
        response = Axe().run(self.page, options={"runOnly": _RULES}).response
        # What the browser said of them arrives late.
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        self.complaints[:] = before  # axe sets styles of its own, which the policy blocks
        assert [
            (violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in response["violations"]
            if violation["impact"] != "minor"
        ] == []


class Visitor(Protocol):
    def __call__(
        self, *, width: int = DESKTOP, scheme: Literal["light", "dark"] = "light", script: bool = True
    ) -> Visit: ...


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        pytest.skip(f"no Chromium on the PATH ({', '.join(_NAMES)})")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's sync API runs an event loop, in which Django would refuse the ORM calls of the tests.
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    cache.clear()  # limits of signing in
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def opened(*, width: int = DESKTOP, scheme: Literal["light", "dark"] = "light", script: bool = True) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width == DESKTOP else 844},
            color_scheme=scheme,
            reduced_motion="reduce",
            java_script_enabled=script,
            locale="en-GB",
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        visits.append(Visit(context, live_server.url))
        return visits[-1]

    yield opened
    for context in contexts:
        context.close()
    assert [complaint for visited in visits for complaint in visited.complaints] == []


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture of the page in $SCREENSHOTS, for people to look at; without it, does nothing."""

    def keep(page: Page, name: str) -> None:
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return keep

"""The frame of the portal by HTTP: language, zone, team, sidebar, accounts, pages of errors."""

from html import unescape

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core import mail
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation
from pytest_django import Settings

from teams.context import portal
from teams.middleware import PersonMiddleware
from teams.models import Role
from teams.sign_in import AccountAdapter
from tests.teams.factories import PASSWORD, MembershipFactory, TeamFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.urls")]


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        (Role.OWNER, set()),
        (Role.ADMIN, set()),
        (Role.DEVELOPER, {"Billing", "Changes"}),
        (Role.BILLING, {"Changes"}),
        (Role.VIEWER, {"Billing", "Changes"}),
    ],
)
def test_sidebar_shows_what_the_role_may_see(client: Client, rf: RequestFactory, role: Role, hidden: set[str]) -> None:
    member = MembershipFactory.create(role=role)
    client.force_login(member.user)

    frame = client.get(reverse("analytics:call-list")).context["portal"]

    everything = {
        "Home", "Services", "Models", "Applications", "Usage", "Calls", "Subscriptions", "Billing", "Members", "Changes",
    }  # fmt: skip
    items = [item for group in frame.nav for item in group.items]
    assert {str(item.label) for item in items} == everything - hidden
    assert [str(item.label) for item in items if item.current] == ["Calls"]


def test_team_is_the_chosen_one_and_only_ones_own(client: Client) -> None:
    first = MembershipFactory.create(team__name="Acme")
    second = MembershipFactory.create(user=first.user, team__name="Weather")
    stranger = TeamFactory.create()
    client.force_login(first.user)

    assert client.get("/").context["portal"].team == first.team
    assert client.post(reverse("teams:team-switch", args=[second.team.ref])).status_code == 302
    assert client.get("/").context["portal"].team == second.team
    assert client.post(reverse("teams:team-switch", args=[stranger.ref])).status_code == 404
    assert client.get("/").context["portal"].team == second.team

    second.delete()
    assert client.get("/").context["portal"].team == first.team


def test_person_without_a_team_sees_why(client: Client) -> None:
    client.force_login(UserFactory.create())

    refused, account = client.get(reverse("analytics:usage")), client.get(reverse("teams:account"))

    assert refused.status_code == 403
    assert "You are in no team yet." in refused.content.decode()
    assert account.status_code == 200


@pytest.mark.parametrize(("zone", "offset"), [("Asia/Tokyo", "+0900"), ("Nowhere/Land", "+0000")])
def test_page_is_made_in_the_zone_and_language_of_the_person(rf: RequestFactory, zone: str, offset: str) -> None:
    request = rf.get("/")
    request.user = UserFactory.create(language="de", time_zone=zone)
    request.session = {}  # type: ignore[assignment]  # a dictionary serves
    seen = []

    def view(request: HttpRequest) -> object:
        seen.append((translation.get_language(), timezone.localtime().strftime("%z")))
        return None

    with translation.override("en"):
        PersonMiddleware(view)(request)  # type: ignore[arg-type]  # no response is needed

    assert seen == [("de", offset)]
    assert timezone.get_current_timezone_name() == "UTC"


def test_theme_is_written_by_the_server(client: Client) -> None:
    answer = client.post(reverse("teams:theme"), {"theme": "dark", "next": "/accounts/login/"})
    page = client.get(answer["Location"]).content.decode()

    assert answer["Location"] == "/accounts/login/"
    assert '<html lang="en" data-theme="dark">' in page


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_theme_does_not_lead_elsewhere(client: Client, elsewhere: str) -> None:
    answer = client.post(reverse("teams:theme"), {"theme": "light", "next": elsewhere})

    assert answer["Location"] == "/"


def test_theme_must_be_one_of_three(client: Client) -> None:
    assert client.post(reverse("teams:theme"), {"theme": "<b>"}).status_code == 400
    assert client.get("/accounts/login/", headers={"cookie": 'theme="><script>'}).context["portal"].theme == ""


def test_signup_is_closed_unless_opened(client: Client, rf: RequestFactory, settings: Settings) -> None:
    closed = client.get(reverse("account_signup"))
    settings.PORTAL_SIGNUP_OPEN = True
    opened = client.get(reverse("account_signup"))

    assert "Accounts come with an invitation" in closed.content.decode()
    assert 'name="password2"' in opened.content.decode()
    assert AccountAdapter().clean_email("Ada@Example.ORG") == "ada@example.org"


def test_forgotten_password_is_replaced_by_mail(client: Client) -> None:
    user = UserFactory.create(email="ada@example.org")

    client.post(reverse("account_reset_password"), {"email": "ADA@example.org"})
    (message,) = mail.outbox
    link = next(word for word in message.body.split() if "/password/reset/key/" in word)
    page = client.get(link, follow=True)
    done = client.post(
        page.redirect_chain[-1][0],
        {"password1": "another-horse-battery", "password2": "another-horse-battery"},
        follow=True,
    )

    assert message.subject.startswith("APIPark: ")
    assert "Choose a new password" in page.content.decode()
    assert "The password is changed" in done.content.decode()
    user.refresh_from_db()
    assert user.check_password("another-horse-battery")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("account_login", "Sign in"),
        ("account_reset_password", "A new password"),
        ("account_reset_password_done", "Look into your mailbox"),
        ("account_reset_password_from_key_done", "The password is changed"),
        ("account_email_verification_sent", "Look into your mailbox"),
        ("account_inactive", "This account is switched off"),
    ],
)
def test_pages_of_accounts_for_strangers(client: Client, name: str, words: str) -> None:
    page = client.get(reverse(name), follow=True).content.decode()

    assert f"<h1>{words}</h1>" in page
    assert 'class="main gate"' in page


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("account_change_password", "Change the password"),
        ("account_email", "Addresses"),
        ("account_logout", "Sign out?"),
    ],
)
def test_pages_of_accounts_for_members(client: Client, name: str, words: str) -> None:
    client.force_login(MembershipFactory.create().user)

    assert f"<h1>{words}</h1>" in client.get(reverse(name)).content.decode()


def test_used_up_link_says_so(client: Client) -> None:
    page = client.get(reverse("account_reset_password_from_key", args=["1", "x-y"])).content.decode()

    assert "<h1>This link is used up</h1>" in page


def test_too_many_wrong_passwords_wait(client: Client) -> None:
    user = UserFactory.create()
    attempt = {"login": user.email, "password": "wrong"}

    for _ in range(5):
        client.post(reverse("account_login"), attempt)
    page = client.post(reverse("account_login"), attempt | {"password": PASSWORD}).content.decode()

    assert "Too many tries." in unescape(page)


@pytest.mark.parametrize(("path", "status"), [("/forbidden/", 403), ("/nowhere/", 404)])
def test_pages_of_errors_for_members_and_strangers(client: Client, path: str, status: int) -> None:
    stranger = client.get(path)
    client.force_login(MembershipFactory.create().user)
    member = client.get(path)

    assert (stranger.status_code, member.status_code) == (status, status)
    assert f'<span class="badge">{status}</span>' in stranger.content.decode()
    assert "sidebar" not in stranger.content.decode()
    assert "sidebar" in member.content.decode()


def test_refusal_says_who_may(client: Client) -> None:
    assert "Invoices are seen by owner, admin and billing." in client.get("/forbidden/").content.decode()


def test_broken_page_and_stale_form(client: Client) -> None:
    client.raise_request_exception = False
    strict = Client(enforce_csrf_checks=True)

    assert "it is our fault" in client.get("/broken/").content.decode()
    assert "The form was too old." in strict.post(reverse("teams:theme"), {"theme": "dark"}).content.decode()


@pytest.mark.parametrize("name", ["400.html", "403.html", "404.html", "429.html", "500.html"])
def test_pages_of_errors_need_no_context(name: str) -> None:
    assert f'<span class="badge">{name[:3]}</span>' in render_to_string(name)


@pytest.mark.parametrize("name", ["400.html", "403_csrf.html", "500.html"])
def test_pages_of_errors_lead_home(name: str) -> None:
    assert '<a class="button" href="/">Home</a>' in render_to_string(name)


@pytest.mark.parametrize(("teams", "buttons"), [(2, 1), (4, 3), (5, 0)])
def test_nothing_here_names_other_teams_while_they_are_few(client: Client, teams: int, buttons: int) -> None:
    user = MembershipFactory.create().user
    MembershipFactory.create_batch(teams - 1, user=user)
    client.force_login(user)

    page = client.get("/nothing/").content.decode()

    main = page[page.index("<main") :]
    assert main.count("/switch/") == buttons
    assert "Change the team" in main


def test_context_of_a_request_that_no_middleware_has_seen(rf: RequestFactory) -> None:
    request = rf.get("/")

    frame = portal(request)["portal"]
    request.user = AnonymousUser()

    assert (frame.person, frame.team, frame.role, frame.nav) == (None, None, "", [])
    assert portal(request)["portal"].person is None


def test_public_page_has_a_way_in_for_strangers(client: Client) -> None:
    way_in = 'href="/accounts/login/?next=%2Fproblems%2F%3Fstatus%3D402"'

    stranger = client.get("/problems/?status=402").content.decode()
    client.force_login(MembershipFactory.create().user)
    member = client.get("/problems/?status=402").content.decode()

    assert way_in in stranger
    assert way_in not in member

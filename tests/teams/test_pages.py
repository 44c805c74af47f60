from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apipark import clock
from apipark.models import Change
from teams import audit, keys
from teams.models import ApiKey, Application, AuditEvent, Membership, Role
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db


def enter(client: Client, role: str = Role.OWNER) -> Membership:
    """Sign a new member of a new team in."""
    membership = MembershipFactory.create(role=role)
    client.force_login(membership.user)
    return membership


@pytest.mark.parametrize("rows", [1, 3])
def test_application_list_costs_the_same_for_any_length(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    for _row in range(rows):
        ApiKeyFactory.create(application=ApplicationFactory.create(team=team))

    # Session, person, memberships, applications.
    with django_assert_num_queries(4):
        answer = client.get(reverse("teams:application-list"))

    assert answer.content.count(b"<tr") == 1 + rows


@pytest.mark.parametrize("rows", [1, 3])
def test_application_page_costs_the_same_for_any_number_of_keys(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    membership = enter(client)
    application = ApplicationFactory.create(team=membership.team, created_by=membership.user)
    ApiKeyFactory.create_batch(rows, application=application, created_by=membership.user)

    # Session, person, memberships, application, keys, who made the application.
    with django_assert_num_queries(6):
        answer = client.get(reverse("teams:application-detail", args=[application.ref]))

    assert answer.content.count(b"<tr") == 1 + rows


@pytest.mark.parametrize("rows", [1, 3])
def test_member_list_costs_the_same_for_any_length(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    MembershipFactory.create_batch(rows, team=team)

    # Session, person, memberships, members.
    with django_assert_num_queries(4):
        answer = client.get(reverse("teams:member-list"))

    assert answer.content.count(b"@example.org</small>") == 1 + rows


@pytest.mark.parametrize("rows", [1, 3])
def test_changes_cost_the_same_for_any_length(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    for _row in range(rows):
        audit.record(team=team, actor=None, action="team.changed", target=team)

    # Session, person, memberships, events.
    with django_assert_num_queries(4):
        answer = client.get(reverse("teams:audit-list"))

    assert answer.content.count(b"<span>team.changed") == rows


def test_changes_are_read_in_pages(client: Client) -> None:
    team = enter(client).team
    for _row in range(51):
        audit.record(team=team, actor=None, action="team.changed", target=team)

    first = client.get(reverse("teams:audit-list"))
    second = client.get(reverse("teams:audit-list"), {"before": "2"})

    assert b"?before=2" in first.content
    assert second.content.count(b"<span>team.changed") == 1


@pytest.mark.parametrize("junk", ["x", "-1", "²", "9" * 30])
def test_changes_refuse_junk(client: Client, junk: str) -> None:
    enter(client)

    assert client.get(reverse("teams:audit-list"), {"before": junk}).status_code == 400


def test_application_is_made_and_recorded(client: Client) -> None:
    membership = enter(client)

    answer = client.post(reverse("teams:application-new"), {"name": "Field app", "environment": "test"})

    application = Application.objects.get()
    assert answer.headers["Location"] == reverse("teams:application-detail", args=[application.ref])
    assert (application.team, application.environment, application.created_by) == (
        membership.team,
        "test",
        membership.user,
    )
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.address) == ("application.created", membership.user, "127.0.0.1")


def test_application_name_is_taken_once_per_team(client: Client) -> None:
    application = ApplicationFactory.create(team=enter(client).team)

    answer = client.post(reverse("teams:application-new"), {"name": application.name, "environment": "live"})

    assert "Your team has an application of this name." in answer.content.decode()
    assert Application.objects.count() == 1


def test_application_is_renamed(client: Client) -> None:
    application = ApplicationFactory.create(team=enter(client).team, name="Old")

    client.post(reverse("teams:application-edit", args=[application.ref]), {"name": "New", "description": "Words"})

    application.refresh_from_db()
    assert (application.name, application.description) == ("New", "Words")
    assert AuditEvent.objects.get().before == {"name": "Old", "description": ""}


def test_application_is_switched_off_and_on(client: Client) -> None:
    application = ApplicationFactory.create(team=enter(client).team)

    client.post(reverse("teams:application-suspend", args=[application.ref]))
    application.refresh_from_db()
    off = application.suspended_at
    client.post(reverse("teams:application-resume", args=[application.ref]))
    application.refresh_from_db()

    assert off is not None
    assert application.suspended_at is None
    assert Change.objects.filter(kind="application", object_id=application.pk).count() == 2
    assert [event.action for event in AuditEvent.objects.order_by("number")] == [
        "application.suspended",
        "application.resumed",
    ]


def test_new_key_is_shown_once_and_works(client: Client) -> None:
    application = ApplicationFactory.create(team=enter(client).team)
    url = reverse("teams:key-new", args=[application.ref])

    answer = client.post(url, {"name": "ci", "networks": "192.0.2.0/24\n2001:db8::/32", "expiry": "30"})

    assert answer.status_code == 200
    secret = answer.context["issued"].secret
    assert secret in answer.content.decode()
    assert answer.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    key = keys.find(secret)
    assert key is not None
    assert key.networks == ["192.0.2.0/24", "2001:db8::/32"]
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - clock.now() <= timedelta(days=30)
    page = client.get(reverse("teams:application-detail", args=[application.ref])).content.decode()
    assert key.last_four in page
    assert secret not in page


def test_key_form_names_what_it_refuses(client: Client) -> None:
    application = ApplicationFactory.create(team=enter(client).team)
    url = reverse("teams:key-new", args=[application.ref])

    answer = client.post(url, {"name": "", "networks": "10.20.0.0/33", "expiry": "soon"})

    assert set(answer.context["form"].errors) == {"name", "networks", "expiry"}
    assert "<title>Error:" in answer.content.decode().replace("\n", "")
    assert not ApiKey.objects.exists()


def test_developer_cannot_let_a_key_see_money(client: Client) -> None:
    membership = enter(client, Role.DEVELOPER)
    application = ApplicationFactory.create(team=membership.team, created_by=membership.user)
    url = reverse("teams:key-new", args=[application.ref])

    client.post(url, {"name": "ci", "expiry": "never", "scopes": ["billing:read"]})

    assert ApiKey.objects.get().scopes == []


def test_rotation_shows_the_new_key_and_ends_the_old_one(client: Client) -> None:
    key = ApiKeyFactory.create(application__team=enter(client).team)

    answer = client.post(reverse("teams:key-rotate", args=[key.ref]), {"overlap": "1", "expiry": "90"})

    key.refresh_from_db()
    assert key.replaced_by == answer.context["issued"].key
    assert key.state(clock.now()) == "retiring"
    assert answer.context["issued"].secret in answer.content.decode()


def test_a_replaced_key_cannot_be_rotated_again(client: Client) -> None:
    key = ApiKeyFactory.create(application__team=enter(client).team)
    keys.rotate(key, actor=None)

    answer = client.post(reverse("teams:key-rotate", args=[key.ref]), {"overlap": "1", "expiry": "90"})

    assert "not in use any more" in answer.content.decode()
    assert ApiKey.objects.count() == 2


def test_revocation_wants_the_name(client: Client) -> None:
    key = ApiKeyFactory.create(application__team=enter(client).team, name="ci")
    url = reverse("teams:key-revoke", args=[key.ref])

    refused = client.post(url, {"name": "cd"})
    key.refresh_from_db()
    state = key.state(clock.now())
    client.post(url, {"name": "ci", "reason": "leaked"})
    key.refresh_from_db()

    assert "The key is called “ci”." in refused.content.decode()
    assert (state, key.state(clock.now())) == ("usable", "revoked")
    assert AuditEvent.objects.get(action="key.revoked").reason == "leaked"


def test_developer_changes_only_applications_of_their_own(client: Client) -> None:
    membership = enter(client, Role.DEVELOPER)
    own = ApplicationFactory.create(team=membership.team, created_by=membership.user)
    other = ApplicationFactory.create(team=membership.team)

    statuses = [
        client.post(reverse("teams:application-suspend", args=[application.ref])).status_code
        for application in (own, other)
    ]

    assert statuses == [302, 403]


@pytest.mark.parametrize("role", [Role.BILLING, Role.VIEWER])
def test_others_read_that_they_may_not_and_who_may(client: Client, role: str) -> None:
    membership = enter(client, role)
    owner = MembershipFactory.create(team=membership.team)

    answer = client.get(reverse("teams:application-new"))

    assert answer.status_code == 403
    assert owner.user.name in answer.content.decode()


def test_role_counts_in_the_team_of_the_object(client: Client) -> None:
    """An owner of one team who only looks at another: what counts is the team of what is changed."""
    owner = enter(client)
    elsewhere = MembershipFactory.create(user=owner.user, role=Role.VIEWER)
    application = ApplicationFactory.create(team=elsewhere.team)

    seen = client.get(reverse("teams:application-detail", args=[application.ref]))
    changed = client.post(reverse("teams:application-suspend", args=[application.ref]))

    assert (seen.status_code, changed.status_code) == (200, 403)
    application.refresh_from_db()
    assert application.suspended_at is None


@pytest.mark.parametrize(
    "name",
    ["application-detail", "application-edit", "application-suspend", "application-resume", "key-new"],
)
def test_another_teams_application_is_not_there(client: Client, name: str) -> None:
    enter(client)
    application = ApplicationFactory.create()

    assert client.post(reverse(f"teams:{name}", args=[application.ref])).status_code == 404


@pytest.mark.parametrize("name", ["key-rotate", "key-revoke"])
def test_another_teams_key_is_not_there(client: Client, name: str) -> None:
    enter(client)

    assert client.post(reverse(f"teams:{name}", args=[ApiKeyFactory.create().ref])).status_code == 404


def test_stranger_is_sent_to_sign_in(client: Client) -> None:
    answer = client.get(reverse("teams:application-list"))

    assert answer.headers["Location"].startswith(reverse("account_login"))


def test_account_is_saved_with_its_language(client: Client) -> None:
    user = enter(client).user

    answer = client.post(
        reverse("teams:account"), {"name": "Ada", "language": "de", "time_zone": "Europe/Berlin"}, follow=True
    )

    user.refresh_from_db()
    assert (user.name, user.language, user.time_zone) == ("Ada", "de", "Europe/Berlin")
    assert answer.headers["Content-Language"] == "de"
    assert AuditEvent.objects.get().after == {"name": "Ada", "language": "de", "time_zone": "Europe/Berlin"}


def test_account_refuses_a_zone_that_does_not_exist(client: Client) -> None:
    enter(client)

    answer = client.post(reverse("teams:account"), {"name": "Ada", "language": "en", "time_zone": "Mars/Olympus"})

    assert list(answer.context["form"].errors) == ["time_zone"]


def test_team_is_switched(client: Client) -> None:
    first = enter(client)
    second = MembershipFactory.create(user=first.user)
    application = ApplicationFactory.create(team=second.team)

    client.post(reverse("teams:team-switch", args=[second.team.ref]))

    assert application.name in client.get(reverse("teams:application-list")).content.decode()

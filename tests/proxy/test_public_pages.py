import json
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from apipark.problems import PROBLEMS, schema
from proxy import letters
from teams.models import AuditEvent, Role
from tests.billing.factories import ServiceFactory
from tests.proxy.factories import a_call, published
from tests.schemas import violations
from tests.teams.factories import ApplicationFactory, MembershipFactory, TeamFactory

pytestmark = pytest.mark.django_db

JSON = {"Accept": "application/json"}


# /problems/ ----------------------------------------------------------------------------------------------------------
def test_list_names_each_slug_of_the_table_and_no_other(client: Client) -> None:
    page = client.get(reverse("proxy:problem-list")).content.decode()
    listed = client.get(reverse("proxy:problem-list"), headers=JSON).json()["problems"]

    assert [each["slug"] for each in listed] == list(PROBLEMS)
    assert all(f"/problems/{slug}/" in page for slug in PROBLEMS)


def test_list_shows_one_status(client: Client) -> None:
    listed = client.get("/problems/?status=429", headers=JSON).json()["problems"]

    assert {each["status"] for each in listed} == {429}


@pytest.mark.parametrize("slug", PROBLEMS)
def test_problem_is_served_at_its_type_and_its_example_is_valid(client: Client, slug: str) -> None:
    answer = client.get(f"/problems/{slug}", headers=JSON)

    content: dict[str, Any] = answer.json()
    assert content["schema"] == json.loads(json.dumps(schema(PROBLEMS[slug])))
    assert violations(content["example"], content["schema"]) == []
    assert content["type"] == f"http://localhost:8000/problems/{slug}"
    assert answer["Cache-Control"] == "public, max-age=3600"
    page = client.get(f"/problems/{slug}/").content.decode()
    assert f"{PROBLEMS[slug].status} · {slug}" in page


def test_unknown_problem_is_not_found(client: Client) -> None:
    assert client.get("/problems/no-such-problem").status_code == 404


def test_page_of_a_signed_in_person_is_kept_by_nobody(client: Client) -> None:
    client.force_login(MembershipFactory.create().user)

    answer = client.get("/problems/quota-exceeded/")

    assert "private" in answer["Cache-Control"]
    assert "max-age=0" in answer["Cache-Control"]


# /contact/ -----------------------------------------------------------------------------------------------------------
def contact(**ids: str) -> str:
    return reverse("proxy:contact") + "?" + "&".join(f"{name}={ref}" for name, ref in ids.items())


def test_stranger_sees_the_publishers_address_and_cannot_send(client: Client) -> None:
    publisher = TeamFactory.create(contact_email="help@weather.example", support_url="https://weather.example/help")
    service = published(ServiceFactory.create(team=publisher))

    page = client.get(contact(svc=service.ref)).content.decode()
    client.post(contact(svc=service.ref), {"text": "Hello"})

    assert "help@weather.example" in page
    assert "https://weather.example/help" in page
    assert "<textarea" not in page
    assert not AuditEvent.objects.filter(action=letters.WROTE).exists()


def test_message_goes_to_the_publisher_with_the_request_attached(
    client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    service = published(ServiceFactory.create(team=TeamFactory.create(contact_email="help@weather.example")))
    membership = MembershipFactory.create(role=Role.DEVELOPER)
    call = a_call(ApplicationFactory.create(team=membership.team), service=service.pk)
    client.force_login(membership.user)

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(contact(svc=service.ref, ref=call.request_id), {"text": "More, please."}, follow=True)

    (message,) = mail.outbox
    assert message.to == ["help@weather.example"]
    assert message.reply_to == [membership.user.email]
    assert message.body.startswith("More, please.")
    assert call.request_id in message.body
    assert f"Sent to {service.team.name}" in answer.content.decode()
    assert AuditEvent.objects.get(action=letters.WROTE).actor == membership.user


def test_without_a_publisher_the_operator_reads(client: Client, settings: Any) -> None:
    settings.PORTAL_SUPPORT_EMAIL = "support@portal.example"

    assert "support@portal.example" in client.get(reverse("proxy:contact")).content.decode()


def test_hidden_service_is_not_found(client: Client) -> None:
    hidden = ServiceFactory.create(visibility="team")

    assert client.get(contact(svc=hidden.ref)).status_code == 404
    assert client.get(contact(svc="svc_0000000000000000")).status_code == 404


def test_call_of_another_team_is_attached_and_not_shown(client: Client) -> None:
    call = a_call(ApplicationFactory.create(), path="/apis/secret/path")
    client.force_login(MembershipFactory.create().user)

    page = client.get(contact(ref=call.request_id)).content.decode()

    assert call.request_id in page
    assert "/apis/secret/path" not in page


@pytest.mark.parametrize("query", ["ref=x", "ref=req_1", "svc=%00", "svc=https://evil.example"])
def test_broken_ids_are_not_found(client: Client, query: str) -> None:
    assert client.get(reverse("proxy:contact") + f"?{query}").status_code == 404

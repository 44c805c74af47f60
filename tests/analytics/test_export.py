import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from analytics import export
from apipark import clock
from proxy.models import Call
from teams.models import Membership, Role
from tests.analytics.factories import CallFactory
from tests.teams.factories import ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db


def enter(client: Client, role: str = Role.OWNER) -> Membership:
    membership = MembershipFactory.create(role=role)
    client.force_login(membership.user)
    return membership


def exported(client: Client, **query: str) -> list[dict[str, str]]:
    answer: Any = client.get(reverse("analytics:call-export"), query)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_export_holds_the_filtered_calls_of_the_team(client: Client) -> None:
    team = enter(client).team
    application = ApplicationFactory.create(team=team, name="Field app")
    wanted = CallFactory.create(
        team=team.pk, application=application.pk, status=402, slug="quota-exceeded", currency="EUR", revenue_nano=1_500
    )
    CallFactory.create(team=team.pk)
    CallFactory.create(team=team.pk + 1, status=402)

    rows = exported(client, status="402")

    assert [row["request_id"] for row in rows] == [wanted.request_id]
    assert rows[0]["application"] == "Field app"
    assert rows[0]["time"].endswith("+00:00")
    assert (rows[0]["problem"], rows[0]["price"], rows[0]["currency"]) == ("quota-exceeded", "0.0000015", "EUR")


def test_export_hides_money_from_those_who_see_none(client: Client) -> None:
    CallFactory.create(team=enter(client, Role.DEVELOPER).team.pk, currency="EUR", revenue_nano=1)

    assert not {"price", "currency"} & set(exported(client)[0])


def test_export_leaves_no_formula_to_a_spreadsheet(client: Client) -> None:
    team = enter(client).team
    now = clock.now()
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "plain", 'say "hi", twice']
    for number, name in enumerate(names):
        application = ApplicationFactory.create(team=team, name=name)
        at = now - timedelta(seconds=number)
        CallFactory.create(team=team.pk, application=application.pk, method="=X()", at=at)

    rows = exported(client)

    assert [row["application"] for row in rows] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@SUM(A1)",
        "'\t=1",
        "plain",
        'say "hi", twice',
    ]
    assert {row["method"] for row in rows} == {"'=X()"}


def test_export_is_bounded(client: Client, settings: Settings) -> None:
    settings.PORTAL_EXPORT_CALLS = 2
    team = enter(client).team
    now = clock.now()
    calls = [CallFactory.create(team=team.pk, at=now - timedelta(seconds=number)) for number in range(3)]

    assert [row["request_id"] for row in exported(client)] == [calls[0].request_id, calls[1].request_id]


def test_export_reads_in_blocks(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    CallFactory.create_batch(501, team=1, application=1)

    # Two blocks with the names of their applications (no services, no models); a third is looked for.
    with django_assert_num_queries(5):
        blocks = list(export.blocks(Call.objects.filter(team=1), most=10_000, sees_money=True))

    assert [block.count("\r\n") for block in blocks] == [1, 500, 1]


@pytest.mark.parametrize("query", [{"nonsense": "1"}, {"status": "teapot"}])
def test_export_refuses_what_is_no_filter(client: Client, query: dict[str, str]) -> None:
    enter(client)

    assert client.get(reverse("analytics:call-export"), query).status_code == 400


@pytest.mark.django_db(transaction=True)
async def test_export_streams_under_asgi(async_client: AsyncClient) -> None:
    membership = await sync_to_async(MembershipFactory.create)()
    await sync_to_async(CallFactory.create)(team=membership.team_id, at=clock.now())
    await sync_to_async(async_client.force_login)(membership.user)

    answer: Any = await async_client.get(reverse("analytics:call-export"))
    parts = [part async for part in answer.streaming_content]

    assert answer.is_async
    assert [part.count(b"\r\n") for part in parts] == [1, 1]


@pytest.mark.django_db(transaction=True)
async def test_export_is_on_its_way_before_the_rows_are_read(async_client: AsyncClient) -> None:
    membership = await sync_to_async(MembershipFactory.create)()
    calls = await sync_to_async(CallFactory.create_batch)(501, team=membership.team_id, at=clock.now())
    await sync_to_async(async_client.force_login)(membership.user)

    answer: Any = await async_client.get(reverse("analytics:call-export"))
    sent = [await anext(answer.streaming_content) for _ in range(2)]
    await Call.objects.filter(pk__in=[call.pk for call in calls]).adelete()
    rest = [part async for part in answer.streaming_content]

    # The head and the newest 500; the one that was left had not been read when it went.
    assert ([part.count(b"\r\n") for part in sent], rest) == ([1, 500], [])

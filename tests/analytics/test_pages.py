from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analytics import explorer
from apipark import clock, money
from proxy.models import Call
from teams.models import Membership, Role
from tests.analytics.factories import CallFactory, CallRollupFactory
from tests.billing.factories import PlanVersionFactory, ServiceFactory, SubscriptionFactory
from tests.providers.factories import AiModelFactory
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, MembershipFactory

pytestmark = pytest.mark.django_db


def enter(client: Client, role: str = Role.OWNER) -> Membership:
    membership = MembershipFactory.create(role=role)
    client.force_login(membership.user)
    return membership


def test_home_leads_to_the_first_call(client: Client) -> None:
    team = enter(client).team
    ApiKeyFactory.create(application__team=team)

    page = client.get(reverse("analytics:home")).content.decode()

    assert "Make your first call" in page
    assert "<mark>YOUR_KEY</mark>" in page


def test_guide_can_be_skipped(client: Client) -> None:
    enter(client)

    page = client.get(reverse("analytics:home"), {"guide": "off"}).content.decode()

    assert "What needs you" in page


def test_home_shows_figures_and_refusals(client: Client) -> None:
    team = enter(client).team
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    CallRollupFactory.create(team=team.pk, start=hour, calls=1234)
    CallFactory.create(team=team.pk, status=402, slug="quota-exceeded", outcome=Call.Outcome.REFUSED)

    page = client.get(reverse("analytics:home")).content.decode()

    assert "1,234" in page
    assert "quota-exceeded" in page


def test_home_says_what_needs_somebody(client: Client) -> None:
    membership = enter(client)
    CallFactory.create(team=membership.team.pk)
    version = PlanVersionFactory.create(requires_method=True)
    SubscriptionFactory.create(team=membership.team, version=version)
    ApiKeyFactory.create(application__team=membership.team, name="ci", expires_at=clock.now() + timedelta(days=3))

    needs = client.get(reverse("analytics:home")).context["needs"]

    assert [need.title for need in needs] == [
        f"Calls of plan {version.plan} are refused",
        f"Key ci of {membership.team.applications.get()}",
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_home_costs_the_same_for_any_number_of_subscriptions(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    for _row in range(rows):
        SubscriptionFactory.create(team=team, version=PlanVersionFactory.create(limits={"calls": 100}))
    CallFactory.create_batch(rows, team=team.pk, status=402)

    with django_assert_max_num_queries(25):
        client.get(reverse("analytics:home"))


@pytest.mark.parametrize("rows", [1, 3])
def test_call_list_costs_the_same_for_any_length(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    for application in ApplicationFactory.create_batch(rows, team=team):
        CallFactory.create(team=team.pk, application=application.pk)

    # Session, person, memberships, services, calls, names of applications (no models here), applications, causes;
    # sums and latencies of the histogram.
    with django_assert_num_queries(10):
        answer = client.get(reverse("analytics:call-list"))

    assert answer.content.count(b'<td class="when">') == rows


def test_calls_are_filtered(client: Client) -> None:
    team = enter(client).team
    application = ApplicationFactory.create(team=team)
    wanted = CallFactory.create(
        team=team.pk, application=application.pk, status=402, slug="quota-exceeded", path="/apis/weather/x"
    )
    CallFactory.create(team=team.pk, application=application.pk, path="/apis/maps/y")
    CallFactory.create(team=team.pk, status=503)
    old = CallFactory.create(team=team.pk, at=clock.now() - timedelta(days=2), status=429)

    def shown(**query: str) -> set[str]:
        page = client.get(reverse("analytics:call-list"), query).context["page"]
        return {row.call.request_id for row in page.rows}

    assert shown(status="402") == shown(slug="quota-exceeded") == shown(q="weather") == {wanted.request_id}
    assert shown(status="4xx") == {wanted.request_id, old.request_id}
    assert shown(status="4xx", range="24h") == {wanted.request_id}
    assert shown(q=old.request_id) == {old.request_id}
    assert len(shown(application=application.ref)) == 2
    assert shown(application=application.ref, status="402", range="1h") == {wanted.request_id}


def test_calls_over_time_follow_the_filters(client: Client) -> None:
    team = enter(client).team
    application = ApplicationFactory.create(team=team)
    CallFactory.create(team=team.pk)
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for number, calls in ((0, 5), (application.pk, 7)):
        CallRollupFactory.create(
            team=team.pk, application=number, start=hour, calls=calls, status_2xx=calls - 2, status_402=2
        )

    def drawn(**query: str) -> list[list[tuple[str, str]]]:
        context = client.get(reverse("analytics:call-list"), query).context
        return [[(each.label, each.total) for each in chart.series if each.total != "0"] for chart in context["charts"]]

    assert drawn(range="24h") == [[("Answered", "8")], [("Refused, 402", "4")]]
    assert drawn(range="24h", application=application.ref) == [[("Answered", "5")], [("Refused, 402", "2")]]
    assert drawn(range="24h", status="402") == [[("Refused, 402", "4")]]
    # Roll-ups do not know these: no chart rather than a wrong one.
    for query in ({"slug": "quota-exceeded"}, {"q": "weather"}, {"status": "404"}):
        assert "charts" not in client.get(reverse("analytics:call-list"), query).context


def test_calls_are_read_in_pages(client: Client) -> None:
    team = enter(client).team
    now = clock.now()
    for number in range(explorer.PAGE + 2):
        CallFactory.create(team=team.pk, at=now - timedelta(seconds=number))

    url = reverse("analytics:call-list")
    first = client.get(url).context["page"]
    second = client.get(url, {"before": first.older}).context["page"]
    back = client.get(url, {"after": second.newer}).context["page"]

    assert (len(first.rows), len(second.rows)) == (explorer.PAGE, 2)
    assert (first.newer, second.older) == ("", "")
    assert [row.call.id for row in back.rows] == [row.call.id for row in first.rows]


@pytest.mark.parametrize(
    "query",
    [
        {"color": "red"},
        {"status": "6xx"},
        {"status": "4"},
        {"application": "app_nonsense"},
        {"range": "8d"},
        {"slug": "<script>"},
        {"before": "req_short"},
        {"after": "x" * 5000},
    ],
)
def test_calls_refuse_what_is_no_filter(client: Client, query: dict[str, str]) -> None:
    enter(client)

    answer = client.get(reverse("analytics:call-list"), query)

    assert answer.status_code == 400
    assert "These filters cannot be used" in answer.content.decode()


def test_another_teams_application_is_no_filter(client: Client) -> None:
    enter(client)
    application = ApplicationFactory.create()

    answer = client.get(reverse("analytics:call-list"), {"application": application.ref})

    assert answer.status_code == 400
    assert application.name not in answer.content.decode()


def test_another_teams_calls_are_not_shown(client: Client) -> None:
    membership = enter(client)
    own = CallFactory.create(team=membership.team.pk)
    other = CallFactory.create(team=MembershipFactory.create().team.pk)

    page = client.get(reverse("analytics:call-list")).content.decode()

    assert own.request_id in page
    assert other.request_id not in page
    assert client.get(reverse("analytics:call-detail", args=[other.request_id])).status_code == 404


@pytest.mark.parametrize("request_id", ["req_x", "req_" + "7" * 26, "nonsense"])
def test_call_that_is_not_there(client: Client, request_id: str) -> None:
    enter(client)

    assert client.get(reverse("analytics:call-detail", args=[request_id])).status_code == 404


@pytest.mark.parametrize(("role", "sees"), [(Role.BILLING, True), (Role.DEVELOPER, False)])
def test_price_of_a_call_is_shown_to_those_who_see_money(client: Client, role: str, *, sees: bool) -> None:
    team = enter(client, role).team
    call = CallFactory.create(team=team.pk, currency="USD", revenue_nano=12_345_000, cost_nano=11_111_000)

    pages = [
        client.get(url).content.decode()
        for url in (reverse("analytics:call-list"), reverse("analytics:call-detail", args=[call.request_id]))
    ]

    assert [("$0.012345" in page) for page in pages] == [sees, sees]
    # What it cost the operator is nobody's business here.
    assert not any("0.011111" in page or "11111000" in page for page in pages)


def test_refused_call_says_why_and_what_it_asked_for(client: Client) -> None:
    team = enter(client).team
    call = CallFactory.create(
        team=team.pk,
        status=402,
        slug="quota-exceeded",
        outcome=Call.Outcome.REFUSED,
        asked={"units": {"calls": 1, "bytes": 2_000, "spend": 140_000}},
        first_byte_ms=None,
    )

    page = client.get(reverse("analytics:call-detail", args=[call.request_id])).content.decode()

    assert "Nothing was sent on" in page
    assert "Plan quota used up" in page
    assert "<dt>Calls, asked for</dt><dd>1</dd>" in page
    assert "<dt>Data volume, asked for</dt><dd>2 KB</dd>" in page
    assert "<dd>$0.000140</dd>" in page


def test_call_page_tells_of_attempts_changes_and_usage_but_not_of_our_keys(client: Client) -> None:
    team = enter(client).team
    first, second = (
        {"provider": name, "key": 8, "label": "our-key", "model": 2, "name": "gpt-nano", "status": status, "at": at}
        for name, status, at in (("North", 401, 4), ("South", 200, 300))
    )
    call = CallFactory.create(
        team=team.pk,
        attempts=[
            {**first, "ms": 90, "why": "key", "said": "no such key: sk-7f3"},
            {**second, "ms": 500, "why": "", "said": ""},
        ],
        report={"dropped": ["logit_bias"]},
        usage={"input_text": 1_200, "output_reasoning": 77},
        usage_source="provider",
        cost_nano=31_337_000,
    )

    page = client.get(reverse("analytics:call-detail", args=[call.request_id])).content.decode()

    assert page.index("1. North") < page.index("2. South")
    assert "Not available" in page
    assert "<dd><code>logit_bias</code></dd>" in page
    assert "<dt>Input</dt><dd>1,200</dd>" in page
    assert "<dt>Reasoning</dt><dd>77</dd>" in page
    assert not any(secret in page for secret in ("our-key", "sk-7f3", "0.031337"))


def test_usage_shows_the_range_with_its_tables(client: Client) -> None:
    membership = enter(client)
    application = ApplicationFactory.create(team=membership.team)
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    CallRollupFactory.create(
        team=membership.team.pk,
        application=application.pk,
        start=hour,
        calls=4321,
        status_402=5,
        refused_exceeded_limits=5,
        currency="USD",
        revenue_nano=7 * money.NANO,
    )

    page = client.get(reverse("analytics:usage"), {"range": "24h"}).content.decode()

    assert "4,321" in page
    assert application.name in page
    assert "Limits of plan or cap used up" in page
    assert "$7.00" in page


def test_usage_tells_what_each_part_cost(client: Client) -> None:
    team = enter(client).team
    key = ApiKeyFactory.create(application__team=team, name="ci-key")
    service, model = ServiceFactory.create(name="Weather"), AiModelFactory.create(name="gpt-nano")
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    parts = {"application": key.application_id, "api_key": key.pk, "service": service.pk, "ai_model": model.pk}
    CallRollupFactory.create(
        team=team.pk, start=hour, calls=3, currency=team.currency, revenue_nano=7 * money.NANO, **parts
    )
    CallRollupFactory.create(
        team=team.pk, start=hour, calls=1, currency=team.currency, revenue_nano=2 * money.NANO, api_key=key.pk
    )

    context = client.get(reverse("analytics:usage"), {"range": "24h"}).context

    assert {top.name: [(part.row.name, spent) for part, spent in top.rows] for top in context["tops"]} == {
        "Application": [(key.application.name, "$7.00")],
        "Model": [("gpt-nano", "$7.00")],
        "Service": [("Weather", "$7.00")],
        "Key": [("ci-key", "$9.00")],
    }
    assert context["spend"].series[0].values[-1] == 9 * money.NANO


def test_usage_hides_spend_from_those_who_see_no_money(client: Client) -> None:
    team = enter(client, Role.DEVELOPER).team
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    application = ApplicationFactory.create(team=team)
    CallRollupFactory.create(
        team=team.pk,
        application=application.pk,
        start=hour,
        calls=3,
        currency=team.currency,
        revenue_nano=7 * money.NANO,
    )

    answer = client.get(reverse("analytics:usage"))

    assert application.name in answer.content.decode()
    assert "Spend" not in [figure.name for figure in answer.context["figures"]]
    assert "$7.00" not in answer.content.decode()


def test_usage_of_a_subscription_shows_its_allowances(client: Client) -> None:
    membership = enter(client)
    SubscriptionFactory.create(team=membership.team, version=PlanVersionFactory.create(limits={"tokens": 5}))
    wanted = SubscriptionFactory.create(team=membership.team, version=PlanVersionFactory.create(limits={"calls": 4567}))

    page = client.get(reverse("analytics:usage"), {"sub": wanted.ref}).content.decode()

    assert "4,567" in page


@pytest.mark.parametrize("rows", [1, 3])
def test_usage_costs_the_same_for_any_number_of_applications(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for application in ApplicationFactory.create_batch(rows, team=team):
        CallRollupFactory.create(team=team.pk, application=application.pk, start=hour, calls=1)

    # Session, person, memberships; sums, latencies; subscription; applications, services; subscriptions; tops of applications (two), models, services, keys.
    with django_assert_num_queries(14):
        client.get(reverse("analytics:usage"))


def test_usage_refuses_an_unknown_range(client: Client) -> None:
    enter(client)

    assert client.get(reverse("analytics:usage"), {"range": "1y"}).status_code == 400


@pytest.mark.parametrize("parameter", ["application", "sub"])
def test_usage_of_another_team_is_not_there(client: Client, parameter: str) -> None:
    enter(client)
    row = ApplicationFactory.create() if parameter == "application" else SubscriptionFactory.create()

    assert client.get(reverse("analytics:usage"), {parameter: row.ref}).status_code == 404


def test_first_call_shows_the_subscribed_service(client: Client) -> None:
    membership = enter(client)
    service = ServiceFactory.create(slug="weather")
    service.versions.create(number=1, state="published", upstream_url="https://example.org")
    version = PlanVersionFactory.create()
    version.plan.services.set([service])
    SubscriptionFactory.create(team=membership.team, version=version)

    page = client.get(reverse("analytics:home")).content.decode()

    assert "/apis/weather/" in page

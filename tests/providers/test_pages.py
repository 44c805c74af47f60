import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from billing.models import Plan
from providers.models import AiModel, Provider, Service, VersionState
from teams.models import Membership
from tests.billing.factories import PlanVersionFactory, ServiceFactory
from tests.teams.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


def enter(client: Client) -> Membership:
    membership = MembershipFactory.create()
    client.force_login(membership.user)
    return membership


def published(**fields: object) -> Service:
    service = ServiceFactory.create(**fields)
    service.versions.create(number=1, state=VersionState.PUBLISHED, upstream_url="https://example.org")
    return service


@pytest.mark.parametrize("rows", [1, 3])
def test_service_list_costs_the_same_for_any_length(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    enter(client)
    for _row in range(rows):
        published()

    # Session, person, memberships, count, services, categories.
    with django_assert_num_queries(6):
        answer = client.get(reverse("providers:service-list"))

    assert answer.content.count(b'<li class="tile">') == rows


def test_services_are_searched_by_model_kind_and_category(client: Client) -> None:
    enter(client)
    ai = published(name="Models", kind=Service.Kind.AI, category="Language")
    rest = published(name="Weather", summary="Rain and sun", category="Geo")
    model = AiModel.objects.create(
        provider=Provider.objects.create(name="P", slug="p", base_url="https://example.org/v1"),
        name="gpt-nano",
        upstream_name="gpt-nano",
    )
    ai.versions.get().ai_models.add(model)

    def found(**query: str) -> list[Service]:
        return list(client.get(reverse("providers:service-list"), query).context["page"].object_list)

    assert found(q="nano") == found(kind="ai") == found(category="Language") == [ai]
    assert found(q="rain geo") == [rest]
    assert found(q="rain", kind="ai") == []


@pytest.mark.parametrize("query", [{"kind": "soap"}, {"colour": "red"}, {"q": "x" * 101}])
def test_service_list_refuses_what_is_no_filter(client: Client, query: dict[str, str]) -> None:
    enter(client)

    assert client.get(reverse("providers:service-list"), query).status_code == 400


def test_empty_search_offers_a_way_out(client: Client) -> None:
    enter(client)

    page = client.get(reverse("providers:service-list"), {"q": "nothing"}).content.decode()

    assert "Search without filters" in page


def test_hidden_services_are_seen_by_their_own_team_only(client: Client) -> None:
    membership = enter(client)
    own = ServiceFactory.create(team=membership.team, visibility=Service.Visibility.TEAM)
    hidden = published(visibility=Service.Visibility.TEAM)
    draft = ServiceFactory.create()

    assert list(client.get(reverse("providers:service-list")).context["page"].object_list) == [own]
    statuses = [
        client.get(reverse(name, args=[service.slug])).status_code
        for service in (own, hidden, draft)
        for name in ("providers:service-detail", "billing:service-plans")
    ]
    assert statuses == [200, 200, 404, 404, 404, 404]


def test_service_page_has_code_and_versions(client: Client) -> None:
    enter(client)
    service = published(slug="weather")
    service.versions.create(number=2, state=VersionState.DRAFT)

    answer = client.get(reverse("providers:service-detail", args=["weather"]))

    assert "/apis/weather/" in answer.content.decode()
    assert [version.number for version in answer.context["versions"]] == [1]


def test_catalogue_is_open_to_people_without_a_team(client: Client) -> None:
    service = published()
    client.force_login(UserFactory.create())

    names = ["providers:service-detail", "billing:service-plans"]
    statuses = [client.get(reverse(name, args=[service.slug])).status_code for name in names]

    assert [client.get(reverse("providers:service-list")).status_code, *statuses] == [200, 200, 200]


def test_looking_at_a_service_does_not_change_the_team(client: Client) -> None:
    membership = enter(client)
    publisher = MembershipFactory.create(user=membership.user, team__name="ZZ Publisher")
    service = published(team=publisher.team)

    page = client.get(reverse("providers:service-detail", args=[service.slug]))

    assert page.context["portal"].team == membership.team


@pytest.mark.parametrize("rows", [1, 3])
def test_prices_of_many_services_cost_the_same(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    enter(client)
    services = [published() for _row in range(rows)]
    for service in services:
        _offer(service, price_minor=900)
        _offer(service, price_minor=1900)

    # Session, person, memberships, services, versions, limits, models, services of the plans.
    with django_assert_num_queries(8):
        answer = client.get(reverse("billing:prices"), {"service": [service.slug for service in services]})

    assert answer.content.count(b"from $9.00 a month") == rows


def _offer(service: Service, price_minor: int) -> Plan:
    version = PlanVersionFactory.create(price_minor=price_minor)
    version.plan.services.set([service])
    return version.plan

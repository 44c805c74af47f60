from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analytics import model_health
from apipark import clock
from providers import price_book
from providers.models import AiModel, Alias, FallbackTarget, Provider, ProviderKey, Service, VersionState
from teams.models import Team
from tests.analytics.factories import CallRollupFactory
from tests.analytics.test_pages import enter
from tests.billing.factories import PlanFactory, PlanVersionFactory, ServiceFactory, SubscriptionFactory
from tests.providers.factories import AiModelFactory, ProviderFactory, ProviderKeyFactory
from tests.proxy.factories import published

pytestmark = pytest.mark.django_db


def offer(*models: AiModel, **fields: object) -> Service:
    service = published(ServiceFactory.create(kind=Service.Kind.AI, **fields))
    service.versions.get().ai_models.set(models)
    return service


def subscribe(team: Team, service: Service) -> None:
    version = PlanVersionFactory.create(plan=PlanFactory.create(name="Starter", services=[service]))
    SubscriptionFactory.create(team=team, version=version)


def names(client: Client, **query: str) -> list[str]:
    rows = client.get(reverse("analytics:model-list"), query).context["rows"]
    return [row.model.name for row, _health, _capabilities in rows]


def an_alias(name: str, *models: AiModel) -> Alias:
    alias = Alias.objects.create(name=name)
    for position, model in enumerate(models, start=1):
        FallbackTarget.objects.create(alias=alias, position=position, model=model)
    return alias


# The list ------------------------------------------------------------------------------------------------------------
def test_list_tells_of_models_their_plans_and_prices(client: Client) -> None:
    team = enter(client).team
    model = AiModelFactory.create(name="gpt-nano", context_tokens=128_000, tools=True)
    price_book.add(model, {"input_text": 150_000_000, "output_text": 600_000_000})
    service = offer(model)
    subscribe(team, service)
    other = AiModelFactory.create(name="gpt-large")
    PlanVersionFactory.create(plan=PlanFactory.create(name="Pro", services=[offer(other)]))

    page = client.get(reverse("analytics:model-list")).content.decode()

    assert page.index("gpt-large") < page.index("gpt-nano")
    assert "in plan Pro" in page
    assert "Starter" in page
    assert "Input $0.15" in page
    assert "Output $0.60" in page
    assert "128 K" in page
    assert "not known" in page
    assert "No plan of this team lets a model pass yet" not in page


def test_list_without_plans_says_so_and_without_models_leads_to_services(client: Client) -> None:
    enter(client)
    url = reverse("analytics:model-list")

    empty = client.get(url).content.decode()
    offer(AiModelFactory.create())
    full = client.get(url).content.decode()

    assert "No models yet" in empty
    assert f'href="{reverse("providers:service-list")}"' in empty.partition("No models yet")[2]
    assert "No plan of this team lets a model pass yet" in full


def test_list_is_filtered(client: Client) -> None:
    team = enter(client).team
    north, south = (
        ProviderFactory.create(name="North", slug="north"),
        ProviderFactory.create(name="South", slug="south"),
    )
    own = AiModelFactory.create(name="chat-nano", provider=north, tools=True, inputs=["text", "image"])
    other = AiModelFactory.create(name="embed-large", provider=south, kind="embedding", efforts=["low"])
    plain = AiModelFactory.create(name="chat-plain", provider=south, json_schema=True, thinking="budget")
    subscribe(team, offer(own))
    offer(other, plain)
    an_alias("favourite", own)

    assert names(client) == ["chat-nano", "chat-plain", "embed-large"]
    assert names(client, kind="embedding") == ["embed-large"]
    assert names(client, vendor="south", kind="chat") == ["chat-plain"]
    assert names(client, q="CHAT south") == ["chat-plain"]
    assert names(client, q="favour") == ["chat-nano"]
    assert names(client, capability="tools") == names(client, capability="image") == ["chat-nano"]
    assert names(client, capability="json") == ["chat-plain"]
    assert names(client, capability="reasoning") == ["chat-plain", "embed-large"]
    assert names(client, capability="audio") == []
    assert names(client, plan="own") == ["chat-nano"]
    assert names(client, plan="other") == ["chat-plain", "embed-large"]


@pytest.mark.parametrize("query", [{"nonsense": "1"}, {"kind": "nonsense"}, {"plan": "nonsense"}, {"q": "x" * 101}])
def test_list_refuses_what_is_no_filter(client: Client, query: dict[str, str]) -> None:
    enter(client)
    offer(AiModelFactory.create())

    answer = client.get(reverse("analytics:model-list"), query)

    assert (answer.status_code, answer.context["rows"]) == (400, [])


@pytest.mark.parametrize("rows", [1, 3])
def test_list_costs_the_same_for_any_length(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries, rows: int
) -> None:
    team = enter(client).team
    for model in AiModelFactory.create_batch(rows):
        subscribe(team, offer(model))
        an_alias(f"alias-{model.name}", model)

    with django_assert_max_num_queries(34):
        found = names(client)

    assert len(found) == rows


# Who sees what -------------------------------------------------------------------------------------------------------
def test_models_of_anothers_service_and_of_old_versions_are_not_there(client: Client) -> None:
    enter(client)
    shown, hidden, old, off = AiModelFactory.create_batch(4)
    offer(hidden, visibility=Service.Visibility.TEAM)
    service = offer(old, off)
    service.versions.update(state=VersionState.DEPRECATED)
    service.versions.create(number=2, state=VersionState.PUBLISHED).ai_models.set([shown, off])
    AiModel.objects.filter(pk=off.pk).update(state=AiModel.State.OFF)

    assert names(client) == [shown.name]
    for model, status in ((shown, 200), (hidden, 404), (old, 404), (off, 404)):
        assert client.get(reverse("analytics:model-detail", args=[model.ref])).status_code == status


def test_alias_tells_only_of_targets_that_the_team_may_know(client: Client) -> None:
    enter(client)
    shown, hidden = AiModelFactory.create(name="shown"), AiModelFactory.create(name="hidden-one")
    offer(shown)
    offer(hidden, visibility=Service.Visibility.TEAM)
    first = an_alias("open", shown, hidden)
    an_alias("closed", hidden, shown)

    answer = client.get(reverse("analytics:model-list"))

    assert answer.context["aliases"] == [(first, [shown])]
    assert "hidden-one" not in answer.content.decode()


# One model -----------------------------------------------------------------------------------------------------------
def test_page_of_a_model_has_code_for_each_dialect_and_its_aliases(client: Client) -> None:
    team = enter(client).team
    model = AiModelFactory.create(name="gpt-nano", retires_on="2030-03-01")
    subscribe(team, offer(model))
    an_alias("chat-default", model)

    answer = client.get(reverse("analytics:model-detail", args=[model.ref]))

    page = answer.content.decode()
    assert [dialect for dialect, _code in answer.context["snippets"]] == ["OpenAI", "Anthropic", "Gemini"]
    assert all(
        "gpt-nano" in code and "YOUR_KEY" in code and "/v1" in codes[0][1]
        for _dialect, codes in answer.context["snippets"]
        for _language, code in codes
    )
    assert "<code>chat-default</code>" in page
    assert "This model ends on 1 Mar 2030" in page
    assert "answers for calls" in page


# Health --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("calls", "failed", "words"),
    [
        (0, 0, "Not called lately"),
        (9, 9, "Not called lately"),
        (9, 1, "Works"),
        (100, 4, "Works"),
        (100, 5, "Some calls fail"),
        (100, 50, "Most calls fail"),
    ],
)
def test_health_is_told_by_the_last_hours_calls(calls: int, failed: int, words: str) -> None:
    model, now = AiModelFactory.create(), clock.now().replace(second=0, microsecond=0)
    for minute, status_5xx in ((now, failed), (now - timedelta(hours=2), calls)):
        CallRollupFactory.create(
            team=1, size="minute", start=minute, ai_model=model.pk, calls=calls, status_5xx=status_5xx
        )

    assert model_health.of_models([model], clock.now())[model.pk].words == words


def test_health_knows_of_switches_and_keys() -> None:
    off = AiModelFactory.create(provider__state=Provider.State.OFF)
    keyless, keyed, local = AiModelFactory.create_batch(3)
    for model, states in ((keyless, ("invalid", "exhausted")), (keyed, ("invalid", "active"))):
        for state in states:
            ProviderKeyFactory.create(provider=model.provider, state=ProviderKey.State(state))

    found = model_health.of_models([off, keyless, keyed, local], clock.now())

    assert [found[model.pk].words for model in (off, keyless, keyed, local)] == [
        "Switched off",
        "Not available",
        "Not called lately",
        "Not called lately",
    ]

"""Verbs of the console over providers, keys and models. What all verbs share is tested in tests/apipark/test_admin.py."""

import json
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from apipark.models import Change
from providers.models import AiModel, Provider, ProviderKey, ServiceVersion, VersionState
from teams.models import AuditEvent, User
from tests.fakes.http import answer, saying, serving
from tests.providers.factories import SECRET, AiModelFactory, ProviderFactory, ProviderKeyFactory, ServiceVersionFactory
from tests.teams.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.apipark.console_urls")]
REASON = "asked for by phone"
OWNED = {"state", "state_reason", "state_since", "sealed", "last_four", "probed_at", "probe_trouble", "probe_models"}


@pytest.fixture
def operator(client: Client) -> User:
    user = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def verb_url(row: Model, verb: str) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_verb"
    return f"{reverse(name, args=[verb])}?id={row.pk}"


def do(client: Client, row: Model, verb: str, **answers: object) -> Any:
    return client.post(verb_url(row, verb), {"reason": REASON, **answers}, follow=True)


def messages(page: Any) -> list[tuple[str, str]]:
    return [(message.level_tag, str(message)) for message in page.context["messages"]]


def test_test_says_what_it_found(client: Client, operator: User, settings: Settings) -> None:
    listed = json.dumps({"data": [{"id": "gpt-nano"}]}).encode()
    with serving(saying(answer(listed))) as server:
        settings.GATEWAY_ALLOWED_ADDRESSES = [server.pair]
        key = ProviderKeyFactory.create(provider__base_url=f"http://{server.pair}/v1")
        page = do(client, key, "test")

    [(level, text)] = messages(page)
    assert level == "success"
    assert text.startswith(
        "Address: reached. Key: not proved, since the list is open to everybody. Models: 1 found (gpt-nano)."
    )
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.reason, event.address) == (
        "providerkey.tested", operator, REASON, "127.0.0.1",
    )  # fmt: skip
    assert event.after == {"verdict": text}


def test_test_that_fails_is_an_error_kept_and_shown(client: Client, operator: User, settings: Settings) -> None:
    with serving(saying(answer(b"", 401))) as server:
        settings.GATEWAY_ALLOWED_ADDRESSES = [server.pair]
        key = ProviderKeyFactory.create(provider__base_url=f"http://{server.pair}/v1")
        page = do(client, key, "test")

    [(level, text)] = messages(page)
    assert level == "error"
    assert "the provider does not know this key (401)" in text
    assert SECRET not in page.content.decode()
    assert ProviderKey.objects.get().state == ProviderKey.State.INVALID
    assert "Failed" in page.content.decode()
    home = client.get(reverse("admin:index"))
    assert [need.title for need in home.context["needs"] if need.icon == "key-round"] == [
        f"{key.provider} refuses the key {key.name}"
    ]


@pytest.mark.parametrize("factory", [ProviderFactory, AiModelFactory])
def test_provider_and_model_are_switched_with_a_reason(client: Client, operator: User, factory: Any) -> None:
    row: Provider | AiModel = factory.create()

    page = do(client, row, "disable", reason="")
    assert page.context["form"].errors == {"reason": ["This field is required."]}
    do(client, row, "disable")
    off = type(row).objects.get(pk=row.pk)
    do(client, row, "enable")

    row.refresh_from_db()
    assert (off.state, off.state_reason) == ("off", REASON)
    assert (row.state, row.state_reason) == ("on", "")
    assert row.state_since > off.state_since
    kind = row._meta.model_name
    assert list(AuditEvent.objects.order_by("number").values_list("action", "actor", "reason", "before", "after")) == [
        (f"{kind}.disabled", operator.pk, REASON, {"state": "on"}, {"state": "off"}),
        (f"{kind}.enabled", operator.pk, REASON, {"state": "off"}, {"state": "on"}),
    ]
    assert Change.objects.filter(kind="catalogue").count() == 2


def test_switching_to_what_is_already_so_is_hindered(client: Client, operator: User) -> None:
    provider = ProviderFactory.create()

    page = client.get(verb_url(provider, "enable"))
    do(client, provider, "enable")

    assert [why for _row, why in page.context["hindered"]] == ["is on already"]
    assert not AuditEvent.objects.exists()


def test_disabling_says_which_services_it_hits(client: Client, operator: User) -> None:
    model = AiModelFactory.create()
    offered = ServiceVersionFactory.create(state=VersionState.PUBLISHED, service__name="Chat for all")
    retired = ServiceVersionFactory.create(state=VersionState.RETIRED, service__name="Old chat")
    for version in (offered, retired):
        version.ai_models.add(model)

    for row in (model, model.provider):
        assert "1 service offers them: Chat for all." in client.get(verb_url(row, "disable")).context["shared"]


def test_no_form_of_the_console_edits_what_a_verb_owns(operator: User) -> None:
    request = RequestFactory().get("/")
    request.user = operator
    rows: list[Model] = [
        ProviderFactory.create(),
        ProviderKeyFactory.create(),
        AiModelFactory.create(),
        ServiceVersionFactory.create(),
    ]

    for row in rows:
        model_admin = admin.site._registry[type(row)]
        for shown in (row, None):
            fields = set(model_admin.get_form(request, shown, change=shown is not None).base_fields)
            assert fields
            assert fields & OWNED == set(), row


def test_state_in_a_forged_form_changes_nothing(client: Client, operator: User) -> None:
    model = AiModelFactory.create()
    inlines = {f"{name}-{what}_FORMS": 0 for name in ("prices", "prices-2") for what in ("TOTAL", "INITIAL")}
    form = {"name": "renamed", "provider": model.provider_id, "upstream_name": "m", "kind": "chat", "state": "off"}

    client.post(reverse("admin:providers_aimodel_change", args=[model.pk]), form | inlines)

    model.refresh_from_db()
    assert (model.name, model.state) == ("renamed", AiModel.State.ON)


@pytest.mark.parametrize("secret", ["sk 1", "sk-ключ"])
def test_secret_that_fits_no_header_is_told_in_the_form(client: Client, operator: User, secret: str) -> None:
    form = {"provider": ProviderFactory.create().pk, "name": "k", "priority": 1, "weight": 100, "secret": secret}

    page = client.post(reverse("admin:providers_providerkey_add"), form)

    assert list(page.context["adminform"].form.errors) == ["secret"]
    assert not ProviderKey.objects.exists()


def test_retired_version_keeps_its_verbs_to_itself(client: Client, operator: User) -> None:
    version = ServiceVersionFactory.create(state=VersionState.RETIRED)

    for verb in ("publish", "deprecate", "retire"):
        do(client, version, verb)

    assert ServiceVersion.objects.get().state == VersionState.RETIRED
    assert not AuditEvent.objects.exists()

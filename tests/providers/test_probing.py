"""Testing a connection against a real server: what is told, what is kept, what becomes of the key."""

import json
import socket
import time
from datetime import timedelta

import pytest
from pytest_django import Settings

from apipark import clock
from apipark.models import Change
from providers import needs, probing, profiles, secrets
from providers.models import AiModel, Door, Provider, ProviderKey, WithheldModel
from providers.tasks import probe
from teams.models import AuditEvent
from tests.fakes.http import Server, Speak, answer, saying, serving
from tests.providers.factories import SECRET, AiModelFactory, ProviderFactory, ProviderKeyFactory
from tests.teams.factories import UserFactory

pytestmark = pytest.mark.django_db

MODELS = answer(json.dumps({"object": "list", "data": [{"id": "gpt-nano"}, {"id": "gpt-large"}]}).encode())
REFUSAL = answer(b'{"error": {"message": "Incorrect API key provided."}}', 401)
ACTIVE, REFUSED, OFF = ProviderKey.State.ACTIVE, ProviderKey.State.INVALID, ProviderKey.State.DISABLED
POOR = ProviderKey.State.EXHAUSTED


def keyed(listed: bytes = MODELS) -> Speak:
    """Shows its list to whoever has the key."""

    def speak(request: bytes, connection: socket.socket) -> None:
        connection.sendall(listed if f"Bearer {SECRET}\r\n".encode() in request else REFUSAL)

    return speak


def a_key(server: Server, settings: Settings, **fields: object) -> ProviderKey:
    settings.GATEWAY_ALLOWED_ADDRESSES = [server.pair]
    return ProviderKeyFactory.create(provider__base_url=f"http://{server.pair}/v1", **fields)


def checked(key: ProviderKey) -> probing.Verdict:
    verdict = probing.check(key, actor=None, reason="to see")
    key.refresh_from_db()
    return verdict


def test_good_connection_names_each_step_and_the_models(settings: Settings) -> None:
    with serving(keyed()) as server:
        key = a_key(server, settings)
        verdict = checked(key)

    assert (verdict.address.ok, verdict.credentials.ok, verdict.models.ok) == (True, True, True)
    assert verdict.names == ("gpt-nano", "gpt-large")
    assert str(verdict) == (
        f"Address: reached. Key: accepted. Models: 2 found (gpt-nano, gpt-large). Took {verdict.took_ms} ms."
    )
    assert server.requests[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert "authorization" not in server.headers(1)
    assert (key.state, key.probe_trouble, key.probe_models, key.probe_ms) == (ACTIVE, "", 2, verdict.took_ms)
    assert key.probed_at is not None


def test_list_open_to_everybody_proves_no_key(settings: Settings) -> None:
    with serving(saying(MODELS)) as server:
        verdict = checked(a_key(server, settings))

    assert (verdict.credentials.ok, verdict.trouble, len(verdict.names)) == (None, "", 2)
    assert "not proved" in verdict.credentials.says


def test_unknown_key_goes_out_of_use_and_comes_back_when_it_is_taken(settings: Settings) -> None:
    with serving(saying(REFUSAL)) as server:
        key = a_key(server, settings)
        verdict = checked(key)
        refused, told = key.state, [need.detail for need in needs.refused_keys()]
        server.speak = keyed()
        checked(key)

    assert verdict.trouble == "the provider does not know this key (401); it says: “Incorrect API key provided”"
    assert refused == REFUSED
    assert told == [f"{verdict.trouble}; there is no other key: its models answer 503"]
    assert (key.state, key.state_reason) == (ACTIVE, "")
    actions = list(AuditEvent.objects.order_by("number").values_list("action", flat=True))
    assert actions == ["providerkey.tested", "providerkey.refused", "providerkey.tested", "providerkey.accepted"]
    assert Change.objects.filter(kind="catalogue").count() == 2


def test_key_that_is_off_stays_off(settings: Settings) -> None:
    with serving(keyed()) as server:
        key = a_key(server, settings, state=OFF)
        checked(key)
        server.speak = saying(REFUSAL)
        checked(key)

    assert key.state == OFF


@pytest.mark.parametrize(
    ("said", "step", "words"),
    [
        (answer(b"", 403), "credentials", "may not list models"),
        (answer(b"", 404), "models", "/v1"),
        (answer(b"", 429), "models", "asks to wait"),
        (answer(b"", 418), "models", "status 418"),
        (answer(b"", 302, location="http://127.0.0.1:1/"), "address", "redirects are not followed"),
        (answer(b"", 503), "address", "itself has failed (503)"),
        (answer(b"<html>"), "models", "not with a list"),
        (answer(b'{"data": 3}'), "models", "not with a list"),
        (answer(b'{"data": [{"id": 3}]}'), "models", "not with a list"),
        (answer(b"[]"), "models", "not with a list"),
        (answer(b"x" * 3_000), "address", "longer than 2000 bytes"),
        (b"", "address", "broke"),
    ],
)
def test_trouble_is_told_kept_and_leaves_the_key_in_use(settings: Settings, said: bytes, step: str, words: str) -> None:
    settings.GATEWAY_PROBE_MAX_BYTES = 2_000
    with serving(saying(said)) as server:
        key = a_key(server, settings)
        verdict = checked(key)

    assert getattr(verdict, step).ok is False
    assert words in verdict.trouble
    assert (key.state, key.probe_trouble, key.probe_models) == (ACTIVE, verdict.trouble, None)
    assert [need.detail for need in needs.failing_keys()] == [verdict.trouble]


def test_key_without_money_goes_out_of_use_and_comes_back_with_it(settings: Settings) -> None:
    with serving(saying(answer(b"", 402))) as server:
        key = a_key(server, settings)
        verdict = checked(key)
        poor, told = key.state, list(needs.refused_keys())
        server.speak = keyed()
        checked(key)

    assert (verdict.models.ok, verdict.trouble) == (False, "there is no money left at the provider (402)")
    assert (poor, key.state) == (POOR, ACTIVE)
    assert [need.title for need in told] == [f"{key.provider} has no money for the key {key.name}"]
    actions = list(AuditEvent.objects.order_by("number").values_list("action", flat=True))
    assert actions == ["providerkey.tested", "providerkey.exhausted", "providerkey.tested", "providerkey.accepted"]


def test_silent_provider_is_waited_for_no_longer_than_the_setting(settings: Settings) -> None:
    settings.GATEWAY_PROBE_TIMEOUT = timedelta(seconds=0.2)
    with serving(lambda _request, _connection: time.sleep(1)) as server:
        verdict = checked(a_key(server, settings))

    # Silence and the whole time have the same bound: whichever is noticed first.
    assert verdict.trouble in {"no answer in time", "the answer did not end within 0.2 s"}
    assert verdict.address.ok is False
    assert 200 <= verdict.took_ms < 1_000


def test_address_that_may_not_be_called_is_not(settings: Settings) -> None:
    with serving(keyed()) as server:
        key = a_key(server, settings)
        settings.GATEWAY_ALLOWED_ADDRESSES = []
        verdict = checked(key)

    assert "this machine itself" in verdict.trouble
    assert server.requests == []


def test_secret_of_another_host_is_not_sent(settings: Settings) -> None:
    with serving(keyed()) as server:
        key = a_key(server, settings)
        Provider.objects.update(base_url=f"http://localhost:{server.port}/v1")
        key = ProviderKey.objects.select_related("provider").get()
        verdict = checked(key)

    assert "other hosts" in verdict.trouble
    assert server.requests == []


def test_secret_that_the_provider_repeats_is_not_kept(settings: Settings) -> None:
    said = answer(json.dumps({"error": {"message": f"{SECRET} is wrong"}}).encode(), 401)
    with serving(saying(said)) as server:
        key = a_key(server, settings)
        verdict = checked(key)

    assert SECRET not in str(verdict)
    assert SECRET not in str(list(AuditEvent.objects.values())) + key.state_reason + key.probe_trouble


def test_each_dialect_is_asked_in_its_own_way_page_by_page(settings: Settings) -> None:
    first = answer(b'{"models": [{"name": "models/a"}], "nextPageToken": "x/y"}')
    second = answer(b'{"models": [{"name": "models/b"}]}')

    def speak(request: bytes, connection: socket.socket) -> None:
        connection.sendall(second if b"pageToken" in request else first)

    with serving(speak) as server:
        key = a_key(server, settings, provider__dialect="gemini", provider__vendor="custom")
        verdict = checked(key)

    assert verdict.names == ("a", "b")
    lines = [request.partition(b"\r\n")[0] for request in server.requests[:2]]
    assert lines == [
        b"GET /v1/models?pageSize=1000 HTTP/1.1",
        b"GET /v1/models?pageSize=1000&pageToken=x%2Fy HTTP/1.1",
    ]
    assert server.headers(0)["x-goog-api-key"] == SECRET
    assert "authorization" not in server.headers(0)


def test_list_that_comes_too_slowly_is_given_up(settings: Settings) -> None:
    settings.GATEWAY_PROBE_TIMEOUT = timedelta(seconds=0.3)

    def speak(_request: bytes, connection: socket.socket) -> None:
        time.sleep(0.2)
        connection.sendall(answer(b'{"models": [{"name": "models/a"}], "nextPageToken": "more"}'))

    with serving(speak) as server:
        verdict = checked(a_key(server, settings, provider__dialect="gemini"))

    assert (verdict.trouble, verdict.names) == ("the list did not end in time", ())
    assert len(server.requests) == 2


def test_one_token_is_asked_of_a_cheap_model_only_when_wanted(settings: Settings) -> None:
    said = b'{"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}'

    def speak(request: bytes, connection: socket.socket) -> None:
        connection.sendall(answer(said) if request.startswith(b"POST") else MODELS)

    with serving(speak) as server:
        profile = profiles.profile_of(a_key(server, settings).provider)
        unasked = probing.ask(profile, SECRET)
        sent_unasked = [request.split()[0] for request in server.requests]
        asked = probing.ask(profile, SECRET, one_token=True)
        server.speak = saying(MODELS)

    assert (unasked.answer, sent_unasked) == (None, [b"GET", b"GET"])
    assert asked.answer is not None
    assert asked.answer.ok is True
    assert asked.answer.says.startswith("gpt-nano answered after ")
    assert server.requests[-1].startswith(b"POST /v1/chat/completions ")


def test_models_that_a_person_s_test_finds_are_given_back_to_the_key(settings: Settings) -> None:
    with serving(keyed()) as server:
        key = a_key(server, settings)
        for name in ("gpt-nano", "unlisted"):
            model = AiModelFactory.create(provider=key.provider, name=name)
            WithheldModel.objects.create(key=key, model=model)
        probe()
        after_sweep = WithheldModel.objects.count()
        checked(key)

    assert (after_sweep, [withheld.model.name for withheld in WithheldModel.objects.all()]) == (2, ["unlisted"])


def test_verdict_on_an_address_replaced_meanwhile_is_dropped(settings: Settings) -> None:
    with serving(saying(REFUSAL)) as server:
        a_key(server, settings)
        key = ProviderKey.objects.select_related("provider").prefetch_related("provider__doors").get()
        Door.objects.create(provider_id=key.provider_id, dialect="anthropic", base_url=f"http://{server.pair}")
        checked(key)

    assert (key.state, key.probed_at) == (ACTIVE, None)


def test_verdict_on_a_secret_replaced_meanwhile_is_dropped(settings: Settings) -> None:
    with serving(saying(REFUSAL)) as server:
        key = a_key(server, settings)
        secrets.replace(ProviderKey.objects.get(), "sk-new", actor=None, reason="leaked")
        checked(key)

    assert (key.state, key.probed_at) == (ACTIVE, None)


# The sweep -----------------------------------------------------------------------------------------------------------
def test_task_probes_new_keys_once(settings: Settings) -> None:
    with serving(keyed()) as server:
        key = a_key(server, settings)
        probe()
        probe()

    key.refresh_from_db()
    assert key.probe_models == 2
    assert len(server.requests) == 2  # one turn: with the key, and without
    assert not AuditEvent.objects.exists()  # nothing has changed


def test_sweep_leaves_out_what_is_off_and_takes_the_longest_forgotten_first() -> None:
    now = clock.now()
    recent = ProviderKeyFactory.create(probed_at=now - timedelta(minutes=9))
    old = ProviderKeyFactory.create(probed_at=now - timedelta(minutes=11))
    older = ProviderKeyFactory.create(probed_at=now - timedelta(minutes=12))
    new = ProviderKeyFactory.create()
    ProviderKeyFactory.create(state=OFF)
    ProviderKeyFactory.create(provider__state=Provider.State.OFF)

    assert probing.due(now) == [new, older, old]
    assert recent in probing.due(now + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("refused_for", "pause"),
    [
        (timedelta(0), timedelta(minutes=10)),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=9), timedelta(hours=6)),
    ],
)
def test_refused_key_is_asked_ever_less_often(refused_for: timedelta, pause: timedelta) -> None:
    probed = clock.now()
    key = ProviderKeyFactory.create(state=REFUSED, state_since=probed - refused_for, probed_at=probed)

    assert probing.due(probed + pause - timedelta(seconds=1)) == []
    assert probing.due(probed + pause) == [key]


def test_sweep_stops_when_its_turn_is_over() -> None:
    ProviderKeyFactory.create()

    assert probing.sweep(clock.now(), until=lambda: True) == 0


def test_keys_of_a_provider_that_is_off_are_no_need() -> None:
    provider = ProviderFactory.create(state=Provider.State.OFF)
    ProviderKeyFactory.create(provider=provider, state=REFUSED)
    ProviderKeyFactory.create(provider=provider, probe_trouble="away")

    assert [*needs.refused_keys(), *needs.failing_keys()] == []


# Keys and switches ---------------------------------------------------------------------------------------------------
def test_person_who_tests_is_recorded(settings: Settings) -> None:
    person = UserFactory.create()
    with serving(keyed()) as server:
        verdict = probing.check(a_key(server, settings), actor=person, reason="to see", address="192.0.2.1")

    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.reason, event.address) == (
        "providerkey.tested", person, "to see", "192.0.2.1",
    )  # fmt: skip
    assert event.after == {"verdict": str(verdict)}


def test_models_stay_as_they_are(settings: Settings) -> None:
    """A probe lists; it neither makes models nor takes them away."""
    with serving(keyed()) as server:
        key = a_key(server, settings)
        AiModelFactory.create(provider=key.provider, name="mine")
        checked(key)

    assert [model.name for model in AiModel.objects.all()] == ["mine"]

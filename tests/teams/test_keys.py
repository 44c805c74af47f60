from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from apipark import clock
from apipark.models import Change
from teams import keys
from teams.models import ApiKey, AuditEvent, Environment
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, UserFactory

GOOD = "ap_live_" + "A" * 32


def a_key() -> str:
    return GOOD + keys._check(GOOD)


def test_parse_accepts_what_issue_makes() -> None:
    assert keys.parse(a_key())


@given(st.integers(0, 45), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-é "))
def test_parse_refuses_every_changed_character(place: int, character: str) -> None:
    text = a_key()
    changed = text[:place] + character + text[place + 1 :]

    assert keys.parse(changed) is (changed == text)


@given(st.text())
def test_parse_refuses_other_texts(text: str) -> None:
    assert not keys.parse(text)


@pytest.mark.django_db
@pytest.mark.parametrize("environment", Environment)
def test_issue_makes_a_key_that_is_found(environment: str) -> None:
    application = ApplicationFactory.create(environment=environment)

    issued = keys.issue(application, name="ci", actor=UserFactory.create(), networks=["192.0.2.7", "2001:db8::/32"])

    assert issued.secret.startswith(f"ap_{environment}_")
    assert len(issued.secret) == 46
    assert keys.find(issued.secret) == issued.key
    assert issued.key.networks == ["192.0.2.7/32", "2001:db8::/32"]
    assert (issued.key.prefix, issued.key.last_four) == (issued.secret[:12], issued.secret[-4:])


@pytest.mark.django_db
def test_secret_is_stored_nowhere() -> None:
    issued = keys.issue(ApplicationFactory.create(), name="ci", actor=None)

    stored = [str(row) for table in (ApiKey, AuditEvent) for row in table.objects.values()]

    assert not [text for text in stored if issued.secret in text]


@pytest.mark.django_db
def test_find_knows_no_other_key() -> None:
    ApiKeyFactory.create()

    assert keys.find(a_key()) is None
    assert keys.find("nonsense") is None


@pytest.mark.django_db
def test_issue_records_and_announces_in_one_go() -> None:
    actor = UserFactory.create()

    issued = keys.issue(ApplicationFactory.create(), name="ci", actor=actor, address="192.0.2.1")

    event = AuditEvent.objects.get()
    assert (event.action, event.object_ref, event.actor, event.address) == (
        "key.issued", issued.key.ref, actor, "192.0.2.1"
    )  # fmt: skip
    announced = set(Change.objects.values_list("kind", "object_id"))
    assert announced == {("consumer", issued.key.pk), ("application", issued.key.application_id)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"networks": ["example.org"]}, "networks"),
        ({"scopes": ["root"]}, "scopes"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
    ],
)
def test_issue_names_the_field_it_refuses(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        keys.issue(ApplicationFactory.create(), **{"name": "ci", "actor": None, **options})

    assert list(refused.value.message_dict) == [field]
    assert not ApiKey.objects.exists()


@pytest.mark.django_db
def test_issue_refuses_an_expiry_in_the_past() -> None:
    with pytest.raises(ValidationError):
        keys.issue(ApplicationFactory.create(), name="ci", actor=None, expires_at=clock.now())


@pytest.mark.django_db
def test_rotate_keeps_the_old_key_for_the_overlap() -> None:
    old = ApiKeyFactory.create(networks=["192.0.2.0/24"], scopes=["billing:read"])
    before = clock.now()

    issued = keys.rotate(old, actor=None, overlap=timedelta(hours=2))

    old.refresh_from_db()
    assert old.replaced_by == issued.key
    assert old.revoked_at is not None
    assert before + timedelta(hours=2) <= old.revoked_at <= clock.now() + timedelta(hours=2)
    assert [old.state(at) for at in (clock.now(), old.revoked_at)] == ["retiring", "revoked"]
    assert (issued.key.name, issued.key.networks, issued.key.scopes) == (old.name, old.networks, old.scopes)
    assert keys.find(issued.secret) == issued.key


@pytest.mark.django_db
def test_rotate_replaces_a_key_that_has_expired_and_does_not_wake_it() -> None:
    expired_at = clock.now() - timedelta(hours=1)
    old = ApiKeyFactory.create(expires_at=expired_at)

    issued = keys.rotate(old, actor=None)

    old.refresh_from_db()
    assert (old.revoked_at, old.replaced_by) == (expired_at, issued.key)
    assert [key.state(clock.now()) for key in (old, issued.key)] == ["revoked", "usable"]


@pytest.mark.django_db
def test_rotate_refuses_a_key_that_was_replaced() -> None:
    old = ApiKeyFactory.create()
    keys.rotate(old, actor=None)

    with pytest.raises(ValidationError, match="not in use"):
        keys.rotate(old, actor=None)

    assert ApiKey.objects.count() == 2


@pytest.mark.django_db
def test_revoke_ends_the_overlap_and_repeats_silently() -> None:
    old = ApiKeyFactory.create()
    keys.rotate(old, actor=None)

    keys.revoke(old, actor=None, reason="leaked")
    keys.revoke(old, actor=None, reason="again")

    old.refresh_from_db()
    assert old.state(clock.now()) == "revoked"
    events = AuditEvent.objects.filter(action="key.revoked")
    assert [event.reason for event in events] == ["leaked"]

import pytest
from django.core.exceptions import ValidationError

from apipark.crypto import CannotOpen
from providers import secrets
from providers.models import Door, Provider, ProviderKey
from teams.models import AuditEvent
from tests.providers.factories import SECRET, ProviderFactory, ProviderKeyFactory

pytestmark = pytest.mark.django_db


def again(key: ProviderKey) -> ProviderKey:
    return ProviderKey.objects.select_related("provider").get(pk=key.pk)


def test_secret_is_sealed_and_opens_for_its_row() -> None:
    key = ProviderKeyFactory.create()

    assert secrets.reveal(again(key)) == SECRET
    assert key.last_four == "6789"
    row = ProviderKey.objects.filter(pk=key.pk).values().get()
    assert SECRET not in str(row) + str(key) + repr(key)


def test_same_secret_is_sealed_differently_each_time() -> None:
    assert ProviderKeyFactory.create().sealed != ProviderKeyFactory.create().sealed


def test_sealed_text_opens_neither_in_another_row_nor_for_another_host() -> None:
    key, other = ProviderKeyFactory.create(), ProviderKeyFactory.create()
    ProviderKey.objects.filter(pk=other.pk).update(sealed=key.sealed)
    Provider.objects.filter(pk=key.provider_id).update(base_url="https://192.0.43.9/v1")

    for row in (key, other):
        with pytest.raises(CannotOpen):
            secrets.reveal(again(row))
        assert not secrets.opens(again(row))


def test_another_path_of_the_same_host_opens() -> None:
    key = ProviderKeyFactory.create()
    Provider.objects.update(base_url="https://192.0.43.8/v2")

    assert secrets.reveal(again(key)) == SECRET


@pytest.mark.parametrize("secret", ["", "sk-1 2", "sk-1\n", "sk-ключ", "sk-\x00", "sk-é"])
def test_secret_that_fits_no_header_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError):
        ProviderKeyFactory.create(secret=secret)

    assert not ProviderKey.objects.exists()


def test_replaced_secret_forgets_what_was_learned_with_the_old_one() -> None:
    key = ProviderKeyFactory.create(state=ProviderKey.State.INVALID, probe_trouble="no", probe_models=3)

    secrets.replace(key, "sk-another", actor=None, reason="leaked")

    key = again(key)
    assert secrets.reveal(key) == "sk-another"
    assert (key.state, key.probed_at, key.probe_trouble, key.probe_models) == ("active", None, "", None)
    event = AuditEvent.objects.get()
    assert (event.before, event.after) == ({"last_four": "6789"}, {"last_four": "ther"})


def test_key_is_bound_to_the_hosts_of_all_doors() -> None:
    provider = ProviderFactory.create()
    Door.objects.create(provider=provider, dialect="anthropic", base_url="https://192.0.43.7")
    key = ProviderKeyFactory.create(provider=provider)

    opens = secrets.reveal(again(key))
    Door.objects.update(base_url="https://192.0.43.7/elsewhere")
    opens_below = secrets.opens(again(key))
    Door.objects.update(base_url="https://192.0.43.9")

    assert (opens, opens_below) == (SECRET, True)
    assert not secrets.opens(again(key))


def test_second_door_of_the_same_host_changes_nothing_for_a_key() -> None:
    key = ProviderKeyFactory.create()
    Door.objects.create(provider=key.provider, dialect="responses", base_url="https://192.0.43.8/v1")

    assert secrets.opens(again(key))


def test_keys_part_from_hosts_they_do_not_open_for_one_event_each() -> None:
    provider = ProviderFactory.create()
    ProviderKeyFactory.create(provider=provider)
    ProviderKeyFactory.create(provider=provider, state=ProviderKey.State.INVALID)
    ProviderKeyFactory.create(provider=provider, state=ProviderKey.State.DISABLED)
    stays = secrets.part_from_hosts(provider, actor=None)
    Provider.objects.update(base_url="https://192.0.43.9/v1")

    assert (stays, secrets.part_from_hosts(provider, actor=None)) == (0, 2)

    assert set(provider.keys.values_list("state", flat=True)) == {ProviderKey.State.DISABLED}
    assert AuditEvent.objects.filter(action="providerkey.disabled").count() == 2


def test_key_of_another_host_is_not_enabled() -> None:
    key = ProviderKeyFactory.create(state=ProviderKey.State.DISABLED)
    Provider.objects.update(base_url="https://192.0.43.9/v1")

    with pytest.raises(ValidationError, match="another host"):
        secrets.enable(key, actor=None, reason="x")

    assert again(key).state == ProviderKey.State.DISABLED

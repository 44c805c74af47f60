"""Our secrets at providers. Each is sealed at once and opens only for its row and its provider's host, so that a row
that was moved to another address, by whomever, sends nothing there.
"""

from django.db import transaction
from django.utils.translation import gettext as _

from apipark import changes, clock
from apipark.addresses import read_url
from apipark.keyring import sealer
from providers.models import Provider, ProviderKey
from teams import audit
from teams.models import User


def store(key: ProviderKey, secret: str) -> None:
    """Seal it into the key and save the row, new or not; the key is in use from then on."""
    key.sealed = sealer().seal(secret, bound_to=_bound_to(key))
    key.last_four = secret[-4:]
    key.state, key.state_reason, key.state_since = ProviderKey.State.ACTIVE, "", clock.now()
    key.save()


def reveal(key: ProviderKey) -> str:
    """For the moment of sending. Raises crypto.CannotOpen when the provider's host is another one by now."""
    return sealer().open(key.sealed, bound_to=_bound_to(key))


@transaction.atomic
def replace(key: ProviderKey, secret: str, *, actor: User | None, reason: str, address: str | None = None) -> None:
    key = _locked(key)
    before = key.last_four
    store(key, secret)
    audit.record(
        team=None,
        actor=actor,
        action="providerkey.replaced",
        target=key,
        before={"last_four": before},
        after={"last_four": key.last_four},
        reason=reason,
        address=address,
    )
    changes.announce("catalogue")


@transaction.atomic
def disable(key: ProviderKey, *, actor: User | None, reason: str, address: str | None = None) -> None:
    _switch(key, ProviderKey.State.OFF, actor=actor, action="providerkey.disabled", reason=reason, address=address)


@transaction.atomic
def enable(key: ProviderKey, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Also for a key that the provider refused, once that is put right there."""
    _switch(key, ProviderKey.State.ACTIVE, actor=actor, action="providerkey.enabled", reason=reason, address=address)


def part_from_host(provider: Provider) -> int:
    """Switch off the keys of a provider that moved to another host: they do not open there. How many that were."""
    reason = _("The provider's host changed: enter the secret again.")
    keys = provider.keys.exclude(state=ProviderKey.State.OFF)
    return keys.update(state=ProviderKey.State.OFF, state_reason=reason, state_since=clock.now())


def _switch(
    key: ProviderKey, state: ProviderKey.State, *, actor: User | None, action: str, reason: str, address: str | None
) -> None:
    key = _locked(key)
    if key.state == state:
        return
    before, key.state = key.state, state
    key.state_reason = "" if state == ProviderKey.State.ACTIVE else reason
    key.state_since = clock.now()
    key.save(update_fields=["state", "state_reason", "state_since"])
    audit.record(
        team=None,
        actor=actor,
        action=action,
        target=key,
        before={"state": before},
        after={"state": state},
        reason=reason,
        address=address,
    )
    changes.announce("catalogue")


def _locked(key: ProviderKey) -> ProviderKey:
    return ProviderKey.objects.select_for_update(of=("self",)).select_related("provider").get(pk=key.pk)


def _bound_to(key: ProviderKey) -> str:
    return f"providerkey:{key.ref}:{read_url(key.provider.base_url).host}"

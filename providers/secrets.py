"""Our secrets at providers. Each is sealed at once and opens only for its row and the hosts of its provider's doors, so
that a row that was moved to another address, by whomever, sends nothing there.
"""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apipark import changes, clock
from apipark.addresses import AddressRefused, read_url
from apipark.crypto import CannotOpen
from apipark.keyring import sealer
from providers.models import Provider, ProviderKey
from providers.switching import switch
from teams import audit
from teams.models import User


def check(secret: str) -> None:
    """It travels in a header: visible ASCII alone. Raises ValidationError."""
    if not secret or not all("!" <= character <= "~" for character in secret):
        raise ValidationError(_("A key holds letters, digits and signs of ASCII alone, without spaces."))


def store(key: ProviderKey, secret: str) -> None:
    """Seal it into the key and save the row, new or not; the key is in use from then on. Raises ValidationError."""
    check(secret)
    key.sealed = sealer().seal(secret, bound_to=_bound_to(key))
    key.last_four = secret[-4:]
    key.state, key.state_reason, key.state_since = ProviderKey.State.ACTIVE, "", clock.now()
    # What was learned with another secret says nothing of this one.
    key.probed_at, key.probe_trouble, key.probe_models, key.probe_ms = None, "", None, None
    key.save()


def reveal(key: ProviderKey) -> str:
    """For the moment of sending. Raises crypto.CannotOpen when the provider has other hosts by now."""
    return sealer().open(key.sealed, bound_to=_bound_to(key))


def opens(key: ProviderKey) -> bool:
    try:
        reveal(key)
    except (CannotOpen, AddressRefused):
        return False
    return True


@transaction.atomic
def replace(key: ProviderKey, secret: str, *, actor: User | None, reason: str, address: str | None = None) -> None:
    key = locked(key)
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
    """Repeating changes nothing."""
    switch(locked(key), ProviderKey.State.DISABLED, "disabled", actor=actor, reason=reason, address=address)


@transaction.atomic
def enable(key: ProviderKey, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Also for a key that the provider refused, once that is put right there. Raises ValidationError."""
    key = locked(key)
    if not opens(key):
        raise ValidationError(_("Its secret was sealed for another host: replace it."))
    switch(key, ProviderKey.State.ACTIVE, "enabled", actor=actor, reason=reason, address=address)


@transaction.atomic
def part_from_hosts(provider: Provider, *, actor: User | None, address: str | None = None) -> int:
    """Switch off the keys of a provider that do not open for the hosts it has now. How many that were."""
    reason = _("The provider's hosts changed: enter the secret again.")
    keys = [key for key in _locked(provider.keys.exclude(state=ProviderKey.State.DISABLED)) if not opens(key)]
    for key in keys:
        switch(key, ProviderKey.State.DISABLED, "disabled", actor=actor, reason=reason, address=address)
    return len(keys)


def locked(key: ProviderKey) -> ProviderKey:
    """The row as it is now, kept from others until the transaction ends."""
    return _locked(ProviderKey.objects.all()).get(pk=key.pk)


def _locked(keys: QuerySet[ProviderKey]) -> QuerySet[ProviderKey]:
    return keys.select_for_update(of=("self",)).select_related("provider").prefetch_related("provider__doors")


def _bound_to(key: ProviderKey) -> str:
    return f"providerkey:{key.ref}:{hosts_of(key.provider)}"


def hosts_of(provider: Provider) -> str:
    """All hosts that its keys are sent to, sorted. Wants `doors` prefetched. Raises AddressRefused."""
    return hosts([provider.base_url, *(door.base_url for door in provider.doors.all())])


def hosts(urls: Iterable[str]) -> str:
    return ",".join(sorted({read_url(url).host for url in urls}))

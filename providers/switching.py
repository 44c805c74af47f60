"""A provider, a model or a provider's key goes out of service and comes back: workers hear of it within a second."""

from typing import Final

from django.db import transaction

from apipark import changes, clock
from providers.models import AiModel, Provider, ProviderKey
from teams import audit
from teams.models import User

# Needs no reason.
_IN_USE: Final = frozenset({Provider.State.ON, AiModel.State.ON, ProviderKey.State.ACTIVE})


@transaction.atomic
def switch_off(row: Provider | AiModel, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Repeating changes nothing."""
    switch(_locked(row), row.State.OFF, "disabled", actor=actor, reason=reason, address=address)


@transaction.atomic
def switch_on(row: Provider | AiModel, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Repeating changes nothing."""
    switch(_locked(row), row.State.ON, "enabled", actor=actor, reason=reason, address=address)


def _locked(row: Provider | AiModel) -> Provider | AiModel:
    if isinstance(row, Provider):
        return Provider.objects.select_for_update().get(pk=row.pk)
    return AiModel.objects.select_for_update().get(pk=row.pk)


def switch(
    row: Provider | AiModel | ProviderKey,
    state: str,
    verb: str,
    *,
    actor: User | None,
    reason: str,
    address: str | None = None,
) -> None:
    """For whoever has locked the row. `verb` is what the record calls it; a state that it has already is none."""
    if row.state == state:
        return
    before, row.state = row.state, state
    row.state_reason = "" if state in _IN_USE else reason
    row.state_since = clock.now()
    row.save(update_fields=["state", "state_reason", "state_since"])
    audit.record(
        team=None,
        actor=actor,
        action=f"{row._meta.model_name}.{verb}",
        target=row,
        before={"state": before},
        after={"state": state},
        reason=reason,
        address=address,
    )
    changes.announce("catalogue")

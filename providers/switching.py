"""An operator takes a provider or a model out of service and back: calls of its models are told so within a second."""

from django.db import transaction

from apipark import changes, clock
from providers.models import AiModel, Provider
from teams import audit
from teams.models import User


@transaction.atomic
def switch_off(row: Provider | AiModel, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Repeating changes nothing."""
    _switch(_locked(row), row.State.OFF, "disabled", actor=actor, reason=reason, address=address)


@transaction.atomic
def switch_on(row: Provider | AiModel, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Repeating changes nothing."""
    _switch(_locked(row), row.State.ON, "enabled", actor=actor, reason=reason, address=address)


def _locked(row: Provider | AiModel) -> Provider | AiModel:
    if isinstance(row, Provider):
        return Provider.objects.select_for_update().get(pk=row.pk)
    return AiModel.objects.select_for_update().get(pk=row.pk)


def _switch(
    row: Provider | AiModel, state: str, verb: str, *, actor: User | None, reason: str, address: str | None
) -> None:
    if row.state == state:
        return
    before, row.state = row.state, state
    row.state_reason = reason if state == row.State.OFF else ""
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

"""What a call or a probe learned of a provider's key: refused, out of credit, not for this model. Audited, and told at once.

An operator's own verbs are in secrets.py and pools.py.
"""

from typing import Final

import structlog
from django.db import transaction

from apipark import changes
from providers import secrets, switching
from providers.models import AiModel, ProviderKey, WithheldModel

log = structlog.get_logger()
_VERBS: Final = {ProviderKey.State.EXHAUSTED: "exhausted", ProviderKey.State.INVALID: "refused"}
_REASON: Final = 200


@transaction.atomic
def take_out(key_id: int, state: ProviderKey.State, reason: str) -> None:
    """From `active` alone: what an operator or another worker decided meanwhile stays. Repeating changes nothing."""
    key = ProviderKey.objects.filter(pk=key_id).first()
    if key is None:
        return
    key = secrets.locked(key)
    if key.state != ProviderKey.State.ACTIVE:
        return
    switching.switch(key, state, _VERBS[state], actor=None, reason=reason[:_REASON])
    log.warning("provider_key_out", key=key.ref, provider=key.provider.ref, state=str(state))


@transaction.atomic
def withhold(key_id: int, model_id: int, reason: str) -> None:
    """The provider does not give this model to this key. Repeating changes nothing."""
    key = ProviderKey.objects.filter(pk=key_id).select_related("provider").first()
    model = AiModel.objects.filter(pk=model_id).first()
    if key is None or model is None:
        return
    _, made = WithheldModel.objects.get_or_create(key=key, model=model, defaults={"reason": reason[:_REASON]})
    if made:
        log.warning("provider_key_without_model", key=key.ref, provider=key.provider.ref, model=model.ref)
        changes.announce("catalogue")

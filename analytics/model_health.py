"""How models do at the moment, in words: what the operator switched, what keys are left, how the last hour's calls went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.models import CallRollup
from providers.models import AiModel, Provider, ProviderKey

_LOOKED_AT: Final = timedelta(hours=1)
# Fewer calls say nothing of a share.
_ENOUGH: Final = 10
_SOME, _MANY = 5, 50


@dataclass(frozen=True, slots=True)
class Health:
    words: str | Promise
    tone: str


_OFF: Final = Health(_("Switched off"), "bad")
_NO_ACCESS: Final = Health(_("Not available"), "bad")
_FAILING: Final = Health(_("Most calls fail"), "bad")
_SHAKY: Final = Health(_("Some calls fail"), "warn")
_WELL: Final = Health(_("Works"), "ok")
_QUIET: Final = Health(_("Not called lately"), "")


def of_models(models: Sequence[AiModel], now: datetime) -> dict[int, Health]:
    """By id; models with their providers loaded. No numbers: the calls are those of all teams."""
    keyless = _without_a_key({model.provider_id for model in models})
    rows = CallRollup.objects.filter(
        size=CallRollup.Size.MINUTE, start__gte=now - _LOOKED_AT, ai_model__in=[model.pk for model in models]
    )
    sums = rows.order_by().values_list("ai_model").annotate(Sum("calls"), Sum("status_5xx"))
    told = {model_id: (calls, failed) for model_id, calls, failed in sums}
    return {model.pk: _health(model, keyless, *told.get(model.pk, (0, 0))) for model in models}


def _health(model: AiModel, keyless: set[int], calls: int, failed: int) -> Health:
    if model.provider.state == Provider.State.OFF:
        return _OFF
    if model.provider_id in keyless:
        return _NO_ACCESS
    if calls < _ENOUGH:
        return _WELL if calls > failed else _QUIET
    per_cent = failed * 100 // calls
    return _FAILING if per_cent >= _MANY else _SHAKY if per_cent >= _SOME else _WELL


def _without_a_key(provider_ids: set[int]) -> set[int]:
    """Providers that have keys of which none can be used; one without any is asked without."""
    usable = Count("keys", filter=Q(keys__state=ProviderKey.State.ACTIVE))
    found = Provider.objects.filter(pk__in=provider_ids, keys__isnull=False).annotate(usable=usable).order_by()
    return set(found.filter(usable=0).values_list("pk", flat=True))

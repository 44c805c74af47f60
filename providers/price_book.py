"""What models cost us: prices are added, never edited, and found by time."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from apipark import changes, clock
from providers.models import AiModel, ModelPrice, PriceRow


@transaction.atomic
def add(
    model: AiModel,
    amounts: Mapping[str, int],
    *,
    currency: str = "USD",
    effective_from: datetime | None = None,
    source: str = ModelPrice.Source.OPERATOR,
    source_version: str = "",
    note: str = "",
) -> ModelPrice:
    """`amounts`: nano per million units, by ledger class. For prices without tiers and variants."""
    price = ModelPrice.objects.create(
        model=model,
        currency=currency,
        effective_from=effective_from or clock.now(),
        source=source,
        source_version=source_version,
        note=note,
    )
    PriceRow.objects.bulk_create(
        PriceRow(price=price, unit=unit, nano_per_million=nano) for unit, nano in amounts.items()
    )
    changes.announce("catalogue")
    return price


def current(models: Collection[AiModel], now: datetime) -> dict[int, ModelPrice]:
    """By model: the price that holds now, with its rows loaded. Models without one are left out: theirs is not known."""
    newest = ModelPrice.objects.filter(model=OuterRef("model"), effective_from__lte=now).order_by("-effective_from")
    found = ModelPrice.objects.filter(model__in=models, pk=Subquery(newest.values("pk")[:1]))
    held = found.filter(Q(effective_to=None) | Q(effective_to__gt=now)).prefetch_related("rows")
    return {price.model_id: price for price in held}

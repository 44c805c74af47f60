"""Units to nano: what a call costs us and what the plan charges for it. Pure; integers, one rounding per value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from apipark.money import PER_MILLION, divide_half_even, divide_up
from providers.dialects.usage import Usage

# Nano per million units, by ledger class.
Amounts = Mapping[str, int]
# Without a price of its own a class takes that of another; audio, image and video take none: they are not known.
_INSTEAD: Final = {
    "input_tool": "input_text",
    "cache_read": "input_text",
    "cache_write": "input_text",
    "cache_write_long": "cache_write",
    "cache_read_audio": "input_audio",
    "cache_read_image": "input_image",
    "output_reasoning": "output_text",
}


@dataclass(frozen=True, slots=True)
class Tier:
    """For calls with at least so much input."""

    from_input_tokens: int
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Price:
    """A version of a model's cost; `id` is stamped on each call. Tiers ascend and the first begins at 0."""

    id: int
    currency: str
    tiers: tuple[Tier, ...]
    # Of batch, priority and the like, by the provider's word.
    variants: Mapping[str, tuple[Tier, ...]] = field(default_factory=dict)
    # The dearest token of input and of output, whatever tier and variant: what is reserved.
    dearest_input_nano: int = 0
    dearest_output_nano: int = 0


def priced(price_id: int, currency: str, rows: list[tuple[str, str, int, int]]) -> Price:
    """`rows`: (variant, unit, from_input_tokens, nano_per_million)."""
    variants: dict[str, dict[int, dict[str, int]]] = {}
    for variant, unit, start, nano in rows:
        variants.setdefault(variant, {}).setdefault(start, {})[unit] = nano
    tiers = {variant: _tiers(starts) for variant, starts in variants.items()}
    nanos = [(unit, nano) for _, unit, _, nano in rows]
    return Price(
        id=price_id,
        currency=currency,
        tiers=tiers.pop("", ()),
        variants=tiers,
        dearest_input_nano=max((nano for unit, nano in nanos if unit.startswith(("input_", "cache_"))), default=0),
        dearest_output_nano=max((nano for unit, nano in nanos if unit.startswith("output_")), default=0),
    )


def _tiers(starts: dict[int, dict[str, int]]) -> tuple[Tier, ...]:
    """What a higher tier does not name stays as below it."""
    found: list[Tier] = []
    amounts: Amounts = {}
    for start in sorted(starts):
        amounts = {**amounts, **starts[start]}
        found.append(Tier(start, amounts))
    return tuple(found)


def cost(price: Price, usage: Usage, *, variant: str = "") -> int | None:
    """Nano that the provider asks; None where a class that was used has no price."""
    tiers = price.variants.get(variant) or price.tiers
    amounts = _tier(tiers, usage.input_total if len(tiers) > 1 else 0)
    units = 0
    for unit, number in usage.counts().items():
        nano = _amount(amounts, unit)
        if nano is None:
            return None
        units += number * nano
    return divide_half_even(units, PER_MILLION)


def _tier(tiers: tuple[Tier, ...], input_tokens: int) -> Amounts:
    amounts: Amounts = {}
    for tier in tiers:
        if tier.from_input_tokens > input_tokens:
            break
        amounts = tier.amounts
    return amounts


def _amount(amounts: Amounts, unit: str) -> int | None:
    while unit not in amounts:
        instead = _INSTEAD.get(unit)
        if instead is None:
            return None
        unit = instead
    return amounts[unit]


def dearest(price: Price, *, input_tokens: int, output_tokens: int) -> int:
    """Upper bound of `cost` for at most so many tokens, rounded up: what is reserved."""
    return divide_up(input_tokens * price.dearest_input_nano + output_tokens * price.dearest_output_nano, PER_MILLION)


def revenue(cost_nano: int, factor_ppm: int) -> int:
    """What the plan charges for that cost."""
    return divide_half_even(cost_nano * factor_ppm, PER_MILLION)


def dearest_revenue(cost_nano: int, factor_ppm: int) -> int:
    return divide_up(cost_nano * factor_ppm, PER_MILLION)

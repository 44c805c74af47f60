"""Units to nano: what a call costs us and what the plan charges for it. Pure; integers, one rounding per value."""

from dataclasses import dataclass

from apipark.money import PER_MILLION, divide_half_even, divide_up


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """A version of a model's cost: nano per million tokens. `id` is stamped on each call."""

    id: int
    currency: str
    input_nano: int
    cached_input_nano: int
    output_nano: int


def cost(price: TokenPrice, *, input_tokens: int, cached_tokens: int, output_tokens: int) -> int:
    """Nano that the provider asks. `input_tokens` includes the cached ones."""
    units = (
        (input_tokens - cached_tokens) * price.input_nano
        + cached_tokens * price.cached_input_nano
        + output_tokens * price.output_nano
    )
    return divide_half_even(units, PER_MILLION)


def dearest(price: TokenPrice, *, input_tokens: int, output_tokens: int) -> int:
    """Upper bound of `cost` for at most so many tokens, rounded up: what is reserved."""
    return divide_up(
        input_tokens * max(price.input_nano, price.cached_input_nano) + output_tokens * price.output_nano, PER_MILLION
    )


def revenue(cost_nano: int, factor_ppm: int) -> int:
    """What the plan charges for that cost."""
    return divide_half_even(cost_nano * factor_ppm, PER_MILLION)


def dearest_revenue(cost_nano: int, factor_ppm: int) -> int:
    return divide_up(cost_nano * factor_ppm, PER_MILLION)

"""Integers and their rounding. No float and no Decimal comes near money.

Cash is `amount_minor` in the currency's smallest unit; usage is nano, 1e-9 of the major unit; prices are nano per
million units. A value is rounded once, at the end.
"""

from typing import Final

NANO: Final = 1_000_000_000
PER_MILLION: Final = 1_000_000
# Every nano column is checked against this: the sum of two still fits a signed 64-bit integer.
NANO_BOUND: Final = 4_600_000_000_000_000_000

# ISO 4217 exponents that are not 2.
_ZERO_PLACES = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_PLACES = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def exponent(currency: str) -> int:
    """Decimal places of a currency's minor unit (ISO 4217)."""
    if currency in _ZERO_PLACES:
        return 0
    return 3 if currency in _THREE_PLACES else 2


def divide_half_even(numerator: int, denominator: int) -> int:
    """Quotient rounded half to even. `denominator` is positive."""
    quotient, rest = divmod(numerator, denominator)
    doubled = 2 * rest
    if doubled > denominator or (doubled == denominator and quotient % 2):
        quotient += 1
    return quotient


def divide_up(numerator: int, denominator: int) -> int:
    """Quotient rounded towards plus infinity: reservations must never be too small."""
    return -(-numerator // denominator)


def minor_from_nano(nano: int, currency: str) -> int:
    """Cash for a usage value, rounded half to even; once per invoice line, never per call."""
    return divide_half_even(nano, 10 ** (9 - exponent(currency)))


def nano_from_minor(minor: int, currency: str) -> int:
    factor: int = 10 ** (9 - exponent(currency))
    return minor * factor


def major_text(nano: int) -> str:
    """Decimal string of the major unit, as JSON carries it: `140000` → `"0.000140"` (at least two places, no exponent)."""
    sign = "-" if nano < 0 else ""
    whole, part = divmod(abs(nano), NANO)
    places = f"{part:09d}".rstrip("0")
    return f"{sign}{whole}.{places.ljust(6 if len(places) > 2 else 2, '0')}"


def minor_text(minor: int, currency: str) -> str:
    """Decimal string of a cash amount: `(1999, "EUR")` → `"19.99"`."""
    places = exponent(currency)
    sign = "-" if minor < 0 else ""
    whole, part = divmod(abs(minor), 10**places)
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"

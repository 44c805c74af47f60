from hypothesis import given
from hypothesis import strategies as st

from apipark import money


def test_cash_follows_the_currency_s_places() -> None:
    assert money.minor_text(1999, "EUR") == "19.99"
    assert money.minor_text(1999, "JPY") == "1999"
    assert money.minor_text(-1999, "KWD") == "-1.999"


def test_nano_as_text_keeps_every_digit() -> None:
    assert money.major_text(140_000) == "0.000140"
    assert money.major_text(1) == "0.000000001"
    assert money.major_text(-2_500_000_000) == "-2.50"
    assert money.major_text(0) == "0.00"


def test_halves_round_to_the_even_neighbour() -> None:
    assert [money.divide_half_even(n, 10) for n in (5, 15, 25, -5, -15, 14, 16)] == [0, 2, 2, 0, -2, 1, 2]


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_rounding_is_off_by_half_a_unit_at_most(numerator: int, denominator: int) -> None:
    assert abs(2 * (money.divide_half_even(numerator, denominator) * denominator - numerator)) <= denominator
    assert 0 <= money.divide_up(numerator, denominator) * denominator - numerator < denominator


@given(st.integers(-(10**9), 10**9), st.sampled_from(["USD", "JPY", "KWD"]))
def test_cash_survives_the_way_to_nano_and_back(minor: int, currency: str) -> None:
    assert money.minor_from_nano(money.nano_from_minor(minor, currency), currency) == minor

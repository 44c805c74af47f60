"""Until when a price that was found may be kept: admissions hold as long."""

from dataclasses import replace

import pytest

from billing.prices import Price
from proxy.catalogue import ModelRoute
from proxy.forwarding import answer
from tests.proxy.routes import model

OLD, NEW = Price(1, "USD", ()), Price(2, "USD", ())
NEVER = 2**63 - 1


def dated(*prices: tuple[int, int, Price]) -> ModelRoute:
    return replace(
        model(1),
        price_starts=tuple(start for start, _, _ in prices),
        price_ends=tuple(until for _, until, _ in prices),
        prices=tuple(price for _, _, price in prices),
    )


@pytest.mark.parametrize(
    ("prices", "now", "changes"),
    [
        ((), 5, NEVER),
        (((10, NEVER, OLD),), 5, 10),
        (((10, NEVER, OLD),), 10, NEVER),
        (((10, NEVER, OLD), (20, NEVER, NEW)), 15, 20),
        (((10, 12, OLD), (20, NEVER, NEW)), 11, 12),
        (((10, 12, OLD), (20, NEVER, NEW)), 12, 20),
        (((10, 12, OLD),), 12, NEVER),
    ],
)
def test_a_price_is_kept_until_another_begins_or_it_ends(
    prices: tuple[tuple[int, int, Price], ...], now: int, changes: int
) -> None:
    route = dated(*prices)
    assert route.price_changes_us(now) == changes
    if changes != NEVER:
        assert route.price(changes - 1) is route.price(now)
        assert route.price(changes) is not route.price(now)


def test_an_answers_headers_are_those_that_concern_the_caller_whatever_came_before() -> None:
    first = [("Content-Type", "text/plain"), ("X-Trace", "1"), ("Set-Cookie", "a=b"), ("X-AI-Model", "other")]
    for _ in range(2):  # the second time by what is remembered of the names
        assert answer(first) == [(b"content-type", b"text/plain"), (b"x-trace", b"1")]
    # `Connection` may stand behind what it names, and counts for this answer alone.
    assert answer([("X-Trace", "1"), ("Connection", "close, X-Trace")]) == []
    assert answer([("X-Trace", "1"), ("Connection", "keep-alive")]) == [(b"x-trace", b"1")]

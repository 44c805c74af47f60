"""Pure: which key of a pool is taken."""

from collections import Counter

import pytest

from proxy.catalogue import KeyRoute
from proxy.pools import Cooled, Pools, nearly_used_up
from tests.proxy.routes import key, pools

MODEL = 7
NOW = 1000.0


def pick(
    pool: Pools, keys: tuple[KeyRoute, ...], *, app: int = 1, tried: tuple[int, ...] = (), at: float = NOW
) -> int | None:
    found = pool.pick(keys, MODEL, application_id=app, tried=tried, now=at, time_us=5)
    return found.id if found else None


def test_a_smaller_priority_comes_first_and_the_next_only_when_none_of_it_is_left() -> None:
    pool, keys = pools(), (key(1, priority=20), key(2, priority=10), key(3, priority=10))

    order: list[int | None] = []
    for _ in keys:
        order.append(pick(pool, keys, tried=tuple(found for found in order if found)))

    assert sorted(order[:2], key=str) == [2, 3]
    assert order[2] == 1
    assert pick(pool, keys, tried=(1, 2, 3)) is None


def test_an_application_keeps_to_its_key_and_many_share_by_weight() -> None:
    pool, keys = pools(), (key(1, weight=300), key(2, weight=100))

    assert len({pick(pool, keys, app=5) for _ in range(20)}) == 1
    shares = Counter(pick(pool, keys, app=app) for app in range(4_000))
    assert shares[1] == pytest.approx(3_000, abs=150)


def test_who_loses_its_key_moves_and_nobody_else_does() -> None:
    pool, keys = pools(), (key(1), key(2), key(3))
    before = {app: pick(pool, keys, app=app) for app in range(200)}

    pool.took_out(2)

    after = {app: pick(pool, keys, app=app) for app in range(200)}
    assert {app for app in after if after[app] != before[app]} == {app for app in before if before[app] == 2}


def test_keys_that_cannot_be_used_are_passed_over() -> None:
    keys = (
        key(1, secret=None),
        key(2, expires_us=5),
        key(3, withheld=frozenset({MODEL})),
        key(4, max_concurrent=1),
        key(5),
    )
    pool = pools()
    pool.began(4)
    pool.took_out(5)

    assert pick(pool, keys) is None
    pool.ended(4)
    assert pick(pool, keys) == 4
    pool.forget()
    assert {pick(pool, keys, app=app) for app in range(50)} == {4, 5}


def test_a_key_that_asked_to_wait_comes_back_when_it_said() -> None:
    pool, keys = pools(), (key(1), key(2))
    told: list[Cooled] = []
    pool.on_cooled = told.append

    pool.asked_to_wait(1, MODEL, 7.0, NOW)

    assert {pick(pool, keys, app=app, at=NOW + 6.9) for app in range(50)} == {2}
    assert {pick(pool, keys, app=app, at=NOW + 7.1) for app in range(50)} == {1, 2}
    assert told == [Cooled(1, MODEL, 7.0)]
    # Another model of the same key was never asked to wait.
    assert pool.pick(keys[:1], MODEL + 1, application_id=1, tried=(), now=NOW, time_us=5) is keys[0]


def test_without_a_word_from_the_provider_the_wait_doubles_to_a_minute() -> None:
    pool = pools()
    waits = []
    pool.on_cooled = lambda cooled: waits.append(cooled.seconds)

    at = NOW
    for _ in range(8):
        pool.asked_to_wait(1, MODEL, None, at)
        pool.asked_to_wait(1, MODEL, None, at)  # one that was under way at the same time
        at += 100

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_soonest_tells_when_to_come_again() -> None:
    pool, keys = pools(), (key(1), key(2))
    pool.asked_to_wait(1, MODEL, 30.0, NOW)
    pool.asked_to_wait(2, MODEL, 9.0, NOW)

    assert pick(pool, keys) is None
    assert pool.soonest(keys, MODEL, NOW + 4) == 5.0


def test_a_key_that_fails_is_left_alone_only_while_others_can_serve() -> None:
    pool, keys = pools(), (key(1), key(2))
    for _ in range(2):
        pool.failed(1, MODEL, NOW, others=True)
    assert {pick(pool, keys, app=app) for app in range(50)} == {2}

    alone = pools()
    for _ in range(9):
        alone.failed(1, MODEL, NOW, others=False)
    assert pick(alone, keys[:1]) == 1


def test_a_slow_key_gets_one_call_at_a_time() -> None:
    pool, keys = pools(), (key(1), key(2))
    for _ in range(5):
        pool.answered(1, MODEL, 4_000, {}, NOW)
        pool.answered(2, MODEL, 20, {}, NOW)
    pool.began(1)

    assert {pick(pool, keys, app=app) for app in range(200)} == {2}
    pool.ended(1)
    assert Counter(pick(pool, keys, app=app) for app in range(1_000))[1] < 200


def test_what_another_worker_saw_counts_here_too() -> None:
    pool, keys = pools(), (key(1), key(2))

    pool.cooled_elsewhere(Cooled(2, MODEL, 5.0), NOW)

    assert {pick(pool, keys, app=app, at=NOW + 4) for app in range(50)} == {1}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-requests": "50", "x-ratelimit-limit-requests": "100"}, None),
        (
            {
                "x-ratelimit-remaining-tokens": "5",
                "x-ratelimit-limit-tokens": "100",
                "x-ratelimit-reset-tokens": "1m2s",
            },
            62.0,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-limit-requests": "100",
                "x-ratelimit-reset-requests": "20ms",
            },
            0.02,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "1",
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-reset": "2026-11-26T08:00:00Z",
            },
            1.0,
        ),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-limit-requests": "100"}, None),
    ],
)
def test_nearly_used_up_is_read_from_the_providers_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert nearly_used_up(headers) == seconds


@pytest.mark.parametrize("reset", ["1.2.3s", "nan", "inf", "²s", "s", "-", "1m-2s", "0"])
def test_a_time_that_nobody_can_read_is_a_second(reset: str) -> None:
    left = {"x-ratelimit-remaining-requests": "1", "x-ratelimit-limit-requests": "100"}

    assert nearly_used_up(left | {"x-ratelimit-reset-requests": reset}) in {0.0, 1.0}


def test_a_nearly_used_up_key_counts_for_less() -> None:
    pool, keys = pools(), (key(1), key(2))
    left = {
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-reset-requests": "30s",
    }

    pool.answered(1, MODEL, 10, left, NOW)

    assert Counter(pick(pool, keys, app=app) for app in range(1_000))[1] < 200
    assert Counter(pick(pool, keys, app=app, at=NOW + 31) for app in range(1_000))[1] > 400

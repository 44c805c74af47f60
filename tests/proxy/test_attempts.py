"""Pure: whom a call tries next, and what its caller is told when nobody answers."""

import pytest

from apipark.problems import Problem
from providers.dialects.canonical import ErrorKind, UpstreamError
from proxy.attempts import Choice, Trail
from proxy.catalogue import Hop
from tests.proxy.routes import circuits, hop, key, model, pools

NOW = 1000.0


def trail(*hops: Hop) -> Trail:
    return Trail(hops, 1, 5, pools(), circuits(), lambda route: "openai" if "openai" in route.provider.doors else None)


def failure(kind: ErrorKind, status: int = 500) -> UpstreamError:
    return UpstreamError(kind, status)


def visited(way: Trail, kind: ErrorKind) -> list[tuple[str, int]]:
    """Providers and keys in the order they are tried, when each fails so."""
    choice: Choice | None = way.first(NOW)
    seen = []
    while choice is not None:
        assert choice.key is not None
        seen.append((choice.model.provider.name, choice.key.id))
        choice = way.after(choice, failure(kind), NOW)
    return seen


@pytest.mark.parametrize("kind", ["rate", "server", "timeout", "key", "money", "model", "overloaded"])
def test_all_keys_of_a_target_come_before_the_next_target(kind: ErrorKind) -> None:
    way = trail(hop(model(1, key(1, priority=1), key(2, priority=2))), hop(model(2, key(3))))

    assert visited(way, kind) == [("Provider 1", 1), ("Provider 1", 2), ("Provider 2", 3)]


def test_there_are_at_most_four_attempts() -> None:
    way = trail(hop(model(1, *(key(number) for number in range(1, 9)))))

    assert len(visited(way, "server")) == 4


def test_a_fallback_reacts_only_to_what_it_was_told() -> None:
    first, second = hop(model(1, key(1))), hop(model(2, key(2)), "capacity")

    assert visited(trail(first, second), "rate") == [("Provider 1", 1), ("Provider 2", 2)]
    assert visited(trail(first, second), "server") == [("Provider 1", 1)]


def test_a_target_that_does_not_react_is_passed_over_for_one_that_does() -> None:
    hops = (hop(model(1, key(1))), hop(model(2, key(2)), "timeout"), hop(model(3, key(3)), "error"))

    assert visited(trail(*hops), "server") == [("Provider 1", 1), ("Provider 3", 3)]


@pytest.mark.parametrize("kind", ["request", "context_length", "content_filter"])
def test_what_is_wrong_with_the_request_is_tried_nowhere_else(kind: ErrorKind) -> None:
    assert len(visited(trail(hop(model(1, key(1), key(2))), hop(model(2, key(3)))), kind)) == 1


def test_a_chain_may_go_on_after_a_context_that_is_too_long() -> None:
    way = trail(hop(model(1, key(1))), hop(model(2, key(2)), "context_length"))

    assert visited(way, "context_length") == [("Provider 1", 1), ("Provider 2", 2)]


def test_a_conflict_is_tried_once_more_with_the_same_key() -> None:
    way = trail(hop(model(1, key(1), key(2, priority=20))))

    assert visited(way, "again") == [("Provider 1", 1), ("Provider 1", 1), ("Provider 1", 2)]


def test_a_provider_without_keys_is_asked_without_one() -> None:
    way = trail(hop(model(1, auth="none")))

    choice = way.first(NOW)

    assert choice.key is None
    assert way.after(choice, failure("server"), NOW) is None


def test_a_target_that_speaks_no_such_dialect_is_passed_over() -> None:
    way = Trail(
        (hop(model(1, key(1))), hop(model(2, key(2)))),
        1,
        5,
        pools(),
        circuits(),
        lambda route: "openai" if route.id == 2 else None,
    )

    assert way.first(NOW).model.id == 2


def test_an_open_circuit_is_passed_over() -> None:
    way = trail(hop(model(1, key(1))), hop(model(2, key(2))))
    for _ in range(20):
        way.circuits.failed((1, 1), NOW)

    assert way.first(NOW).model.id == 2


@pytest.mark.parametrize(
    ("kinds", "slug"),
    [
        (["key", "key"], "upstream-credentials"),
        (["key", "rate"], "upstream-unavailable"),
        (["server", "key"], "upstream-failed"),
        (["server", "timeout"], "upstream-timeout"),
        (["overloaded", "server"], "upstream-unavailable"),
    ],
)
def test_the_most_useful_of_what_was_met_is_told(kinds: list[ErrorKind], slug: str) -> None:
    way = trail(hop(model(1, key(1, priority=1), key(2, priority=2))))
    choice = way.first(NOW)
    for kind in kinds:
        following = way.after(choice, failure(kind), NOW)
        choice = following or choice

    assert way.problem(NOW).slug == slug


def test_nobody_to_ask_names_the_soonest_time_to_come_again() -> None:
    way = trail(hop(model(1, key(1), key(2))))
    way.pools.asked_to_wait(1, 1, 40.0, NOW)
    way.pools.asked_to_wait(2, 1, 12.0, NOW)

    with pytest.raises(Problem) as refused:
        way.first(NOW)

    assert (refused.value.slug, refused.value.retry_after) == ("upstream-unavailable", 12)


def test_secrets_that_do_not_open_are_our_own_failure() -> None:
    with pytest.raises(Problem) as refused:
        trail(hop(model(1, key(1, secret=None)))).first(NOW)

    assert refused.value.slug == "secrets-unavailable"

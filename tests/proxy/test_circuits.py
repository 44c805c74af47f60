"""Pure: when a target is left alone."""

from proxy.circuits import Circuits

TARGET = (1, 2)
NOW = 1000.0


def failing(times: int, *, at: float = NOW) -> Circuits:
    circuits = Circuits()
    for _ in range(times):
        circuits.failed(TARGET, at)
    return circuits


def test_it_opens_when_half_of_enough_attempts_failed() -> None:
    circuits = failing(9)
    for _ in range(10):
        circuits.answered(TARGET, NOW)
    assert circuits.allows(TARGET, NOW, last=False)

    circuits.failed(TARGET, NOW)

    assert not circuits.allows(TARGET, NOW, last=False)


def test_what_failed_longer_ago_than_the_window_counts_no_more() -> None:
    circuits = failing(19)

    circuits.failed(TARGET, NOW + 31)

    assert circuits.allows(TARGET, NOW + 31, last=False)


def test_half_open_lets_one_call_find_out() -> None:
    circuits = failing(20)

    assert not circuits.allows(TARGET, NOW + 14.9, last=False)
    assert circuits.allows(TARGET, NOW + 15.1, last=False)
    assert not circuits.allows(TARGET, NOW + 15.2, last=False)
    circuits.answered(TARGET, NOW + 15.3)
    assert circuits.allows(TARGET, NOW + 15.4, last=False)


def test_it_opens_for_twice_as_long_each_time_up_to_five_minutes() -> None:
    circuits, at, waits = failing(20), NOW + 15, []
    for _ in range(7):
        assert circuits.allows(TARGET, at, last=False)
        circuits.failed(TARGET, at)
        waits.append(circuits.reopens_at(TARGET) - at)
        at = circuits.reopens_at(TARGET)

    assert waits == [30, 60, 120, 240, 300, 300, 300]


def test_a_probe_that_told_nothing_lets_the_next_one_try() -> None:
    circuits = failing(20)
    assert circuits.allows(TARGET, NOW + 16, last=False)

    circuits.neither(TARGET)

    assert circuits.allows(TARGET, NOW + 16, last=False)


def test_the_last_target_is_tried_until_it_failed_five_times_in_a_row() -> None:
    circuits = Circuits()
    for _ in range(40):
        circuits.failed(TARGET, NOW)
        circuits.answered(TARGET, NOW)
    for _ in range(4):
        circuits.failed(TARGET, NOW)

    assert circuits.allows(TARGET, NOW, last=True)
    circuits.failed(TARGET, NOW)
    assert not circuits.allows(TARGET, NOW, last=True)


def test_second_attempts_are_a_tenth_of_the_traffic_and_some_for_the_quiet() -> None:
    quiet = Circuits()
    assert sum(quiet.may_retry(TARGET, NOW) for _ in range(300)) == 100

    busy = Circuits()
    for _ in range(5_000):
        busy.answered(TARGET, NOW)
    assert sum(busy.may_retry(TARGET, NOW) for _ in range(900)) == 500
    assert busy.may_retry(TARGET, NOW + 31)

from hypothesis import given
from hypothesis import strategies as st

from analytics import histograms

latencies = st.lists(st.integers(0, 2_000_000), max_size=60)


@given(latencies, latencies)
def test_adding_histograms_is_the_histogram_of_all(first: list[int], second: list[int]) -> None:
    both = histograms.of(first + second)

    assert histograms.add(histograms.of(first), histograms.of(second)) == both


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=60), st.integers(1, 100))
def test_quantile_is_at_most_a_fifth_too_high(values: list[int], per_cent: int) -> None:
    exact = sorted(values)[-(-len(values) * per_cent // 100) - 1]

    read = histograms.quantile(histograms.of(values), per_cent)

    assert read is not None
    assert exact <= read <= exact * 1.2 + 1


def test_nothing_has_no_quantile() -> None:
    assert histograms.quantile([], 95) is None

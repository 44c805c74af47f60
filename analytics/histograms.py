"""Latencies as counts per bucket: adding two lists adds two histograms. Pure.

Four buckets a doubling from 1 ms to 17 minutes: a quantile read from them is at most a fifth too high.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final

# Upper bounds in ms, inclusive; what is longer falls into the last bucket.
BOUNDS_MS: Final = tuple(dict.fromkeys(round(2 ** (step / 4)) for step in range(81)))


def bucket(latency_ms: int) -> int:
    return min(bisect_left(BOUNDS_MS, latency_ms), len(BOUNDS_MS) - 1)


def of(latencies_ms: Iterable[int]) -> list[int]:
    """Without the empty buckets at its end."""
    counts: list[int] = []
    for latency_ms in latencies_ms:
        place = bucket(latency_ms)
        counts.extend([0] * (place + 1 - len(counts)))
        counts[place] += 1
    return counts


def add(first: Sequence[int], second: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip_longest(first, second, fillvalue=0)]


def quantile(counts: Sequence[int], per_cent: int) -> int | None:
    """Upper bound, in ms, of the bucket in which so many per cent are reached; None of nothing."""
    wanted = -(-sum(counts) * per_cent // 100)
    reached = 0
    for place, count in enumerate(counts):
        reached += count
        if count and reached >= wanted:
            return BOUNDS_MS[place]
    return None

"""Calls a minute, by a token bucket of this worker: the limit divided by the live workers.

It protects upstreams and never decides about money, so it needs no store and is right on average only.
"""

from typing import Final

_MINUTE_NS: Final = 60_000_000_000


class Buckets:
    __slots__ = ("_by_subscription", "workers")

    def __init__(self) -> None:
        self._by_subscription: dict[int, tuple[float, int]] = {}
        self.workers = 1

    def take(self, subscription: int, per_minute: int, now_ns: int) -> int:
        """0 when the call may pass, else the whole seconds after which one fits."""
        capacity = max(1.0, per_minute / self.workers)
        tokens, at_ns = self._by_subscription.get(subscription, (capacity, now_ns))
        tokens = min(capacity, tokens + (now_ns - at_ns) * capacity / _MINUTE_NS)
        if tokens < 1.0:
            self._by_subscription[subscription] = (tokens, now_ns)
            return int((1.0 - tokens) * 60 / capacity) + 1
        self._by_subscription[subscription] = (tokens - 1.0, now_ns)
        return 0

"""How long answers turn out to be, by application and model: what a stream reserves before it begins."""

from collections import deque
from typing import Final

# Enough to see a tail, few enough to forget last week.
_KEPT: Final = 50
_LEAST_BLOCK: Final = 1_024
_MOST_PAIRS: Final = 50_000


class Outputs:
    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], deque[int]] = {}

    def add(self, application_id: int, model_id: int, tokens: int) -> None:
        seen = self._seen.get((application_id, model_id))
        if seen is None:
            if len(self._seen) >= _MOST_PAIRS:
                self._seen.clear()
            seen = self._seen[application_id, model_id] = deque(maxlen=_KEPT)
        seen.append(tokens)

    def block(self, application_id: int, model_id: int) -> int:
        """Twice the 95th percentile, and at least 1,024."""
        seen = self._seen.get((application_id, model_id))
        if not seen:
            return _LEAST_BLOCK
        return max(_LEAST_BLOCK, 2 * sorted(seen)[(95 * len(seen) - 1) // 100])

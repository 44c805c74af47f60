"""When a target is left alone for a while: a provider's model that fails more often than it answers.

Counted over 30 s by this worker alone. Failures are 5xx, connections and timeouts; never a 4xx, never a caller that left.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

# A provider and one of its models.
Target = tuple[int, int]

_WINDOW_S: Final = 30.0
# Fewer attempts say nothing of a share.
_LEAST_ATTEMPTS: Final = 20
_OPEN_S: Final = 15.0
_LONGEST_OPEN_S: Final = 300.0
# The last target that is left is worth a try as long as it failed no more often in a row.
_LAST_IN_A_ROW: Final = 5
# Second attempts: a tenth of the traffic, and so many in a window that a quiet target may repeat at all.
_RETRY_SHARE: Final = 10
_RETRY_FLOOR: Final = 100


@dataclass(slots=True)
class _Circuit:
    # (when, failed) of the window; sums are kept beside.
    seen: deque[tuple[float, bool]] = field(default_factory=deque)
    failures: int = 0
    in_a_row: int = 0
    open_until: float = 0.0
    open_s: float = _OPEN_S
    opened: bool = False
    probing: bool = False
    retries: deque[float] = field(default_factory=deque)

    def forget(self, now: float) -> None:
        while self.seen and self.seen[0][0] < now - _WINDOW_S:
            self.failures -= self.seen.popleft()[1]
        while self.retries and self.retries[0] < now - _WINDOW_S:
            self.retries.popleft()


class Circuits:
    """`now` is monotonic seconds."""

    def __init__(self) -> None:
        self._circuits: dict[Target, _Circuit] = {}

    def allows(self, target: Target, now: float, *, last: bool) -> bool:
        """Whether to try it. A half-open one lets one call at a time find out: that call must report back."""
        circuit = self._circuits.get(target)
        if circuit is None or not circuit.opened:
            return True
        if last and circuit.in_a_row < _LAST_IN_A_ROW:
            return True
        if now < circuit.open_until or circuit.probing:
            return False
        circuit.probing = True
        return True

    def may_retry(self, target: Target, now: float) -> bool:
        """Takes one from the budget of second attempts."""
        circuit = self._circuits.setdefault(target, _Circuit())
        circuit.forget(now)
        if len(circuit.retries) >= max(_RETRY_FLOOR, len(circuit.seen) // _RETRY_SHARE):
            return False
        circuit.retries.append(now)
        return True

    def is_open(self, target: Target, now: float) -> bool:
        circuit = self._circuits.get(target)
        return circuit is not None and circuit.opened and now < circuit.open_until

    def reopens_at(self, target: Target) -> float:
        circuit = self._circuits.get(target)
        return circuit.open_until if circuit else 0.0

    def answered(self, target: Target, now: float) -> None:
        circuit = self._circuits.get(target)
        if circuit is None:
            circuit = self._circuits[target] = _Circuit()
        circuit.in_a_row = 0
        circuit.probing = False
        if circuit.opened:
            circuit.opened, circuit.open_s = False, _OPEN_S
            circuit.seen.clear()
            circuit.failures = 0
        circuit.seen.append((now, False))
        if len(circuit.seen) & 63 == 0:
            circuit.forget(now)

    def failed(self, target: Target, now: float) -> None:
        circuit = self._circuits.setdefault(target, _Circuit())
        circuit.seen.append((now, True))
        circuit.failures += 1
        circuit.in_a_row += 1
        circuit.forget(now)
        if circuit.opened:
            if circuit.probing or now >= circuit.open_until:
                circuit.probing = False
                circuit.open_s = min(2 * circuit.open_s, _LONGEST_OPEN_S)
                circuit.open_until = now + circuit.open_s
            return
        if len(circuit.seen) >= _LEAST_ATTEMPTS and 2 * circuit.failures >= len(circuit.seen):
            circuit.opened, circuit.open_until = True, now + circuit.open_s

    def neither(self, target: Target) -> None:
        """The call told nothing about it: it was refused for a reason of its own, or its caller left."""
        circuit = self._circuits.get(target)
        if circuit is not None:
            circuit.probing = False

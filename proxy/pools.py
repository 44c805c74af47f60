"""Which of a provider's keys a call takes, as this worker knows them.

All usable keys of one priority come before any of the next. Within one, an application and model keep to the same key
while it can be used, since providers cache prompts by account: a rendezvous hash that honours weights. Keys that asked to
wait, fail, are slow or nearly used up are passed over or counted for less until they do better.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.catalogue import KeyRoute

_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0
# Many workers that wait for one key must not come back together.
_JITTER: Final = 0.2
# A key that fails so often in a row while others could serve is left alone like one that asked to wait.
_FAILURES_IN_A_ROW: Final = 2
# Slow is what takes several times as long as the quickest of its pool, and long enough that somebody minds.
_SLOW_TIMES: Final = 4.0
_SLOW_MS: Final = 250.0
_LEAST_SAMPLES: Final = 3
_NEWEST: Final = 0.3
# Nearly used up, by the provider's own headers.
_NEARLY: Final = 0.1
_LOWERED: Final = 0.1
_LONGEST_LOWERED_S: Final = 60.0


@dataclass(slots=True)
class _Seen:
    """What this worker saw of a key."""

    in_flight: int = 0
    samples: int = 0
    first_byte_ms: float = 0.0
    lowered_until: float = 0.0


@dataclass(slots=True)
class _Cooling:
    until: float = 0.0
    times: int = 0
    in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Cooled:
    """For the other workers: a key and model to leave alone for so long."""

    key_id: int
    model_id: int
    seconds: float


class Pools:
    """`now` is monotonic seconds, `time_us` the wall clock. `random` gives numbers from 0 to 1."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._seen: dict[int, _Seen] = {}
        self._cooling: dict[tuple[int, int], _Cooling] = {}
        # Refused or exhausted, until the catalogue says so too; see `forget`.
        self._out: set[int] = set()
        self._withheld: set[tuple[int, int]] = set()
        self.on_cooled: Callable[[Cooled], None] = lambda _: None

    # Choosing --------------------------------------------------------------------------------------------------------
    def pick(
        self,
        keys: tuple[KeyRoute, ...],
        model_id: int,
        *,
        application_id: int,
        tried: Iterable[int],
        now: float,
        time_us: int,
    ) -> KeyRoute | None:
        """None when no key can be used now."""
        if len(keys) == 1 and not tried:
            key = keys[0]
            return key if self._usable(key, model_id, now, time_us) else None
        left = [key for key in keys if key.id not in tried and self._usable(key, model_id, now, time_us)]
        if not left:
            return None
        first = min(key.priority for key in left)
        tier = [key for key in left if key.priority == first]
        if len(tier) == 1:
            return tier[0]
        slow = self._slow(tier)
        quick = [key for key in tier if key.id not in slow or not self._seen[key.id].in_flight] or tier
        return min(quick, key=lambda key: self._distance(key, model_id, application_id, now, slow))

    def soonest(self, keys: tuple[KeyRoute, ...], model_id: int, now: float) -> float | None:
        """Seconds until the first key that only waits can be used; None when none only waits."""
        waits = [
            self._cooling[key.id, model_id].until - now
            for key in keys
            if key.id not in self._out and (key.id, model_id) in self._cooling
        ]
        return max(0.0, min(waits)) if waits else None

    def _usable(self, key: KeyRoute, model_id: int, now: float, time_us: int) -> bool:
        if key.secret is None or key.id in self._out or model_id in key.withheld:
            return False
        if key.expires_us is not None and time_us >= key.expires_us:
            return False
        if (key.id, model_id) in self._withheld:
            return False
        cooling = self._cooling.get((key.id, model_id))
        if cooling is not None and now < cooling.until:
            return False
        if key.max_concurrent is None:
            return True
        seen = self._seen.get(key.id)
        return seen is None or seen.in_flight < key.max_concurrent

    def _distance(self, key: KeyRoute, model_id: int, application_id: int, now: float, slow: set[int]) -> float:
        """Weighted rendezvous: the smallest wins; over many applications each key gets its weight's share."""
        weight = float(key.weight)
        seen = self._seen.get(key.id)
        if seen is not None and now < seen.lowered_until:
            weight *= _LOWERED
        if key.id in slow:
            weight *= _LOWERED
        digest = hashlib.blake2b(b"%d:%d:%d" % (application_id, model_id, key.id), digest_size=8).digest()
        return -math.log((int.from_bytes(digest) + 1) / (2**64 + 1)) / weight

    def _slow(self, tier: list[KeyRoute]) -> set[int]:
        known = {
            key.id: seen.first_byte_ms
            for key in tier
            if (seen := self._seen.get(key.id)) and seen.samples >= _LEAST_SAMPLES
        }
        if len(known) < 2:
            return set()
        limit = max(_SLOW_MS, _SLOW_TIMES * min(known.values()))
        return {key_id for key_id, ms in known.items() if ms > limit}

    # Learning --------------------------------------------------------------------------------------------------------
    def began(self, key_id: int) -> None:
        self._seen.setdefault(key_id, _Seen()).in_flight += 1

    def ended(self, key_id: int) -> None:
        self._seen[key_id].in_flight -= 1

    def answered(self, key_id: int, model_id: int, first_byte_ms: int, headers: Mapping[str, str], now: float) -> None:
        seen = self._seen.setdefault(key_id, _Seen())
        share = _NEWEST if seen.samples else 1.0
        seen.first_byte_ms += share * (first_byte_ms - seen.first_byte_ms)
        seen.samples += 1
        if (key_id, model_id) in self._cooling:
            del self._cooling[key_id, model_id]
        reset_s = nearly_used_up(headers)
        if reset_s is not None:
            seen.lowered_until = now + min(reset_s, _LONGEST_LOWERED_S)

    def asked_to_wait(self, key_id: int, model_id: int, wait_s: float | None, now: float) -> None:
        """By the provider's own word, else 1, 2, 4 … 60 s."""
        cooling = self._cooling.setdefault((key_id, model_id), _Cooling())
        if now < cooling.until and wait_s is None:
            return  # calls that were under way together count once
        seconds = wait_s if wait_s is not None else self._back_off(cooling.times)
        cooling.times += 1
        self._cool(key_id, model_id, cooling, seconds, now)

    def failed(self, key_id: int, model_id: int, now: float, *, others: bool) -> None:
        """A 5xx, no connection, no answer. `others`: another key could serve."""
        cooling = self._cooling.setdefault((key_id, model_id), _Cooling())
        cooling.in_a_row += 1
        if others and cooling.in_a_row >= _FAILURES_IN_A_ROW and now >= cooling.until:
            seconds = self._back_off(cooling.times)
            cooling.times += 1
            self._cool(key_id, model_id, cooling, seconds, now)

    def took_out(self, key_id: int) -> None:
        """Refused or exhausted: not used again before the catalogue is read anew."""
        self._out.add(key_id)

    def withheld(self, key_id: int, model_id: int) -> None:
        self._withheld.add((key_id, model_id))

    def forget(self) -> None:
        """The catalogue was read anew: what it says of keys holds."""
        self._out.clear()
        self._withheld.clear()

    def cooled_elsewhere(self, cooled: Cooled, now: float) -> None:
        cooling = self._cooling.setdefault((cooled.key_id, cooled.model_id), _Cooling())
        cooling.until = max(cooling.until, now + cooled.seconds)

    def cooling(self, now: float) -> dict[tuple[int, int], float]:
        """(key, model) to seconds left: for the console."""
        return {pair: one.until - now for pair, one in self._cooling.items() if one.until > now}

    def _back_off(self, times: int) -> float:
        return min(_FIRST_WAIT_S * 2.0 ** min(times, 10), _LONGEST_WAIT_S)

    def _cool(self, key_id: int, model_id: int, cooling: _Cooling, seconds: float, now: float) -> None:
        seconds *= 1 + _JITTER * (2 * self._random() - 1)
        cooling.until = now + seconds
        self.on_cooled(Cooled(key_id, model_id, seconds))


# Headers by which providers tell what is left: (remaining, limit, reset).
_LEFT: Final = tuple(
    (f"{prefix}-{unit}-remaining" if vendor else f"x-ratelimit-remaining-{unit}",
     f"{prefix}-{unit}-limit" if vendor else f"x-ratelimit-limit-{unit}",
     f"{prefix}-{unit}-reset" if vendor else f"x-ratelimit-reset-{unit}")
    for vendor, prefix in ((False, ""), (True, "anthropic-ratelimit"))
    for unit in ("requests", "tokens")
)  # fmt: skip


def nearly_used_up(headers: Mapping[str, str]) -> float | None:
    """Seconds to hold back, when less than a tenth is left; None while there is plenty, or nothing is told."""
    for remaining, limit, reset in _LEFT:
        left, whole = _number(headers.get(remaining)), _number(headers.get(limit))
        if left is not None and whole and left < _NEARLY * whole:
            return _duration(headers.get(reset, ""))
    return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _duration(text: str) -> float:
    """Of "6m0s", "1s", "20ms", a number of seconds; what is none of these (a date) is a second."""
    total, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "~": 0.001}
    rest = text.strip().replace("ms", "~")
    if _number(rest) is not None:
        return float(rest)
    for sign in rest:
        if sign.isdigit() or sign == ".":
            number += sign
            continue
        amount = _number(number)
        if amount is None or sign not in units:
            return 1.0
        total, number = total + amount * units[sign], ""
    return total or 1.0

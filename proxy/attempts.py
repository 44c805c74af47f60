"""Again, elsewhere, or give up: the order in which keys and targets are tried until one of them answers.

Pure but for what it remembers of one call. Before the first byte to the caller only; at most four attempts; a provider's
refusal of our key or rate is never the caller's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from apipark.problems import Problem, refuse
from providers.dialects.canonical import ErrorKind, UpstreamError
from proxy.catalogue import DoorRoute, Hop, KeyRoute, ModelRoute
from proxy.circuits import Circuits
from proxy.pools import Pools

MOST_ATTEMPTS: Final = 4
_DEFAULT_WAIT_S: Final = 5
_NO_KEY_WAIT_S: Final = 30
# What a failure of each kind counts as, where a fallback chooses what it reacts to.
_REACTION: Final[dict[ErrorKind, str]] = {
    "rate": "capacity",
    "overloaded": "capacity",
    "server": "error",
    "interrupted": "error",
    "again": "error",
    "timeout": "timeout",
    "key": "credentials",
    "model": "credentials",
    "money": "credentials",
    "context_length": "context_length",
    "content_filter": "content_filter",
}
# About the request itself: nobody else would take it either, unless a chain says so.
ABOUT_THE_REQUEST: Final = frozenset({"request", "context_length", "content_filter"})
# Of the target, whoever asks: they count for its circuit.
_OF_THE_TARGET: Final = frozenset({"server", "interrupted", "overloaded", "timeout"})
# What the caller is told when nobody answered, the most useful first.
_TELLING: Final = ("upstream-unavailable", "upstream-timeout", "upstream-failed", "upstream-credentials")
_SLUG: Final[dict[ErrorKind, str]] = {
    "rate": "upstream-unavailable",
    "overloaded": "upstream-unavailable",
    "timeout": "upstream-timeout",
    "server": "upstream-failed",
    "interrupted": "upstream-failed",
    "again": "upstream-failed",
    "key": "upstream-credentials",
    "model": "upstream-credentials",
    "money": "upstream-credentials",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom to ask. A provider without keys (a local model) is asked without one."""

    model: ModelRoute
    dialect: str
    door: DoorRoute
    key: KeyRoute | None

    @property
    def target(self) -> tuple[int, int]:
        return (self.model.provider.id, self.model.id)


@dataclass(slots=True)
class Trail:
    """What one call has tried, and whom it may try next. `now` is monotonic seconds."""

    hops: Sequence[Hop]
    application_id: int
    time_us: int
    pools: Pools
    circuits: Circuits
    # Which of a provider's dialects to speak; None where it has none for this request.
    dialect_of: Callable[[ModelRoute], str | None]
    attempts: int = 0
    _hop: int = 0
    _tried: set[int] = field(default_factory=set)
    _repeated: bool = False
    _slugs: list[str] = field(default_factory=list)
    _waits: list[float] = field(default_factory=list)

    def first(self, now: float) -> Choice:
        """Raises the problem when nobody can be asked."""
        choice = self._choose(now)
        if choice is None:
            raise self.problem(now)
        return choice

    def skip(self, now: float) -> Choice | None:
        """This target cannot carry the request: the next one."""
        self._next_hop()
        return self._choose(now)

    def after(self, choice: Choice, error: UpstreamError, now: float) -> Choice | None:
        """The next to ask after a failure; None to give up."""
        kind = error.kind
        if slug := _SLUG.get(kind):
            self._slugs.append(slug)
        if self.attempts >= MOST_ATTEMPTS:
            return None
        if kind == "again" and not self._repeated:
            self._repeated = True
            self.attempts += 1
            return choice
        if kind in ABOUT_THE_REQUEST:
            return self._react(kind, now)
        if kind in _OF_THE_TARGET and not self.circuits.may_retry(choice.target, now):
            return None
        if choice.key is not None:
            self._tried.add(choice.key.id)
        found = self._in_pool(now)
        return found if found is not None else self._react(kind, now)

    def problem(self, now: float) -> Problem:
        """What to tell when nobody answered: the most useful of what was met, with the soonest time to come again."""
        self._look_for_waits(now)
        if not self._slugs:
            self._slugs.append(self._why_nobody())
        slug = min(self._slugs, key=lambda met: _TELLING.index(met) if met in _TELLING else 0)
        if slug != "upstream-unavailable":
            return refuse(slug)
        wait_s = min(self._waits, default=0.0)
        return refuse(slug, retry_after=max(1, round(wait_s)) if wait_s else _DEFAULT_WAIT_S)

    def _why_nobody(self) -> str:
        keys = [key for hop in self.hops for key in hop.model.provider.keys]
        if keys and all(key.secret is None for key in keys):
            return "secrets-unavailable"
        if not self._waits:
            self._waits.append(_NO_KEY_WAIT_S)
        return "upstream-unavailable"

    def _look_for_waits(self, now: float) -> None:
        for hop in self.hops:
            soonest = self.pools.soonest(hop.model.provider.keys, hop.model.id, now)
            if soonest:
                self._waits.append(soonest)
            target = (hop.model.provider.id, hop.model.id)
            if self.circuits.is_open(target, now):
                self._waits.append(self.circuits.reopens_at(target) - now)

    def _react(self, kind: ErrorKind, now: float) -> Choice | None:
        reaction = _REACTION.get(kind)
        while self._hop + 1 < len(self.hops):
            self._next_hop()
            if reaction in self.hops[self._hop].reacts_to:
                found = self._choose(now)
                if found is not None:
                    return found
        return None

    def _next_hop(self) -> None:
        self._hop += 1
        self._tried.clear()

    def _choose(self, now: float) -> Choice | None:
        while self._hop < len(self.hops):
            found = self._in_pool(now)
            if found is not None:
                return found
            self._next_hop()
        return None

    def _in_pool(self, now: float) -> Choice | None:
        model = self.hops[self._hop].model
        provider = model.provider
        dialect = self.dialect_of(model)
        if dialect is None:
            return None
        door = provider.doors[dialect]
        key = None
        if provider.keys or door.auth != "none":
            key = self.pools.pick(
                provider.keys,
                model.id,
                application_id=self.application_id,
                tried=self._tried,
                now=now,
                time_us=self.time_us,
            )
            if key is None:
                return None
        elif self._tried or (self.attempts and not self._hop):
            return None
        last = self._hop + 1 >= len(self.hops)
        if not self.circuits.allows((provider.id, model.id), now, last=last):
            return None
        self.attempts += 1
        return Choice(model, dialect, door, key)

    def others_left(self, choice: Choice, now: float) -> bool:
        """Whether another key of the pool could be asked instead of this one."""
        tried = self._tried | ({choice.key.id} if choice.key else set())
        keys, model_id = choice.model.provider.keys, choice.model.id
        return (
            self.pools.pick(
                keys, model_id, application_id=self.application_id, tried=tried, now=now, time_us=self.time_us
            )
            is not None
        )

"""One AI call's way through keys and targets: what is asked next, what is learned from each answer, what must be fetched."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from apipark.problems import Problem, refuse
from providers.dialects.base import CallerDialect, Fetched
from providers.dialects.canonical import BadRequest, Chat, ToolCall, UpstreamError
from providers.dialects.registry import CALLERS, UPSTREAMS
from providers.models import ProviderKey
from proxy.attempts import ABOUT_THE_REQUEST, Choice, Trail
from proxy.forwarding import Pairs
from proxy.learned import Outputs
from proxy.sending import AiCall, Failed, Sending, prepare
from proxy.upstream import Exchange

# Told to the database: a key is out, for this state and reason.
TakeOut = Callable[[int, ProviderKey.State, str], None]
Withhold = Callable[[int, int, str], None]
# Fetches media by URL; raises a problem for what cannot be had.
Fetch = Callable[[list[str]], Awaitable[dict[str, Fetched]]]
# Credentials that are made for each request or hour: (auth, secret, sending) to headers.
Mint = Callable[[Sending], Awaitable[Pairs]]

_MINTED: Final = frozenset({"sigv4", "google"})
_STATES: Final = {"key": ProviderKey.State.INVALID, "money": ProviderKey.State.EXHAUSTED}


@dataclass(frozen=True, slots=True)
class CoursePorts:
    fetch: Fetch
    mint: Mint
    take_out: TakeOut
    withhold: Withhold
    outputs: Outputs
    # Thought signatures of earlier answers, by tool call id: for callers that cannot echo them.
    signatures: Callable[[int, list[str]], Awaitable[Mapping[str, str]]]
    keep: Callable[[int, Mapping[str, str]], None]


@dataclass(slots=True)
class Course:
    ai: AiCall
    trail: Trail
    ports: CoursePorts
    _in_use: int = 0
    # Asked, and neither answered nor failed yet: its circuit may wait for this call to tell.
    _asked: Choice | None = None
    _began: float = field(default_factory=time.monotonic)
    _deadline_s: float = 600.0

    @property
    def caller(self) -> CallerDialect:
        return CALLERS[self.ai.dialect]

    async def first(self) -> Sending:
        """Raises the problem when nobody can be asked, or nobody can carry the request."""
        now = time.monotonic()
        refused: Problem | None = None
        choice: Choice | None = self.trail.first(now)
        while choice is not None:
            try:
                return await self._sending(choice)
            except Problem as problem:
                # Another target may be able to carry it.
                refused = refused or problem
                self._tell_nothing()
                choice = self.trail.skip(now)
        assert refused is not None  # noqa: S101 (the loop ends only after a refusal)
        raise refused

    def again(self, sending: Sending) -> Sending:
        """The same to the same target, with a limit that is known only now."""
        choice = sending.choice
        assert choice is not None  # noqa: S101 (an AI call)
        minted = sending.headers[len(sending.headers) - sending.minted :] if sending.minted else []
        made = prepare(self.ai, choice, self.trail.attempts)
        made.headers += minted
        return made

    async def after(self, failed: Failed) -> Sending | None:
        """The next to send. None when the provider's word goes to the caller; raises the problem when all have failed."""
        choice, error, now = failed.sending.choice, failed.error, time.monotonic()
        assert choice is not None  # noqa: S101 (an AI call)
        self._learn(choice, error, now)
        self._leave()
        following: Choice | None = None
        if now - self._began < self._deadline_s:
            following = self.trail.after(choice, error, now)
        while following is not None:
            try:
                return await self._sending(following)
            except Problem:
                self._tell_nothing()
                following = self.trail.skip(now)
        if error.kind in ABOUT_THE_REQUEST:
            return None
        raise (
            failed.problem
            if failed.problem and self.trail.attempts == 1 and error.status == 0
            else self.trail.problem(now)
        )

    def answered(self, sending: Sending, exchange: Exchange, first_byte_ms: int) -> None:
        choice, now = sending.choice, time.monotonic()
        assert choice is not None  # noqa: S101 (an AI call)
        self._asked = None
        self.trail.circuits.answered(choice.target, now)
        if choice.key is not None and len(choice.model.provider.keys) > 1:
            headers = dict(exchange.headers)
            self.trail.pools.answered(choice.key.id, choice.model.id, first_byte_ms, headers, now)

    def used(self, sending: Sending, output_tokens: int) -> None:
        if sending.choice is not None:
            self.ports.outputs.add(self.trail.application_id, sending.choice.model.id, output_tokens)
        if sending.wire.signatures:
            self.ports.keep(self.trail.application_id, sending.wire.signatures)

    def end(self) -> None:
        """On every way out. Repeating is harmless."""
        self._leave()
        self._tell_nothing()

    def _tell_nothing(self) -> None:
        if self._asked is not None:
            self.trail.circuits.neither(self._asked.target)
            self._asked = None

    def _leave(self) -> None:
        if self._in_use:
            self.trail.pools.ended(self._in_use)
            self._in_use = 0

    async def _sending(self, choice: Choice) -> Sending:
        self._asked = choice
        if choice.dialect != self.ai.dialect:
            await self._gather(choice)
        sending = prepare(self.ai, choice, self.trail.attempts)
        if choice.door.auth in _MINTED:
            minted = await self.ports.mint(sending)
            sending.headers += minted
            sending.minted = len(minted)
        if choice.key is not None:
            self._leave()
            self._in_use = choice.key.id
            self.trail.pools.began(choice.key.id)
        return sending

    async def _gather(self, choice: Choice) -> None:
        """What a translation needs and cannot make itself."""
        target = choice.model.target
        try:
            chat = self.ai.chat()
        except BadRequest as error:
            raise refuse(
                "request-invalid", errors=[{"field": error.pointer or "body", "message": error.message}]
            ) from error
        missing = [url for url in UPSTREAMS[choice.dialect].wanted_media(chat, target) if url not in self.ai.media]
        if missing:
            self.ai.media |= await self.ports.fetch(missing)
        if choice.dialect == "gemini":
            self.ai.signatures = await self.ports.signatures(self.trail.application_id, _tool_calls(chat))

    def _learn(self, choice: Choice, error: UpstreamError, now: float) -> None:
        pools, key, model_id = self.trail.pools, choice.key, choice.model.id
        kind, self._asked = error.kind, None
        if kind in {"server", "overloaded", "timeout", "interrupted"}:
            self.trail.circuits.failed(choice.target, now)
            if key is not None:
                pools.failed(key.id, model_id, now, others=self.trail.others_left(choice, now))
            return
        self.trail.circuits.neither(choice.target)
        if key is None:
            return
        why = _why(error)
        if kind == "rate":
            pools.asked_to_wait(key.id, model_id, error.retry_after_s, now)
        elif kind == "model":
            pools.withheld(key.id, model_id)
            self.ports.withhold(key.id, model_id, why)
        elif kind in _STATES:
            pools.took_out(key.id)
            self.ports.take_out(key.id, _STATES[kind], why)


def _why(error: UpstreamError) -> str:
    return f"{error.status} {error.message or error.code or error.type}".strip()[:200]


def _tool_calls(chat: Chat) -> list[str]:
    return [part.id for turn in chat.turns for part in turn.parts if isinstance(part, ToolCall)]

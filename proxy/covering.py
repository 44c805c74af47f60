"""A stream's output as it is paid for: reserved in blocks on the way, the next one before the last is used up.

So an agent that asks for 128,000 tokens does not block its whole team, and nothing uncovered is sent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from apipark.problems import Problem, refuse
from proxy import shortages
from proxy.purse import Held, Shortage, Unavailable

# Of what is covered; then the next block is fetched in the background.
_BEGIN_AT: Final = 0.75
# Fewer tokens are not worth a round trip to the database.
_LEAST_BLOCK: Final = 64


class Covering:
    """Tokens of output; `more` are the units of each meter for so many of them."""

    def __init__(
        self,
        held: Held,
        covered: int,
        *,
        limit: int | None,
        block: int,
        more: Callable[[int], dict[str, int]],
        reserved: Callable[[], None],
    ) -> None:
        self._held = held
        self.covered = covered
        # What the caller asked for, or the model can: no more is ever needed.
        self._limit = limit
        self._block = max(block, _LEAST_BLOCK)
        self._more = more
        self._reserved = reserved
        self._fetching: asyncio.Task[None] | None = None
        self._problem: Problem | None = None
        # Ours to blame: the stream breaks off instead of ending properly.
        self.broken = False

    def seen(self, tokens: int) -> None:
        """Begins to fetch the next block when it is time."""
        if tokens >= _BEGIN_AT * self.covered and self._fetching is None and self._problem is None and not self._whole:
            self._fetching = asyncio.ensure_future(self._fetch())

    async def exhausted(self, tokens: int) -> Problem | None:
        """None while `tokens` are covered; waits for a block that is on its way."""
        while tokens >= self.covered and not self._whole:
            if self._problem is not None:
                return self._problem
            if self._fetching is None:
                self._fetching = asyncio.ensure_future(self._fetch())
            await asyncio.shield(self._fetching)
        return None

    def close(self) -> None:
        """A block on its way is given up: what it brought is settled with the rest or stays free."""
        if self._fetching is not None:
            self._fetching.cancel()

    @property
    def _whole(self) -> bool:
        return self._limit is not None and self.covered >= self._limit

    async def _fetch(self) -> None:
        block = self._block if self._limit is None else min(self._block, self._limit - self.covered)
        try:
            while True:
                try:
                    await self._held.more(self._more(block), patient=False)
                except Shortage as shortage:
                    smaller = self._fitting(shortage, block)
                    if smaller <= 0:
                        # Also while running calls hold the rest: this one ends here.
                        self._problem = shortages.problem(replace(shortage, exhausted=True))
                        return
                    block = smaller
                except Unavailable:
                    self.broken = True
                    self._problem = refuse("metering-unavailable", retry_after=5)
                    return
                else:
                    self.covered += block
                    self._reserved()
                    return
        finally:
            self._fetching = None

    def _fitting(self, shortage: Shortage, block: int) -> int:
        """Of a block that did not fit, what does; 0 when nothing."""
        state = shortage.state
        left = max(0, (state.limit or 0) - state.used - state.leased)
        asked = self._more(block)[shortage.spec.meter]
        return min(block - 1, block * left // asked) if asked > 0 else 0

"""A change is obeyed by every worker within a second, with Redis and without."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway.client import Answer, Load, times
from tests.gateway.running import Gateway, Story

WITHIN_S = 1.0
# Of each story; together so many that the kernel spreads them over all four workers.
CONNECTIONS = 6

LIMIT = 5
PASSES, PAUSED = (200, ""), (402, "subscription-paused")
# What callers are answered before, what is done then, and what every worker answers a second later.
CHANGES = [
    (PASSES, "key-revoked", (401, "credentials-revoked")),
    (PASSES, "team-suspended", (403, "account-suspended")),
    (PASSES, "application-suspended", (403, "application-suspended")),
    (PASSES, "subscription-suspended", (402, "account-suspended-billing")),
    (PASSES, "subscription-paused", PAUSED),
    (PASSES, "service-retired", (410, "version-retired")),
    (PAUSED, "subscription-resumed", PASSES),
    ((402, "quota-exceeded"), "limit-raised", PASSES),
]


@pytest.fixture(params=["with Redis", "without Redis"])
def announced(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[None]:
    if request.param == "with Redis":
        yield
        return
    gateway.kill("valkey")
    yield
    gateway.start("valkey")


class Caller:
    """The clients of one story: what they were answered until its change, and from a second after it."""

    def __init__(self, gateway: Gateway, story: Story) -> None:
        self.story = story
        self.load = Load(gateway.port, story.call())
        self.change_began = self.changed_at = float("inf")

    async def change(self, kind: str) -> None:
        self.change_began = time.monotonic()
        await asyncio.to_thread(self.story.change, kind)
        self.changed_at = time.monotonic()

    @property
    def before(self) -> list[Answer]:
        return [each for each in self.load.answers if each.came_at < self.change_began]

    @property
    def after(self) -> list[Answer]:
        return [each for each in self.load.answers if each.sent_at > self.changed_at + WITHIN_S]

    def workers(self, answers: list[Answer], books: dict[str, Any]) -> set[str]:
        ids = {answer.request_id for answer in answers}
        return {call["worker"] for call in books["calls"] if call["id"] in ids}


def _said(answers: list[Answer]) -> set[tuple[int, str]]:
    """A machine that is too busy may say so (503): that is no statement about the caller."""
    return {(answer.status, answer.slug) for answer in answers if answer.status != 503}


async def _until_all(callers: list[Caller], answered: Callable[[Caller], list[Answer]]) -> None:
    """Every client of every story got some answers: a busy machine takes longer for it."""
    deadline = time.monotonic() + 15
    while any(len(answered(caller)) < 3 * CONNECTIONS for caller in callers) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


@pytest.mark.usefixtures("announced")
async def test_changes_are_obeyed_by_every_worker_within_a_second(gateway: Gateway) -> None:
    stories = gateway.stories(len(CHANGES) - 1, {"calls": 10_000})
    callers = [Caller(gateway, story) for story in (*stories, gateway.story({"calls": LIMIT}))]
    for caller, (before, kind, _) in zip(callers, CHANGES, strict=True):
        if before == PAUSED:
            caller.story.change("subscription-paused")
        elif kind == "limit-raised":
            # One client waits for its answers, so that none is refused while the rest is only held.
            await Load(gateway.port, caller.story.call()).run(1, times(LIMIT))
    await asyncio.sleep(WITHIN_S)
    running = True
    tasks = [asyncio.create_task(caller.load.run(CONNECTIONS, lambda: running, pause_s=0.2)) for caller in callers]
    await _until_all(callers, lambda caller: caller.before)
    for caller, (_, kind, _) in zip(callers, CHANGES, strict=True):
        await caller.change(kind)
    await _until_all(callers, lambda caller: caller.after)
    running = False
    await asyncio.gather(*tasks)

    seen: set[str] = set()
    for caller, (before, kind, after) in zip(callers, CHANGES, strict=True):
        assert caller.load.broken == 0
        assert (kind, _said(caller.before), _said(caller.after)) == (kind, {before}, {after})
        if after[0] != 401:  # such a caller is not known, and leaves no row
            assert caller.story.violations(caller.after) == []
            books = caller.story.books()
            # Connections stay with their worker: each that answered before has obeyed.
            assert caller.workers(caller.after, books) == caller.workers(caller.before, books)
            seen |= caller.workers(caller.after, books)
    assert len(seen) == gateway.workers

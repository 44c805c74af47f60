"""A change is obeyed by every worker within a second, with Redis and without."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.gateway.client import Answer, Load, times
from tests.gateway.running import Gateway, Story

WITHIN_S = 1.0
# So many that the kernel spreads them over all four workers.
CONNECTIONS = 16

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
        self.changed_at = 0.0

    async def change(self, kind: str) -> None:
        await asyncio.to_thread(self.story.change, kind)
        self.changed_at = time.monotonic()

    @property
    def before(self) -> set[tuple[int, str]]:
        """Without what was on its way while the change was made."""
        return _said([each for each in self.load.answers if each.came_at < self.changed_at - WITHIN_S])

    @property
    def after(self) -> list[Answer]:
        return [each for each in self.load.answers if each.sent_at > self.changed_at + WITHIN_S]


def _said(answers: list[Answer]) -> set[tuple[int, str]]:
    return {(answer.status, answer.slug) for answer in answers}


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
    tasks = [
        asyncio.create_task(caller.load.run(CONNECTIONS, lambda: running, pause_s=0.2)) for caller in callers
    ]
    await asyncio.sleep(1.4)
    for caller, (_, kind, _) in zip(callers, CHANGES, strict=True):
        await caller.change(kind)
    await asyncio.sleep(WITHIN_S + 0.6)
    running = False
    await asyncio.gather(*tasks)

    for caller, (before, kind, after) in zip(callers, CHANGES, strict=True):
        assert caller.load.broken == 0
        assert (kind, caller.before, _said(caller.after)) == (kind, {before}, {after})
        if after[0] != 401:  # such a caller is not known, and leaves no row
            assert caller.story.violations(caller.after) == []
            ids = {answer.request_id for answer in caller.after}
            workers = {call["worker"] for call in caller.story.books()["calls"] if call["id"] in ids}
            assert len(workers) == gateway.workers

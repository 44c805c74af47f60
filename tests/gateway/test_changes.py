"""A change is obeyed by every worker within a second, with Redis and without."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.gateway.client import Answer, Load
from tests.gateway.running import Gateway, Story

WITHIN_S = 1.0
# So many that the kernel spreads them over all four workers.
CONNECTIONS = 16

REFUSALS = {
    "key-revoked": (401, "credentials-revoked"),
    "team-suspended": (403, "account-suspended"),
    "application-suspended": (403, "application-suspended"),
    "subscription-suspended": (402, "account-suspended-billing"),
    "subscription-paused": (402, "subscription-paused"),
    "service-retired": (410, "version-retired"),
}


@pytest.fixture(params=["with Redis", "without Redis"])
def announced(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[None]:
    if request.param == "with Redis":
        yield
        return
    gateway.kill("valkey")
    yield
    gateway.start("valkey")


async def _while_calling(gateway: Gateway, stories: list[Story], changes: list[tuple[Story, str]]) -> list[Load]:
    """Each story's clients call before, during and after the changes; what they were answered."""
    running = True
    loads = [Load(gateway.port, story.call()) for story in stories]
    callers = [asyncio.create_task(load.run(CONNECTIONS, lambda: running, pause_s=0.15)) for load in loads]
    await asyncio.sleep(0.6)
    for story, kind in changes:
        await asyncio.to_thread(story.change, kind)
    changed_at = time.monotonic()
    await asyncio.sleep(WITHIN_S + 0.6)
    running = False
    await asyncio.gather(*callers)
    for load in loads:
        assert load.broken == 0
        load.answers = [answer for answer in load.answers if answer.sent_at > changed_at + WITHIN_S]
    return loads


def _said(answers: list[Answer]) -> set[tuple[int, str]]:
    return {(answer.status, answer.slug) for answer in answers}


@pytest.mark.usefixtures("announced")
async def test_changes_are_obeyed_by_every_worker_within_a_second(gateway: Gateway) -> None:
    stories = gateway.stories(len(REFUSALS), {"calls": 10_000})

    loads = await _while_calling(gateway, stories, list(zip(stories, REFUSALS, strict=True)))

    for load, story, (kind, refusal) in zip(loads, stories, REFUSALS.items(), strict=True):
        assert (kind, _said(load.answers)) == (kind, {refusal})
        if refusal[0] != 401:  # such a caller is not known, and leaves no row
            assert story.violations(load.answers) == []
            after = {answer.request_id for answer in load.answers}
            workers = {call["worker"] for call in story.books()["calls"] if call["id"] in after}
            assert len(workers) == gateway.workers


@pytest.mark.usefixtures("announced")
async def test_what_was_refused_passes_within_a_second_of_its_remedy(gateway: Gateway) -> None:
    (paused, exhausted) = gateway.stories(2, {"calls": 5})
    paused.change("subscription-paused")
    before = Load(gateway.port, exhausted.call())
    await before.run(1, iter([True] * 6 + [False]).__next__)
    assert [answer.status for answer in before.answers] == [200] * 5 + [402]
    running = True
    loads = [Load(gateway.port, story.call()) for story in (paused, exhausted)]
    callers = [asyncio.create_task(load.run(4, lambda: running, pause_s=0.05)) for load in loads]
    await asyncio.sleep(1.2)

    await asyncio.to_thread(paused.change, "subscription-resumed")
    await asyncio.to_thread(gateway.hands, "raise_limit", application=exhausted.application, limit=10_000)
    await asyncio.to_thread(gateway.hands, "raise_limit", application=paused.application, limit=10_000)
    fixed_at = time.monotonic()
    await asyncio.sleep(WITHIN_S + 0.4)
    running = False
    await asyncio.gather(*callers)

    for load, slug in zip(loads, ("subscription-paused", "quota-exceeded"), strict=True):
        assert _said([answer for answer in load.answers if answer.came_at < fixed_at - 0.1]) == {(402, slug)}
        assert _said([answer for answer in load.answers if answer.sent_at > fixed_at + WITHIN_S]) == {(200, "")}

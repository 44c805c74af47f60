"""The database stops: calls go on within what is lent, then 503; never a 402 or 429 for a failure of our own."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable

import pytest

from tests.gateway.client import Answer, Load, ask
from tests.gateway.conftest import ON_POSTGRES, ON_SQLITE
from tests.gateway.running import Gateway, Story

OUTAGE_S = 5.0
BACK_WITHIN_S = 5.0


async def _outage(gateway: Gateway, story: Story, stop: Callable[[], None], start: Callable[[], None]) -> list[Answer]:
    """Answers of calls that were sent while the database was away. Before and after they pass, and nothing is lost."""
    running = True
    load = Load(gateway.port, story.call())
    callers = asyncio.create_task(load.run(12, lambda: running, pause_s=0.03))
    await asyncio.sleep(1.5)
    stop_began = time.monotonic()
    await asyncio.to_thread(stop)
    stopped_at = time.monotonic()
    await asyncio.sleep(OUTAGE_S)
    started_at = time.monotonic()
    await asyncio.to_thread(start)
    await asyncio.sleep(2.5)
    running = False
    await callers
    last = [answer.status for answer in load.answers if answer.sent_at > time.monotonic() - 0.5]
    assert {answer.status for answer in load.answers if answer.came_at < stop_began} == {200}
    assert set(last) == {200}
    assert load.broken == 0
    assert story.violations([answer for answer in load.answers if answer.status == 200]) == []
    return [answer for answer in load.answers if stopped_at < answer.sent_at < started_at]


def _assert_only_ours(answers: list[Answer]) -> None:
    """At first they pass by what was lent, at last they are refused as our failure."""
    assert {(answer.status, answer.slug) for answer in answers} == {(200, ""), (503, "metering-unavailable")}
    first, last = answers[: len(answers) // 20], answers[-len(answers) // 20 :]
    assert any(answer.status == 200 for answer in first)
    assert all(answer.status == 503 for answer in last)
    assert all(int(answer.value("retry-after")) >= 1 for answer in answers if answer.status == 503)
    # Nobody waits for a database that is away.
    assert max(answer.came_at - answer.sent_at for answer in answers) < 2.5


@pytest.mark.parametrize("four_workers", [ON_SQLITE], indirect=True)
async def test_sqlite_locked_by_somebody_else(gateway: Gateway) -> None:
    story = gateway.story({"calls": 100_000})
    other = sqlite3.connect(gateway.sqlite, isolation_level=None, check_same_thread=False, timeout=20)

    answers = await _outage(
        gateway, story, lambda: (other.execute("BEGIN IMMEDIATE"), None)[1], lambda: other.execute("ROLLBACK").close()
    )

    other.close()
    _assert_only_ours(answers)


@pytest.mark.parametrize("way", ["frozen", "stopped"])
@pytest.mark.parametrize("four_workers", [ON_POSTGRES], indirect=True)
async def test_postgresql_away(gateway: Gateway, way: str) -> None:
    database = gateway.postgres
    assert database is not None
    story = gateway.story({"calls": 100_000})
    unknown = gateway.hands("another_key", application=story.application)
    stop, start = (database.freeze, database.thaw) if way == "frozen" else (database.stop, database.start)
    stranger: list[Answer] = []

    async def ask_as_stranger() -> None:
        # The worker knows by then that the database hangs.
        await asyncio.sleep(1.5 + 4.2)
        stranger.append(await ask(gateway.port, "GET", f"/apis/{story.name}/ordinary", unknown))

    answers, _ = await asyncio.gather(_outage(gateway, story, stop, start), ask_as_stranger())

    _assert_only_ours(answers)
    # A key that is not in memory: unknown is not wrong.
    assert [(answer.status, answer.slug) for answer in stranger] == [(503, "auth-unavailable")]
    assert _heartbeats(gateway) == gateway.workers


def _heartbeats(gateway: Gateway) -> int:
    """A worker that waits for its database is not one that hangs: it is not to be killed for it."""
    return len(gateway.web_pids())


async def test_units_that_nobody_ships_are_no_fact_about_the_caller(gateway: Gateway) -> None:
    story = gateway.story({"calls": 3})
    os.kill(gateway.pid("shipper"), signal.SIGSTOP)
    try:
        load = Load(gateway.port, story.call())
        await load.run(1, iter([True] * 3 + [False]).__next__)
        assert [answer.status for answer in load.answers] == [200] * 3

        held = await ask(gateway.port, "GET", f"/apis/{story.name}/ordinary", story.key)
        gateway.hands("forget_shipping", seconds=11)
        unshipped = await ask(gateway.port, "GET", f"/apis/{story.name}/ordinary", story.key)
    finally:
        os.kill(gateway.pid("shipper"), signal.SIGCONT)

    assert (held.status, held.slug) == (429, "allowance-held")
    assert (unshipped.status, unshipped.slug) == (503, "metering-unavailable")
    assert story.violations([*load.answers, held, unshipped]) == []
    after = await ask(gateway.port, "GET", f"/apis/{story.name}/ordinary", story.key)
    assert (after.status, after.slug) == (402, "quota-exceeded")

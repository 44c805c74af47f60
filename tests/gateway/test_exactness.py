"""Exactly the limit is admitted, and nothing is lost, whoever dies."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.fakes.upstream import Upstream
from tests.gateway.client import Broken, Client, Load, lasting, times
from tests.gateway.running import Gateway
from tests.journeys.installation import soon

LIMIT = 1_000
VICTIMS = ("web", "shipper", "web", "worker", "shipper", "web")
KILLED_WORKERS = VICTIMS.count("web")


async def test_a_limit_of_1000_calls_admits_1000_from_64_clients_on_four_workers(gateway: Gateway) -> None:
    story = gateway.story({"calls": LIMIT})
    load = Load(gateway.port, story.call())

    await load.run(64, times(LIMIT + 300))

    answers = Counter((answer.status, answer.slug) for answer in load.answers)
    assert answers == {(200, ""): LIMIT, (402, "quota-exceeded"): 300}
    assert len(story.at_upstream()) == LIMIT
    assert story.violations(load.answers) == []
    books = story.books()
    (calls,) = books["allowances"]
    assert (calls["used"], calls["leased"]) == (LIMIT, 0)
    assert len({call["worker"] for call in books["calls"]}) == gateway.workers


async def test_what_a_killed_worker_had_passed_on_is_charged(gateway: Gateway) -> None:
    story = gateway.story({"bytes": 10**9})

    async with await Client.connect(gateway.port) as client:
        await client.send(story.call("trickle"))
        answer = await client.head()
        with contextlib.suppress(Broken, TimeoutError):
            async with asyncio.timeout(3.5):
                await client.rest(answer)
        for worker in gateway.web_pids():
            os.kill(worker, signal.SIGKILL)
    received = sum(len(chunk) for _, chunk in answer.chunks)

    assert soon(lambda: len(story.books()["calls"]) == 1, 40), "the dead spool stays open"
    (lost,) = story.books()["calls"]
    (allowance,) = story.books()["allowances"]
    assert lost["outcome"] == "gateway_lost"
    # But for the last second: 50 bytes of it come every second.
    assert received - 60 <= allowance["used"] <= received
    assert received > 150
    assert allowance["leased"] == 0


@pytest.fixture
def delayed(upstream: Upstream) -> Iterator[None]:
    upstream.delay_s = 0.02
    yield
    upstream.delay_s = 0.0


@pytest.mark.usefixtures("delayed")
async def test_nothing_is_lost_or_doubled_when_parts_are_killed_under_load(gateway: Gateway) -> None:
    story = gateway.story({"calls": 100_000, "bytes": 10**9})
    load = Load(gateway.port, story.call())
    before = set(gateway.hands("open_spools"))

    def dead() -> set[str]:
        return before - set(gateway.hands("open_spools"))

    async def nemesis() -> None:
        for victim in VICTIMS:
            await asyncio.sleep(0.5)
            if victim == "web":
                os.kill(gateway.web_pids()[0], signal.SIGKILL)
            elif gateway.runs(victim):
                gateway.kill(victim)
                gateway.start(victim)

    await asyncio.gather(load.run(24, lasting(4.0), pause_s=0.02), nemesis())

    assert load.broken > 0
    assert {answer.status for answer in load.answers} == {200}
    assert soon(lambda: len(dead()) >= KILLED_WORKERS, 40), "dead spools stay open"
    assert story.violations(load.answers) == []
    assert gateway.hands("leased") == 0
    lost = [call for call in story.books()["calls"] if call["outcome"] == "gateway_lost"]
    assert lost
    assert {call["worker"] for call in lost} <= dead()

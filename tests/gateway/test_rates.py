"""Calls a minute: each worker allows its share of the limit."""

import asyncio
import math
import time
from collections import Counter

from tests.gateway.client import Load, times
from tests.gateway.running import Gateway

PER_MINUTE = 120


async def test_each_live_worker_allows_its_share_and_says_when_to_come_again(gateway: Gateway) -> None:
    story = gateway.story({"calls": 10_000}, requests_per_minute=PER_MINUTE)
    # Each looks once a second how many live.
    await asyncio.sleep(1.2)
    load = Load(gateway.port, story.call())
    began = time.monotonic()

    # Each client has its own number, or those that are refused at once would use up the others'.
    await asyncio.gather(*(load.run(1, times(25)) for _ in range(32)))

    share = PER_MINUTE // gateway.workers
    refilled = math.ceil((time.monotonic() - began) * share / 60)
    refused = [answer for answer in load.answers if answer.status != 200]
    assert {(answer.status, answer.slug) for answer in refused} == {(429, "rate-limit-exceeded")}
    assert all(1 <= int(answer.value("retry-after")) <= math.ceil(60 / share) + 1 for answer in refused)
    assert story.violations(load.answers) == []
    passed = Counter(call["worker"] for call in story.books()["calls"] if call["status"] == 200)
    assert len(passed) == gateway.workers
    assert all(share <= count <= share + refilled for count in passed.values()), passed

"""Pools of keys and chains of targets, on a real gateway: who is asked, what the caller sees, what is charged."""

import asyncio
import itertools
import json
from typing import Any

from tests.fakes.upstream import USAGE
from tests.gateway.client import Answer, Client, ask, request
from tests.gateway.prices import INPUT_NANO, OUTPUT_NANO
from tests.gateway.running import Gateway, Story
from tests.journeys.installation import soon

_NUMBERS = itertools.count(1)
_LIMITS = {"calls": 10**6, "tokens": 10**9, "spend": 10**15}
COST = (USAGE["prompt_tokens"] * INPUT_NANO + USAGE["completion_tokens"] * OUTPUT_NANO) // 1_000_000


class Pool:
    """A model of a provider whose keys behave as they are named."""

    def __init__(self, gateway: Gateway, *behaviours: str) -> None:
        self.gateway = gateway
        self.name = f"pool-{next(_NUMBERS)}"
        secrets = [f"as:{each}:{self.name}-{number}" for number, each in enumerate(behaviours)]
        made = gateway.hands("pool", name=self.name, upstream=gateway.upstream.address, keys=secrets)
        self.model: int = made["model"]
        self.keys: list[int] = made["keys"]

    def states(self) -> list[str]:
        found = self.gateway.hands("key_states", keys=self.keys)
        return [found[name] for name in sorted(found)]

    def asked(self) -> list[str]:
        """Which keys the upstream saw, in order: their behaviours."""
        journal = list(self.gateway.upstream.journal)
        shown = [each.values("authorization")[0].split(":") for each in journal if each.values("authorization")]
        return [parts[1] for parts in shown if len(parts) == 3 and parts[2].startswith(f"{self.name}-")]


def body(model: str, text: str = "hello", **more: Any) -> bytes:
    return json.dumps(
        {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 50, **more}
    ).encode()


async def chat(story: Story, gateway: Gateway, model: str, text: str = "hello", **more: Any) -> Answer:
    async with await Client.connect(gateway.port) as client:
        data = request("POST", "/v1/chat/completions", story.key, body=body(model, text, **more))
        return await client.ask(data, "POST")


def booked(story: Story, count: int) -> list[dict[str, Any]]:
    """The rows of the calls, once so many are there and nothing is lent any more."""
    found: dict[str, Any] = {}

    def settled() -> bool:
        found.update(story.books())
        return len(found["calls"]) >= count and not any(row["leased"] for row in found["allowances"])

    assert soon(settled, 10), found
    calls: list[dict[str, Any]] = found["calls"]
    return calls


async def test_a_refused_key_goes_out_of_use_and_the_next_one_serves(single: Gateway) -> None:
    pool = Pool(single, "status-401", "ordinary")
    story = single.story(_LIMITS)

    answers = [await chat(story, single, pool.name) for _ in range(4)]

    assert [answer.status for answer in answers] == [200] * 4
    assert pool.asked() == ["status-401", *["ordinary"] * 4]
    assert await asyncio.to_thread(soon, lambda: pool.states() == ["invalid", "active"], 5)
    first, *rest = booked(story, 4)
    assert [(each["why"], each["status"]) for each in first["attempts"]] == [("key", 401), ("", 200)]
    assert (first["key"], first["cost"], first["outcome"]) == (pool.keys[1], COST, "answered")
    assert all(not call["attempts"] for call in rest)


async def test_money_that_ran_out_and_a_model_withheld_are_told_apart(single: Gateway) -> None:
    pool = Pool(single, "status-402", "status-403", "ordinary")
    story = single.story(_LIMITS)

    answer = await chat(story, single, pool.name)

    assert answer.status == 200
    assert await asyncio.to_thread(soon, lambda: pool.states() == ["exhausted", "active", "active"], 5)
    # The second key stays in use for other models, and is not asked for this one again.
    assert (await chat(story, single, pool.name)).status == 200
    assert pool.asked() == ["status-402", "status-403", "ordinary", "ordinary"]


async def test_a_key_that_asked_to_wait_is_left_alone_so_long(single: Gateway) -> None:
    pool = Pool(single, "wait-a-while", "ordinary")
    story = single.story(_LIMITS)

    answers = [await chat(story, single, pool.name) for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 5
    assert pool.asked() == ["wait-a-while", *["ordinary"] * 5]
    assert pool.states() == ["active", "active"]


async def test_when_all_keys_wait_the_caller_is_told_when_to_come_again_and_pays_nothing(single: Gateway) -> None:
    pool = Pool(single, "wait-a-while", "wait-a-while")
    story = single.story(_LIMITS)

    first = await chat(story, single, pool.name)
    second = await chat(story, single, pool.name)

    for answer in (first, second):
        assert (answer.status, answer.slug, answer.value("x-should-retry")) == (503, "upstream-unavailable", "true")
        assert 20 <= int(answer.value("retry-after")) <= 45
    assert pool.asked() == ["wait-a-while"] * 2
    calls = booked(story, 2)
    assert all(sum(charged for _, charged, _ in call["charges"]) == 0 for call in calls)


async def test_a_failing_key_is_no_failure_while_another_can_serve(single: Gateway) -> None:
    pool = Pool(single, "status-500", "ordinary")
    story = single.story(_LIMITS)

    answers = [await chat(story, single, pool.name) for _ in range(12)]

    assert [answer.status for answer in answers] == [200] * 12
    # Left alone after it failed twice in a row.
    assert pool.asked().count("status-500") == 2


async def test_what_is_wrong_with_the_request_is_the_callers_and_tried_once(single: Gateway) -> None:
    pool = Pool(single, "status-400", "ordinary")
    story = single.story(_LIMITS)

    answer = await chat(story, single, pool.name)

    assert (answer.status, answer.value("x-should-retry")) == (400, "false")
    assert json.loads(answer.body)["error"]["message"] == "no"
    assert pool.asked() == ["status-400"]


async def test_an_alias_falls_back_and_bills_who_answered(single: Gateway) -> None:
    broken, good = Pool(single, "status-500"), Pool(single, "ordinary")
    single.hands("alias", name=f"alias-{broken.name}", models=[broken.name, good.name])
    story = single.story(_LIMITS)

    answer = await chat(story, single, f"alias-{broken.name}")

    assert (answer.status, answer.value("x-ai-model")) == (200, good.name)
    (call,) = booked(story, 1)
    assert (call["model"], call["key"], call["cost"]) == (good.model, good.keys[0], COST)
    assert [(each["name"], each["why"]) for each in call["attempts"]] == [(broken.name, "server"), (good.name, "")]


async def test_a_fallback_reacts_only_to_what_it_was_told(single: Gateway) -> None:
    broken, good = Pool(single, "status-500"), Pool(single, "ordinary")
    single.hands("alias", name=f"alias-{broken.name}", models=[broken.name, good.name], reacts_to=["capacity"])
    story = single.story(_LIMITS)

    answer = await chat(story, single, f"alias-{broken.name}")

    assert (answer.status, answer.slug) == (502, "upstream-failed")
    assert good.asked() == []


async def test_t16_a_stream_that_fails_before_its_first_content_is_answered_by_another(single: Gateway) -> None:
    pool = Pool(single, "stream-refused-late", "stream")
    story = single.story(_LIMITS)

    answer = await chat(story, single, pool.name, stream=True)

    assert (answer.status, answer.whole) == (200, True)
    assert answer.body.count(b" word") == 3
    assert b'"error"' not in answer.body
    (call,) = booked(story, 1)
    assert [each["why"] for each in call["attempts"]] == ["server", ""]


async def test_t15_a_stream_that_breaks_later_tells_so_and_ends_uncleanly(single: Gateway) -> None:
    pool = Pool(single, "stream-cut", "ordinary")
    story = single.story(_LIMITS)

    answer = await chat(story, single, pool.name, stream=True)

    assert (answer.status, answer.whole) == (200, False)
    assert b"[DONE]" not in answer.body
    told = json.loads(answer.body.rsplit(b"data: ", 1)[1])
    assert told["error"]["code"] == "upstream-failed"
    assert pool.asked() == ["stream-cut"]


# Metering of streams -------------------------------------------------------------------------------------------------
async def test_a_stream_ends_properly_at_the_cap_and_charges_what_was_covered(single: Gateway) -> None:
    pool = Pool(single, "stream-long")
    story = single.story({"tokens": 2_600})

    async with await Client.connect(single.port) as client:
        data = request("POST", "/v1/chat/completions", story.key, body=json.dumps({
            "model": pool.name, "stream": True, "messages": [{"role": "user", "content": "go on"}],
        }).encode())  # fmt: skip
        answer = await client.ask(data, "POST")

    assert (answer.status, answer.whole) == (200, True)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    last = json.loads(answer.body.split(b"\n\n")[-3].removeprefix(b"data: "))
    assert (last["choices"][0]["finish_reason"], last["problem"]["code"]) == ("length", "quota-exceeded")
    (call,) = booked(story, 1)
    ((_, charged, actual),) = call["charges"]
    # All but what the input was bounded too high by.
    assert charged == actual
    assert 2_500 < charged <= 2_600
    assert (call["slug"], call["outcome"]) == ("quota-exceeded", "answered")
    refused = await ask(single.port, "POST", "/v1/chat/completions", story.key, body=body(pool.name))
    assert (refused.status, refused.slug) == (402, "quota-exceeded")


async def test_a_long_stream_reserves_in_blocks_and_leaves_the_rest_to_others(single: Gateway) -> None:
    pool = Pool(single, "stream-long")
    story = single.story({"tokens": 100_000})

    async with await Client.connect(single.port) as client:
        data = request("POST", "/v1/chat/completions", story.key, body=json.dumps({
            "model": pool.name, "stream": True, "max_tokens": 90_000,
            "messages": [{"role": "user", "content": "go on"}],
        }).encode())  # fmt: skip
        await client.send(data)
        await client.head()
        await client.chunk()
        beside = await chat(story, single, "fake-chat", max_tokens=80_000)
        client.abort()

    assert beside.status == 200

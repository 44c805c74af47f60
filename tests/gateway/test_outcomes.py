"""What each way out of a call charges, and how it is booked: one attempt, one row of the table each."""

import asyncio
import json
from collections import Counter
from typing import Any, NamedTuple

import pytest

from tests.fakes.upstream import USAGE
from tests.gateway.client import Answer, Client, request
from tests.gateway.prices import INPUT_NANO, OUTPUT_NANO
from tests.gateway.running import Gateway, Story
from tests.journeys.installation import soon
from tests.postgres import free_port

pytestmark = pytest.mark.server

SENT = b"12345"
NO = len(b'{"error": {"message": "no"}}')
PRICE_NANO = 700
USED = USAGE["prompt_tokens"] + USAGE["completion_tokens"]
COST = (USAGE["prompt_tokens"] * INPUT_NANO + USAGE["completion_tokens"] * OUTPUT_NANO) // 1_000_000


class Booked(NamedTuple):
    """`status` is the caller's, 499 when it was there for none."""

    outcome: str
    status: int
    slug: str
    calls: int
    bytes: int
    tokens: int
    spend: int
    source: str = ""


def rest(outcome: str, status: int, slug: str = "", *, calls: int = 1, answer: int = 0) -> Booked:
    """Charged with the bytes of the request and of the answer, or with nothing."""
    return Booked(outcome, status, slug, calls, (len(SENT) + answer) * calls, 0, PRICE_NANO * calls)


REST = {
    "ordinary": rest("answered", 200, answer=2),
    "status-301": rest("answered", 301, answer=NO),
    "status-400": rest("answered", 400, answer=NO),
    # A service's own refusal of the caller, not one of our key.
    "status-401": rest("answered", 401, answer=NO),
    "status-429": rest("answered", 429, answer=NO),
    "status-500": rest("answered", 500, calls=0),
    "never": rest("no_answer", 504, "upstream-timeout"),
    "reset": rest("no_answer", 502, "upstream-failed"),
    "closed": rest("no_answer", 502, "upstream-failed"),
    "cut": rest("cut", 200, answer=10),
    "left-before": rest("client_gone", 499),
    "left-within": rest("client_gone", 200, answer=10),
}


async def _leave(gateway: Gateway, data: bytes, *, within: bool) -> None:
    """Before the answer, or after its first chunk."""
    client = await Client.connect(gateway.port)
    await client.send(data)
    if within:
        await client.head()
        assert await client.chunk()
    else:
        await asyncio.sleep(0.2)
    client.abort()


async def _ask(gateway: Gateway, case: str, data: bytes) -> Answer | None:
    if case.startswith("left-"):
        await _leave(gateway, data, within=case != "left-before")
        return None
    async with await Client.connect(gateway.port) as client:
        return await client.ask(data, "POST")


def _booked(call: dict[str, Any], meters: dict[int, str]) -> Booked:
    charged = Counter({meters[allowance]: units for allowance, units, _ in call["charges"]})
    return Booked(
        call["outcome"],
        call["status"],
        call["slug"],
        charged["calls"],
        charged["bytes"],
        charged["tokens"],
        charged["spend"],
        call["source"],
    )


async def _books(gateway: Gateway, story: Story, count: int) -> dict[str, tuple[Booked, dict[str, Any]]]:
    """By case: what was booked, with the row. Waits for so many rows, and for what was lent."""
    found: dict[str, Any] = {}

    def settled() -> bool:
        found.update(story.books())
        return len(found["calls"]) >= count and not any(row["leased"] for row in found["allowances"])

    assert await asyncio.to_thread(soon, settled, 8), found
    meters = {row["id"]: row["meter"] for row in found["allowances"]}
    for row in found["allowances"]:
        charged = [
            units for call in found["calls"] for allowance, units, _ in call["charges"] if allowance == row["id"]
        ]
        assert row["used"] == sum(charged)
    cases = {each.call.rpartition(".")[0]: each.wanted for each in list(gateway.upstream.journal)}
    return {cases.get(call["id"], call["id"]): (_booked(call, meters), call) for call in found["calls"]}


_UNLIMITED = {"calls": 10**6, "bytes": 10**9, "tokens": 10**9, "spend": 10**15}


async def test_each_outcome_of_a_rest_call(single: Gateway) -> None:
    story = single.story(_UNLIMITED, call_price_nano=PRICE_NANO)
    requests = {case: request("POST", f"/apis/{story.name}/{case}", story.key, body=SENT) for case in REST}

    answers = dict(
        zip(REST, await asyncio.gather(*(_ask(single, case, data) for case, data in requests.items())), strict=True)
    )

    books = await _books(single, story, len(REST))
    assert {case: booked for case, (booked, _) in books.items()} == REST
    for case, answer in answers.items():
        if answer is not None:
            assert (case, answer.status, answer.whole) == (case, REST[case].status, case != "cut")


async def test_a_call_that_was_not_sent_costs_nothing(single: Gateway) -> None:
    story = single.story(_UNLIMITED, call_price_nano=PRICE_NANO, upstream=f"127.0.0.1:{free_port()}")

    answer = await _ask(single, "ordinary", request("POST", f"/apis/{story.name}/ordinary", story.key, body=SENT))

    assert answer is not None
    books = await _books(single, story, 1)
    assert books[answer.request_id][0] == rest("not_sent", 502, "upstream-failed", calls=0)


def ai(
    outcome: str, status: int, slug: str = "", *, calls: int = 1, tokens: int = 0, spend: int = 0, source: str = ""
) -> Booked:
    """Bytes are looked at with REST."""
    return Booked(outcome, status, slug, calls, 0, tokens, spend, source)


_EXACT: dict[str, Any] = {"tokens": USED, "spend": COST, "source": "provider"}
_KEY_REFUSED = ("key_refused", 502, "upstream-credentials")
# Reported, or nothing.
EXACT = {
    "ordinary": ai("answered", 200, **_EXACT),
    "free": ai("answered", 200, source="provider"),
    "status-400": ai("answered", 400),
    "status-404": ai("answered", 404),
    "status-422": ai("answered", 422),
    "status-500": ai("answered", 502, "upstream-failed", calls=0),
    "status-503": ai("answered", 503, "upstream-unavailable", calls=0),
    "status-401": ai(*_KEY_REFUSED, calls=0),
    "status-402": ai(*_KEY_REFUSED, calls=0),
    "status-403": ai(*_KEY_REFUSED, calls=0),
    "status-429": ai("key_refused", 503, "upstream-unavailable", calls=0),
    "stream": ai("answered", 200, **_EXACT),
    "stream-refused": ai("answered", 400),
    # Read on to its end for the usage, which the provider will ask money for.
    "left-before": ai("client_gone", 499, **_EXACT),
    "left-stream": ai("client_gone", 200, **_EXACT),
}
# Own count: tokens of the input at least, and of the output that was seen.
ESTIMATED = {
    # Of the text alone, a third of a token for each byte.
    "unreported": ("answered", 200, "", 2),
    "never": ("no_answer", 504, "upstream-timeout", 0),
    "reset": ("no_answer", 502, "upstream-failed", 0),
    "stream-cut": ("cut", 200, "upstream-failed", 5),
}


def _chat(case: str) -> bytes:
    streams = "stream" in case
    content = {"model": "fake-chat", "messages": [{"role": "user", "content": case}], "max_tokens": 500}
    return json.dumps(content | ({"stream": True} if streams else {})).encode()


async def test_each_outcome_of_an_ai_call(single: Gateway) -> None:
    story = single.story(_UNLIMITED)
    cases = [*EXACT, *ESTIMATED]
    requests = {case: request("POST", "/v1/chat/completions", story.key, body=_chat(case)) for case in cases}
    # They take the only key out of use, so each goes alone and the key is mended after it.
    refused = [case for case, booked in EXACT.items() if booked.outcome == "key_refused"]

    await asyncio.gather(*(_ask(single, case, data) for case, data in requests.items() if case not in refused))
    for case in refused:
        await _ask(single, case, requests[case])
        single.hands("mend_keys")
        await asyncio.sleep(1.5)

    books = await _books(single, story, len(cases))
    assert {case: books[case][0]._replace(bytes=0) for case in EXACT} == EXACT
    for case, (outcome, status, slug, output) in ESTIMATED.items():
        booked, call = books[case]
        tokens_in, tokens_out = call["tokens"]
        # A third of a token for each byte, and some for the message.
        assert len(_chat(case)) // 3 <= tokens_in <= len(_chat(case)) // 3 + 60
        assert tokens_out == output
        spend = round((tokens_in * INPUT_NANO + tokens_out * OUTPUT_NANO) / 1_000_000)
        expected = ai(outcome, status, slug, tokens=tokens_in + tokens_out, spend=spend, source="own")
        assert (case, booked._replace(bytes=0)) == (case, expected)


async def test_a_call_that_a_stop_cuts_off_is_settled(single: Gateway) -> None:
    story = single.story(_UNLIMITED, call_price_nano=PRICE_NANO)
    async with await Client.connect(single.port) as client:
        await client.send(request("POST", f"/apis/{story.name}/trickle", story.key, body=SENT))
        answer = await client.head()
        await asyncio.gather(asyncio.to_thread(single.end, "web"), client.rest(answer))

    books = await _books(single, story, 1)
    single.start("web")
    await asyncio.to_thread(single.wait_until_ready)
    booked, _ = books["trickle"]
    assert not answer.whole
    assert booked == rest("cut", 200, answer=len(answer.body))

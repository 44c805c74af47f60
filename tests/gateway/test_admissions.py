"""An admission is remembered for what was asked, and for nothing else."""

import asyncio

import pytest

from tests.gateway.client import Answer, ask
from tests.gateway.running import Gateway

pytestmark = pytest.mark.server

# Until every worker has read what changed.
WITHIN_S = 1.0
CHAT = b'{"model": "fake-chat", "messages": [{"role": "user", "content": "ordinary"}], "max_tokens": 50}'


def _said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.slug


async def test_asking_what_a_call_would_get_opens_nothing(single: Gateway) -> None:
    paused, other = single.stories(2, ai_services=[])
    paused.change("subscription-paused")
    single.hands("join", application=paused.application, plan=other.name)
    await asyncio.sleep(WITHIN_S)

    standing = await ask(single.port, "GET", "/v1/standing", paused.key)
    own = await ask(single.port, "GET", f"/apis/{paused.name}/ordinary", paused.key)
    joined = await ask(single.port, "GET", f"/apis/{other.name}/ordinary", paused.key)

    assert (standing.status, b'"would":"pass"' in standing.body) == (200, True)
    assert (_said(own), _said(joined)) == ((402, "subscription-paused"), (200, ""))


async def test_a_model_stays_callable_when_one_of_two_services_that_offer_it_is_retired(single: Gateway) -> None:
    for name in ("one", "two"):
        single.hands("ai_service", name=name)
    story = single.story(ai_services=["one", "two"])

    before = await ask(single.port, "POST", "/v1/chat/completions", story.key, body=CHAT)
    single.hands("retire", name="one")
    await asyncio.sleep(WITHIN_S)
    without_one = await ask(single.port, "POST", "/v1/chat/completions", story.key, body=CHAT)

    assert (_said(before), _said(without_one)) == ((200, ""), (200, ""))

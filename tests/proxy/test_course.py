"""A call that is let through to find out whether a target works again tells, or lets the next one find out."""

from collections.abc import Mapping
from typing import Any

import pytest

from providers.dialects.base import Outline
from providers.dialects.canonical import UpstreamError
from proxy.attempts import Trail
from proxy.circuits import Circuits
from proxy.course import Course, CoursePorts
from proxy.learned import Outputs
from proxy.sending import AiCall, Failed
from tests.proxy.routes import hop, key, model, pools

TARGET = (1, 1)


async def _nothing(*_: Any) -> Any:
    return {}


def _no_news(*_: Any) -> None:
    pass


def _keep(_application: int, _signatures: Mapping[str, str]) -> None:
    pass


PORTS = CoursePorts(_nothing, _nothing, _no_news, _no_news, Outputs(), _nothing, _keep)


def a_course(circuits: Circuits) -> Course:
    body = b'{"model":"model-1","messages":[]}'
    ai = AiCall(
        dialect="openai",
        path="/chat/completions",
        body=body,
        outline=Outline("model-1", content={"model": "model-1", "messages": []}),
        headers=[],
        request_id="req_1",
        asked_id="1",
        created=1,
        strict=False,
    )
    return Course(ai, Trail([hop(model(1, key(1)))], 1, 5, pools(), circuits, lambda _: "openai"), PORTS)


@pytest.fixture
def half_open() -> Circuits:
    """It failed long ago, and the next call finds out."""
    circuits = Circuits()
    for _ in range(20):
        circuits.failed(TARGET, -1_000.0)
    return circuits


async def test_a_call_that_finds_out_nothing_leaves_it_to_the_next(half_open: Circuits) -> None:
    """It was refused for want of units, say, or its caller left."""
    first = a_course(half_open)
    await first.first()

    first.end()

    assert (await a_course(half_open).first()).choice is not None


async def test_a_call_that_ends_says_nothing_of_the_one_that_is_finding_out(half_open: Circuits) -> None:
    told, finding_out = a_course(Circuits()), a_course(half_open)
    sending = await told.first()
    await told.after(Failed(UpstreamError("request", 400), sending))
    await finding_out.first()
    told.trail.circuits = half_open

    told.end()

    assert not half_open.allows(TARGET, 0.0, last=False)

"""What tests of the contract share: fixtures through codecs, and what is asked and shown."""

from itertools import pairwise
from typing import Any, Final

import pytest

from providers.dialects import canonical as c
from providers.dialects.base import Asked, Shown, Target
from providers.dialects.canonical import Chat, Event
from providers.dialects.registry import CALLERS, UPSTREAMS
from tests.providers.dialects import corpus, fixtures
from tests.providers.dialects.fixtures import Fixture

callers: Final = pytest.mark.parametrize("caller", sorted(CALLERS))
upstreams: Final = pytest.mark.parametrize("upstream", sorted(UPSTREAMS))
SHOWN: Final = Shown(
    402,
    "quota-exceeded",
    "The month's quota is used up. Fix it: https://portal.example/fix/quota-exceeded",
    request_id="req_1",
    problem={"type": "https://portal.example/problems/quota-exceeded", "code": "quota-exceeded", "status": 402},
)


def of_fixtures(*kinds: fixtures.Kind, of: Any = UPSTREAMS, status: bool = False) -> pytest.MarkDecorator:
    """Fixtures of these kinds; those of refusals (a status other than 200) only with `status`."""
    found = [each for name in sorted(of) for kind in kinds for each in fixtures.load(name, kind)]
    return pytest.mark.parametrize("fixture", [each for each in found if (each.status != 200) == status], ids=str)


def target(model: str = "the-model", request: dict[str, Any] | None = None) -> Target:
    return corpus.permissive(model, request or {})


def asked(model: str = "asked-model", *, stream: bool = False, usage: bool = True) -> Asked:
    chat = Chat("none", model, [c.Turn("user", [c.Text("Hello")])])
    return Asked(model, "0123456789abcdef01234567", 1_790_000_000, stream, usage, 17, chat)


def chat_of(fixture: Fixture) -> Chat:
    codec = CALLERS[fixture.dialect]
    return codec.read_request(codec.outline(fixture.path, fixture.body))


def events_of(fixture: Fixture, pieces: list[bytes] | None = None) -> list[Event]:
    reader = UPSTREAMS[fixture.dialect].stream_reader(target())
    events: list[Event] = []
    for piece in [fixture.body] if pieces is None else pieces:
        events += reader.feed(piece)
    return events + reader.close()


def cut(body: bytes, places: list[int]) -> list[bytes]:
    return [
        body[start:end] for start, end in pairwise([0, *sorted(place % (len(body) + 1) for place in places), len(body)])
    ]

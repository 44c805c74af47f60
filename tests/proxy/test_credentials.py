"""One call, one key: wherever a key may stand, a second one that differs is refused."""

import itertools
import time

import pytest

from apipark.crypto import Peppers
from apipark.ids import new_call_id
from apipark.problems import Problem
from proxy.authentication import Digests
from proxy.inbound import InboundCall, Message

PEPPERS = Peppers(((1, b"p" * 32),))
# Checksums are right; nobody has these keys.
ONE = b"ap_live_0000000000000000000000000000000000tQdD"
OTHER = b"ap_test_111111111111111111111111111111113jEZ11"
PLACES = [(b"authorization", b"Bearer "), (b"x-api-key", b""), (b"x-goog-api-key", b"")]


async def _receive() -> Message:
    raise AssertionError


async def _send(_message: Message) -> None:
    raise AssertionError


def digests_of(*headers: tuple[bytes, bytes]) -> list[bytes]:
    scope = {"method": "GET", "path": "/v1/models", "query_string": b"", "headers": list(headers)}
    call = InboundCall(scope, _receive, _send, call=new_call_id(1), time_us=1, now_ns=time.monotonic_ns())
    return Digests(PEPPERS).of(call)


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.product(PLACES, repeat=2)), ids=lambda place: str(place[0].decode())
)
def test_two_keys_are_one_too_many_and_the_same_twice_is_none(
    first: tuple[bytes, bytes], second: tuple[bytes, bytes]
) -> None:
    one, same, other = (first[0], first[1] + ONE), (second[0], second[1] + ONE), (second[0], second[1] + OTHER)

    assert digests_of(one, same) == digests_of(one)
    with pytest.raises(Problem, match="credentials-conflict"):
        digests_of(one, other)

"""What another worker says is believed as far as it can be read."""

import pytest

from proxy.shared_memory import SharedMemory
from tests.proxy.routes import pools


@pytest.mark.parametrize("message", [b"", b"5", b"null", b"[1]", b'["other",1,2,"soon"]', b'["other",[],2,3]', b"\xff"])
def test_a_message_that_says_nothing_changes_nothing(message: bytes) -> None:
    pool = pools()

    SharedMemory(pool, "me").heard(message)

    assert pool.cooling(0.0) == {}


def test_a_key_that_cools_down_elsewhere_is_left_alone_here() -> None:
    pool = pools()
    memory = SharedMemory(pool, "me")

    memory.heard(b'["me",1,2,30]')
    memory.heard(b'["other",3,4,30]')

    assert list(pool.cooling(0.0)) == [(3, 4)]

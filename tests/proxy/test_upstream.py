"""Clients of upstreams: one for each origin, at an address that was checked, not for ever."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from apipark.addresses import Origin
from proxy.upstream import Exchange, NotSent, Timeouts, Upstreams

PORTS = range(20_000, 20_510)
PUBLIC, OTHER, INNER = "192.0.43.8", "192.0.43.9", "10.0.0.7"


class Names:
    """A name server that answers what it is told."""

    def __init__(self) -> None:
        self.answer: str | OSError = PUBLIC
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def __call__(self, host: str, _port: int) -> list[str]:
        self.asked += 1
        if host.startswith("slow"):
            self.go.wait(10)
        if isinstance(self.answer, OSError):
            raise self.answer
        return [self.answer]


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    names = Names()
    yield names
    names.go.set()


@pytest.fixture
async def upstreams(names: Names) -> AsyncIterator[Upstreams]:
    timeouts = Timeouts(connect=timedelta(seconds=0.3), idle=timedelta(seconds=1), total=timedelta(seconds=1))
    upstreams = Upstreams(
        allowed=[f"127.0.0.1:{port}" for port in PORTS], timeouts=timeouts, concurrency=100, resolve=names
    )
    yield upstreams
    await upstreams.close()


async def _asked(upstreams: Upstreams, host: str = "api.example", port: int = 443) -> Exchange:
    return await upstreams.exchange(Origin("http", host, port), "GET", f"http://{host}:{port}/", [], b"")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (what it waits for knows no event)
            await asyncio.sleep(0.005)


def _age(upstreams: Upstreams) -> None:
    """A minute later."""
    for upstream in upstreams._by_origin.values():
        upstream.checked_at -= 61


def _addresses(upstreams: Upstreams) -> list[str]:
    return [upstream.address for upstream in upstreams._by_origin.values()]


async def test_origins_looked_up_longest_ago_make_room(upstreams: Upstreams, names: Names) -> None:
    names.answer = "127.0.0.1"

    for port in PORTS:
        await _asked(upstreams, "localhost", port)

    assert [origin.port for origin in upstreams._by_origin] == list(PORTS[-500:])


async def test_a_name_that_nobody_answers_for_is_given_up_in_time_and_holds_up_nobody(
    upstreams: Upstreams, names: Names
) -> None:
    names.go.clear()
    hanging = [_asked(upstreams, f"slow-{number}.example") for number in range(4)]
    others = [_asked(upstreams, f"host-{number}.example") for number in range(4)]
    began = time.monotonic()

    found = await asyncio.gather(*hanging, *others, return_exceptions=True)

    assert [type(each) for each in found] == [NotSent] * 4 + [Exchange] * 4
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("trouble", [OSError("no such host"), "slow"])
async def test_an_address_that_was_checked_serves_on_while_its_name_is_not_found(
    upstreams: Upstreams, names: Names, trouble: OSError | str
) -> None:
    host = "slow.example" if trouble == "slow" else "api.example"
    await _asked(upstreams, host)
    if isinstance(trouble, OSError):
        names.answer = trouble
    else:
        names.go.clear()
    _age(upstreams)
    began = time.monotonic()

    await _asked(upstreams, host)

    assert time.monotonic() - began < 0.2
    await _until(lambda: names.asked == 2 and not upstreams._connecting)
    await _asked(upstreams, host)
    assert _addresses(upstreams) == [PUBLIC]


async def test_a_name_that_moves_is_followed(upstreams: Upstreams, names: Names) -> None:
    await _asked(upstreams)
    names.answer = OTHER
    _age(upstreams)

    await _asked(upstreams)

    await _until(lambda: _addresses(upstreams) == [OTHER])


async def test_a_name_that_moves_inwards_is_refused(upstreams: Upstreams, names: Names) -> None:
    await _asked(upstreams)
    names.answer = INNER
    _age(upstreams)

    # Still to the address that was public when it was checked.
    await _asked(upstreams)

    await _until(lambda: _addresses(upstreams) == [])
    with pytest.raises(NotSent):
        await _asked(upstreams)

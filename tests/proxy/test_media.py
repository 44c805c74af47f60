"""Media that a caller names by URL take no more of a worker than is good for the others."""

import base64
from typing import Any

import pytest

from apipark.problems import Problem
from proxy.media import MOST_BYTES, Media
from proxy.upstream import Exchange, Upstreams

MIB = 1024**2


class Serving(Exchange):
    """So many bytes of a PNG, in pieces."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self.status = 200
        self._left = size

    async def open(self) -> None:
        pass

    async def read(self) -> bytes | None:
        if not self._left:
            return None
        piece = b"\x89PNG\r\n\x1a\n".ljust(min(self._left, MIB), b"0")
        self._left -= len(piece)
        return piece

    async def close(self) -> None:
        pass


class Web(Upstreams):
    def __init__(self, size: int) -> None:
        self._size = size

    async def exchange(self, *_: Any) -> Exchange:
        return Serving(self._size)


def a_media(size: int) -> Media:
    media = Media()
    media._upstreams = Web(size)
    return media


def urls(count: int) -> list[str]:
    return [f"https://images.example/{number}.png" for number in range(count)]


async def test_what_is_fetched_is_known_by_its_content() -> None:
    (found,) = (await a_media(2 * MIB).fetch(urls(1))).values()

    assert (found.media_type, len(base64.b64decode(found.data))) == ("image/png", 2 * MIB)


@pytest.mark.parametrize(("count", "size"), [(1, MOST_BYTES + 1), (3, MOST_BYTES // 3 + 1), (21, 1)])
async def test_one_call_fetches_only_so_much(count: int, size: int) -> None:
    with pytest.raises(Problem, match="request-invalid"):
        await a_media(size).fetch(urls(count))


async def test_all_of_it_may_be_used() -> None:
    assert len(await a_media(MOST_BYTES // 4).fetch(urls(4))) == 4

"""Images and documents that a caller named by URL, fetched for a provider that takes bytes only (T20).

Public addresses alone, checked when connected, no redirects; the type is read from the content, never believed.
"""

import asyncio
import base64
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from apipark.addresses import AddressRefused, Origin, read_url
from apipark.problems import Problem, refuse
from providers.dialects.base import Fetched
from proxy.upstream import Exchange, NoAnswer, NotSent, Timeouts, TooMany, Upstreams

# For one call: what providers take at most, and what a person would wait for.
MOST_BYTES: Final = 20 * 1024 * 1024
_SECONDS: Final = 10
_MOST_AT_ONCE: Final = 20
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)


class Media:
    def __init__(self) -> None:
        limit = timedelta(seconds=_SECONDS)
        self._upstreams = Upstreams(
            allowed=(), timeouts=Timeouts(connect=limit, idle=limit, total=limit), concurrency=_MOST_AT_ONCE
        )

    async def fetch(self, urls: list[str]) -> dict[str, Fetched]:
        """Raises 400 that names the address and what was wrong with it."""
        if len(urls) > _MOST_AT_ONCE:
            raise _refused(urls[_MOST_AT_ONCE], f"at most {_MOST_AT_ONCE} addresses are fetched for one call")
        left = _Left(MOST_BYTES)
        fetching: list[Awaitable[Fetched]] = [self._one(url, left) for url in urls]
        found = await asyncio.gather(*fetching)
        return dict(zip(urls, found, strict=True))

    async def _one(self, url: str, left: "_Left") -> Fetched:
        try:
            origin = _origin(url)
            exchange = await self._upstreams.exchange(origin, "GET", url, [("accept", "*/*")], b"")
            await exchange.open()
        except (AddressRefused, NotSent, NoAnswer, TooMany, ValueError) as error:
            raise _refused(url, "it cannot be fetched") from error
        try:
            if exchange.status != 200:
                raise _refused(url, f"it answers with status {exchange.status}, and redirects are not followed")
            content = await _read(exchange, url, left)
        except NoAnswer as error:
            raise _refused(url, "it broke off") from error
        finally:
            await exchange.close()
        return Fetched(base64.b64encode(content).decode(), _type_of(content, url))

    async def close(self) -> None:
        await self._upstreams.close()


def _origin(url: str) -> Origin:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError("no web address")
    return read_url(url)


@dataclass(slots=True)
class _Left:
    """What all media of one call may still take."""

    bytes: int


async def _read(exchange: Exchange, url: str, left: _Left) -> bytes:
    parts = []
    while (chunk := await exchange.read()) is not None:
        left.bytes -= len(chunk)
        if left.bytes < 0:
            raise _refused(url, f"all that is fetched for one call may take {MOST_BYTES // 1024**2} MiB")
        parts.append(chunk)
    return b"".join(parts)


def _type_of(content: bytes, url: str) -> str:
    for start, media_type in _SIGNATURES:
        if content.startswith(start):
            return media_type
    if content[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(content[8:12], "application/octet-stream")
    try:
        content[:4096].decode()
    except UnicodeDecodeError as error:
        raise _refused(url, "it is no image, document or sound that is known here") from error
    return "text/plain"


def _refused(url: str, why: str) -> Problem:
    return refuse("request-invalid", errors=[{"field": "url", "message": f"{url[:200]}: {why}."}])

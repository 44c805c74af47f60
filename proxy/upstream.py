"""Talk to upstreams: the only user of pyreqwest.

One client per origin: its own pool and its pinned, checked address, looked up again each minute. Its defaults are wrong
for a proxy (redirects, decompression, proxies from the environment, a buffered head), so each is set here and a test
reads the bytes that arrive.
"""

import asyncio
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.http import HeaderMap, Url
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from apipark.addresses import AddressRefused, NameNotFound, Origin, Resolve, resolve_checked

# A name may point elsewhere by then.
_CHECK_AGAIN_S: Final = 60.0
# Clients in memory, 0.1 MB each, the one looked up longest ago goes first: callers name origins too (media by URL).
_MOST_ORIGINS: Final = 500
_NAMES_AT_ONCE: Final = 8


# RFC 9110, section 8.6: what is sent by these says its length, also when there is nothing.
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class NotSent(Exception):  # noqa: N818 (named after what happened)
    """Nothing of the request left: no address, none that may be called, no connection."""


class NoAnswer(Exception):  # noqa: N818
    """The request may have been executed, but no whole answer came."""

    def __init__(self, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class TooMany(Exception):  # noqa: N818
    """As many calls are open to this upstream as are allowed."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect: timedelta
    # Between two chunks, and before the head.
    idle: timedelta
    total: timedelta


class _Upstream:
    __slots__ = ("address", "checked_at", "client", "in_flight")

    def __init__(self, client: Client, address: str) -> None:
        self.client = client
        self.address = address
        self.checked_at = time.monotonic()
        self.in_flight = 0


class Exchange:
    """One request and its answer. `close` aborts what was not read; repeating it is harmless."""

    __slots__ = ("_reader", "_request", "_response", "_upstream", "headers", "status")

    def __init__(self, upstream: _Upstream, request: StreamRequest) -> None:
        self._upstream = upstream
        self._request: StreamRequest | None = request
        self._response: Response | None = None
        upstream.in_flight += 1

    async def open(self) -> None:
        """Send, and wait for the head: `status` and `headers`. Raises NotSent or NoAnswer."""
        assert self._request is not None  # noqa: S101 (opened once)
        try:
            self._response = response = await self._request.__aenter__()
        except PyreqwestError as error:
            self._forget()
            raise _failure(error) from error
        except BaseException:
            self._forget()
            raise
        self.status: int = response.status
        self.headers = _readable(response.headers)
        self._reader = response.body_reader

    async def read(self) -> bytes | None:
        """The next chunk as it came; None at the end. Raises NoAnswer when it breaks off."""
        try:
            chunk = await self._reader.read_chunk()
        except PyreqwestError as error:
            raise _failure(error) from error
        return None if chunk is None else bytes(chunk)

    async def close(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            self._upstream.in_flight -= 1
            if self._response is not None:
                self._response = None
                await request.__aexit__(None, None, None)

    def _forget(self) -> None:
        self._request = None
        self._upstream.in_flight -= 1


class Upstreams:
    def __init__(
        self, *, allowed: Collection[str], timeouts: Timeouts, concurrency: int, resolve: Resolve | None = None
    ) -> None:
        self._allowed = frozenset(allowed)
        self._resolve = resolve
        # Threads of its own: a name server that hangs must not hold up what else the process does beside its loop.
        self._names = ThreadPoolExecutor(_NAMES_AT_ONCE, "names")
        self._timeouts = timeouts
        self._concurrency = concurrency
        self._by_origin: dict[Origin, _Upstream] = {}
        self._connecting: dict[Origin, asyncio.Future[_Upstream]] = {}

    async def exchange(
        self, origin: Origin, method: str, url: str, headers: list[tuple[str, str]], body: bytes
    ) -> Exchange:
        """Ready to be opened. Raises NotSent for an address that may not be called, TooMany."""
        upstream = self._by_origin.get(origin)
        if upstream is None:
            upstream = await asyncio.shield(self._checked(origin))
        elif time.monotonic() - upstream.checked_at > _CHECK_AGAIN_S:
            # Meanwhile calls go on with the address that was checked, and longer while the name is not found.
            self._checked(origin)
        if upstream.in_flight >= self._concurrency:
            raise TooMany
        builder = upstream.client.request(method, url).headers(headers).streamed_read_buffer_limit(0)
        if body:
            builder = builder.body_bytes(body)
        elif method in _WITH_BODY:
            # The library says nothing of an empty body, and servers may insist on a length (411).
            builder = builder.header("content-length", "0")
        return Exchange(upstream, builder.build_streamed())

    def _checked(self, origin: Origin) -> "asyncio.Future[_Upstream]":
        """Many calls that wait for one name cause one look-up."""
        waiting = self._connecting.get(origin)
        if waiting is None:
            waiting = asyncio.ensure_future(self._connect(origin))
            self._connecting[origin] = waiting
            waiting.add_done_callback(lambda done: self._looked_up(origin, done))
        return waiting

    def _looked_up(self, origin: Origin, done: "asyncio.Future[_Upstream]") -> None:
        del self._connecting[origin]
        if not done.cancelled():
            done.exception()  # whoever waits hears of it; of one that nobody waits for it is no news

    async def _connect(self, origin: Origin) -> _Upstream:
        look_up = partial(resolve_checked, origin.host, origin.port, allowed=self._allowed, resolve=self._resolve)
        try:
            async with asyncio.timeout(self._timeouts.connect.total_seconds()):
                address = await asyncio.get_running_loop().run_in_executor(self._names, look_up)
        except (NameNotFound, TimeoutError) as error:
            raise NotSent("the upstream's name was not found") from error
        except AddressRefused as error:
            self._by_origin.pop(origin, None)
            raise NotSent(str(error)) from error
        known = self._by_origin.get(origin)
        if known is not None and known.address == address:
            known.checked_at = time.monotonic()
            self._by_origin[origin] = self._by_origin.pop(origin)
            return known
        # Open calls go on with the old client until they end; so do those of the origin that makes room.
        self._by_origin.pop(origin, None)
        if len(self._by_origin) >= _MOST_ORIGINS:
            del self._by_origin[next(iter(self._by_origin))]
        self._by_origin[origin] = fresh = _Upstream(self._client(origin, address), address)
        return fresh

    def _client(self, origin: Origin, address: str) -> Client:
        return (
            ClientBuilder()
            .no_proxy()
            .follow_redirects(False)
            .referer(False)
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .user_agent("APIPark")
            .resolve(origin.host, address, origin.port)
            .connect_timeout(self._timeouts.connect)
            .read_timeout(self._timeouts.idle)
            .timeout(self._timeouts.total)
            # Below the minute after which many servers close an idle connection.
            .pool_idle_timeout(timedelta(seconds=20))
            .build()
        )

    async def close(self) -> None:
        self._names.shutdown(wait=False)
        for upstream in self._by_origin.values():
            await upstream.client.close()


def unaltered(url: str, raw_path: str) -> bool:
    """Whether the client sends exactly this path: it normalises dot segments, backslashes and the like."""
    try:
        sent = Url(url)
    except ValueError:
        return False
    return sent.path == raw_path


def _readable(headers: HeaderMap) -> list[tuple[str, str]]:
    """The library gives out ASCII alone, and no header at all when one is not: then all others, one by one."""
    try:
        return list(headers.items())
    except ValueError:
        return [(name, value) for name in dict.fromkeys(headers) for value in _values(headers, name)]


def _values(headers: HeaderMap, name: str) -> list[str]:
    try:
        return headers.getall(name)
    except ValueError:
        return []


def _failure(error: PyreqwestError) -> NotSent | NoAnswer:
    """Every failure before the head is named a connect error, so only its causes tell whether something was sent."""
    details = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    if any(cause.startswith("client error (Connect)") for cause in causes):
        return NotSent("no connection to the upstream")
    name = type(error).__name__
    return NoAnswer("the upstream broke off", timed_out="Timeout" in name)

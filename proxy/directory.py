"""Consumers and the catalogue in memory, kept right by the table of changes.

A miss is one look-up on the worker's own thread; many calls that wait for one key cause one. What changed is dropped
within a second without Redis, at once with it. A worker that cannot read the table serves from memory for a bounded
time, then closes.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import DatabaseError, InterfaceError, connection

from apipark import clock
from apipark.models import Change
from apipark.troubles import Trouble
from billing import leases
from billing.leases import AllowanceState
from billing.terms import AllowanceSpec
from proxy import catalogue, consumers
from proxy.catalogue import Catalogue
from proxy.consumers import Consumer

T = TypeVar("T")

_POLL_S: Final = 0.5
# A database that hangs fails nobody: it is waited for so long, then what waits behind it is told at once.
_DEADLINE_S: Final = 3.0
# The whole catalogue, at the start beside other workers that start.
_CATALOGUE_DEADLINE_S: Final = 30.0
# Rows commit out of the order of their ids: each read looks so far back for ones not seen yet.
_LOOK_BACK: Final = timedelta(seconds=30)
# Keys that do not exist, remembered for a second: a flood of them costs one look-up each.
_UNKNOWN_S: Final = 1.0
_MOST_UNKNOWN: Final = 20_000
# Consumers in memory; the one used longest ago goes first.
_MOST_CONSUMERS: Final = 50_000


class Unavailable(Exception):  # noqa: N818 (named after what happened)
    """The database cannot be read, and what is asked for is not in memory."""


class Directory:
    def __init__(self, executor: Executor, *, snapshot_life: timedelta) -> None:
        self._executor = executor
        self._snapshot_life_s = snapshot_life.total_seconds()
        self._consumers: dict[bytes, Consumer] = {}
        self._unknown: dict[bytes, float] = {}
        self._loading: dict[bytes, asyncio.Task[Consumer | None]] = {}
        self._seen: dict[int, datetime] = {}
        self._read_at = _boot_time()
        self._wake = asyncio.Event()
        self._stuck: asyncio.Future[Any] | None = None
        self._on_allowance: list[Callable[[], None]] = []
        self._on_catalogue: list[Callable[[], None]] = []
        self.catalogue = Catalogue()

    def on_allowance_changed(self, listener: Callable[[], None]) -> None:
        self._on_allowance.append(listener)

    def on_catalogue_read(self, listener: Callable[[], None]) -> None:
        self._on_catalogue.append(listener)

    async def start(self) -> None:
        """Before the first call. Raises Unavailable."""
        since = datetime.now(UTC)
        await self._database(clock.refresh, _CATALOGUE_DEADLINE_S)
        self.catalogue = await self._database(catalogue.load, _CATALOGUE_DEADLINE_S)
        # What changed while the catalogue was read is read again by the first look.
        self._seen = await self._database(lambda: dict(_changes_before(since)), _CATALOGUE_DEADLINE_S)

    def known(self, digest: bytes) -> Consumer | None:
        return self._consumers.get(digest)

    @property
    def closed(self) -> bool:
        """The snapshot is too old to be trusted (a suspended machine counts its sleep)."""
        return _boot_time() - self._read_at > self._snapshot_life_s

    @property
    def degraded(self) -> bool:
        return _boot_time() - self._read_at > 4 * _POLL_S

    async def consumer(self, digests: list[bytes], *, not_before: float = 0.0) -> Consumer | None:
        """Of the key with one of these digests (the newest pepper's first); read again if older than `not_before`.

        Raises Unavailable.
        """
        digest = digests[0]
        known = self._consumers.get(digest)
        if known is not None and known.loaded_at >= not_before:
            return known
        if known is None and time.monotonic() - self._unknown.get(digest, -_UNKNOWN_S) < _UNKNOWN_S:
            return None
        loading = self._loading.get(digest)
        if loading is None:
            loading = asyncio.create_task(self._load(digest, digests))
            self._loading[digest] = loading
            loading.add_done_callback(lambda _: self._loading.pop(digest, None))
        return await asyncio.shield(loading)

    async def _load(self, digest: bytes, digests: list[bytes]) -> Consumer | None:
        started = time.monotonic()
        found = await self._database(lambda: consumers.load([each.hex() for each in digests], started))
        if found is None:
            self._consumers.pop(digest, None)
            if len(self._unknown) >= _MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[digest] = started
            return None
        if len(self._consumers) >= _MOST_CONSUMERS:
            del self._consumers[next(iter(self._consumers))]
        self._consumers.pop(digest, None)
        self._consumers[digest] = found
        return found

    async def usage(self, specs: Sequence[AllowanceSpec], now: datetime) -> list[AllowanceState]:
        """Of the current periods, for `/v1/standing`. Raises Unavailable."""
        return await self._database(lambda: leases.usage(specs, now)) if specs else []

    def wake(self) -> None:
        """Something was announced: look at the table now."""
        self._wake.set()

    async def follow(self) -> None:
        """Read the table of changes for ever."""
        unreadable = Trouble("changes_unreadable")
        while True:
            try:
                await self._look()
            except Unavailable:
                unreadable.met()
            except Exception:  # noqa: BLE001 (of a row that no catalogue can be made of; without this loop the worker closes for good)
                unreadable.met(exc_info=True)
            else:
                unreadable.over()
            try:
                async with asyncio.timeout(_POLL_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _look(self) -> None:
        since = datetime.now(UTC) - _LOOK_BACK
        rows = await self._database(
            lambda: list(Change.objects.filter(at__gte=since).values_list("pk", "at", "kind", "object_id"))
        )
        fresh = [(kind, object_id) for pk, _at, kind, object_id in rows if pk not in self._seen]
        if any(kind == "clock" for kind, _ in fresh):
            await self._database(clock.refresh)
        reloaded = None
        if any(kind == "catalogue" for kind, _ in fresh):
            # Asked for first: callers that are dropped below would queue before it.
            reloaded = asyncio.ensure_future(self._database(catalogue.load, _CATALOGUE_DEADLINE_S))
        for kind, object_id in fresh:
            self._drop(kind, object_id)
        if reloaded is not None:
            self.catalogue = await reloaded
            for listener in self._on_catalogue:
                listener()
        # Last: what could not be read above is fresh again at the next look. To drop an entry twice is harmless.
        self._seen = {pk: at for pk, at, _kind, _object in rows}
        self._read_at = _boot_time()

    def _drop(self, kind: str, object_id: int) -> None:
        if kind == "allowance":
            for listener in self._on_allowance:
                listener()
            return
        belongs = _BELONGS.get(kind)
        if belongs is None:
            return
        for digest in [digest for digest, held in self._consumers.items() if belongs(held, object_id)]:
            del self._consumers[digest]
        self._unknown.clear()

    async def ask(self, work: Callable[[], T]) -> T:
        """On the look-up thread. Raises Unavailable, at once while the thread waits for a database that hangs."""
        return await self._database(work)

    async def _database(self, work: Callable[[], T], deadline_s: float = _DEADLINE_S) -> T:
        if self._stuck is not None and not self._stuck.done():
            raise Unavailable
        future = asyncio.get_running_loop().run_in_executor(self._executor, _read, work)
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(future)
        except TimeoutError as error:
            self._stuck = future
            # Nobody awaits it any more; its failure is no news.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise Unavailable from error
        except (DatabaseError, InterfaceError) as error:
            raise Unavailable from error


_BELONGS: Final[dict[str, Callable[[Consumer, int], bool]]] = {
    "consumer": lambda held, object_id: held.key_id == object_id,
    "application": lambda held, object_id: held.application_id == object_id,
    "team": lambda held, object_id: held.team_id == object_id,
    # A subscription that is new to a consumer is not in its terms yet, so the whole team is read again by `team` too.
    "subscription": lambda held, object_id: any(terms.subscription_id == object_id for terms in held.terms),
}


def _changes_before(since: datetime) -> list[tuple[int, datetime]]:
    return list(Change.objects.filter(at__gte=since - _LOOK_BACK, at__lt=since).values_list("pk", "at"))


def _read(work: Callable[[], T]) -> T:
    try:
        return work()
    except (DatabaseError, InterfaceError):
        connection.close()
        raise


def _boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)

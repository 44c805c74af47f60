"""One web worker's life: what it builds at its start, what runs beside its calls, how it ends.

A worker is one process life with an id of its own, never used again: its spool and its leases carry it.
"""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import redis.asyncio
import structlog
from django.conf import settings
from django.db import connection

from apipark import changes, clock, heartbeats, keyring
from providers import key_states
from proxy import minting
from proxy.authentication import Digests
from proxy.circuits import Circuits
from proxy.course import CoursePorts
from proxy.directory import Directory, Unavailable
from proxy.handler import GatewayHandler
from proxy.learned import Outputs
from proxy.media import Media
from proxy.models import Spool as SpoolRow
from proxy.passage import Passage
from proxy.pools import Pools
from proxy.purse import Purse
from proxy.rates import Buckets
from proxy.shared_memory import COOLED, SharedMemory
from proxy.spool import Spool
from proxy.throttling import PlanRate
from proxy.upstream import Timeouts, Upstreams
from proxy.views.gateway import Limits, Ports, ProxyView

log = structlog.get_logger()

# A lease is waited for so long: a caller would rather wait than come again, also while the machine is busy.
_LEASE_DEADLINE_S: Final = 1.0
# Below that deadline, so that a blocked writer gives up before its caller does.
_SQLITE_BUSY_MS: Final = 900
_TICK_S: Final = 1.0
# After the last call ended, before the loop is stopped.
_POLL_S: Final = 0.05
# Collections of the oldest generation cost tens of milliseconds at full load; what lives that long lives for ever.
_GC_THRESHOLDS: Final = (50_000, 50, 50)


class Worker:
    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self._leases = ThreadPoolExecutor(1, "leases", initializer=_prepare_lease_thread)
        self._reads = ThreadPoolExecutor(1, "look-ups")
        self._tasks: set[asyncio.Task[None]] = set()
        self.purse = Purse(self.id, self._leases, deadline_s=_LEASE_DEADLINE_S)
        self.directory = Directory(self._reads, snapshot_life=settings.GATEWAY_SNAPSHOT_LIFE)
        self.directory.on_allowance_changed(self.purse.forget_findings)
        self.upstreams = Upstreams(
            allowed=settings.GATEWAY_ALLOWED_ADDRESSES,
            timeouts=Timeouts(
                settings.GATEWAY_CONNECT_TIMEOUT, settings.GATEWAY_IDLE_TIMEOUT, settings.GATEWAY_TOTAL_TIMEOUT
            ),
            concurrency=settings.GATEWAY_UPSTREAM_CONCURRENCY,
        )
        self.pools = Pools(secrets.SystemRandom().random)
        self.memory = SharedMemory(self.pools, self.id.hex)
        self.media = Media()
        self.directory.on_catalogue_read(self.pools.forget)
        self._buckets = Buckets()
        self._spool: Spool | None = None
        self.handler: GatewayHandler | None = None

    async def start(self) -> None:
        """Raises when the database cannot be read or the spool not be written: then the worker must not serve."""
        await self.directory.start()
        self._spool = spool = Spool.open(
            settings.SPOOL_DIR,
            self.id,
            host=socket.gethostname(),
            fsync=settings.SPOOL_FSYNC,
            segment_bytes=settings.SPOOL_SEGMENT_BYTES,
            free_bytes=settings.SPOOL_FREE_BYTES,
        )
        await asyncio.get_running_loop().run_in_executor(self._leases, self._register)
        view = ProxyView()
        view.ports = Ports(
            directory=self.directory,
            purse=self.purse,
            spool=spool,
            passage=Passage(spool, self.upstreams),
            pools=self.pools,
            circuits=Circuits(),
            course=CoursePorts(
                fetch=self.media.fetch,
                mint=minting.headers,
                take_out=lambda *what: self._write(key_states.take_out, *what),
                withhold=lambda *what: self._write(key_states.withhold, *what),
                outputs=Outputs(),
                signatures=self.memory.signatures,
                keep=self.memory.keep,
            ),
            rate=PlanRate(self._buckets),
            digests=Digests(keyring.peppers()),
            limits=Limits(
                settings.GATEWAY_MAX_BODY_BYTES, settings.GATEWAY_MAX_TARGET_BYTES, settings.GATEWAY_DEFAULT_MAX_TOKENS
            ),
            public_url=settings.PUBLIC_URL,
        )
        self.handler = GatewayHandler(view.carry)
        # At once: a worker without a heartbeat is one that never had a database.
        self._show_life()
        self._run(self.directory.follow())
        self._run(self._tick())
        self._run(self._listen())
        self._run(self.handler.watch_callers())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._begin_stop)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)

    async def stop(self) -> None:
        """After the last call: units go back, the spool gets its end record."""
        for task in list(self._tasks):
            task.cancel()
        await self.purse.empty()
        await self.memory.close()
        await self.media.close()
        if self._spool is not None:
            self._spool.close()
        heartbeats.remove(settings.HEARTBEAT_DIR, f"web-{os.getpid()}")
        self._leases.shutdown(wait=False)
        self._reads.shutdown(wait=False)

    def _register(self) -> None:
        """The row under which the shipper finds how far it came; also what tells how many workers live."""
        now = clock.now()
        SpoolRow.objects.get_or_create(
            worker=self.id, defaults={"host": socket.gethostname(), "started_at": now, "heartbeat_at": now}
        )

    def _write(self, verb: Callable[..., None], *what: Any) -> None:
        """What was learned of a provider's key; the pool knows it already, so a database that is away loses only the row."""
        self._run(self._written(verb, *what))

    async def _written(self, verb: Callable[..., None], *what: Any) -> None:
        try:
            await self.directory.ask(lambda: verb(*what))
        except Unavailable:
            log.warning("key_state_not_written", verb=verb.__name__)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            await self.purse.tick()
            with contextlib.suppress(Unavailable):
                live = await self.directory.ask(_live_workers)
                self.purse.live_workers = self._buckets.workers = max(1, live)
            self._show_life()

    def _show_life(self) -> None:
        heartbeats.touch(settings.HEARTBEAT_DIR, f"web-{os.getpid()}", degraded=self._degraded(), closed=self._closed())

    def _degraded(self) -> list[str]:
        found = []
        if self.directory.degraded:
            found.append("key=cached")
        if self.purse.degraded:
            found.append("quota=lease")
        return found

    def _closed(self) -> list[str]:
        found = ["key=closed"] if self.directory.closed else []
        if self.handler and self.handler.draining:
            found.append("draining")
        return found

    async def _listen(self) -> None:
        """Announcements over Redis only wake the look at the table of changes; without Redis it looks by itself."""
        while True:
            try:
                client = redis.asyncio.Redis.from_url(changes.client_url(settings.REDIS_URL))
                async with client, client.pubsub() as pubsub:
                    await pubsub.subscribe(changes.CHANNEL, COOLED)
                    async for message in pubsub.listen():
                        if message["channel"] == COOLED.encode() and message["type"] == "message":
                            self.memory.heard(message["data"])
                        else:
                            self.directory.wake()
            except (redis.RedisError, OSError):
                await asyncio.sleep(1)

    def _begin_stop(self) -> None:
        self._run(self._drain())

    async def _drain(self) -> None:
        """Refuse new calls, let open ones end, then leave the rest to granian's own handler of SIGINT."""
        handler = self.handler
        if handler is None or handler.draining:
            return
        handler.draining = True
        give_up = time.monotonic() + settings.GATEWAY_DRAIN.total_seconds()
        while handler.open_calls and time.monotonic() < give_up:  # noqa: ASYNC110 (twenty looks a second, once in a life)
            await asyncio.sleep(_POLL_S)
        if handler.open_calls:
            log.warning("calls_cut_off", calls=handler.open_calls)
            handler.cancel_open()
            await asyncio.sleep(_POLL_S)
        os.kill(os.getpid(), signal.SIGINT)


def _live_workers() -> int:
    return SpoolRow.objects.living(clock.now()).count()


def _prepare_lease_thread() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout={_SQLITE_BUSY_MS}")

"""What workers tell each other over Redis without needing it: keys that cool down, and signatures of thoughts (T9).

Without Redis each worker knows what it saw itself.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson
import redis.asyncio
from django.conf import settings

from apipark import changes
from proxy.pools import Cooled, Pools

COOLED: Final = "apipark:cooled"
_DAY_S: Final = 86_400
# In this worker's own memory, for a Redis that is away.
_MOST_SIGNATURES: Final = 10_000
_ERRORS: Final = (redis.RedisError, OSError)


class SharedMemory:
    """Made and used on one event loop."""

    def __init__(self, pools: Pools, worker: str) -> None:
        self._pools = pools
        self._worker = worker
        self._client: redis.asyncio.Redis | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._signatures: dict[str, str] = {}
        pools.on_cooled = self._tell

    def heard(self, message: bytes) -> None:
        """One message of the channel COOLED."""
        try:
            worker, key_id, model_id, seconds = orjson.loads(message)
            cooled = Cooled(int(key_id), int(model_id), float(seconds))
        except (ValueError, TypeError):
            return
        if worker != self._worker:
            self._pools.cooled_elsewhere(cooled, time.monotonic())

    async def signatures(self, application_id: int, tool_call_ids: list[str]) -> Mapping[str, str]:
        """Those that are still known, by tool call id."""
        if not tool_call_ids:
            return {}
        names = [_name(application_id, each) for each in tool_call_ids]
        try:
            found = await self._redis().mget(names)
        except _ERRORS:
            found = [None] * len(names)
        texts = [
            value.decode() if isinstance(value, bytes) else self._signatures.get(name)
            for name, value in zip(names, found, strict=True)
        ]
        return {each: text for each, text in zip(tool_call_ids, texts, strict=True) if text}

    def keep(self, application_id: int, signatures: Mapping[str, str]) -> None:
        for tool_call_id, text in signatures.items():
            if len(self._signatures) >= _MOST_SIGNATURES:
                self._signatures.clear()
            self._signatures[_name(application_id, tool_call_id)] = text
            self._run(self._redis().set(_name(application_id, tool_call_id), text, ex=_DAY_S))

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._client is not None:
            await self._client.aclose()

    def _tell(self, cooled: Cooled) -> None:
        message = orjson.dumps([self._worker, cooled.key_id, cooled.model_id, cooled.seconds])
        self._run(self._redis().publish(COOLED, message))

    def _redis(self) -> redis.asyncio.Redis:
        if self._client is None:
            self._client = redis.asyncio.Redis.from_url(
                changes.client_url(settings.REDIS_URL), socket_timeout=0.2, socket_connect_timeout=0.2
            )
        return self._client

    def _run(self, work: Any) -> None:
        task = asyncio.ensure_future(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Any) -> None:
    try:
        await work
    except _ERRORS:
        return


def _name(application_id: int, tool_call_id: str) -> str:
    return f"apipark:thought:{application_id}:{tool_call_id[:200]}"

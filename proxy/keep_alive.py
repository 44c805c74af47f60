"""A sign of life on a stream that is silent: what the caller's dialect takes as nothing, every ten seconds."""

import asyncio
from typing import Final

from proxy.inbound import InboundCall

_SILENCE_S: Final = 10.0


class KeepAlive:
    """All output goes through `send`, so that a sign never falls between two halves of a chunk."""

    __slots__ = ("_call", "_last", "_sending", "_sign", "_timer")

    def __init__(self, call: InboundCall, sign: bytes) -> None:
        self._call = call
        self._sign = sign
        self._last = 0.0
        self._sending = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._sign:
            loop = asyncio.get_running_loop()
            self._last = loop.time()
            self._timer = loop.call_later(_SILENCE_S, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def send(self, out: bytes) -> None:
        self._sending = True
        try:
            await self._call.send(out)
        finally:
            self._sending = False
            if self._timer is not None:
                self._last = asyncio.get_running_loop().time()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        silent = loop.time() - self._last
        if silent >= _SILENCE_S and not self._sending and not self._call.gone and not self._call.ended:
            loop.create_task(self.send(self._sign)).add_done_callback(_forget)
            silent = 0.0
        self._timer = loop.call_later(_SILENCE_S - silent if silent < _SILENCE_S else _SILENCE_S, self._look)


def _forget(task: "asyncio.Task[None]") -> None:
    """A caller that left is noticed by the stream itself."""
    if not task.cancelled():
        task.exception()

"""The slim ASGI handler of gateway paths. Django's own starts a thread for each request; this one meets nothing of Django.

It lets in only what is read in one way by everybody (RFC 9112), gives the call its id, and answers preflights.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from apipark import clock
from apipark.ids import new_call_id, request_id
from proxy.inbound import InboundCall, Message, Receive, Send

GATEWAY_PATHS: Final = ("/v1/", "/v1beta/", "/apis/")
# No body, no tunnel, no echo of headers.
_REFUSED_METHODS: Final = frozenset({"TRACE", "CONNECT"})

# A caller that left is noticed well within a second.
_WATCH_EVERY_S: Final = 0.05

Carry = Callable[[InboundCall], Awaitable[None]]


class GatewayHandler:
    """`carry` is the view's. Counts open calls, so that a stop can wait for them."""

    def __init__(self, carry: Carry) -> None:
        self._carry = carry
        self._open: dict[InboundCall, asyncio.Task[None] | None] = {}
        self.draining = False

    @property
    def open_calls(self) -> int:
        return len(self._open)

    def cancel_open(self) -> None:
        """Each settles by what it has seen so far."""
        for task in list(self._open.values()):
            if task is not None:
                task.cancel()

    async def watch_callers(self) -> None:
        """For ever: notice callers that leave. A call younger than one round is mostly over before the next."""
        before: set[InboundCall] = set()
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            now = set(self._open)
            for call in now & before:
                call.watch()
            before = now

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        time_us = clock.now_us()
        call_id = new_call_id(time_us)
        if self.draining:
            await _plain(
                send,
                503,
                call_id,
                b"The gateway is being stopped; try again.",
                (b"connection", b"close"),
                (b"retry-after", b"1"),
            )
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if _unreadable(scope["method"], headers):
            await _plain(send, 400, call_id, b"The request cannot be read in one way only.", (b"connection", b"close"))
            return
        if scope["method"] == "OPTIONS" and any(name == b"access-control-request-method" for name, _ in headers):
            # Closed to other origins: without Access-Control-Allow-Origin a browser does not go on.
            await _plain(send, 204, call_id, b"")
            return
        call = InboundCall(scope, receive, send, call=call_id, time_us=time_us, now_ns=time.monotonic_ns())
        self._open[call] = call.task = asyncio.current_task()
        try:
            await self._carry(call)
        finally:
            del self._open[call]


def is_gateway_path(path: str) -> bool:
    return path.startswith(GATEWAY_PATHS)


def _unreadable(method: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Transfer codings but `chunked` once, doubled lengths: read differently by the next server on the way."""
    if method in _REFUSED_METHODS or not method.isupper():
        return True
    codings, lengths = [], 0
    for name, value in headers:
        if name == b"content-length":
            lengths += 1
        elif name == b"transfer-encoding":
            codings.append(value)
    if codings and (codings != [b"chunked"] or lengths):
        return True
    return lengths > 1


async def _plain(send: Send, status: int, call_id: uuid.UUID, text: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id(call_id).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})
    await send({"type": "http.response.body", "body": text, "more_body": False})

"""A call as it arrives: the ASGI scope read on demand, its body read whole, its answer pushed.

Under granian a client that leaves cancels nothing and `send` goes on as if all were well, so one watcher per call
awaits the disconnect message.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

from apipark.ids import request_id

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_END: Final = {"type": "http.response.body", "body": b"", "more_body": False}


class ClientGone(Exception):  # noqa: N818 (named after what happened)
    """The caller closed the connection before the whole request was read."""


class BodyTooLarge(Exception):  # noqa: N818
    """More than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class AnswerBroken(Exception):  # noqa: N818
    """The answer cannot be completed: raised to the server, which closes the connection without a clean end."""


class InboundCall:
    """One request on a gateway path."""

    __slots__ = (
        "_headers", "_hex", "_receive", "_request_id", "_send", "_watcher", "body_read", "ended", "gone", "id", "method", "on_gone", "path",
        "raw_headers", "raw_path", "raw_query", "scope", "started", "started_ns", "task", "time_us",
    )  # fmt: skip

    def __init__(
        self, scope: Message, receive: Receive, send: Send, *, call: uuid.UUID, time_us: int, now_ns: int
    ) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self.id = call
        self.time_us = time_us
        # Monotonic.
        self.started_ns = now_ns
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: bytes = scope.get("raw_path") or self.path.encode()
        self.raw_query: bytes = scope["query_string"]
        self.raw_headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers: dict[bytes, bytes] | None = None
        self._request_id = self._hex = ""
        self._watcher: asyncio.Task[None] | None = None
        self.body_read = False
        self.gone = False
        self.on_gone: Callable[[], object] | None = None
        self.task: asyncio.Task[None] | None = None
        self.started = False
        self.ended = False

    @property
    def request_id(self) -> str:
        if not self._request_id:
            self._request_id = request_id(self.id)
        return self._request_id

    @property
    def hex(self) -> str:
        if not self._hex:
            self._hex = self.id.hex
        return self._hex

    @property
    def headers(self) -> dict[bytes, bytes]:
        """By lower-case name; of a repeated one the first."""
        if self._headers is None:
            headers: dict[bytes, bytes] = {}
            self._headers = headers
            for name, value in self.raw_headers:
                headers.setdefault(name, value)
        return self._headers

    @property
    def client_address(self) -> str:
        client = self.scope.get("client")
        return client[0] if client else ""

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises BodyTooLarge as soon as that is known, ClientGone when it does not arrive whole."""
        declared = self.headers.get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge(limit)
        if declared is None and b"transfer-encoding" not in self.headers:
            self.body_read = True
            return b""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise BodyTooLarge(limit)
            if not message.get("more_body"):
                self.body_read = True
                return part if not parts else b"".join([*parts, part])
            parts.append(part)

    def watch(self) -> None:
        """From now on `gone` tells whether the caller left, and `on_gone` is called once when it does.

        The handler calls it for calls that take a while: most have ended before a task of their own pays.
        """
        if self.body_read and self._watcher is None and not self.ended:
            self._watcher = asyncio.ensure_future(self._await_disconnect())

    async def _await_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self.ended:
            self.gone = True
            if self.on_gone:
                self.on_gone()

    def unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> Awaitable[None]:
        self.started = True
        return self._send({"type": "http.response.start", "status": status, "headers": headers})

    def send(self, chunk: bytes, *, last: bool = False) -> Awaitable[None]:
        self.ended = last
        return self._send({"type": "http.response.body", "body": chunk, "more_body": not last})

    async def end(self) -> None:
        if not self.ended:
            self.ended = True
            await self._send(_END)

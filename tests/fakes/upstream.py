"""An upstream that does what a test wants of it, and keeps a journal of every byte that reached it.

A server on a thread of the test's own process. What it does with a request is named by the request: the last segment of
a REST path, or the text of the first message of an AI call. It writes raw bytes, so it can break every rule.
"""

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

Pairs = list[tuple[str, str]]
USAGE = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}


@dataclass(slots=True)
class Received:
    """One request as it came."""

    method: str
    target: str
    # Names as they were written.
    headers: Pairs
    body: bytes = b""
    # Set when the gateway dropped the connection before the answer was written.
    aborted: bool = False

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def call(self) -> str:
        """Of `X-Gateway-Call`, which is there exactly once."""
        (value,) = self.values("x-gateway-call")
        return value

    @property
    def wanted(self) -> str:
        if self.target.startswith("/v1/"):
            content = json.loads(self.body)
            return str(content["messages"][0]["content"]) if "messages" in content else "chat"
        return self.target.partition("?")[0].rsplit("/", 1)[-1]


@dataclass(slots=True)
class Line:
    """The way back to the gateway."""

    request: Received
    writer: asyncio.StreamWriter
    keep: bool = True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
        if not any(name.lower() == "content-length" for name, _ in headers):
            lines.append(f"Content-Length: {len(body)}")
        body = b"" if self.request.method == "HEAD" else body
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    async def begin_chunked(self, *headers: tuple[str, str]) -> None:
        lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *(f"{name}: {value}" for name, value in headers)]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def cut(self) -> None:
        """Close without the rest."""
        self.keep = False

    def reset(self) -> None:
        self.keep = False
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Behaviour = Callable[[Line], Awaitable[None]]


@dataclass(slots=True)
class Upstream:
    behaviours: dict[str, Behaviour]
    journal: list[Received] = field(default_factory=list)
    # Before the answer of an ordinary call, so that kills meet calls that are open.
    delay_s: float = 0.0
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _started: threading.Event = field(default_factory=threading.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="upstream", daemon=True)
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for task in list(self._lines):
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def calls(self) -> list[str]:
        """The gateway's call ids with their attempts, in the order they came."""
        return [received.call for received in list(self.journal)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        method, target, _ = first.split(" ")
        received = Received(
            method, target, [(name, value.strip()) for name, _, value in (s.partition(":") for s in lines)]
        )
        received.body = await _body(received, reader)
        self.journal.append(received)
        line = Line(received, writer)
        behaviour = asyncio.ensure_future(self._behave(line))
        # Nothing may follow before the answer: what arrives is the end of the connection.
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({behaviour, gone}, return_when=asyncio.FIRST_COMPLETED)
        if behaviour.done():
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone
            behaviour.result()
            return line.keep
        received.aborted = True
        behaviour.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await behaviour
        return False

    async def _behave(self, line: Line) -> None:
        await self.behaviours.get(_by_key(line.request) or line.request.wanted, self._ordinary)(line)

    async def _ordinary(self, line: Line) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if line.request.target.startswith("/v1/"):
            await line.answer(200, chat_answer(USAGE), ("Content-Type", "application/json"))
        else:
            await line.answer(200, b"ok", ("Content-Type", "text/plain"))


def _by_key(request: Received) -> str:
    """What is wanted of calls with this key of a pool: "as:status-429" behaves so whatever is asked."""
    for value in request.values("authorization"):
        if value.startswith("Bearer as:"):
            return value.removeprefix("Bearer as:").partition(":")[0]
    return ""


def chat_answer(usage: dict[str, Any] | None) -> bytes:
    message = {"role": "assistant", "content": "Hello"}
    content: dict[str, Any] = {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    return json.dumps(content if usage is None else content | {"usage": usage}).encode()


def event(content: Any) -> bytes:
    return b"data: " + (content if isinstance(content, bytes) else json.dumps(content).encode()) + b"\n\n"


def word(text: str = " word") -> bytes:
    return event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]})


async def _body(received: Received, reader: asyncio.StreamReader) -> bytes:
    if received.values("transfer-encoding"):
        parts = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readuntil(b"\r\n")
        return b"".join(parts)
    lengths = received.values("content-length")
    return await reader.readexactly(int(lengths[0])) if lengths else b""

"""A client that sends exactly the bytes it is told to, and says exactly what came back."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

import orjson

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class Answer:
    status: int
    # Names in lower case.
    headers: Pairs
    body: bytes = b""
    # The length that was declared came, or the last chunk.
    whole: bool = False
    # Chunks of the transfer coding, each with when it came.
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    # Monotonic: when the request was sent, and when the answer was whole.
    sent_at: float = 0.0
    came_at: float = 0.0

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def value(self, name: str) -> str:
        (value,) = self.values(name)
        return value

    @property
    def request_id(self) -> str:
        return self.value("x-request-id")

    @property
    def slug(self) -> str:
        """Of the problem, in whichever envelope; empty when it is none."""
        try:
            content = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return ""
        if not isinstance(content, dict):
            return ""
        error = content.get("error", content)
        return str(error.get("code", "")) if isinstance(error, dict) else ""


class Broken(Exception):  # noqa: N818 (named after what happened)
    """The connection ended before the head of an answer."""


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 25))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        """Gone, with whatever was on its way."""
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, data: bytes, method: str = "GET") -> Answer:
        """Raises Broken."""
        sent_at = time.monotonic()
        try:
            await self.send(data)
            answer = await self.head()
            answer.sent_at = sent_at
            await self.rest(answer, method)
        except ConnectionError as error:
            raise Broken from error
        answer.came_at = time.monotonic()
        return answer

    async def head(self) -> Answer:
        interim: list[int] = []
        while True:
            try:
                text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            except asyncio.IncompleteReadError as error:
                raise Broken from error
            first, *lines = text[:-4].split("\r\n")
            status = int(first.split(" ")[1])
            if status >= 200:
                pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
                return Answer(status, pairs, interim=interim)
            interim.append(status)

    async def rest(self, answer: Answer, method: str = "GET") -> None:
        if method == "HEAD" or answer.status in {204, 304}:
            answer.whole = True
        elif answer.values("transfer-encoding"):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while chunk := await self.chunk():
                    answer.chunks.append((time.monotonic(), chunk))
                answer.whole = True
            answer.body = b"".join(chunk for _, chunk in answer.chunks)
        else:
            length = int(answer.value("content-length"))
            try:
                answer.body = await self.reader.readexactly(length)
                answer.whole = True
            except asyncio.IncompleteReadError as error:
                answer.body = error.partial

    async def chunk(self) -> bytes:
        """The next of a chunked answer; empty: the last. Raises IncompleteReadError when it is cut."""
        size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16)
        return (await self.reader.readexactly(size + 2))[:-2]


def request(
    method: str, target: str, key: str = "", headers: Iterable[tuple[str, str]] = (), body: bytes | None = None
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


async def ask(
    port: int,
    method: str,
    target: str,
    key: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
) -> Answer:
    """On a connection of its own. Raises Broken."""
    async with await Client.connect(port) as client:
        return await client.ask(request(method, target, key, headers, body), method)


@dataclass(slots=True)
class Load:
    """Clients that call until there is no more to send; what each answer was, and how many connections broke."""

    port: int
    data: bytes
    answers: list[Answer] = field(default_factory=list)
    broken: int = 0

    async def run(self, connections: int, more: Callable[[], bool], *, pause_s: float = 0.0) -> None:
        """`more` is asked before each call. A connection that breaks, or is refused, is opened again."""
        await asyncio.gather(*(self._one(more, pause_s) for _ in range(connections)))

    async def _one(self, more: Callable[[], bool], pause_s: float) -> None:
        client: Client | None = None
        while more():
            try:
                client = client or await Client.connect(self.port)
                self.answers.append(await client.ask(self.data))
            except (Broken, OSError):
                self.broken += 1
                if client:
                    client.close()
                client = None
                await asyncio.sleep(0.05)
            if pause_s:
                await asyncio.sleep(pause_s)
        if client:
            client.close()


def times(count: int) -> Callable[[], bool]:
    left = iter(range(count))
    return lambda: next(left, None) is not None


def lasting(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until

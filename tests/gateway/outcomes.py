"""What the fake upstream can do, by name."""

import asyncio
import gzip

from tests.fakes.upstream import USAGE, Behaviour, Line, chat_answer, event, word

COMPRESSED = gzip.compress(b"as it is " * 100)
LARGE = bytes(range(256)) * 4096
_JSON = ("Content-Type", "application/json")
_EVENTS = ("Content-Type", "text/event-stream")


def _status(status: int) -> Behaviour:
    async def answer(line: Line) -> None:
        await line.answer(status, b'{"error": {"message": "no"}}', _JSON)

    return answer


async def slow(line: Line) -> None:
    await asyncio.sleep(0.4)
    await line.answer(200, chat_answer(USAGE) if line.request.target.startswith("/v1/") else b"slow", _JSON)


async def never(line: Line) -> None:
    await asyncio.sleep(30)


async def reset(line: Line) -> None:
    line.reset()


async def closed(line: Line) -> None:
    """After it read the request."""
    line.cut()


async def cut(line: Line) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n0123456789")
    line.cut()


async def trickle(line: Line) -> None:
    """Ten bytes at once, and on and on."""
    await line.begin_chunked(("Content-Type", "text/plain"))
    for _ in range(100):
        await line.chunk(b"0123456789")
        await asyncio.sleep(0.2)


async def unreported(line: Line) -> None:
    await line.answer(200, chat_answer(None), _JSON)


async def free(line: Line) -> None:
    """A reported nothing is a nothing."""
    await line.answer(200, chat_answer({"prompt_tokens": 0, "completion_tokens": 0}), _JSON)


async def stream(line: Line) -> None:
    await line.begin_chunked(_EVENTS)
    for _ in range(3):
        await line.chunk(word())
        await asyncio.sleep(0.15)
    await line.chunk(event({"choices": [], "usage": USAGE}))
    await line.chunk(event(b"[DONE]"))
    await line.send(b"0\r\n\r\n")


async def stream_cut(line: Line) -> None:
    await line.begin_chunked(_EVENTS)
    for _ in range(3):
        await line.chunk(word())
    await asyncio.sleep(0.1)
    line.cut()


async def compressed(line: Line) -> None:
    await line.answer(200, COMPRESSED, ("Content-Encoding", "gzip"), ("Content-Type", "text/plain"))


async def nothing(line: Line) -> None:
    await line.send(b"HTTP/1.1 204 No Content\r\nX-Own: yes\r\n\r\n")


async def unchanged(line: Line) -> None:
    """With the length that the body would have."""
    await line.send(b'HTTP/1.1 304 Not Modified\r\nETag: "one"\r\nContent-Length: 300\r\n\r\n')


async def hints(line: Line) -> None:
    await line.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    await line.answer(200, b"after hints")


async def talkative(line: Line) -> None:
    """Headers that go on, doubled ones among them, and headers that must not."""
    await line.answer(
        200,
        b"talk",
        *(("X-Own", "first"), ("X-Own", "second"), ("Vary", "Accept"), ("ETag", '"one"')),
        *(("Connection", "x-hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("Trailer", "x-end")),
        *(("Set-Cookie", "portal=stolen"), ("X-Gateway-Call", "forged"), ("X-Request-Id", "forged")),
        *(("X-AI-Model", "forged"), ("X-Problem", "forged"), ("Access-Control-Allow-Origin", "*")),
    )


async def umlauts(line: Line) -> None:
    await line.answer(200, b"umlauts", ("X-Own", "first"), ("X-Umlaut", "\xe4"), ("X-Own", "second"))


async def large(line: Line) -> None:
    await line.answer(200, LARGE)


async def ticks(line: Line) -> None:
    """Three events, a pause after each."""
    await line.begin_chunked(_EVENTS)
    for number in range(3):
        await line.chunk(b"data: %d\n\n" % number)
        await asyncio.sleep(0.2)
    await line.send(b"0\r\n\r\n")


async def wait_a_while(line: Line) -> None:
    """Asks to come again later."""
    body = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'
    await line.answer(429, body, _JSON, ("Retry-After", "30"))


async def stream_refused_late(line: Line) -> None:
    """An error where the first content should be."""
    await line.begin_chunked(_EVENTS)
    await line.chunk(event({"error": {"message": "overloaded", "code": "overloaded"}}))
    await line.send(b"0\r\n\r\n")


async def stream_long(line: Line) -> None:
    """Without an end of its own: whoever pays has to stop it."""
    await line.begin_chunked(_EVENTS)
    for number in range(4_000):
        await line.chunk(word(f" word{number:04}"))
        await asyncio.sleep(0.002)
    line.cut()


BEHAVIOURS: dict[str, Behaviour] = {
    "slow": slow,
    "never": never,
    "reset": reset,
    "closed": closed,
    "cut": cut,
    "trickle": trickle,
    # The same for a caller that leaves.
    "left-before": slow,
    "left-within": trickle,
    "left-stream": stream,
    "stream-refused": _status(400),
    "unreported": unreported,
    "free": free,
    "stream": stream,
    "stream-cut": stream_cut,
    "compressed": compressed,
    "nothing": nothing,
    "unchanged": unchanged,
    "hints": hints,
    "talkative": talkative,
    "umlauts": umlauts,
    "large": large,
    "ticks": ticks,
    "wait-a-while": wait_a_while,
    "stream-refused-late": stream_refused_late,
    "stream-long": stream_long,
    **{f"status-{status}": _status(status) for status in (301, 400, 401, 402, 403, 404, 422, 429, 500, 503)},
}

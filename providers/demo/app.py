"""The demo provider's server: the dialects of all callers under `/v1` and `/v1beta`, a small REST API under `/rest`, a journal.

`/journal` lists the `X-Gateway-Call` of every request that arrived, the newest last; DELETE empties it.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from providers.demo import answers
from providers.demo.settings import DEMO_KEY, MODELS
from providers.demo.wishes import Wishes, wishes_of
from providers.dialects.base import Asked, ListedModel, Outline, Shown
from providers.dialects.canonical import Answer, BadRequest
from providers.dialects.registry import CALLERS

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
# As many as a test makes calls; the oldest go first.
_JOURNAL_LENGTH: Final = 200_000
# Longer than any timeout that waits for it.
_HANG_S: Final = 3_600
_AUTHORIZATION: Final = b"Bearer " + DEMO_KEY.encode()


class BrokenOff(Exception):  # noqa: N818 (asked for: the server closes the connection without a clean end)
    pass


class Application:
    def __init__(self) -> None:
        self._journal: deque[str] = deque(maxlen=_JOURNAL_LENGTH)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        headers = dict(scope["headers"])
        path: str = scope["path"]
        body = await _body(receive)
        if call := headers.get(b"x-gateway-call"):
            self._journal.append(call.decode("latin-1"))
        if path.startswith(("/v1/", "/v1beta/")):
            await _ai(path, headers, scope["query_string"], body, send)
        elif path.startswith("/rest/"):
            await _rest(scope, headers, body, send)
        elif path == "/journal":
            await self._show_journal(scope["method"], send)
        else:
            await _json(send, 200 if path in {"/", "/healthz"} else 404, {"demo": True})

    async def _show_journal(self, method: str, send: Send) -> None:
        if method == "DELETE":
            self._journal.clear()
        await _json(send, 200, list(self._journal))


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _ai(path: str, headers: dict[bytes, bytes], query: bytes, body: bytes, send: Send) -> None:
    dialect, below = _door(path)
    if dialect is None:
        await _refuse(send, "openai", 404)
        return
    if not _known(headers):
        await _refuse(send, dialect, 401)
        return
    if below.rstrip("/") == "/models":
        await _json_bytes(send, 200, CALLERS[dialect].list_models(_LISTED, {}))
        return
    if dialect == "gemini":
        below = f"{below}?{query.decode('latin-1')}"
    try:
        asked = CALLERS[dialect].outline(below, body)
    except BadRequest:
        await _refuse(send, dialect, 400)
        return
    if asked.model not in MODELS:
        await _refuse(send, dialect, 404)
    elif below == "/embeddings":
        await _embeddings(asked.content, send)
    elif "count" in below:
        await _json_bytes(send, 200, CALLERS[dialect].write_count(asked.input_expected))
    else:
        await _chat(dialect, asked, headers, send)


_LISTED: Final = [ListedModel(name, "demo", 128_000, 16_384, "chat") for name in MODELS]


def _door(path: str) -> tuple[str | None, str]:
    """The caller's dialect, and what stands below its version."""
    for version in ("/v1beta", "/v1"):
        if not path.startswith(f"{version}/"):
            continue
        below = path.removeprefix(version)
        if version == "/v1beta" or (below.startswith("/models/") and ":" in below):
            return "gemini", below
        if below.startswith("/messages"):
            return "anthropic", below
        if below.startswith("/responses"):
            return "responses", below
        return ("openai" if below in _OPENAI else None), below
    return None, ""


_OPENAI: Final = frozenset({"/chat/completions", "/completions", "/embeddings", "/models"})


def _known(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"authorization") == _AUTHORIZATION or DEMO_KEY.encode() in {
        headers.get(b"x-api-key"),
        headers.get(b"x-goog-api-key"),
    }


async def _chat(dialect: str, asked: Outline, headers: dict[bytes, bytes], send: Send) -> None:
    try:
        chat = CALLERS[dialect].read_request(asked)
    except BadRequest:
        await _refuse(send, dialect, 400)
        return
    wishes = wishes_of(answers.last_text(chat) + headers.get(b"x-demo", b"").decode("latin-1"))
    if wishes.hang:
        await asyncio.sleep(_HANG_S)
    if wishes.delay_s:
        await asyncio.sleep(wishes.delay_s)
    if wishes.fail is not None:
        await _refuse(send, dialect, wishes.fail)
        return
    number = uuid.uuid4().hex[:24]
    said = answers.answer(chat, wishes, call_id=number)
    about = Asked(
        model=asked.model,
        id=number,
        created=int(time.time()),
        stream=asked.stream,
        array=asked.array,
        include_usage=asked.include_usage,
        input_estimate=said.usage.input_total if said.usage else 0,
        chat=chat,
    )
    if asked.stream:
        await _stream(send, dialect, about, said, wishes)
        return
    content = CALLERS[dialect].write_answer(said, about)
    if wishes.cut:
        await _cut(send, content)
    await _json_bytes(send, 200, content)


async def _stream(send: Send, dialect: str, about: Asked, said: Answer, wishes: Wishes) -> None:
    writer = CALLERS[dialect].stream_writer(about)
    media_type = b"application/json" if about.array else b"text/event-stream; charset=utf-8"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media_type)]})
    events = list(answers.events(said))
    held = bytearray()
    for number, event in enumerate(events):
        if number and wishes.pause_s:
            await asyncio.sleep(wishes.pause_s)
        if number == len(events) // 2 and (wishes.cut or wishes.fail_late):
            if wishes.fail_late:
                code, kind, message = answers.error(529)
                await _chunk(send, writer.error(Shown(529, code, message, type=kind)))
            raise BrokenOff
        out = writer.write(event)
        if not wishes.odd:
            await _chunk(send, out)
            continue
        held += out
        while len(held) >= wishes.odd:
            await _chunk(send, bytes(held[: wishes.odd]))
            del held[: wishes.odd]
    await send({"type": "http.response.body", "body": bytes(held), "more_body": False})


async def _refuse(send: Send, dialect: str, status: int) -> None:
    code, kind, message = answers.error(status)
    shown = Shown(status, code, message, type=kind)
    await _json_bytes(send, status, CALLERS[dialect].write_error(shown))


async def _embeddings(asked: dict[str, Any], send: Send) -> None:
    given = asked.get("input")
    texts = [str(item) for item in given] if isinstance(given, list) else [str(given)]
    as_base64 = asked.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": answers.embedding(text, as_base64=as_base64)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(len(text.split()) for text in texts)
    counts = {"prompt_tokens": tokens, "total_tokens": tokens}
    await _json(send, 200, {"object": "list", "data": data, "model": asked["model"], "usage": counts})


async def _rest(scope: dict[str, Any], headers: dict[bytes, bytes], body: bytes, send: Send) -> None:
    """`current` invents weather, `echo` gives back what came, `status/503`, `bytes/65536` and `slow/2` do as named."""
    what, _, number = scope["path"].removeprefix("/rest/").partition("/")
    query = parse_qs(scope["query_string"].decode("latin-1"))
    if what == "current":
        city = query.get("city", ["Berlin"])[0]
        degrees = sum(city.encode()) % 35 - 5
        await _json(send, 200, {"city": city, "temperature_c": degrees, "sky": "clear" if degrees > 15 else "cloudy"})
    elif what == "echo":
        shown = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        raw_path = scope.get("raw_path", b"").decode("latin-1")
        came = {
            "method": scope["method"],
            "path": raw_path,
            "query": scope["query_string"].decode("latin-1"),
            "headers": shown,
        }
        await _json(send, 200, {**came, "body": body.decode("latin-1")}, (b"x-echo", b"yes"))
    elif what == "status" and number.isdigit():
        await _json(send, int(number), {"status": int(number)})
    elif what == "bytes" and number.isdigit():
        await _bytes(send, int(number), chunked="chunked" in query)
    elif what == "slow" and number.isdigit():
        await asyncio.sleep(int(number))
        await _json(send, 200, {"slept_s": int(number)})
    else:
        await _json(send, 404, {"error": "no such path"})


async def _bytes(send: Send, size: int, *, chunked: bool) -> None:
    length = [] if chunked else [(b"content-length", str(size).encode())]
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/octet-stream"), *length],
        }
    )
    for start in range(0, size, 65_536):
        await send({"type": "http.response.body", "body": b"x" * min(65_536, size - start), "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cut(send: Send, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), length]}
    )
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    raise BrokenOff


async def _chunk(send: Send, out: bytes) -> None:
    if out:
        await send({"type": "http.response.body", "body": out, "more_body": True})


async def _json(send: Send, status: int, content: Any, *more: tuple[bytes, bytes]) -> None:
    await _json_bytes(send, status, orjson.dumps(content), *more)


async def _json_bytes(send: Send, status: int, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


application = Application()

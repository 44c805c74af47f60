"""The demo provider's server: OpenAI's dialect under `/v1`, a small REST API under `/rest`, a journal for tests.

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
from providers.dialects.canonical import BadRequest
from providers.dialects.openai.outlines import outline

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
# As many as a test makes calls; the oldest go first.
_JOURNAL_LENGTH: Final = 200_000
# Longer than any timeout that waits for it.
_HANG_S: Final = 3_600
_AUTHORIZATION: Final = b"Bearer " + DEMO_KEY.encode()
_PREFIX: Final = "/v1/"
_CHAT: Final = "chat/completions"


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
        if path.startswith(_PREFIX):
            await _ai(path, headers, body, send)
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


async def _ai(path: str, headers: dict[bytes, bytes], body: bytes, send: Send) -> None:
    if headers.get(b"authorization") != _AUTHORIZATION:
        await _json(send, 401, answers.error(401))
        return
    if path == "/v1/models":
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "demo"} for name in MODELS]
        await _json(send, 200, {"object": "list", "data": listed})
        return
    operation = path.removeprefix(_PREFIX)
    if operation not in {_CHAT, "embeddings"}:
        await _json(send, 404, answers.error(404))
        return
    try:
        model = outline(operation, body).model
    except BadRequest:
        await _json(send, 400, answers.error(400))
        return
    if model not in MODELS:
        await _json(send, 404, answers.error(404))
    elif operation == _CHAT:
        await _chat(orjson.loads(body), send)
    else:
        await _embeddings(orjson.loads(body), send)


async def _chat(asked: dict[str, Any], send: Send) -> None:
    messages = asked.get("messages") or [{}]
    wishes = answers.wishes_of(answers.text_of(messages[-1].get("content")))
    if wishes.hang:
        await asyncio.sleep(_HANG_S)
    if wishes.delay_s:
        await asyncio.sleep(wishes.delay_s)
    if wishes.fail is not None:
        await _json(send, wishes.fail, answers.error(wishes.fail))
        return
    limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
    words, reason = answers.words_of_answer(wishes, limit)
    counts = answers.usage(messages, len(words)) if wishes.usage else None
    about = {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "created": int(time.time()), "model": asked["model"]}
    if asked.get("stream"):
        wants_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        await _stream(send, about, words, reason, counts if wants_usage else None, wishes)
        return
    message = {"role": "assistant", "content": " ".join(words), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    content = {**about, "object": "chat.completion", "choices": [choice]} | ({"usage": counts} if counts else {})
    if wishes.cut:
        await _cut(send, orjson.dumps(content))
    await _json(send, 200, content)


async def _stream(
    send: Send,
    about: dict[str, Any],
    words: list[str],
    reason: str,
    counts: dict[str, Any] | None,
    wishes: answers.Wishes,
) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
        }
    )
    about = {**about, "object": "chat.completion.chunk"}

    async def event(delta: dict[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        await _event(send, {**about, "choices": [choice]} | ({"usage": None} if counts else {}))

    await event({"role": "assistant", "content": ""})
    for number, word in enumerate(words):
        if wishes.pause_s:
            await asyncio.sleep(wishes.pause_s)
        if wishes.cut and number == len(words) // 2:
            raise BrokenOff
        await event({"content": word if number == 0 else f" {word}"})
    await event({}, reason)
    if counts:
        await _event(send, {**about, "choices": [], "usage": counts})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


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


async def _event(send: Send, content: dict[str, Any]) -> None:
    await send({"type": "http.response.body", "body": b"data: " + orjson.dumps(content) + b"\n\n", "more_body": True})


async def _json(send: Send, status: int, content: Any, *more: tuple[bytes, bytes]) -> None:
    body = orjson.dumps(content)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


application = Application()

"""The limit: granian and pyreqwest doing nothing but forward. What the gateway adds is measured against it."""

import os
from typing import Any

from pyreqwest.client import Client, ClientBuilder

UPSTREAM = os.environ["UPSTREAM"]
_client: list[Client] = []


def _made() -> Client:
    builder = ClientBuilder().no_proxy().follow_redirects(False).referer(False)
    return builder.gzip(False).brotli(False).zstd(False).deflate(False).build()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if not _client:
        _client.append(_made())
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    headers = [("content-type", "application/json")]
    request = _client[0].request(scope["method"], UPSTREAM + scope["path"]).headers(headers).body_bytes(b"".join(parts))
    async with request.streamed_read_buffer_limit(0).build_streamed() as response:
        out = [
            (name.encode(), value.encode()) for name, value in response.headers.items() if name != "transfer-encoding"
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": out})
        while (chunk := await response.body_reader.read_chunk()) is not None:
            await send({"type": "http.response.body", "body": bytes(chunk), "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

"""A fast static upstream: one small JSON answer in OpenAI's format, or a stream of many chunks."""

from typing import Any

BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"bench","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"Hello! How can I help?"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}'
)
CHUNK = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"bench",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
END = b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2000}}\n\ndata: [DONE]\n\n'
CHUNKS = 2_000


async def application(scope: Any, protocol: Any) -> None:
    if scope.proto != "http":
        return
    body = await protocol()
    if b'"stream":true' in body:
        stream = protocol.response_stream(200, [("content-type", "text/event-stream")])
        for _ in range(CHUNKS):
            await stream.send_bytes(CHUNK)
        await stream.send_bytes(END)
    else:
        protocol.response_bytes(200, [("content-type", "application/json")], BODY)

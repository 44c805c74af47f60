"""Events of a stream of Messages, as bytes: each with its name, or the SDK passes over it."""

from typing import Any, Final

import orjson

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'


def message_start(model: str, id_: str, input_tokens: int) -> bytes:
    # Never 0 and 0, which clients show as a free call.
    usage = {"input_tokens": max(1, input_tokens), "output_tokens": 1}
    return event_bytes(
        "message_start",
        message={
            "id": f"msg_{id_}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        },
    )


def event_bytes(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **members}))

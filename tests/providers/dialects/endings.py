"""Where a captured stream says that it is whole, read by the letter of its format and not through a codec."""

from typing import Any

import orjson

from tests.providers.dialects import frames
from tests.providers.dialects.corpus import Exchange


def terminal_at(exchange: Exchange) -> int:
    """The last place where a cut leaves the terminal event torn."""
    if exchange.dialect == "bedrock":
        return _of_frames(exchange.answer)
    at = 0
    unfinished: set[int] = set()
    for line in exchange.answer.splitlines(keepends=True):
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            return at + len(line.rstrip()) - 1
        if data.startswith(b"{") and _is_terminal(exchange.dialect, orjson.loads(data), unfinished):
            return at + len(line.rstrip()) - 1
        at += len(line)
    raise AssertionError("no terminal event")


def _is_terminal(dialect: str, content: dict[str, Any], unfinished: set[int]) -> bool:
    if dialect == "openai":
        # Of several choices the one that finishes last. Not all servers send [DONE].
        finished = {choice["index"] for choice in content.get("choices", []) if choice.get("finish_reason")}
        unfinished |= {choice["index"] for choice in content.get("choices", [])}
        unfinished -= finished
        return "error" in content or (bool(finished) and not unfinished)
    if dialect == "responses":
        return content["type"] in {"response.completed", "response.incomplete", "response.failed", "error"}
    if dialect == "gemini":
        return any(candidate.get("finishReason") for candidate in content.get("candidates", []))
    return content.get("type") in {"message_stop", "message-end"} or content.get("done") is True


def _of_frames(stream: bytes) -> int:
    at = 0
    for headers, payload in frames.read(stream):
        size = len(frames.frame(headers, payload))
        if headers[":event-type"] == "messageStop":
            return at + size - 1
        at += size
    raise AssertionError("no messageStop")

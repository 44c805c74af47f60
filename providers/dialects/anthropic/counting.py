"""What a request holds before it is read: tokens, by our own estimate, and ids of what a provider keeps.

Also the answer of `/messages/count_tokens`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from providers.dialects.estimate import PER_IMAGE, PER_MESSAGE, tokens_of

# A page of a PDF is some 50 KB as base64 and costs about as much as an image.
_PAGE: int = 50_000


def write_count(input_tokens: int) -> bytes:
    return orjson.dumps({"input_tokens": input_tokens})


def media_in(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sources of the images and documents in messages and in results of tools, in order."""
    return [source for message in content["messages"] for source in _sources(message.get("content"))]


def _sources(blocks: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(blocks, list):
        return
    for block in blocks:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if kind == "tool_result":
            yield from _sources(block.get("content"))
        elif kind in ("image", "document") and isinstance(source := block.get("source"), dict):
            yield source


def kept_ids(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Of files and of a container, which belong to one key at the provider (T35)."""
    ids = [source.get("file_id") for source in media_in(content)]
    for message in content["messages"]:
        blocks = message.get("content")
        uploads = blocks if isinstance(blocks, list) else []
        ids += [block.get("file_id") for block in uploads if isinstance(block, dict)]
    container = content.get("container")
    ids.append(container.get("id") if isinstance(container, dict) else container)
    return tuple(dict.fromkeys(id_ for id_ in ids if isinstance(id_, str) and id_))


def expected_input(body: bytes, messages: int, media: list[dict[str, Any]]) -> int:
    """By the rule of estimate.py: base64 is no text, each medium counts for itself."""
    tokens = PER_MESSAGE * messages
    encoded: list[bytes] = []
    for source in media:
        data = source.get("data")
        if source.get("type") == "base64" and isinstance(data, str):
            pages = -(-len(data) // _PAGE) if source.get("media_type") == "application/pdf" else 1
            tokens += PER_IMAGE * max(1, pages)
            encoded.append(data.encode())
        elif source.get("type") != "text":
            tokens += PER_IMAGE
    return tokens + tokens_of(_without(body, encoded))


def _without(body: bytes, pieces: list[bytes]) -> bytes:
    """`pieces` stand there in this order; what is spelt with escapes is not found, and then the rest is taken for text."""
    kept, at = [], 0
    for piece in pieces:
        found = body.find(piece, at)
        if found < 0:
            break
        kept.append(body[at:found])
        at = found + len(piece)
    return b"".join([*kept, body[at:]])

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
    text, tokens = body, PER_MESSAGE * messages
    for source in media:
        data = source.get("data")
        if source.get("type") != "base64" or not isinstance(data, str):
            tokens += 0 if source.get("type") == "text" else PER_IMAGE
            continue
        pages = 1 if source.get("media_type") != "application/pdf" else -(-len(data) // _PAGE)
        tokens += PER_IMAGE * max(1, pages)
        text = text.replace(data.encode(), b"", 1)
    return tokens + tokens_of(text)

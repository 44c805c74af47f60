"""What the gateway has to know of a request before it is translated or passed on, and the places it may change."""

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from providers.dialects.base import Outline
from providers.dialects.bodies import read_object, replaced
from providers.dialects.canonical import BadRequest
from providers.dialects.estimate import PER_IMAGE, PER_MESSAGE
from providers.dialects.responses.items import kind_of
from providers.dialects.usage import count

# Bytes of images and files are no text: they are counted as images.
_DATA: Final = re.compile(rb"data:[A-Za-z0-9.+/;=-]{0,100};base64,[A-Za-z0-9+/=_-]*")
_KEPT: Final = frozenset({"file_id", "file_ids", "vector_store_ids", "container", "container_id"})
# What callers themselves describe: names within mean nothing to the provider.
_SCHEMAS: Final = frozenset({"parameters", "output_schema"})
# The estimate of what is passed through: from the size alone, since nobody looks into it.
_PER_TOKEN_BYTES: Final = 3
_IMAGES: Final = (b'"input_image"', b'"input_file"')


def outline(body: bytes) -> Outline:
    """Raises BadRequest."""
    content = read_object(body)
    model = content.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("/model", "“model” must name a model.")
    given = content.get("input")
    if given is not None and not isinstance(given, str | list):
        raise BadRequest("/input", "“input” must be a text or a list of items.")
    if given is None and not any(content.get(name) for name in ("prompt", "previous_response_id", "conversation")):
        raise BadRequest("/input", "“input” is missing; it must be a text or a list of items.")
    stream = content.get("stream")
    if not isinstance(stream, bool | None):
        raise BadRequest("/stream", "“stream” must be true or false.")
    texts = _DATA.sub(b"", body) if b";base64," in body else body
    overhead = PER_MESSAGE * (len(given) if isinstance(given, list) else 1)
    images = PER_IMAGE * sum(body.count(kind) for kind in _IMAGES)
    return Outline(
        model=model,
        stream=bool(stream),
        max_tokens=_limit(content),
        input_bound=len(body) + overhead + images,
        input_expected=len(texts) // _PER_TOKEN_BYTES + overhead + images,
        kept_ids=tuple(dict.fromkeys(_kept_ids(content))),
        content=content,
    )


def _limit(content: dict[str, Any]) -> int | None:
    value = content.get("max_output_tokens")
    if value is None:
        return None
    number = count(value)
    if not number:
        raise BadRequest("/max_output_tokens", "“max_output_tokens” must be a whole number greater than 0.")
    return number


def _kept_ids(content: dict[str, Any]) -> Iterator[str]:
    """A response before, a conversation, items and files of them, stores and containers of hosted tools."""
    conversation = content.get("conversation")
    for kept in (content.get("previous_response_id"), conversation, _member(conversation, "id")):
        if isinstance(kept, str):
            yield kept
    items = content.get("input")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and kind_of(item) == "item_reference" and isinstance(item.get("id"), str):
            yield item["id"]
        yield from _named(item)
    yield from _named(content.get("tools"))
    yield from _named(_member(content.get("prompt"), "variables"))


def _named(found: Any) -> Iterator[str]:
    if isinstance(found, list):
        for each in found:
            yield from _named(each)
    elif isinstance(found, dict):
        for name, value in found.items():
            if name in _KEPT:
                yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))
            if name not in _SCHEMAS:
                yield from _named(value)


def _member(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else None


def splice(body: bytes, *, model: str | None, max_tokens: int | None) -> bytes:
    """The body with those places changed and every other byte as it was."""
    changes: dict[tuple[str, ...], bytes] = {}
    if model is not None:
        changes["model",] = orjson.dumps(model)
    if max_tokens is not None:
        changes["max_output_tokens",] = str(max_tokens).encode()
    return replaced(body, changes) if changes else body

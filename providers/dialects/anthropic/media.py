"""Images and documents as Messages take them: base64, an address, plain text, or a file kept there."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from providers.dialects.anthropic.draft import Draft
from providers.dialects.base import Fetched, Target
from providers.dialects.canonical import BadRequest, Chat, Media, ToolResult

_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
# How base64 of each kind begins: callers leave the type away, or name the wrong one.
_BEGINNINGS: Final[Mapping[str, str]] = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": _PDF,
}


def wanted_urls(chat: Chat, target: Target) -> list[str]:
    """What must be fetched before: Vertex takes no addresses, Anthropic none that is not https (T20)."""
    return list(dict.fromkeys(media.url for media in _media_of(chat) if media.url and _fetched(media.url, target)))


def _media_of(chat: Chat) -> list[Media]:
    parts = [part for turn in chat.turns for part in turn.parts]
    inner = [part for result in parts if isinstance(result, ToolResult) for part in result.parts]
    return [part for part in (*parts, *inner) if isinstance(part, Media)]


def _fetched(url: str, target: Target) -> bool:
    return target.profile.vertex or not url.startswith("https://")


def media_block(draft: Draft, media: Media) -> dict[str, Any]:
    """Raises BadRequest for a kind that the model does not read."""
    inputs = draft.target.model.inputs
    if media.kind not in {"image", "document"} or (inputs and media.kind == "image" and "image" not in inputs):
        raise BadRequest(
            draft.pointer("messages"), f"This model does not read {_PLURAL[media.kind]}. Choose another model."
        )
    block: dict[str, Any] = {"type": media.kind, "source": _source(draft, media)}
    if media.name and media.kind == "document":
        block["title"] = media.name
    if media.detail not in {None, "auto"}:
        draft.report.drop("detail")
    return block


_PLURAL: Final = {"image": "images", "audio": "audio", "video": "video", "document": "documents"}


def _source(draft: Draft, media: Media) -> dict[str, Any]:
    if media.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": media.text}
    if media.url is not None:
        fetched = draft.given.media.get(media.url)
        if fetched is not None:
            return _bytes(draft, media, fetched)
        if _fetched(media.url, draft.target):
            raise BadRequest(draft.pointer("messages"), "A file by address must be at an https:// address.")
        return {"type": "url", "url": media.url}
    if media.data is not None:
        return _bytes(draft, media, Fetched(media.data, media.media_type))
    if media.file_id is not None and draft.own:
        return {"type": "file", "file_id": media.file_id}
    raise BadRequest(
        draft.pointer("messages"), "A file kept at another provider cannot be read here. Send its content."
    )


def _bytes(draft: Draft, media: Media, content: Fetched) -> dict[str, Any]:
    media_type = _type_of(content)
    if media_type in (_IMAGES if media.kind == "image" else {_PDF}):
        return {"type": "base64", "media_type": media_type, "data": content.data}
    if media.kind == "document" and (media_type.startswith("text/") or media_type == "application/json"):
        return {"type": "text", "media_type": "text/plain", "data": _decoded(draft, content.data)}
    takes = "JPEG, PNG, GIF and WebP images" if media.kind == "image" else "PDF and plain text documents"
    raise BadRequest(draft.pointer("messages"), f"This model reads {takes}, not “{media_type or 'unknown'}”.")


def _type_of(content: Fetched) -> str:
    for beginning, media_type in _BEGINNINGS.items():
        if content.data.startswith(beginning):
            return media_type
    return content.media_type.partition(";")[0].strip().lower()


def _decoded(draft: Draft, data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise BadRequest(draft.pointer("messages"), "A text document must be base64 of UTF-8.") from error

"""Media: bytes in `inlineData`, or addresses in `fileData` (files kept at Google, buckets, videos, pages)."""

import re
from typing import Any, Final

from providers.dialects.canonical import BadRequest, Extras, Media, MediaKind

# Of a file that the provider keeps; such a name means nothing to anybody else.
_KEPT: Final = re.compile(r"(?:https://generativelanguage\.googleapis\.com/[^/]+/)?(files/[^/]+)")
# Google opens these itself.
_GOOGLES: Final = re.compile(r"gs://|https://(?:www\.)?youtube\.com/|https://youtu\.be/")
# How base64 of a known format begins, for what comes without its media type.
_BEGINNINGS: Final = {
    "/9j/": "image/jpeg",
    "iVBOR": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
    "SUQz": "audio/mpeg",
    "T2dnUw": "audio/ogg",
}
_DEFAULTS: Final[dict[MediaKind, str]] = {
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "document": "application/pdf",
}
_INLINE: Final = frozenset({"mimeType", "data", "displayName"})
_FILE: Final = frozenset({"mimeType", "fileUri", "displayName"})


def media_of(part: dict[str, Any], pointer: str) -> Media | None:
    """None for a part without a medium. What else its object holds is kept under the object's name in `extras`."""
    inline, file = part.get("inlineData"), part.get("fileData")
    if inline is not None:
        data = _text(inline, "data", f"{pointer}/inlineData")
        return _medium(inline, _INLINE, "inlineData", data=data)
    if file is not None:
        uri = _text(file, "fileUri", f"{pointer}/fileData")
        kept = _KEPT.fullmatch(uri)
        return _medium(file, _FILE, "fileData", url=None if kept else uri, file_id=uri if kept else None)
    return None


def _text(holder: Any, name: str, pointer: str) -> str:
    if not isinstance(holder, dict):
        raise BadRequest(pointer, "A medium must be an object.")
    value = holder.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{pointer}/{name}", f"“{name}” must be a text.")
    return value


def _medium(
    holder: dict[str, Any],
    known: frozenset[str],
    place: str,
    *,
    data: str | None = None,
    url: str | None = None,
    file_id: str | None = None,
) -> Media:
    type_, name = holder.get("mimeType"), holder.get("displayName")
    media_type = type_ if isinstance(type_, str) else ""
    rest = {each: value for each, value in holder.items() if each not in known and value is not None}
    nulls = {each: value for each, value in holder.items() if value is None}
    return Media(
        kind=_kind_of(media_type, url or ""),
        media_type=media_type,
        data=data,
        url=url,
        file_id=file_id,
        name=name if isinstance(name, str) else None,
        extras={place: rest} if rest else None,
        spelling={place: nulls} if nulls else None,
    )


def _kind_of(media_type: str, url: str) -> MediaKind:
    family = media_type.partition("/")[0]
    if family in {"image", "audio", "video"}:
        return family  # type: ignore[return-value]  # one of the three words
    return "video" if not family and "youtu" in url else "document"


def kept_id(uri: Any) -> str | None:
    """Of a file that is kept at Google: files/…"""
    kept = _KEPT.fullmatch(uri) if isinstance(uri, str) else None
    return kept[1] if kept else None


def is_googles(url: str) -> bool:
    """Whether Google opens it itself, so that nobody has to fetch it."""
    return _GOOGLES.match(url) is not None


def type_of(media: Media) -> str:
    """Its media type, by its beginning or its kind where it has none."""
    if media.media_type:
        return media.media_type
    data = media.data or ""
    found = next((known for beginning, known in _BEGINNINGS.items() if data.startswith(beginning)), None)
    return found or _DEFAULTS[media.kind]


def written_bytes(media_type: str, data: str, name: str | None) -> dict[str, Any]:
    inline = {"mimeType": media_type} if media_type else {}
    inline["data"] = data
    if name is not None:
        inline["displayName"] = name
    return {"inlineData": inline}


def written_file(media: Media) -> dict[str, Any]:
    file: dict[str, Any] = {"fileUri": media.file_id or media.url}
    if media.media_type:
        file["mimeType"] = media.media_type
    if media.name is not None:
        file["displayName"] = media.name
    return {"fileData": file}


def with_rest(part: dict[str, Any], rest: Extras | None, notes: frozenset[str] = frozenset()) -> dict[str, Any]:
    """`part` with what this dialect's reader kept of it, but for its `notes`; members of an object go into that object."""
    for name, value in (rest or {}).items():
        if name in notes:
            continue
        inner = part.get(name)
        part[name] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
    return part

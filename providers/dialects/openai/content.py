"""The pieces of a message's content, both ways: text, refusal, image, audio, video, file, and thinking as Mistral writes it."""

import re
from typing import Any, Final

from providers.dialects.base import Fetched
from providers.dialects.canonical import BadRequest, Extras, Media, MediaKind, Opaque, Part, Refusal, Text, Thinking
from providers.dialects.openai.letter import NAME, word
from providers.dialects.openai.members import left, optional, remember, required, spelt

_DATA_URL: Final = re.compile(r"data:([^,]*?);base64,")
# What `input_audio` calls them; others by their subtype.
_AUDIO_TYPES: Final = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_AUDIO_FORMATS: Final = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}
_FILE_TYPES: Final = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}
_BY_ADDRESS: Final[dict[str, MediaKind]] = {"image_url": "image", "video_url": "video", "document_url": "document"}


# Reading -------------------------------------------------------------------------------------------------------------
def read_pieces(content: list[Any], pointer: str) -> list[Part]:
    """Raises BadRequest. A piece of a kind that is not known here is Opaque."""
    return [read_piece(piece, f"{pointer}/{number}") for number, piece in enumerate(content)]


def read_piece(piece: Any, pointer: str) -> Part:
    if not isinstance(piece, dict):
        raise BadRequest(pointer, "Each piece of the content must be an object with a “type”.")
    kind = required(piece, "type", str, pointer)
    if kind == "text":
        return Text(required(piece, "text", str, pointer), *left(piece, {"type", "text"}))
    if kind in _BY_ADDRESS:
        return _by_address(piece, kind, pointer)
    if kind == "input_audio":
        return _audio(piece, pointer)
    if kind == "file":
        return _file(piece, pointer)
    if kind == "refusal":
        return Refusal(required(piece, "refusal", str, pointer), *left(piece, {"type", "refusal"}))
    if kind == "thinking" and (thinking := _thinking(piece)) is not None:
        return thinking
    return Opaque(NAME, kind, piece)


def _by_address(piece: dict[str, Any], kind: str, pointer: str) -> Media:
    """`image_url: {url, detail}`; Mistral also writes the address itself there."""
    extras, spelling = left(piece, {"type", kind})
    inner = piece.get(kind)
    if isinstance(inner, str):
        url, detail, spelling = inner, None, remember(spelling, bare=True)
    else:
        inner = required(piece, kind, dict, pointer)
        url = required(inner, "url", str, f"{pointer}/{kind}")
        detail = optional(inner, "detail", str, f"{pointer}/{kind}")
        extras, spelling = _with_inner(extras, spelling, kind, left(inner, {"url", "detail"}))
    media = Media(_BY_ADDRESS[kind], detail=detail, extras=extras, spelling=remember(spelling, type=kind))
    _take(media, url, f"{pointer}/{kind}")
    return media


def _audio(piece: dict[str, Any], pointer: str) -> Media:
    inner = required(piece, "input_audio", dict, pointer)
    data = required(inner, "data", str, f"{pointer}/input_audio")
    format_ = required(inner, "format", str, f"{pointer}/input_audio")
    extras, spelling = _with_inner(
        *left(piece, {"type", "input_audio"}), "input_audio", left(inner, {"data", "format"})
    )
    return Media(
        "audio",
        _AUDIO_TYPES.get(format_, f"audio/{format_}"),
        data,
        extras=extras,
        spelling=remember(spelling, format=format_),
    )


def _file(piece: dict[str, Any], pointer: str) -> Media:
    inner = required(piece, "file", dict, pointer)
    at = f"{pointer}/file"
    data, file_id = optional(inner, "file_data", str, at), optional(inner, "file_id", str, at)
    name = optional(inner, "filename", str, at)
    if not data and not file_id:
        raise BadRequest(at, "A file needs “file_data”, a data URL, or a “file_id”.")
    extras, spelling = _with_inner(
        *left(piece, {"type", "file"}), "file", left(inner, {"file_data", "file_id", "filename"})
    )
    media = Media("document", file_id=file_id, name=name, extras=extras, spelling=spelling)
    if data and data.startswith(("data:", "https://", "http://")):
        _take(media, data, f"{at}/file_data")
    elif data:
        # Bytes without a media type: the name tells it.
        media.data, media.media_type = data, _FILE_TYPES.get((name or "").rpartition(".")[2].lower(), "")
        media.spelling = remember(spelling, bare=True)
    return media


def _thinking(piece: dict[str, Any]) -> Thinking | None:
    inner = piece.get("thinking")
    match inner:
        case [{"type": "text", "text": str(text)}] if len(inner[0]) == 2:
            return Thinking(text, spelling=remember(_joined(*left(piece, {"type", "thinking"})), field="thinking"))
    return None


def _joined(*kept: Extras | None) -> Extras:
    return {name: value for each in kept if each for name, value in each.items()}


def _with_inner(
    extras: Extras | None, spelling: Extras | None, name: str, inner: tuple[Extras | None, Extras | None]
) -> tuple[Extras | None, Extras | None]:
    """What is left of the object `name` within a piece is kept below that name."""
    if inner[0]:
        extras = {**(extras or {}), name: inner[0]}
    if inner[1]:
        spelling = {**(spelling or {}), name: inner[1]}
    return extras, spelling


def _take(media: Media, url: str, pointer: str) -> None:
    if not url.startswith("data:"):
        media.url = url
        return
    match = _DATA_URL.match(url)
    if match is None:
        raise BadRequest(pointer, "A data URL must hold base64: data:<media type>;base64,<data>.")
    media.media_type, media.data = match[1], url[match.end() :]


# Writing -------------------------------------------------------------------------------------------------------------
def write_text(part: Text, *, own: bool) -> dict[str, Any]:
    piece = {"type": "text", "text": part.text}
    return spelt(piece, part.extras, part.spelling) if own else piece


def write_media(media: Media, document_part: str, fetched: Fetched | None, *, own: bool) -> dict[str, Any]:
    """Raises ValueError in words for what this dialect cannot carry."""
    if media.kind == "audio":
        piece = _written_audio(media, fetched, own=own)
    elif media.kind == "document" and not (own and word(media, "type")) and document_part == "file":
        piece = _written_file(media, fetched, own=own)
    else:
        piece = _written_address(media, fetched, own=own)
    return spelt(piece, media.extras, media.spelling) if own else piece


def _written_address(media: Media, fetched: Fetched | None, *, own: bool) -> dict[str, Any]:
    kind = f"{media.kind}_url"
    url = data_url(media, fetched) or media.url
    if url is None:
        raise ValueError(f"This provider takes no {media.kind} that is kept as a file.")
    if media.kind == "document" or (own and word(media, "bare")):
        return {"type": kind, kind: url}
    inner = {"url": url} if media.detail is None else {"url": url, "detail": media.detail}
    return {"type": kind, kind: inner}


def _written_audio(media: Media, fetched: Fetched | None, *, own: bool) -> dict[str, Any]:
    data, media_type = (fetched.data, fetched.media_type) if fetched else (media.data, media.media_type)
    if data is None:
        raise ValueError("This provider takes audio as bytes only.")
    format_ = _AUDIO_FORMATS.get(media_type, media_type.rpartition("/")[2])
    if own:
        format_ = word(media, "format") or format_
    return {"type": "input_audio", "input_audio": {"data": data, "format": format_}}


def _written_file(media: Media, fetched: Fetched | None, *, own: bool) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    if media.name:
        inner["filename"] = media.name
    if media.file_id:
        if not own:
            raise ValueError("A file kept at another provider cannot be read by this one.")
        inner["file_id"] = media.file_id
    elif own and word(media, "bare"):
        inner["file_data"] = media.data
    else:
        inner["file_data"] = data_url(media, fetched) or media.url
        if not own:
            # Without a name OpenAI refuses it.
            inner.setdefault("filename", "document.pdf")
    return {"type": "file", "file": inner}


def data_url(media: Media, fetched: Fetched | None = None) -> str | None:
    if fetched is not None:
        return f"data:{fetched.media_type};base64,{fetched.data}"
    return None if media.data is None else f"data:{media.media_type};base64,{media.data}"

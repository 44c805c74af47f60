"""Pieces of content within an item: texts, images, files, audio, refusals; read into parts and written from them.

What is not canonical stays with its part: members that mean something in `extras`, all others in `spelling`.
"""

from typing import Any, Final

from providers.dialects.canonical import BadRequest, Extras, Media, Opaque, Part, Refusal, Text

NAME: Final = "responses"
# The audio that `input_audio` takes, by its own word.
_AUDIO_TYPES: Final = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_AUDIO_WORDS: Final = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}
# A file by name alone, where its bytes come without a media type.
_FILE_TYPES: Final = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}


# Reading -------------------------------------------------------------------------------------------------------------
def read_content(content: Any, pointer: str) -> list[Part]:
    """A text, or a list of pieces. Raises BadRequest."""
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise BadRequest(pointer, "The content must be a text or a list of its pieces.")
    return [_piece(piece, f"{pointer}/{number}") for number, piece in enumerate(content)]


def _piece(piece: Any, pointer: str) -> Part:
    if not isinstance(piece, dict):
        raise BadRequest(pointer, "A piece of content must be an object with a “type”.")
    kind = piece.get("type")
    if kind in ("input_text", "output_text", "text"):
        extras, spelling = split(piece, _TEXT)
        if kind == "text":
            spelling = {**(spelling or {}), "type": kind}
        return Text(member(piece, "text", str, pointer), extras, spelling)
    if kind == "refusal":
        return Refusal(member(piece, "refusal", str, pointer), *split(piece, _REFUSAL))
    if kind == "input_image":
        return _image(piece, pointer)
    if kind == "input_file":
        return _file(piece, pointer)
    if kind == "input_audio":
        return _audio(piece, pointer)
    if not isinstance(kind, str):
        raise BadRequest(
            f"{pointer}/type", "A piece of content must name its type: input_text, input_image, input_file."
        )
    return Opaque(NAME, kind, piece)


def _image(piece: dict[str, Any], pointer: str) -> Media:
    url, file_id = optional(piece, "image_url", str, pointer), optional(piece, "file_id", str, pointer)
    if url is None and file_id is None:
        raise BadRequest(pointer, "An input_image needs an “image_url” (http or a data URL) or a “file_id”.")
    media = Media("image", file_id=file_id, detail=optional(piece, "detail", str, pointer))
    media.extras, media.spelling = split(piece, _IMAGE)
    _fill(media, url)
    return media


def _file(piece: dict[str, Any], pointer: str) -> Media:
    data, url = optional(piece, "file_data", str, pointer), optional(piece, "file_url", str, pointer)
    file_id, name = optional(piece, "file_id", str, pointer), optional(piece, "filename", str, pointer)
    if data is None and url is None and file_id is None:
        raise BadRequest(pointer, "An input_file needs “file_data”, a “file_url” or a “file_id”.")
    media = Media("document", file_id=file_id, name=name, url=url)
    media.extras, media.spelling = split(piece, _FILE)
    if data is not None and data.startswith("data:"):
        _fill(media, data)
    elif data is not None:
        media.data, media.media_type = data, _FILE_TYPES.get((name or "").rpartition(".")[2].lower(), "")
        media.spelling = {**(media.spelling or {}), "prefix": ""}
    return media


def _audio(piece: dict[str, Any], pointer: str) -> Media:
    inner = member(piece, "input_audio", dict, pointer)
    word = member(inner, "format", str, f"{pointer}/input_audio")
    media = Media(
        "audio", _AUDIO_TYPES.get(word, f"audio/{word}"), member(inner, "data", str, f"{pointer}/input_audio")
    )
    media.extras, media.spelling = split(piece, _SOUND)
    rest = {name: value for name, value in inner.items() if name != "data"}
    media.spelling = {**(media.spelling or {}), "audio": rest}
    return media


def _fill(media: Media, url: str | None) -> None:
    """Takes a data URL apart (RFC 2397); what is none in base64 stays an address."""
    if url is None or not url.startswith("data:"):
        media.url = url if url is not None else media.url
        return
    prefix, comma, data = url.partition(",")
    if not comma or not prefix.endswith(";base64"):
        media.url = url
        return
    media.data, media.media_type = data, prefix[5:-7].partition(";")[0]
    if prefix != f"data:{media.media_type};base64":
        media.spelling = {**(media.spelling or {}), "prefix": prefix + comma}


# Writing -------------------------------------------------------------------------------------------------------------
def text_piece(part: Text | Refusal, *, given: bool) -> dict[str, Any]:
    """`given`: by the caller, as opposed to said by the model."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "input_text" if given else "output_text", "text": part.text}


def media_piece(media: Media) -> dict[str, Any] | None:
    """None where no piece of content carries it."""
    if media.kind == "image":
        return _without_none(
            {"type": "input_image", "image_url": _address(media), "file_id": media.file_id, "detail": media.detail}
        )
    if media.kind == "document":
        inline = media.data is not None
        return _without_none(
            {
                "type": "input_file",
                "filename": media.name,
                "file_data": _address(media) if inline else None,
                "file_url": None if inline else media.url,
                "file_id": media.file_id,
            }
        )
    word = _AUDIO_WORDS.get(media.media_type)
    if media.kind == "audio" and media.data is not None and (word or media.spelling):
        spelt = (media.spelling or {}).get("audio", {"format": word})
        return {"type": "input_audio", "input_audio": {"data": media.data, **spelt}}
    return None


def _address(media: Media) -> str | None:
    if media.data is None:
        return media.url
    prefix = (media.spelling or {}).get("prefix")
    return (f"data:{media.media_type};base64," if prefix is None else str(prefix)) + media.data


def restored(piece: dict[str, Any], part: Text | Refusal | Media) -> dict[str, Any]:
    """With what this dialect's reader kept of it."""
    spelling, extras = part.spelling or {}, part.extras or {}
    head = spelling.get("item", {}).get("head", {})
    own = {name: value for name, value in spelling.items() if name not in _NOTES}
    return {**piece, **own, **{name: value for name, value in extras.items() if name not in head}}


# Members -------------------------------------------------------------------------------------------------------------
_TEXT: Final = frozenset({"type", "text"})
_REFUSAL: Final = frozenset({"type", "refusal"})
_IMAGE: Final = frozenset({"type", "image_url", "file_id", "detail"})
_FILE: Final = frozenset({"type", "filename", "file_data", "file_url", "file_id"})
_SOUND: Final = frozenset({"type", "input_audio"})
# Of the reader's own, beside the members that it kept.
_NOTES: Final = frozenset({"prefix", "audio", "item"})


def split(found: dict[str, Any], known: frozenset[str]) -> tuple[Extras | None, Extras | None]:
    """What of an object is not canonical: what says something, and what does not (null, an empty list)."""
    extras: Extras | None = None
    spelling: Extras | None = None
    for name, value in found.items():
        if value is None or value == []:
            spelling = spelling or {}
            spelling[name] = value
        elif name not in known:
            extras = extras or {}
            extras[name] = value
    return extras, spelling


def member(found: dict[str, Any], name: str, kind: type, pointer: str) -> Any:
    value = found.get(name)
    if not isinstance(value, kind):
        raise BadRequest(f"{pointer}/{name}", f"“{name}” must be {_WORDS[kind]}.")
    return value


def optional(found: dict[str, Any], name: str, kind: type, pointer: str) -> Any:
    return None if found.get(name) is None else member(found, name, kind, pointer)


_WORDS: Final[dict[type, str]] = {
    str: "a text",
    dict: "an object",
    list: "a list",
    bool: "true or false",
}


def _without_none(piece: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in piece.items() if value is not None}

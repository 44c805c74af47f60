"""Content blocks of Messages, read as parts; requests and answers share them.

A member that says something only to Anthropic goes to `extras`, one that says nothing (a null, a default written out) to
`spelling`. A block of an unknown type stays as it came.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from providers.dialects.canonical import BadRequest, Extras, Media, Opaque, Part, Signature, Text, Thinking, ToolCall

DIALECT: Final = "anthropic"
# Makes a signature of what stands in a block: its maker is known to whoever reads.
Sign = Callable[[str], Signature]

# Values that mean the same as no member at all.
_SAYS_NOTHING: Final[Mapping[str, tuple[Any, ...]]] = {
    "caller": ({"type": "direct"},),
    "citations": ([], {"enabled": False}),
    "is_error": (False,),
}
_TEXT: Final = frozenset({"type", "text"})
_THINKING: Final = frozenset({"type", "thinking", "signature"})
_REDACTED: Final = frozenset({"type", "data"})
_TOOL_USE: Final = frozenset({"type", "id", "name", "input"})
_IMAGE: Final = frozenset({"type", "source"})
_DOCUMENT: Final = frozenset({"type", "source", "title"})


def read_block(block: Any, at: str, sign: Sign) -> Part:
    """Raises BadRequest below the JSON pointer `at`."""
    if not isinstance(block, dict):
        raise BadRequest(at, "A content block must be an object.")
    kind = block.get("type")
    if not isinstance(kind, str) or not kind:
        raise BadRequest(f"{at}/type", "A content block must name its type.")
    reader = _READERS.get(kind)
    return Opaque(DIALECT, kind, block) if reader is None else reader(block, at, sign)


def rest_of(members: Mapping[str, Any], known: frozenset[str]) -> tuple[Extras | None, Extras | None]:
    """Extras and spelling: what is not in `known`; None where there is none."""
    extras: Extras = {}
    spelling: Extras = {}
    for name, value in members.items():
        if name not in known:
            (spelling if value is None or value in _SAYS_NOTHING.get(name, ()) else extras)[name] = value
    return extras or None, spelling or None


def text_of(block: Mapping[str, Any], name: str, at: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{at}/{name}", f"“{name}” must be a text.")
    return value


def _text(block: dict[str, Any], at: str, sign: Sign) -> Part:  # noqa: ARG001 (one signature for all)
    text = text_of(block, "text", at)
    return Text(text) if len(block) == len(_TEXT) else Text(text, *rest_of(block, _TEXT))


def _thinking(block: dict[str, Any], at: str, sign: Sign) -> Part:
    # Other vendors that speak Messages leave the signature away.
    signature = None if block.get("signature") is None else sign(text_of(block, "signature", at))
    extras, spelling = rest_of(block, _THINKING)
    return Thinking(text_of(block, "thinking", at), signature, extras=extras, spelling=spelling)


def _redacted(block: dict[str, Any], at: str, sign: Sign) -> Part:
    made = sign(text_of(block, "data", at))
    extras, spelling = rest_of(block, _REDACTED)
    maker = Signature(made.dialect, made.model, "")
    return Thinking("", maker, redacted=made.text, extras=extras, spelling=spelling)


def _tool_use(block: dict[str, Any], at: str, sign: Sign) -> Part:  # noqa: ARG001 (one signature for all)
    name, id_ = text_of(block, "name", at), text_of(block, "id", at)
    if not name or not id_:
        raise BadRequest(at, "A tool's call must have an “id” and a “name”.")
    call = ToolCall(id_, name, arguments_of(block.get("input"), at))
    if len(block) > len(_TOOL_USE):
        call.extras, call.spelling = rest_of(block, _TOOL_USE)
    return call


def arguments_of(value: Any, at: str) -> str:
    """As JSON text; none at all are "{}" (T5)."""
    if value is None or value == "":
        return "{}"
    if not isinstance(value, dict):
        raise BadRequest(f"{at}/input", "“input” must be an object.")
    return orjson.dumps(value).decode()


def _image(block: dict[str, Any], at: str, sign: Sign) -> Part:  # noqa: ARG001 (one signature for all)
    media = _media("image", block.get("source"), at)
    if media is None:
        return Opaque(DIALECT, "image", block)
    media.extras, media.spelling = rest_of(block, _IMAGE)
    return media


def _document(block: dict[str, Any], at: str, sign: Sign) -> Part:  # noqa: ARG001 (one signature for all)
    source = block.get("source")
    media = _media("document", source, at)
    if media is None:
        return Opaque(DIALECT, "document", block)
    title = block.get("title")
    known = _DOCUMENT if isinstance(title, str) else _IMAGE
    media.name = title if isinstance(title, str) else None
    media.extras, media.spelling = rest_of(block, known)
    if isinstance(source, dict) and source.get("type") == "content":
        media.spelling = (media.spelling or {}) | {"source": source}
    return media


def _media(kind: Any, source: Any, at: str) -> Media | None:
    """None for a kind of source that only Anthropic knows."""
    if not isinstance(source, dict):
        raise BadRequest(f"{at}/source", "“source” must be an object.")
    match source.get("type"):
        case "base64" if source.keys() == {"type", "media_type", "data"}:
            media_type, data = text_of(source, "media_type", f"{at}/source"), text_of(source, "data", f"{at}/source")
            return Media(kind, media_type, data=data)
        case "text" if source.keys() == {"type", "media_type", "data"}:
            media_type, data = text_of(source, "media_type", f"{at}/source"), text_of(source, "data", f"{at}/source")
            return Media(kind, media_type, text=data)
        case "url" if source.keys() == {"type", "url"}:
            return Media(kind, url=text_of(source, "url", f"{at}/source"))
        case "file" if source.keys() == {"type", "file_id"}:
            return Media(kind, file_id=text_of(source, "file_id", f"{at}/source"))
        case "content" if (text := _text_content(source.get("content"))) is not None:
            return Media(kind, "text/plain", text=text)
    return None


def _text_content(content: Any) -> str | None:
    """Of a document that is given as blocks, when all of them are text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [
        block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None for block in content
    ]
    return (
        "\n".join(text for text in texts if isinstance(text, str)) if all(isinstance(t, str) for t in texts) else None
    )


_READERS: Final[Mapping[str, Callable[[dict[str, Any], str, Sign], Part]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "image": _image,
    "document": _document,
}

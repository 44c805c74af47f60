"""Proofs of reasoning on their way through another vendor's dialect, and tool ids that fit it. Pure.

A signature holds only for the dialect and model that made it. Towards a caller of another dialect it travels in that
dialect's own place, wrapped with who made it; when it comes back it is unwrapped, and a writer sends it on only to the
same dialect and model.
"""

import base64
import binascii
import hashlib
import re
from typing import Final
from urllib.parse import quote, unquote

from providers.dialects.canonical import Signature
from providers.dialects.profile import ToolId

# Not in any base64 alphabet, so no vendor's own signature starts with it.
_MARK: Final = "~apk:"
_MARK_BASE64: Final = "fmFwaz"
_FITS: Final = {"word64": re.compile(r"[A-Za-z0-9_-]{1,64}"), "alnum9": re.compile(r"[A-Za-z0-9]{9}")}
_LENGTH: Final = {"word64": 24, "alnum9": 9}


def wrapped(signature: Signature, dialect: str) -> str:
    """As it travels in `dialect`: the maker's own dialect sees it as it is."""
    if signature.dialect == dialect:
        return signature.text
    marked = f"{_MARK}{signature.dialect}:{quote(signature.model, safe='')}:{signature.text}"
    # Gemini's SDK reads the place as bytes.
    return base64.b64encode(marked.encode()).decode() if dialect == "gemini" else marked


def unwrapped(text: str, dialect: str) -> Signature:
    """As it came in a request of `dialect`."""
    marked = _decoded(text) if text.startswith(_MARK_BASE64) else text
    if not marked.startswith(_MARK) or marked.count(":") < 3:
        return Signature(dialect, "", text)
    maker, model, inner = marked.removeprefix(_MARK).split(":", 2)
    return Signature(maker, unquote(model), inner)


def _decoded(text: str) -> str:
    """Either alphabet of base64, since SDKs change the one for the other."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def holds(signature: Signature | None, dialect: str, model: str) -> bool:
    """Whether `model` of `dialect` takes it; what came unwrapped from its own dialect is taken at its word."""
    return signature is not None and signature.dialect == dialect and signature.model in {"", model}


def fitting_id(tool_id: str, pattern: ToolId) -> str:
    """The id itself where it fits, else a hash of it: calls and results then agree without anybody remembering (T8)."""
    fits = _FITS.get(pattern)
    if fits is None or fits.fullmatch(tool_id):
        return tool_id
    digest = hashlib.sha256(tool_id.encode("utf-8", "surrogatepass")).hexdigest()
    return digest[: _LENGTH[pattern]]

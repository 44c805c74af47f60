"""Reasoning in messages and its signatures, both ways: no part of OpenAI's own dialect, but of most that speak it.

Text stands in `reasoning_content` (DeepSeek and most others), `reasoning` (OpenRouter, Groq, Ollama) or in pieces of the
content (Mistral). With its signatures it stands in `reasoning_details` (OpenRouter), the signature of a tool's call in
`extra_content.google` (Google). Towards callers text is `reasoning_content`, and `reasoning_details` where it is signed.
"""

from typing import Any, Final

from providers.dialects.canonical import Opaque, Part, Signature, Thinking
from providers.dialects.openai.letter import NAME
from providers.dialects.openai.members import remember
from providers.dialects.signatures import unwrapped, wrapped

TEXT_FIELDS: Final = ("reasoning_content", "reasoning")
FIELDS: Final = frozenset({*TEXT_FIELDS, "reasoning_details"})
_TEXT, _SUMMARY, _ENCRYPTED = "reasoning.text", "reasoning.summary", "reasoning.encrypted"


# Reading -------------------------------------------------------------------------------------------------------------
def read(message: dict[str, Any]) -> list[Part]:
    """What a message shows of it; a shape that is not known is left out."""
    details = message.get("reasoning_details")
    parts = read_details(details) if isinstance(details, list) else []
    texts = [(name, text) for name in TEXT_FIELDS if isinstance(text := message.get(name), str) and text]
    if not texts:
        return parts
    name, text = texts[0]
    told = [part for part in parts if isinstance(part, Thinking) and not part.redacted]
    if not told:
        return [Thinking(text, spelling={"~field": name}), *parts]
    if len(told) == 1 and not told[0].text:
        # A signature whose text stands beside it.
        told[0].text = text
        told[0].spelling = remember(told[0].spelling, beside=True)
    return parts


def read_details(details: list[Any]) -> list[Part]:
    return [_detail(detail) for detail in details if isinstance(detail, dict)]


def _detail(detail: dict[str, Any]) -> Part:
    kind = str(detail.get("type"))
    name = "summary" if kind == _SUMMARY else "text"
    text = detail.get(name)
    if kind == _ENCRYPTED and isinstance(data := detail.get("data"), str):
        signature = unwrapped(data, NAME)
        if signature.dialect != NAME:
            return Thinking("", Signature(signature.dialect, signature.model, ""), redacted=signature.text)
    elif kind in {_TEXT, _SUMMARY} and isinstance(text, str | None):
        sealed = detail.get("signature")
        signed = unwrapped(sealed, NAME) if isinstance(sealed, str) and sealed else None
        read = {name: text, "signature": signed}
        rest = {key: value for key, value in detail.items() if not read.get(key)}
        return Thinking(text or "", signed, spelling={"~detail": rest})
    return Opaque(NAME, kind, detail, spelling={"~in": "reasoning_details"})


def call_signature(entry: dict[str, Any]) -> Signature | None:
    """Of a tool's call, where Google puts it."""
    match entry.get("extra_content"):
        case {"google": {"thought_signature": str(text)}} if text:
            return unwrapped(text, NAME)
    return None


# Writing -------------------------------------------------------------------------------------------------------------
def details_of(parts: list[Part]) -> list[dict[str, Any]]:
    """As callers get it who can echo it: empty where nothing is signed."""
    thinking = [part for part in parts if isinstance(part, Thinking)]
    if not any(part.signature or part.redacted for part in thinking):
        return []
    return [detail_of(part, number) for number, part in enumerate(thinking)]


def detail_of(part: Thinking, number: int) -> dict[str, Any]:
    if part.redacted is not None:
        maker = part.signature or Signature("", "", "")
        sealed = Signature(maker.dialect, maker.model, part.redacted)
        return {"type": _ENCRYPTED, "data": wrapped(sealed, NAME), "index": number}
    detail: dict[str, Any] = {"type": _TEXT, "text": part.text}
    if part.signature:
        detail["signature"] = wrapped(part.signature, NAME)
    return {**detail, "index": number}


def spelt_detail(part: Thinking) -> dict[str, Any]:
    """As it was read, where it was read in this dialect."""
    rest: dict[str, Any] = (part.spelling or {}).get("~detail") or {"type": _TEXT}
    if part.text and not (part.spelling or {}).get("~beside"):
        rest = {**rest, "summary" if rest.get("type") == _SUMMARY else "text": part.text}
    return {**rest, "signature": part.signature.text} if part.signature else dict(rest)

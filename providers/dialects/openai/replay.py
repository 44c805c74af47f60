"""Reasoning of earlier turns on its way back to the upstream (T9, T10).

What is signed goes back to the model that signed it, as it was; other reasoning where the provider takes it; the rest is
reported. A signature without a model came from the caller in this dialect and is taken at its word where the provider has
such fields.
"""

from typing import Any, Final, TypeGuard

from providers.dialects.canonical import Opaque, Part, Thinking, ToolCall, Turn
from providers.dialects.openai import reasoning
from providers.dialects.openai.letter import NAME, Letter, word
from providers.dialects.openai.members import spelt
from providers.dialects.signatures import unwrapped

# DeepSeek and Moonshot refuse a turn with calls and without its reasoning, and Moonshot an empty one.
_LOST: Final = " "


def put(letter: Letter, message: dict[str, Any], turn: Turn, *, calls: bool) -> None:
    wants = calls and letter.target.profile.reasoning_echo
    details: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, Thinking):
            place = _place(letter, part, wants=wants)
            if place == "reasoning_details":
                details.append(reasoning.spelt_detail(part))
            elif place in reasoning.TEXT_FIELDS:
                message[place] = message.get(place, "") + part.text
            elif not place:
                _lose(letter, part)
        elif is_encrypted(part):
            if letter.own and "reasoning_details" in letter.reasoning_taken:
                details.append(part.content)
            else:
                letter.report.drop(letter.chat.name_of("thinking"))
    if details:
        message["reasoning_details"] = details
    if wants:
        message.setdefault("reasoning_content", _LOST)


def _lose(letter: Letter, part: Thinking) -> None:
    letter.report.drop(letter.chat.name_of("thinking"))
    if part.signature and part.signature.text:
        letter.report.drop(letter.chat.name_of("signature"))


def piece(letter: Letter, part: Thinking) -> dict[str, Any] | None:
    """As a piece of the content, where it was one and the provider takes it so (Mistral)."""
    if _place(letter, part, wants=False) != "thinking":
        return None
    inner = [{"type": "text", "text": part.text}]
    return spelt({"type": "thinking", "thinking": inner}, part.extras, part.spelling)


def is_encrypted(part: Part) -> TypeGuard[Opaque]:
    return isinstance(part, Opaque) and word(part, "in") == "reasoning_details"


def _place(letter: Letter, part: Thinking, *, wants: bool) -> str:
    """Which field it goes back in; empty where it must not."""
    taken, signature = letter.reasoning_taken, part.signature
    if part.redacted is not None:
        return ""
    if signature is not None and signature.text:
        of_model = signature.model == letter.target.model.name
        fits = of_model or (not signature.model and "reasoning_details" in taken)
        return "reasoning_details" if signature.dialect == NAME and fits else ""
    if letter.own:
        field = word(part, "field") or "reasoning_details"
        return field if field in taken else ""
    return "reasoning_content" if wants else ""


def call_signature(letter: Letter, call: ToolCall) -> str | None:
    """Google's, for the call that it was made with."""
    signature = call.signature
    if signature is None and (kept := letter.given.signatures.get(call.id)):
        signature = unwrapped(kept, "")
    if signature is None:
        return None
    of_model = signature.model == letter.target.model.name
    if signature.dialect == NAME and (of_model or (not signature.model and "extra_content" in letter.reasoning_taken)):
        return signature.text
    if call.signature is not None:
        letter.report.drop(letter.chat.name_of("signature"))
    return None

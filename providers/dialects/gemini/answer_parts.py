"""Parts of an answer, as callers of this dialect get them.

Proofs of other makers travel in `thoughtSignature`, wrapped: it is what comes back with the next request.
"""

from collections.abc import Iterable
from typing import Any, Final

from providers.dialects import signatures
from providers.dialects.base import UnreadableAnswer
from providers.dialects.canonical import Media, Opaque, Part, Refusal, Signature, Text, Thinking, ToolCall
from providers.dialects.gemini.media import type_of, with_rest, written_bytes, written_file
from providers.dialects.gemini.parts import NAME, REDACTED, is_made
from providers.dialects.gemini.results import object_in

Written = dict[str, Any]
_NOTES: Final = frozenset({"alone", "args"})


def answer_parts(parts: Iterable[Part], *, own: bool) -> list[Written]:
    """`own`: read from this dialect, so that its own things go back as they were. Raises UnreadableAnswer."""
    result: list[Written] = []
    pending = ""
    for part in parts:
        if isinstance(part, Thinking):
            written = thought(part, own=own)
            if written is None:
                pending = signed(part.signature)
                continue
        else:
            written = answer_part(part, own=own)
        if written is None:
            continue
        if pending and ("text" in written or "functionCall" in written):
            written.setdefault("thoughtSignature", pending)
            pending = ""
        result.append(_restored(written, part) if own else written)
    if pending:
        result.append({"text": "", "thoughtSignature": pending})
    return result


def answer_part(part: Part, *, own: bool) -> Written | None:
    """None for what this dialect has no place for."""
    if isinstance(part, Text | Refusal):
        return {"text": part.text}
    if isinstance(part, ToolCall):
        return call(part)
    if isinstance(part, Media):
        if part.data is not None:
            return written_bytes(part.media_type if own else type_of(part), part.data, part.name)
        return written_file(part) if part.url or part.file_id else None
    if isinstance(part, Opaque) and part.dialect == NAME:
        content: Written = part.content
        return content
    return None


def thought(part: Thinking, *, own: bool) -> Written | None:
    """None for a bare signature of this dialect's, which stands on what follows it."""
    signature = part.signature
    if part.redacted is not None:
        maker = signature or Signature("", "", "")
        hidden = Signature(maker.dialect, maker.model, REDACTED + part.redacted)
        return {"text": "", "thought": True, "thoughtSignature": signatures.wrapped(hidden, NAME)}
    alone = (part.spelling or {}).get("alone") if own else None
    if signature is not None and signature.dialect == NAME and not part.text and alone is None:
        return None
    written: Written = {"text": part.text} if alone == "text" else {"text": part.text, "thought": True}
    if signature is not None:
        written["thoughtSignature"] = signed(signature)
    return written


def signed(signature: Signature | None) -> str:
    return signatures.wrapped(signature, NAME) if signature is not None else ""


def call(part: ToolCall) -> Written:
    """Raises UnreadableAnswer."""
    arguments = object_in(part.arguments or "{}")
    if arguments is None:
        raise UnreadableAnswer(f"The model called “{part.name}” with arguments that are no JSON object.")
    function: Written = {"name": part.name, "args": arguments}
    if "args" in (part.spelling or {}) and not arguments:
        del function["args"]
    if part.id and not is_made(part.id):
        function["id"] = part.id
    written: Written = {"functionCall": function}
    if part.signature is not None:
        written["thoughtSignature"] = signed(part.signature)
    return written


def _restored(written: Written, part: Part) -> Written:
    if isinstance(part, Opaque):
        return written
    return with_rest(with_rest(written, part.spelling, _NOTES), part.extras)

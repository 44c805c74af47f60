"""Items of an input or an output, read into parts: messages, calls of functions and their results, reasoning.

Every other item is Opaque. Each part remembers in `spelling["item"]` which item it came from: its number, and what of
the item is not canonical. Parts of one number are one item again when they are written in this dialect.
"""

from typing import Any, Final

from providers.dialects import signatures
from providers.dialects.canonical import BadRequest, Media, Opaque, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from providers.dialects.responses.content import NAME, member, optional, read_content, restored, split, text_piece

# What stands between the pieces of one item's reasoning when they become one text.
BETWEEN: Final = "\n\n"
_MESSAGE: Final = frozenset({"type", "role", "id", "status"})
_CALL: Final = frozenset({"type", "call_id", "name", "arguments", "id", "status", "encrypted_content"})
_RESULT: Final = frozenset({"type", "call_id", "output", "id", "status", "name"})
# Reasoning that its maker shows to nobody, marked within the signature that carries it.
REDACTED: Final = "redacted:"


def read_item(item: Any, number: int, pointer: str) -> list[Part]:
    """Raises BadRequest. An easy message needs no type."""
    if not isinstance(item, dict):
        raise BadRequest(pointer, "An item must be an object with a “type” or a “role”.")
    kind = kind_of(item)
    if kind == "message":
        return _message(item, number, pointer)
    if kind == "function_call":
        return [_call(item, number, pointer)]
    if kind == "function_call_output":
        return [_result(item, number, pointer)]
    if kind == "reasoning":
        return [_reasoning(item, number, pointer)]
    if not isinstance(kind, str) or not kind:
        raise BadRequest(f"{pointer}/type", "An item must name its type, or be a message with a role.")
    return [Opaque(NAME, kind, item, _whole(number))]


def kind_of(item: dict[str, Any]) -> Any:
    """Messages and references need not say it."""
    kind = item.get("type")
    if kind is not None:
        return kind
    return "message" if "role" in item else "item_reference" if isinstance(item.get("id"), str) else None


def _message(item: dict[str, Any], number: int, pointer: str) -> list[Part]:
    content = item.get("content")
    parts = read_content(content, f"{pointer}/content")
    head = {name: value for name, value in item.items() if name != "content"}
    note = {"number": number, "head": head, "text": isinstance(content, str)}
    for part in parts:
        part.spelling = {**(part.spelling or {}), "item": note}
    # What a message says of itself (its phase) is lost elsewhere with its first piece.
    told = {name: value for name, value in head.items() if name not in _MESSAGE and value is not None}
    if told and parts and isinstance(parts[0], Text | Media | Refusal):
        parts[0].extras = {**(parts[0].extras or {}), **told}
    return parts or [Opaque(NAME, "message", item, _whole(number))]


def _call(item: dict[str, Any], number: int, pointer: str) -> ToolCall:
    arguments = item.get("arguments")
    if not isinstance(arguments, str):
        raise BadRequest(f"{pointer}/arguments", "“arguments” must be JSON as a text.")
    head: dict[str, Any] = {name: item[name] for name in ("id", "status") if name in item}
    if not arguments:
        head["arguments"] = ""
    extras, nulls = split(item, _CALL)
    call = ToolCall(
        id=member(item, "call_id", str, pointer),
        name=member(item, "name", str, pointer),
        arguments=arguments or "{}",
        extras=extras,
        spelling={"item": {"number": number, "head": {**(nulls or {}), **head}}},
    )
    if signed := optional(item, "encrypted_content", str, pointer):
        call.signature = signatures.unwrapped(signed, NAME)
    return call


def _result(item: dict[str, Any], number: int, pointer: str) -> ToolResult:
    output = item.get("output")
    head = {name: item[name] for name in ("id", "status", "name") if name in item}
    extras, nulls = split(item, _RESULT)
    return ToolResult(
        id=member(item, "call_id", str, pointer),
        name=optional(item, "name", str, pointer) or "",
        parts=[] if output in (None, "") else read_content(output, f"{pointer}/output"),
        extras=extras,
        spelling={
            "item": {"number": number, "head": {**(nulls or {}), **head}, "text": isinstance(output, str)},
        },
    )


def _reasoning(item: dict[str, Any], number: int, pointer: str) -> Part:
    text = reasoning_text(item, pointer)
    signed = optional(item, "encrypted_content", str, pointer)
    if not text and not signed:
        # Known by its id alone, so only who keeps it can read it.
        return Opaque(NAME, "reasoning", item, _whole(number))
    part = Thinking(text, spelling={"item": {"number": number, "head": item}})
    if signed:
        signature = signatures.unwrapped(signed, NAME)
        if signature.dialect != NAME and signature.text.startswith(REDACTED):
            part.redacted = signature.text.removeprefix(REDACTED)
            signature.text = ""
        part.signature = signature
    return part


def reasoning_text(item: dict[str, Any], pointer: str) -> str:
    """The reasoning itself, where it is shown, then its summary."""
    texts = []
    for name in ("content", "summary"):
        for number, piece in enumerate(optional(item, name, list, pointer) or []):
            at = f"{pointer}/{name}/{number}"
            if not isinstance(piece, dict):
                raise BadRequest(at, "A piece of reasoning must be an object with a “text”.")
            texts.append(member(piece, "text", str, at))
    return BETWEEN.join(texts)


def _whole(number: int) -> dict[str, Any]:
    return {"item": {"number": number}}


# Written back --------------------------------------------------------------------------------------------------------
def note_of(part: Part) -> dict[str, Any] | None:
    """Which item the part came from; None for one of another dialect."""
    note = (part.spelling or {}).get("item")
    return note if isinstance(note, dict) else None


def is_piece(part: Part) -> bool:
    """Whether it stands within a message, as opposed to being an item."""
    if isinstance(part, Opaque):
        note = note_of(part)
        return note is not None and "head" in note
    return isinstance(part, Text | Refusal | Media)


def piece(part: Part, *, given: bool) -> dict[str, Any]:
    """Of a message, as its reader found it. `given`: by the caller, as opposed to said by the model."""
    if isinstance(part, Text | Refusal):
        return restored(text_piece(part, given=given), part)
    return dict(part.content) if isinstance(part, Opaque) else {}


def call(part: ToolCall, head: dict[str, Any], call_id: str) -> dict[str, Any]:
    """`head`: what else the item holds."""
    arguments = "" if part.arguments == "{}" and head.get("arguments") == "" else part.arguments or "{}"
    return {**head, "type": "function_call", "call_id": call_id, "name": part.name, "arguments": arguments}


def reasoning(part: Thinking, head: dict[str, Any]) -> dict[str, Any]:
    """As it was; a text that was changed since is its summary."""
    item = dict(head)
    if part.signature is not None:
        item["encrypted_content"] = part.signature.text
    if reasoning_text(item, "") != part.text:
        item.pop("content", None)
        item["summary"] = [{"type": "summary_text", "text": part.text}]
    return item

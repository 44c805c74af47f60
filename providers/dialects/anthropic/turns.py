"""`messages` and `system`, read as turns.

Results of tools stand in a user's message; they become turns of role "tool". An empty `spelling` marks what a plain reading
would lose: of a turn, that a message begins with it; of a text, that it stood for a list of one.
"""

from typing import Any, Final, cast

from providers.dialects.anthropic.blocks import DIALECT, read_block, rest_of, text_of
from providers.dialects.canonical import (
    BadRequest,
    Extras,
    Part,
    Role,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from providers.dialects.signatures import unwrapped

_PLAIN: Final[Extras] = {}
_MESSAGE: Final = frozenset({"role", "content"})
_RESULT: Final = frozenset({"type", "tool_use_id", "content", "is_error"})
# Before the id of the call that a signature belongs to: see `carried`.
_OF_CALL: Final = "@"


def read_system(value: Any) -> Turn | None:
    """None where it says nothing. Raises BadRequest."""
    if isinstance(value, str):
        return Turn("system", [Text(value, spelling=_PLAIN)]) if value else None
    if not isinstance(value, list):
        raise BadRequest("/system", "“system” must be a text or a list of text blocks.")
    parts = [read_block(block, f"/system/{number}", _signature) for number, block in enumerate(value)]
    return Turn("system", parts) if parts else None


def read_messages(messages: list[dict[str, Any]]) -> list[Turn]:
    """Raises BadRequest."""
    turns: list[Turn] = []
    tools: dict[str, str] = {}
    for number, message in enumerate(messages):
        at = f"/messages/{number}"
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system"):
            raise BadRequest(f"{at}/role", "“role” must be “user” or “assistant”.")
        extras = rest_of(message, _MESSAGE)[0] if len(message) > len(_MESSAGE) else None
        if isinstance(content, str):
            turns.append(Turn(role, [Text(content, spelling=_PLAIN)], extras, _PLAIN))
        elif isinstance(content, list):
            begun = len(turns)
            _read_blocks(content, role, f"{at}/content", turns, tools)
            turns[begun].extras, turns[begun].spelling = extras, _PLAIN
        else:
            raise BadRequest(f"{at}/content", "“content” must be a text or a list of content blocks.")
    return turns


def _read_blocks(content: list[Any], role: Role, at: str, turns: list[Turn], tools: dict[str, str]) -> None:
    turn: Turn | None = None
    signed = False
    calls: dict[str, ToolCall] = {}
    for number, block in enumerate(content):
        part = _read_part(block, role, f"{at}/{number}", tools)
        wanted: Role = "tool" if isinstance(part, ToolResult) else role
        if turn is None or turn.role != wanted:
            turn = Turn(wanted, [])
            turns.append(turn)
        turn.parts.append(part)
        if isinstance(part, ToolCall):
            tools[part.id] = part.name
            calls[part.id] = part
        elif isinstance(part, Thinking) and part.signature is not None:
            signed = signed or part.signature.dialect != DIALECT
    if turn is None:
        turns.append(Turn(role, []))
    elif signed and calls:
        turn.parts = [part for part in turn.parts if not _handed_over(part, calls)]


def _read_part(block: Any, role: Role, at: str, tools: dict[str, str]) -> Part:
    if not isinstance(block, dict) or block.get("type") != "tool_result":
        return read_block(block, at, _signature)
    if role != "user":
        raise BadRequest(at, "Results of tools stand in a user's message.")
    return _read_result(block, at, tools)


def _read_result(block: dict[str, Any], at: str, tools: dict[str, str]) -> ToolResult:
    call = text_of(block, "tool_use_id", at)
    content, failed = block.get("content"), block.get("is_error")
    parts: list[Part] = []
    if isinstance(content, str):
        parts = [Text(content, spelling=_PLAIN)]
    elif isinstance(content, list):
        parts = [read_block(inner, f"{at}/content/{number}", _signature) for number, inner in enumerate(content)]
    elif content is not None:
        raise BadRequest(f"{at}/content", "“content” must be a text or a list of content blocks.")
    if failed is not None and not isinstance(failed, bool):
        raise BadRequest(f"{at}/is_error", "“is_error” must be true or false.")
    extras, spelling = rest_of(block, _RESULT) if not _RESULT.issuperset(block) else (None, None)
    if "is_error" in block and not failed:
        spelling = (spelling or {}) | {"is_error": failed}
    if "content" in block and not parts:
        spelling = (spelling or {}) | {"content": content}
    return ToolResult(call, tools.get(call, ""), parts, bool(failed), extras, spelling)


def carried(call: ToolCall) -> Thinking:
    """A call's signature of another vendor as a thinking block beside the call: callers of Messages echo those (T9)."""
    made = cast("Signature", call.signature)
    return Thinking("", Signature(made.dialect, made.model, f"{_OF_CALL}{call.id}:{made.text}"))


def _handed_over(part: Part, calls: dict[str, ToolCall]) -> bool:
    """Whether it only carried a call's signature, which the call has now."""
    if not isinstance(part, Thinking) or part.signature is None or not part.signature.text.startswith(_OF_CALL):
        return False
    id_, _, text = part.signature.text.removeprefix(_OF_CALL).rpartition(":")
    call = calls.get(id_)
    if call is None or part.signature.dialect == DIALECT:
        return False
    call.signature = Signature(part.signature.dialect, part.signature.model, text)
    return True


def _signature(text: str) -> Signature:
    return unwrapped(text, DIALECT)

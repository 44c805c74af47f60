"""The messages of a caller's request, one turn each: what is said, calls of tools and their results."""

from typing import Any, Final

from providers.dialects.canonical import BadRequest, Part, Refusal, Text, ToolResult, Turn
from providers.dialects.openai import reasoning
from providers.dialects.openai.calls import Calls, read_call, read_function
from providers.dialects.openai.content import read_pieces
from providers.dialects.openai.members import left, optional, remember, required

_SAID: Final = frozenset({"role", "content"})
_ASSISTANT: Final = _SAID | {"tool_calls", "function_call", "refusal"} | reasoning.FIELDS
_RESULT: Final = _SAID | {"tool_call_id", "name"}


def read_messages(messages: list[Any]) -> list[Turn]:
    """Raises BadRequest."""
    calls = Calls()
    return [_turn(message, f"/messages/{number}", calls) for number, message in enumerate(messages)]


def _turn(message: dict[str, Any], pointer: str, calls: Calls) -> Turn:
    role = required(message, "role", str, pointer)
    if role == "assistant":
        return _assistant(message, pointer, calls)
    if role in {"tool", "function"}:
        return _result(message, pointer, calls)
    if role not in {"system", "developer", "user"}:
        raise BadRequest(f"{pointer}/role", "“role” must be system, developer, user, assistant or tool.")
    parts, word = _content(message, pointer)
    extras, spelling = left(message, _SAID)
    if word:
        spelling = remember(spelling, content=word)
    if role == "developer":
        return Turn("system", parts, extras, remember(spelling, role=role))
    return Turn(role, parts, extras, spelling)


def _content(message: dict[str, Any], pointer: str) -> tuple[list[Part], str]:
    """An empty text says nothing. The word tells a list from a text."""
    content = message.get("content")
    if content is None or content == "":
        return [], ""
    if isinstance(content, str):
        return [Text(content)], ""
    if not isinstance(content, list):
        raise BadRequest(f"{pointer}/content", "“content” must be a text or a list of its pieces.")
    return read_pieces(content, f"{pointer}/content"), "list" if content else ""


def _assistant(message: dict[str, Any], pointer: str, calls: Calls) -> Turn:
    parts = reasoning.read(message)
    said, word = _content(message, pointer)
    parts += said
    extras, spelling = left(message, _ASSISTANT)
    if word:
        spelling = remember(spelling, content=word)
    if refusal := optional(message, "refusal", str, pointer):
        parts.append(Refusal(refusal, spelling={"~field": True}))
    # The same text once more, in another field.
    again = {name: message[name] for name in reasoning.TEXT_FIELDS if message.get(name) and not _holds(parts, name)}
    if again:
        spelling = {**(spelling or {}), **again}
    entries = optional(message, "tool_calls", list, pointer) or []
    parts += [read_call(entry, f"{pointer}/tool_calls/{number}", calls) for number, entry in enumerate(entries)]
    old = optional(message, "function_call", dict, pointer)
    if old and old.get("name"):
        call = read_function(old, f"{pointer}/function_call", calls, None)
        call.spelling = remember(call.spelling, field="function_call")
        parts.append(call)
    return Turn("assistant", parts, extras, spelling)


def _holds(parts: list[Part], name: str) -> bool:
    return any(getattr(part, "spelling", None) == {"~field": name} for part in parts)


def _result(message: dict[str, Any], pointer: str, calls: Calls) -> Turn:
    parts, word = _content(message, pointer)
    call_id = optional(message, "tool_call_id", str, pointer)
    name = optional(message, "name", str, pointer)
    extras, spelling = left(message, _RESULT)
    if message["role"] == "function":
        spelling = remember(spelling, role="function")
    if word:
        spelling = remember(spelling, content=word)
    if name:
        spelling = {**(spelling or {}), "name": name}
    if not call_id:
        if not calls.unnamed:
            raise BadRequest(f"{pointer}/tool_call_id", "“tool_call_id” must name the call that this answers.")
        call_id = calls.unnamed.pop(0)
        spelling = remember(spelling, unnamed=True)
    return Turn("tool", [ToolResult(call_id, name or calls.names.get(call_id, ""), parts)], extras, spelling)

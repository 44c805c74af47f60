"""Turns, written as `system` and `messages`.

Neighbours of one role are one message, results of tools come first in it (T6), and nothing is sent that the API refuses:
no blank text, no empty message, no media in an assistant's message (T32). What a caller of this dialect wrote stays so.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.draft import Draft
from providers.dialects.anthropic.media import media_block
from providers.dialects.canonical import (
    BadRequest,
    Media,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from providers.dialects.signatures import fitting_id, holds

Block = dict[str, Any]
# In the place of a user's first message where a conversation starts with the assistant: a text that is not blank.
_PLACEHOLDER: Final = "."


def write_turns(draft: Draft) -> tuple[list[Block] | str, list[dict[str, Any]]]:
    """`system` (T1: all of it, in order; empty when there is none) and `messages`. Raises BadRequest."""
    system: list[Block] = []
    messages: list[dict[str, Any]] = []
    plain = False
    for turn in draft.chat.turns:
        blocks = [block for part in turn.parts if (block := _block(draft, part, turn)) is not None]
        if turn.extras and not draft.own:
            for name in turn.extras:
                draft.report.drop(name)
        if turn.role == "system" and not _begins_message(draft, turn):
            plain = not system and _is_plain(draft, turn)
            system.extend(blocks)
        elif blocks or (draft.own and not turn.parts):
            _add(draft, messages, turn, blocks)
    if not draft.own:
        _results_first(messages)
        _fit_ends(messages)
    return (system[0]["text"] if plain and system else system), messages


def _begins_message(draft: Draft, turn: Turn) -> bool:
    return draft.own and turn.spelling is not None


def _is_plain(draft: Draft, turn: Turn) -> bool:
    """Whether it is one text and nothing else, to be written as such."""
    if len(turn.parts) != 1 or not isinstance(text := turn.parts[0], Text) or text.extras:
        return False
    return text.spelling == {} if draft.own else True


def _add(draft: Draft, messages: list[dict[str, Any]], turn: Turn, blocks: list[Block]) -> None:
    role = "user" if turn.role == "tool" else turn.role
    last = messages[-1] if messages else None
    if last is None or last["role"] != role or _begins_message(draft, turn):
        message: dict[str, Any] = {"role": role, "content": blocks[0]["text"] if _is_plain(draft, turn) else blocks}
        if draft.own and turn.extras:
            message.update(turn.extras)
        messages.append(message)
        return
    if isinstance(last["content"], str):
        last["content"] = [{"type": "text", "text": last["content"]}]
    last["content"] += blocks


def _results_first(messages: list[dict[str, Any]]) -> None:
    """And everything else behind them in its order."""
    for message in messages:
        if message["role"] == "user" and isinstance(message["content"], list):
            message["content"].sort(key=lambda block: block.get("type") != "tool_result")


def _fit_ends(messages: list[dict[str, Any]]) -> None:
    """The first message is the user's, and an answer begun by the assistant ends without white space."""
    if not messages or messages[0]["role"] != "user":
        messages.insert(0, {"role": "user", "content": _PLACEHOLDER})
    last = messages[-1]
    if last["role"] != "assistant":
        return
    if isinstance(last["content"], str):
        last["content"] = last["content"].rstrip()
    elif last["content"][-1]["type"] == "text":
        last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()


# Blocks --------------------------------------------------------------------------------------------------------------
def _block(draft: Draft, part: Part, turn: Turn) -> Block | None:
    """None for what is not sent."""
    return _WRITERS[type(part)](draft, part, turn)


def _text(draft: Draft, part: Text, turn: Turn) -> Block | None:
    if (not part.text or part.text.isspace()) and not draft.own:
        return None
    block: Block = {"type": "text", "text": part.text}
    if part.extras is None and part.spelling is None:
        return block
    draft.add_members(block, part.extras, part.spelling)
    if turn.role != "assistant" and block.get("citations"):
        del block["citations"]
        draft.report.drop("citations")
    return block


def _media(draft: Draft, part: Media, turn: Turn) -> Block | None:
    if turn.role not in {"user", "tool"}:
        message = "Images and documents stand in a user's turn. Move it there, or leave it away."
        raise BadRequest(draft.pointer("messages"), message)
    return draft.add_members(media_block(draft, part), part.extras, part.spelling)


def _tool_call(draft: Draft, part: ToolCall, turn: Turn) -> Block | None:  # noqa: ARG001 (one signature for all)
    if part.signature is not None:
        # Another vendor's: calls have none here.
        draft.report.drop(draft.chat.name_of("signature"))
    block: Block = {
        "type": "tool_use",
        "id": fitting_id(part.id, "word64"),
        "name": part.name,
        "input": _input(draft, part),
    }
    return draft.add_members(block, part.extras, part.spelling)


def _input(draft: Draft, call: ToolCall) -> dict[str, Any]:
    try:
        arguments = orjson.loads(call.arguments.strip() or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        message = f"The arguments of the call “{call.id}” of the tool “{call.name}” must be a JSON object."
        raise BadRequest(draft.pointer("messages"), message)
    return arguments


def _tool_result(draft: Draft, part: ToolResult, turn: Turn) -> Block | None:
    block: Block = {"type": "tool_result", "tool_use_id": fitting_id(part.id, "word64")}
    only = part.parts[0] if len(part.parts) == 1 else None
    if isinstance(only, Text) and not only.extras and (only.spelling == {} if draft.own else True):
        block["content"] = only.text
    elif inner := [each for inside in part.parts if (each := _block(draft, inside, turn)) is not None]:
        block["content"] = inner
    if part.is_error:
        block["is_error"] = True
    return draft.add_members(block, part.extras, part.spelling)


def _thinking(draft: Draft, part: Thinking, turn: Turn) -> Block | None:  # noqa: ARG001 (one signature for all)
    """To the model that made it as it was; what another made is stripped (T10)."""
    block: Block
    if part.signature is not None and holds(part.signature, DIALECT, draft.target.model.name):
        if part.redacted is not None:
            block = {"type": "redacted_thinking", "data": part.redacted}
        else:
            block = {"type": "thinking", "thinking": part.text, "signature": part.signature.text}
    elif draft.target.profile.reasoning_echo and part.text:
        block = {"type": "thinking", "thinking": part.text, "signature": ""}
    else:
        draft.report.drop(draft.chat.name_of("thinking"))
        return None
    return draft.add_members(block, part.extras, part.spelling)


def _refusal(draft: Draft, part: Refusal, turn: Turn) -> Block | None:
    return _text(draft, Text(part.text, part.extras), turn)


def _opaque(draft: Draft, part: Opaque, turn: Turn) -> Block | None:  # noqa: ARG001 (one signature for all)
    if part.dialect == DIALECT and isinstance(part.content, dict):
        return draft.as_it_came(part.content)
    draft.report.drop(part.kind)
    return None


_WRITERS: Final[Mapping[type, Callable[[Draft, Any, Turn], Block | None]]] = {
    Text: _text,
    Media: _media,
    ToolCall: _tool_call,
    ToolResult: _tool_result,
    Thinking: _thinking,
    Refusal: _refusal,
    Opaque: _opaque,
}

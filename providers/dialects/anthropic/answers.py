"""A whole answer of Messages, to and from its canonical form."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from providers.dialects.anthropic.blocks import DIALECT, read_block
from providers.dialects.anthropic.stops import read_stop, stop_word
from providers.dialects.anthropic.tool_writing import ANSWER_TOOL
from providers.dialects.anthropic.turns import carried
from providers.dialects.base import Asked, Target, UnreadableAnswer
from providers.dialects.canonical import (
    Answer,
    BadRequest,
    Choice,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from providers.dialects.estimate import tokens_of
from providers.dialects.signatures import wrapped
from providers.dialects.usage import Usage
from providers.dialects.usage_rules import read as read_usage

_KNOWN: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})
# Who made it is not known, and nobody takes it back as a proof.
UNSIGNED: Final = Signature("unsigned", "", "")

Block = dict[str, Any]


# In ------------------------------------------------------------------------------------------------------------------
def read_answer(body: bytes, target: Target) -> Answer:
    """Raises UnreadableAnswer."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer("The answer is not JSON.") from error
    blocks = content.get("content") if isinstance(content, dict) else None
    if not isinstance(blocks, list):
        raise UnreadableAnswer("The answer has no list of content blocks.")
    parts = _parts(blocks, target)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    shown = [_as_text(part) for part in parts]
    only_answer = bool(calls) and all(call.name == ANSWER_TOOL for call in calls)
    stop = read_stop(
        content.get("stop_reason"),
        content.get("stop_sequence"),
        said_something=bool(parts),
        only_answer_tool=only_answer,
    )
    return Answer(
        dialect=DIALECT,
        id=_string(content, "id"),
        model=_string(content, "model"),
        choices=[Choice(shown, stop)],
        usage=read_usage(content.get("usage"), target.profile, DIALECT),
        extras={name: value for name, value in content.items() if name not in _KNOWN},
    )


def _parts(blocks: list[Any], target: Target) -> list[Part]:
    def sign(text: str) -> Signature:
        return Signature(DIALECT, target.model.name, text)

    try:
        return [read_block(block, f"/content/{number}", sign) for number, block in enumerate(blocks)]
    except BadRequest as error:
        raise UnreadableAnswer(str(error)) from error


def _as_text(part: Part) -> Part:
    """The answer in JSON that was asked for as a tool's call (T19)."""
    return Text(part.arguments) if isinstance(part, ToolCall) and part.name == ANSWER_TOOL else part


def _string(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""


# Out -----------------------------------------------------------------------------------------------------------------
def write_answer(answer: Answer, asked: Asked) -> bytes:
    """Raises UnreadableAnswer for one that cannot be told here: arguments that are no JSON object, a failure."""
    own = answer.dialect == DIALECT
    choice = answer.choices[0]
    if choice.stop.reason == "failed":
        raise UnreadableAnswer(f"The answer stopped for “{choice.stop.word}”.")
    content = [block for part in choice.parts for block in blocks_of(part, own=own)]
    called = any(isinstance(part, ToolCall) for part in choice.parts)
    message: Block = {
        "id": answer.id if own else f"msg_{asked.id}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": choice.stop.word if own and choice.stop.word else stop_word(choice.stop, tools=called),
        "stop_sequence": choice.stop.sequence,
    }
    if own:
        message |= answer.extras
    if answer.usage is not None:
        message["usage"] = answer.usage.raw if own and answer.usage.raw else usage_view(answer.usage)
    else:
        message["usage"] = {
            "input_tokens": asked.input_estimate,
            "output_tokens": max(1, tokens_of(orjson.dumps(content))),
        }
    return orjson.dumps(message)


def blocks_of(part: Part, *, own: bool = False) -> list[Block]:
    """None where it cannot be shown here. A call that another vendor signed has a thinking block before it (T9)."""
    match part:
        case Text():
            blocks: list[Block] = [{"type": "text", "text": part.text}] if part.text or own else []
        case Refusal():
            blocks = [{"type": "text", "text": part.text}] if part.text else []
        case Thinking():
            blocks = [block] if (block := _thinking_block(part)) else []
        case ToolCall():
            block = {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
            before = blocks_of(carried(part)) if part.signature is not None else []
            blocks = [*before, block]
        case Opaque():
            return [part.content] if part.dialect == DIALECT else []
        case _:
            return []
    if own and blocks:
        blocks[-1].update(part.extras or {})
        blocks[-1].update(part.spelling or {})
    return blocks


def _thinking_block(part: Thinking) -> Block | None:
    maker = part.signature or UNSIGNED
    if part.redacted is not None:
        hidden = Signature(maker.dialect, maker.model, part.redacted)
        return {"type": "redacted_thinking", "data": wrapped(hidden, DIALECT)}
    if not part.text and part.signature is None:
        return None
    return {"type": "thinking", "thinking": part.text, "signature": wrapped(maker, DIALECT)}


def _input(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = orjson.loads(call.arguments.strip() or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise UnreadableAnswer(f"The arguments of a call of the tool “{call.name}” are no JSON object.")
    return arguments


def usage_view(usage: Usage) -> dict[str, Any]:
    """The ledger as Anthropic shows it."""
    written = usage.cache_write + usage.cache_write_long
    view: dict[str, Any] = {
        "input_tokens": usage.input_total - usage.cached_total - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cached_total,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_long,
        },
        "output_tokens": usage.output_total,
    }
    if usage.output_reasoning:
        view["output_tokens_details"] = {"thinking_tokens": usage.output_reasoning}
    if usage.searches:
        view["server_tool_use"] = {"web_search_requests": usage.searches, "web_fetch_requests": 0}
    return view

"""What the demo provider says, without I/O: made up, deterministic, with honest counts. A token is a word.

It reads a request of any caller's dialect into the canonical form and answers in it; the codecs do the rest.
"""

import base64
import hashlib
import struct
from collections.abc import Iterator
from typing import Any, Final

import orjson

from providers.demo.settings import EMBEDDING_SIZE
from providers.demo.wishes import Wishes
from providers.dialects.canonical import (
    Answer,
    Chat,
    Choice,
    Delta,
    Event,
    Media,
    Part,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from providers.dialects.replaying import events_of
from providers.dialects.usage import Usage

_ANSWER: Final = (
    "This answer comes from the demo provider: nothing of it is true, but its form, its stream and its usage are what "
    "a real model would send, so that a first call needs no account anywhere."
)
_WORDS: Final = _ANSWER.split()
_THOUGHTS: Final = [
    "First",
    "I",
    "read",
    "the",
    "question,",
    "then",
    "I",
    "think",
    "of",
    "what",
    "the",
    "demo",
    "would",
    "say,",
    "and",
    "last",
    "I",
    "say",
    "it.",
]
# What a medium costs here, and what a picture costs to make.
_PER_MEDIUM: Final = 85
_PER_IMAGE: Final = 256
# One pixel, so that an image can be seen to be one.
_PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def last_text(chat: Chat) -> str:
    """Of the caller's last turn; of results of tools nothing."""
    turn = next((each for each in reversed(chat.turns) if each.role == "user"), None)
    return " ".join(part.text for part in turn.parts if isinstance(part, Text)) if turn else ""


def answer(chat: Chat, wishes: Wishes, *, call_id: str) -> Answer:
    thoughts = _thoughts(chat, wishes)
    parts, stop = _content(chat, wishes, call_id)
    kept, written, stop = _within(parts, stop, chat.max_tokens, spent=len(thoughts.text.split()) if thoughts else 0)
    usage = _usage(chat, thoughts, written, wishes) if wishes.usage else None
    return Answer(
        dialect=chat.dialect,
        id=call_id,
        model=chat.model,
        choices=[Choice([*([thoughts] if thoughts else []), *kept], stop)],
        usage=usage,
    )


def events(said: Answer) -> Iterator[Event]:
    """Word by word, and arguments of tools in pieces."""
    for event in events_of(said):
        if not isinstance(event, Delta):
            yield event
            continue
        words = event.text.split(" ")
        for number, word in enumerate(words):
            yield Delta(event.key, word if number == 0 else f" {word}")


def embedding(text: str, *, as_base64: bool) -> Any:
    """Numbers that depend on the text alone, of length one."""
    digest = hashlib.sha512(text.encode()).digest()
    raw = [byte / 127.5 - 1 for byte in (digest * (EMBEDDING_SIZE // len(digest) + 1))[:EMBEDDING_SIZE]]
    norm = sum(number * number for number in raw) ** 0.5
    vector = [number / norm for number in raw]
    return base64.b64encode(struct.pack(f"<{EMBEDDING_SIZE}f", *vector)).decode() if as_base64 else vector


# What it says --------------------------------------------------------------------------------------------------------
def _content(chat: Chat, wishes: Wishes, call_id: str) -> tuple[list[Part], Stop]:
    if wishes.refuse:
        return [Refusal("I would rather not say that.")], Stop(
            "content_filter" if chat.dialect == "anthropic" else "stop"
        )
    if wishes.filter:
        return [], Stop("content_filter")
    calls = _tool_calls(chat, wishes, call_id)
    if calls:
        return calls, Stop("tool_calls")
    if wishes.image:
        return [Text("Here it is."), Media("image", "image/png", data=_PIXEL)], Stop("stop")
    return [Text(_text(chat, wishes))], Stop("stop")


def _text(chat: Chat, wishes: Wishes) -> str:
    if chat.output is not None and chat.output.kind != "text":
        made = _made(chat.output.schema) if chat.output.schema else {"answer": _ANSWER}
        return orjson.dumps(made).decode()
    results = [part for turn in chat.turns[-2:] for part in turn.parts if isinstance(part, ToolResult)]
    if results and wishes.words is None:
        told = [" ".join(each.text for each in result.parts if isinstance(each, Text)) for result in results]
        return "The tools say: " + "; ".join(told)
    seen = [part for turn in chat.turns for part in turn.parts if isinstance(part, Media)]
    if seen and wishes.words is None:
        return f"I was shown {len(seen)} of these: " + ", ".join(
            f"{part.kind} {part.media_type}".strip() for part in seen
        )
    count = len(_WORDS) if wishes.words is None else wishes.words
    return " ".join(_WORDS[i % len(_WORDS)] for i in range(count))


def _tool_calls(chat: Chat, wishes: Wishes, call_id: str) -> list[Part]:
    tools = [tool for tool in chat.tools if isinstance(tool, Tool)]
    choice = chat.tool_choice
    answered = any(isinstance(part, ToolResult) for turn in chat.turns[-2:] for part in turn.parts)
    if not tools or answered or (choice is not None and choice.mode == "none"):
        return []
    insisted = choice is not None and choice.mode in {"required", "named"}
    if not insisted and not wishes.tools:
        return []
    if choice is not None and choice.mode == "named":
        tools = [tool for tool in tools if tool.name == choice.name] or tools
    wanted = 1 if chat.parallel_tools is False else max(1, wishes.tools)
    return [
        ToolCall(f"call_{call_id[:16]}{number}", tool.name, orjson.dumps(_made(tool.parameters)).decode())
        for number, tool in enumerate((tools * wanted)[:wanted])
    ]


def _thoughts(chat: Chat, wishes: Wishes) -> Thinking | None:
    asked = chat.reasoning is not None and not chat.reasoning.off
    if not asked and not wishes.think:
        return None
    count = wishes.think or len(_THOUGHTS)
    text = " ".join(_THOUGHTS[i % len(_THOUGHTS)] for i in range(count))
    proof = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Thinking(text, Signature(chat.dialect, chat.model, proof))


def _made(schema: Any, depth: int = 0) -> Any:
    """Something that fits the schema: its first choice of everything."""
    if not isinstance(schema, dict) or depth > 8:
        return {}
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _made(schema[name][0], depth + 1)
    kind = schema.get("type")
    kind = next((each for each in kind if each != "null"), "null") if isinstance(kind, list) else kind
    if kind == "array":
        return [_made(schema.get("items", {"type": "string"}), depth + 1)]
    if kind in {"object", None}:
        properties = schema.get("properties") or {}
        return {name: _made(_resolved(each, schema), depth + 1) for name, each in properties.items()}
    return {"string": "Berlin", "integer": 7, "number": 1.5, "boolean": True}.get(str(kind).lower())


def _resolved(part: Any, root: dict[str, Any]) -> Any:
    """A reference into the schema's own definitions, as Pydantic writes them."""
    if not isinstance(part, dict) or "$ref" not in part:
        return {**part, "$defs": root.get("$defs", {})} if isinstance(part, dict) else part
    found: Any = root
    for step in str(part["$ref"]).removeprefix("#/").split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return {**found, "$defs": root.get("$defs", {})} if isinstance(found, dict) else {}


# Counting ------------------------------------------------------------------------------------------------------------
def _within(parts: list[Part], stop: Stop, limit: int | None, *, spent: int) -> tuple[list[Part], int, Stop]:
    """The parts that fit into the limit of tokens, how many those are, and why it ends."""
    left = None if limit is None else max(0, limit - spent)
    kept: list[Part] = []
    written = 0
    for part in parts:
        size = _size(part)
        if left is not None and written + size > left:
            if isinstance(part, Text):
                words = part.text.split(" ")[: left - written]
                kept.append(Text(" ".join(words)))
                written += len(words)
            return kept, written, Stop("length")
        kept.append(part)
        written += size
    return kept, written, stop


def _size(part: Part) -> int:
    if isinstance(part, Text | Refusal):
        return len(part.text.split())
    if isinstance(part, ToolCall):
        return 1 + len(part.arguments.split())
    return 0


def _usage(chat: Chat, thoughts: Thinking | None, written: int, wishes: Wishes) -> Usage:
    prompt = sum(3 + sum(_read(part) for part in turn.parts) for turn in chat.turns)
    media = sum(isinstance(part, Media) for turn in chat.turns for part in turn.parts)
    cached = min(wishes.cached, prompt)
    return Usage(
        input_text=prompt - cached + _PER_MEDIUM * media,
        cache_read=cached,
        output_text=written,
        output_reasoning=len(thoughts.text.split()) if thoughts else 0,
        output_image=_PER_IMAGE if wishes.image else 0,
    )


def _read(part: Part) -> int:
    if isinstance(part, ToolResult):
        return sum(_read(each) for each in part.parts)
    return len(part.text.split()) if isinstance(part, Text) else _size(part)


# Errors --------------------------------------------------------------------------------------------------------------
_ERRORS: Final[dict[int, tuple[str, str, str]]] = {
    400: ("", "invalid_request_error", "Invalid request."),
    401: ("invalid_api_key", "invalid_request_error", "Incorrect API key provided."),
    402: ("insufficient_balance", "insufficient_quota", "Insufficient balance."),
    403: (
        "unsupported_country_region_territory",
        "invalid_request_error",
        "Country, region, or territory not supported",
    ),
    404: ("model_not_found", "invalid_request_error", "The model does not exist or you do not have access to it."),
    429: ("rate_limit_exceeded", "requests", "Rate limit reached."),
    529: ("", "overloaded_error", "Overloaded"),
}


def error(status: int) -> tuple[str, str, str]:
    """Code, type and message, as vendors word it."""
    return _ERRORS.get(status, ("", "server_error", "The server had an error while processing your request."))

"""Blocks of a stream that are not ended yet."""

from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from providers.dialects.canonical import Delta, Event

Kind = Literal["text", "thinking", "tool", "opaque"]


@dataclass(slots=True)
class OpenBlock:
    key: int
    kind: Kind
    block: dict[str, Any]
    # What came of a signature, or of the input of a block of Anthropic's own.
    pieces: list[str] = field(default_factory=list)
    # Whether any arguments of a call came.
    argued: bool = False


def more(opened: OpenBlock, text: Any, events: list[Event]) -> None:
    if isinstance(text, str) and text:
        opened.argued = True
        events.append(Delta(opened.key, text))


def gather(opened: OpenBlock, delta: dict[str, Any]) -> None:
    """A piece of a block of Anthropic's own: of its input, or the member that the delta names."""
    for name, value in delta.items():
        if name == "partial_json" and isinstance(value, str):
            opened.pieces.append(value)
        elif name != "type":
            opened.block[name] = value


def whole(opened: OpenBlock) -> dict[str, Any]:
    text = "".join(opened.pieces)
    if text.strip():
        try:
            opened.block["input"] = orjson.loads(text)
        except orjson.JSONDecodeError:
            opened.block["input"] = text
    return opened.block

"""The events of a response as it grows: items, their pieces, and how each is opened, continued and closed.

Texts are kept in pieces and joined once, when theirs ends. A stream writer lets its transcript speak; a meter of what is
passed through only follows, so that it can close at a cap what is open then.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

Status = Literal["completed", "incomplete"]


@dataclass(frozen=True, slots=True)
class PieceKind:
    """`delta` and `done` are types of events; `member` holds the text in `done` and in the piece or the item."""

    delta: str
    done: str
    member: str
    # The name of its number among those of the item; empty where an item has just one.
    index: str = ""
    # Begins the types of the events that add and end it; empty where there are none.
    part: str = ""
    # Of the item, where the pieces stand in a list.
    holder: str = ""


KINDS: Final = {
    "output_text": PieceKind(
        "response.output_text.delta",
        "response.output_text.done",
        "text",
        "content_index",
        "response.content_part",
        "content",
    ),
    "refusal": PieceKind(
        "response.refusal.delta",
        "response.refusal.done",
        "refusal",
        "content_index",
        "response.content_part",
        "content",
    ),
    "reasoning_text": PieceKind(
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "text",
        "content_index",
        "response.content_part",
        "content",
    ),
    "summary_text": PieceKind(
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "text",
        "summary_index",
        "response.reasoning_summary_part",
        "summary",
    ),
    "arguments": PieceKind(
        "response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments"
    ),
    "input": PieceKind("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input"),
}


@dataclass(slots=True)
class Piece:
    kind: str
    item: "OpenItem"
    number: int
    texts: list[str] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    open: bool = True
    # Its whole text was told already.
    told: bool = False
    # A delta's event as bytes, before its text and after it.
    before: bytes = b""
    after: bytes = b""

    def content(self, text: str) -> dict[str, Any]:
        """As it stands in its item's list."""
        if self.kind == "output_text":
            return {"type": self.kind, "annotations": self.annotations, "logprobs": self.logprobs, "text": text}
        return {"type": self.kind, KINDS[self.kind].member: text}

    def place(self) -> dict[str, Any]:
        """What names it in its events."""
        index = KINDS[self.kind].index
        named = {"item_id": self.item.content.get("id", ""), "output_index": self.item.number}
        return {**named, index: self.number} if index else named


@dataclass(slots=True)
class OpenItem:
    number: int
    content: dict[str, Any]
    pieces: list[Piece] = field(default_factory=list)
    open: bool = True


class Transcript:
    """Of one response. `sequence` is the number of the next event."""

    def __init__(self, sequence: int = 0) -> None:
        self.sequence = sequence
        self.items: dict[int, OpenItem] = {}

    def event(self, kind: str, members: dict[str, Any]) -> bytes:
        content = {"type": kind, **members, "sequence_number": self.sequence}
        self.sequence += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(content))

    # Opening ---------------------------------------------------------------------------------------------------------
    def add(self, content: dict[str, Any]) -> tuple[OpenItem, bytes]:
        """`content` is the item as it begins."""
        item = OpenItem(len(self.items), content)
        self.items[item.number] = item
        return item, self.event("response.output_item.added", {"output_index": item.number, "item": content})

    def open_piece(self, item: OpenItem, kind: str) -> tuple[Piece, bytes]:
        form = KINDS[kind]
        piece = Piece(kind, item, sum(KINDS[other.kind].holder == form.holder for other in item.pieces))
        item.pieces.append(piece)
        told = orjson.dumps({"type": form.delta, **piece.place()})[:-1]
        piece.before = b'event: %s\ndata: %s,"delta":' % (form.delta.encode(), told)
        piece.after = (
            b',"logprobs":[],"sequence_number":%d}\n\n' if kind == "output_text" else b',"sequence_number":%d}\n\n'
        )
        if not form.part:
            return piece, b""
        return piece, self.event(f"{form.part}.added", {**piece.place(), "part": piece.content("")})

    def delta(self, piece: Piece, text: str) -> bytes:
        piece.texts.append(text)
        number = self.sequence
        self.sequence += 1
        return piece.before + orjson.dumps(text) + piece.after % number

    def delta_with(self, piece: Piece, text: str, logprobs: list[Any]) -> bytes:
        piece.texts.append(text)
        piece.logprobs.extend(logprobs)
        return self.event(KINDS[piece.kind].delta, {**piece.place(), "delta": text, "logprobs": logprobs})

    def whole(self, content: dict[str, Any]) -> bytes:
        """An item that is done when it is added."""
        item, begun = self.add(content)
        item.open = False
        return begun + self.event("response.output_item.done", {"output_index": item.number, "item": content})

    # Closing ---------------------------------------------------------------------------------------------------------
    def close_piece(self, piece: Piece) -> bytes:
        if not piece.open:
            return b""
        piece.open = False
        form, text = KINDS[piece.kind], "".join(piece.texts)
        piece.texts = [text]
        told = b""
        if not piece.told:
            logprobs = {"logprobs": piece.logprobs} if piece.kind == "output_text" else {}
            told = self.event(form.done, {**piece.place(), form.member: text, **logprobs})
        if not form.part:
            return told
        return told + self.event(f"{form.part}.done", {**piece.place(), "part": piece.content(text)})

    def close_item(self, item: OpenItem, status: Status = "completed") -> bytes:
        if not item.open:
            return b""
        item.open = False
        told = b"".join(self.close_piece(piece) for piece in item.pieces)
        for piece in item.pieces:
            form, text = KINDS[piece.kind], "".join(piece.texts)
            if form.holder:
                item.content[form.holder] = [*_list(item.content.get(form.holder)), piece.content(text)]
            else:
                item.content[form.member] = text
        if status == "incomplete" or "status" in item.content:
            item.content["status"] = status
        item.pieces = []
        return told + self.event("response.output_item.done", {"output_index": item.number, "item": item.content})

    def close(self, status: Status = "completed") -> bytes:
        """All that is open."""
        return b"".join(self.close_item(item, status) for item in list(self.items.values()))

    def output(self) -> list[dict[str, Any]]:
        return [self.items[number].content for number in sorted(self.items)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

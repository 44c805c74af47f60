"""The stream of a response as canonical events.

Events are told apart by the `type` in their data, since not all vendors name them. Vendors also leave out what repeats
(parts that are added, deltas of what comes whole), so what an item is at its end fills in what was not told before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import orjson

from providers.dialects.base import Target
from providers.dialects.canonical import (
    Annotated,
    BadRequest,
    Delta,
    End,
    Event,
    Failed,
    Opaque,
    PartEnd,
    PartKind,
    PartStart,
    PartWhole,
    Signature,
    Signed,
    Start,
    Stopped,
    UpstreamError,
    UsageSeen,
)
from providers.dialects.responses import errors
from providers.dialects.responses import usage as counts
from providers.dialects.responses.content import NAME
from providers.dialects.responses.items import BETWEEN, reasoning_text
from providers.dialects.responses.stops import stop_of
from providers.dialects.sse import Events
from providers.dialects.usage import count

_BAD_GATEWAY: Final = 502
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_NOTHING_MORE: Final[dict[str, Any]] = {"type": "message"}
_PIECES: Final[Mapping[str, tuple[PartKind, str]]] = {
    "output_text": ("text", "text"),
    "refusal": ("refusal", "refusal"),
}


@dataclass(slots=True)
class _Text:
    """One part. `told`: whether anything of it came; `piece`: which piece of the reasoning came last."""

    key: int
    told: bool = False
    piece: Any = None
    open: bool = True


@dataclass(slots=True)
class _Item:
    """`parts` by their number within the item; reasoning and calls have one, number 0."""

    content: dict[str, Any]
    parts: dict[int, _Text] = field(default_factory=dict)
    done: bool = False


class ResponseReader:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._sse = Events()
        self._items: dict[int, _Item] = {}
        self._keys = 0
        self._started = False
        self._called = False
        self._ended = False
        self._events: list[Event] = []

    def feed(self, chunk: bytes) -> list[Event]:
        for _name, data in self._sse.feed(chunk):
            self._read(data)
        return self._taken()

    def close(self) -> list[Event]:
        for _name, data in self._sse.close():
            self._read(data, torn=True)
        self._fail(
            UpstreamError("interrupted", _BAD_GATEWAY, "The stream ended before the response did."), interrupted=True
        )
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # Events of the stream --------------------------------------------------------------------------------------------
    def _read(self, data: bytes, *, torn: bool = False) -> None:
        if self._ended or not data or data == b"[DONE]":
            return
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = None
        if not isinstance(event, dict):
            if not torn:
                self._fail(UpstreamError("server", _BAD_GATEWAY, "The stream holds what is no event."))
            return
        kind = event.get("type")
        if not isinstance(kind, str):
            kind = "error" if event.get("error") else ""
        handler = self._HANDLERS.get(kind)
        if handler is not None:
            self._start({})
            handler(self, event)
        elif kind == "error":
            self._fail(errors.read_in_stream(event, self._target))
        elif isinstance(response := event.get("response"), dict):
            self._start(response)
            if kind in _ENDS:
                self._end(response)

    def _start(self, response: dict[str, Any]) -> None:
        if not self._started:
            self._started = True
            id_, model = response.get("id"), response.get("model")
            self._events.append(
                Start(
                    id_ if isinstance(id_, str) else "",
                    model if isinstance(model, str) else "",
                    count(response.get("created_at")),
                )
            )

    def _end(self, response: dict[str, Any]) -> None:
        self._finish(response)
        usage = counts.read(response, self._target.profile)
        if usage is not None:
            self._events.append(UsageSeen(usage))
        stop = stop_of(response, called=self._called, empty=self._keys == 0)
        if stop.reason == "failed":
            self._fail(errors.read_in_stream(response.get("error"), self._target))
            return
        self._events += [Stopped(stop), End()]
        self._ended = True

    def _fail(self, error: UpstreamError, *, interrupted: bool = False) -> None:
        if not self._ended:
            self._ended = True
            self._events.append(Failed(error, interrupted))

    # Texts -----------------------------------------------------------------------------------------------------------
    def _text_delta(self, event: dict[str, Any]) -> None:
        text = event.get("delta")
        if not isinstance(text, str) or not text:
            return
        part = self._text(event, more=True)
        part.told = True
        logprobs = event.get("logprobs")
        self._events.append(
            Delta(part.key, text, {"content": logprobs} if logprobs and isinstance(logprobs, list) else None)
        )

    def _text_done(self, event: dict[str, Any]) -> None:
        self._fill(self._text(event), event.get("text") if "text" in event else event.get("refusal"))

    def _text(self, event: dict[str, Any], *, more: bool = False) -> _Text:
        """The part that an event of a text speaks of, begun now if it was not; with `more` also if it has ended."""
        item = self._item(event, "message")
        number = _number(event, "content_index")
        part = item.parts.get(number)
        if part is None or (more and not part.open):
            part = self._begin(item, number, "refusal" if ".refusal" in event["type"] else "text")
        return part

    def _annotation(self, event: dict[str, Any]) -> None:
        part = self._text(event)
        if part.open:
            self._events.append(Annotated(part.key, NAME, event.get("annotation")))

    def _reasoning_delta(self, event: dict[str, Any]) -> None:
        text = event.get("delta")
        if not isinstance(text, str) or not text:
            return
        item = self._item(event, "reasoning")
        part = item.parts.get(0)
        if part is None or not part.open:
            part = self._begin(item, 0, "thinking")
        piece = (event["type"], _number(event, "summary_index"), _number(event, "content_index"))
        if part.told and part.piece != piece:
            text = BETWEEN + text
        part.told, part.piece = True, piece
        self._events.append(Delta(part.key, text))

    def _arguments_delta(self, event: dict[str, Any]) -> None:
        part = self._item(event, "function_call").parts.get(0)
        text = event.get("delta")
        # A call is begun by the item that names it; until then what comes of it is told by its end.
        if part is not None and part.open and isinstance(text, str) and text:
            part.told = True
            self._events.append(Delta(part.key, text))

    # Items -----------------------------------------------------------------------------------------------------------
    def _item(self, event: dict[str, Any], kind: str) -> _Item:
        number = _number(event, "output_index")
        item = self._items.get(number)
        if item is None:
            item = self._items[number] = _Item({"type": kind})
        return item

    def _item_added(self, event: dict[str, Any]) -> None:
        content = event.get("item")
        if isinstance(content, dict):
            item = self._entered(event, content)
            item.content = content
            if content.get("type") == "function_call":
                self._begin_call(item, content)

    def _item_done(self, event: dict[str, Any]) -> None:
        content = event.get("item")
        if isinstance(content, dict):
            self._complete(self._entered(event, content), content)

    def _entered(self, event: dict[str, Any], content: dict[str, Any]) -> _Item:
        """The item at its place; a new one where another stood and is done: not all vendors number them."""
        item = self._item(event, "")
        if item.done and item.content.get("id") != content.get("id"):
            self._close(item)
            item = self._items[_number(event, "output_index")] = _Item(content)
        return item

    def _begin_call(self, item: _Item, content: dict[str, Any]) -> None:
        id_, name = content.get("call_id") or content.get("id"), content.get("name")
        if 0 not in item.parts and isinstance(name, str) and name and isinstance(id_, str):
            self._called = True
            item.parts[0] = _Text(self._next_key())
            self._events.append(PartStart(item.parts[0].key, "tool", id_, name))

    def _begin(self, item: _Item, number: int, kind: PartKind) -> _Text:
        part = item.parts[number] = _Text(self._next_key())
        self._events.append(PartStart(part.key, kind))
        return part

    def _next_key(self) -> int:
        self._keys += 1
        return self._keys - 1

    def _complete(self, item: _Item, content: dict[str, Any]) -> None:
        """What the item is at its end, as far as it was not told before."""
        if item.done:
            return
        item.done, item.content = True, content
        kind = content.get("type")
        if kind == "message":
            pieces = content.get("content")
            for number, piece in enumerate(pieces if isinstance(pieces, list) else ()):
                self._complete_piece(item, number, piece)
        elif kind == "function_call":
            self._begin_call(item, content)
            if 0 in item.parts:
                self._fill(item.parts[0], content.get("arguments") or "{}")
        elif kind == "reasoning":
            self._complete_reasoning(item, content)
        elif isinstance(kind, str):
            self._called = self._called or kind == "custom_tool_call"
            self._events.append(PartWhole(self._next_key(), Opaque(NAME, kind, content)))
        self._close(item)

    def _complete_piece(self, item: _Item, number: int, piece: Any) -> None:
        form = _PIECES.get(str(piece.get("type"))) if isinstance(piece, dict) else None
        if form is not None and piece.get(form[1]):
            self._fill(item.parts.get(number) or self._begin(item, number, form[0]), piece[form[1]])

    def _complete_reasoning(self, item: _Item, content: dict[str, Any]) -> None:
        try:
            text = reasoning_text(content, "")
        except BadRequest:
            text = ""
        signed = content.get("encrypted_content")
        part = item.parts.get(0)
        if part is None and (text or signed):
            part = self._begin(item, 0, "thinking")
        if part is None:
            return
        self._fill(part, text)
        if isinstance(signed, str) and signed:
            self._events.append(Signed(part.key, Signature(NAME, self._target.model.name, signed)))

    def _fill(self, part: _Text, text: Any) -> None:
        if part.open and not part.told and isinstance(text, str) and text:
            part.told = True
            self._events.append(Delta(part.key, text))

    def _close(self, item: _Item) -> None:
        for part in item.parts.values():
            if part.open:
                part.open = False
                self._events.append(PartEnd(part.key))

    def _finish(self, response: dict[str, Any]) -> None:
        """Items that did not end by themselves, or never came but with the response itself."""
        output = response.get("output")
        found = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        if not self._items:
            for number, content in enumerate(found):
                self._items[number] = _Item(content)
                self._complete(self._items[number], content)
        by_id = {content["id"]: content for content in found if isinstance(content.get("id"), str)}
        for item in self._items.values():
            id_ = item.content.get("id")
            self._complete(item, by_id.get(id_, _NOTHING_MORE) if isinstance(id_, str) else _NOTHING_MORE)
            self._close(item)

    _HANDLERS: ClassVar[dict[str, Callable[[Any, dict[str, Any]], None]]] = {
        "response.output_text.delta": _text_delta,
        "response.function_call_arguments.delta": _arguments_delta,
        "response.reasoning_summary_text.delta": _reasoning_delta,
        "response.reasoning_text.delta": _reasoning_delta,
        "response.refusal.delta": _text_delta,
        "response.output_text.done": _text_done,
        "response.refusal.done": _text_done,
        "response.output_text.annotation.added": _annotation,
        "response.output_item.added": _item_added,
        "response.output_item.done": _item_done,
    }


def _number(event: dict[str, Any], name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0

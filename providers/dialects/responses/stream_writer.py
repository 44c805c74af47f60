"""Canonical events as the stream of a response: each item is added, continued and done; the last event holds it all.

Texts that follow each other share a message, which stays open until another item is added. Whole answers are written by
the same steps, so that both tell the same.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from providers.dialects import signatures
from providers.dialects.base import Asked, Shown
from providers.dialects.canonical import (
    Annotated,
    Delta,
    End,
    Event,
    Media,
    Opaque,
    PartEnd,
    PartStart,
    PartWhole,
    Ping,
    Signature,
    Signed,
    Start,
    Stop,
    Stopped,
    Thinking,
    UsageSeen,
)
from providers.dialects.responses import errors, items, response
from providers.dialects.responses.content import NAME
from providers.dialects.responses.transcript import OpenItem, Piece, Transcript
from providers.dialects.usage import Usage

KEEP_ALIVE: Final = b": keep-alive\n\n"
_TEXTS: Final = {"text": "output_text", "refusal": "refusal"}
# What image_generation_call calls the formats.
_FORMATS: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}


class ResponseWriter:
    def __init__(self, asked: Asked) -> None:
        self._id = asked.id
        self._response = response.begun(asked)
        self._transcript = Transcript()
        self._pieces: dict[int, Piece] = {}
        self._items: dict[int, OpenItem] = {}
        # Reasoning of which nothing came yet.
        self._silent: set[int] = set()
        # The item that was added last, while it is a message.
        self._message: OpenItem | None = None
        self._stop = Stop("stop")
        self._usage: Usage | None = None
        self._started = False
        self._ended = False

    # The surface of a StreamWriter -----------------------------------------------------------------------------------
    def write(self, event: Event) -> bytes:
        if self._ended:
            return b""
        if isinstance(event, Delta):
            return self._delta(event)
        step = self._STEPS.get(type(event))
        return step(self, event) if step is not None else b""

    def stop_at_cap(self, problem: dict[str, Any], usage: Usage) -> bytes:
        if self._ended:
            return b""
        self._stop, self._usage = Stop("length"), usage
        return self._end(problem=problem)

    def error(self, shown: Shown) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return self._transcript.event("error", errors.in_stream(shown))

    def finished(self) -> dict[str, Any]:
        """The response, when all its parts were written."""
        self._transcript.close(self._status)
        return response.ended(self._response, self._stop, self._transcript.output(), self._usage)

    # The response ----------------------------------------------------------------------------------------------------
    def _start(self, _event: Event | None = None) -> bytes:
        if self._started:
            return b""
        self._started = True
        members = {"response": self._response}
        return self._transcript.event("response.created", members) + self._transcript.event(
            "response.in_progress", members
        )

    def _end(self, _event: Event | None = None, **more: Any) -> bytes:
        told = self._start() + self._transcript.close(self._status)
        self._ended = True
        whole = response.ended(self._response, self._stop, self._transcript.output(), self._usage)
        return told + self._transcript.event(f"response.{whole['status']}", {"response": {**whole, **more}})

    @property
    def _status(self) -> Any:
        return "incomplete" if self._stop.reason in response.INCOMPLETE else "completed"

    def _count(self, event: UsageSeen) -> bytes:
        self._usage = event.usage
        return b""

    def _stopped(self, event: Stopped) -> bytes:
        if event.choice == 0:
            self._stop = event.stop
        return b""

    # Parts -----------------------------------------------------------------------------------------------------------
    def _open(self, part: PartStart) -> bytes:
        """Of other choices nothing is shown: a response has one."""
        told = self._start()
        if part.choice != 0:
            return told
        if part.kind in _TEXTS:
            if self._message is None:
                head = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
                self._message, added = self._add("msg", head)
                told += added
            self._items[part.key] = self._message
            self._pieces[part.key], begun = self._transcript.open_piece(self._message, _TEXTS[part.kind])
            return told + begun
        if part.kind == "thinking":
            # Nothing is shown of reasoning that shows nothing.
            self._silent.add(part.key)
            return told
        told += self._leave_message()
        call = {"call_id": part.id, "name": part.name, "arguments": ""}
        item, begun = self._add("fc", {"type": "function_call", "status": "in_progress", **call})
        self._items[part.key] = item
        self._pieces[part.key], _ = self._transcript.open_piece(item, "arguments")
        return told + begun

    def _begin_reasoning(self, key: int) -> bytes:
        if key not in self._silent:
            return b""
        self._silent.remove(key)
        told = self._leave_message()
        self._items[key], begun = self._add("rs", {"type": "reasoning", "summary": []})
        return told + begun

    def _sign(self, event: Signed) -> bytes:
        told = self._begin_reasoning(event.key)
        if event.key in self._items:
            self._items[event.key].content["encrypted_content"] = signatures.wrapped(event.signature, NAME)
        return told

    def _add(self, prefix: str, head: dict[str, Any]) -> tuple[OpenItem, bytes]:
        return self._transcript.add({"id": self._next_id(prefix), **head})

    def _next_id(self, prefix: str) -> str:
        return f"{prefix}_{self._id}{len(self._transcript.items):04x}"

    def _delta(self, delta: Delta) -> bytes:
        piece = self._pieces.get(delta.key)
        if piece is None:
            told = self._begin_reasoning(delta.key) if delta.text else b""
            item = self._items.get(delta.key)
            if item is None or not delta.text:
                return told
            piece, begun = self._transcript.open_piece(item, "summary_text")
            self._pieces[delta.key] = piece
            return told + begun + self._transcript.delta(piece, delta.text)
        if delta.logprobs is not None:
            return self._transcript.delta_with(piece, delta.text, response.logprobs(delta.logprobs))
        return self._transcript.delta(piece, delta.text) if delta.text else b""

    def _close(self, event: PartEnd) -> bytes:
        self._silent.discard(event.key)
        item, piece = self._items.pop(event.key, None), self._pieces.pop(event.key, None)
        if item is None:
            return b""
        if piece is None or piece.kind != "arguments":
            told = self._transcript.close_piece(piece) if piece is not None else b""
            if item is self._message or any(other.open for other in item.pieces):
                return told
            return told + self._transcript.close_item(item)
        # A call without arguments is one of none (T5).
        none = b"" if piece.texts else self._transcript.delta(piece, "{}")
        return none + self._transcript.close_item(item)

    def _leave_message(self) -> bytes:
        """Another item follows; a message whose text is not at its end stays open until it is."""
        message, self._message = self._message, None
        if message is None or any(piece.open for piece in message.pieces):
            return b""
        return self._transcript.close_item(message)

    def _annotate(self, event: Annotated) -> bytes:
        piece = self._pieces.get(event.key)
        if event.dialect != NAME or piece is None:
            return b""
        piece.annotations.append(event.content)
        numbered = {"annotation_index": len(piece.annotations) - 1, "annotation": event.content}
        return self._transcript.event("response.output_text.annotation.added", {**piece.place(), **numbered})

    def _whole(self, event: PartWhole) -> bytes:
        part = event.part
        if event.choice != 0:
            return b""
        if isinstance(part, Media):
            members = _image(part)
            return self._whole_item("ig", members) if members else b""
        if isinstance(part, Thinking):
            maker = part.signature or Signature("", "", "")
            signature = Signature(maker.dialect, maker.model, f"{items.REDACTED}{part.redacted}")
            proof = signatures.wrapped(signature, NAME)
            return self._whole_item("rs", {"type": "reasoning", "summary": [], "encrypted_content": proof})
        if isinstance(part, Opaque) and part.dialect == NAME and not items.is_piece(part):
            return self._whole_item("it", dict(part.content))
        return b""

    def _whole_item(self, prefix: str, members: dict[str, Any]) -> bytes:
        return self._start() + self._leave_message() + self._transcript.whole({"id": self._next_id(prefix), **members})

    _STEPS: ClassVar[dict[type[Any], Callable[[Any, Any], bytes]]] = {
        Start: _start,
        PartStart: _open,
        PartWhole: _whole,
        PartEnd: _close,
        Signed: _sign,
        Annotated: _annotate,
        UsageSeen: _count,
        Stopped: _stopped,
        Ping: lambda _writer, _event: KEEP_ALIVE,
        End: _end,
    }


def _image(media: Media) -> dict[str, Any] | None:
    """None for what an output cannot hold: anything but the bytes of an image."""
    if media.kind != "image" or media.data is None:
        return None
    members = {"type": "image_generation_call", "status": "completed", "result": media.data}
    word = _FORMATS.get(media.media_type)
    return {**members, "output_format": word} if word else members

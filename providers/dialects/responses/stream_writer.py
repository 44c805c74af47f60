"""Canonical events as the stream of a response: each item is added, continued and done; the last event holds it all.

Texts that follow each other share a message, which stays open until another item is added. Whole answers are written by
the same steps, so that both tell the same.
"""

from typing import Any, Final

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
        if isinstance(event, PartStart):
            return self._start() + (self._open(event) if event.choice == 0 else b"")
        if isinstance(event, PartEnd):
            return self._close(event.key)
        if isinstance(event, PartWhole):
            return self._start() + (self._whole(event) if event.choice == 0 else b"")
        if isinstance(event, Start):
            return self._start()
        if isinstance(event, Annotated):
            return self._annotate(event)
        if isinstance(event, Ping):
            return KEEP_ALIVE
        if isinstance(event, End):
            return self._start() + self._end()
        self._note(event)
        return b""

    def stop_at_cap(self, problem: dict[str, Any], usage: Usage) -> bytes:
        if self._ended:
            return b""
        self._stop, self._usage = Stop("length"), usage
        return self._start() + self._end({"problem": problem})

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
    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        members = {"response": self._response}
        return self._transcript.event("response.created", members) + self._transcript.event(
            "response.in_progress", members
        )

    def _end(self, more: dict[str, Any] | None = None) -> bytes:
        self._ended = True
        told = self._transcript.close(self._status)
        whole = response.ended(self._response, self._stop, self._transcript.output(), self._usage)
        return told + self._transcript.event(f"response.{whole['status']}", {"response": {**whole, **(more or {})}})

    @property
    def _status(self) -> Any:
        return "incomplete" if self._stop.reason in response.INCOMPLETE else "completed"

    def _note(self, event: Event) -> None:
        if isinstance(event, Signed) and event.key in self._items:
            self._items[event.key].content["encrypted_content"] = signatures.wrapped(event.signature, NAME)
        elif isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Stopped) and event.choice == 0:
            self._stop = event.stop

    # Parts -----------------------------------------------------------------------------------------------------------
    def _open(self, part: PartStart) -> bytes:
        if part.kind in _TEXTS:
            told = b""
            if self._message is None:
                self._message, told = self._add(
                    "msg", status="in_progress", type="message", role="assistant", content=[]
                )
            self._items[part.key] = self._message
            self._pieces[part.key], begun = self._transcript.open_piece(self._message, _TEXTS[part.kind])
            return told + begun
        told = self._leave_message()
        if part.kind == "thinking":
            self._items[part.key], begun = self._add("rs", type="reasoning", summary=[])
            return told + begun
        call = {"call_id": part.id or f"call_{self._id}{part.key}", "name": part.name, "arguments": ""}
        item, begun = self._add("fc", type="function_call", status="in_progress", **call)
        self._items[part.key] = item
        self._pieces[part.key], _ = self._transcript.open_piece(item, "arguments")
        return told + begun

    def _add(self, prefix: str, **members: Any) -> tuple[OpenItem, bytes]:
        return self._transcript.add({"id": self._next_id(prefix), **members})

    def _next_id(self, prefix: str) -> str:
        return f"{prefix}_{self._id}{len(self._transcript.items):04x}"

    def _delta(self, delta: Delta) -> bytes:
        piece = self._pieces.get(delta.key)
        if piece is None:
            item = self._items.get(delta.key)
            if item is None or not delta.text:
                return b""
            piece, begun = self._transcript.open_piece(item, "summary_text")
            self._pieces[delta.key] = piece
            return begun + self._transcript.delta(piece, delta.text)
        if delta.logprobs is not None:
            return self._transcript.delta_with(piece, delta.text, response.logprobs(delta.logprobs))
        return self._transcript.delta(piece, delta.text) if delta.text else b""

    def _close(self, key: int) -> bytes:
        item, piece = self._items.pop(key, None), self._pieces.pop(key, None)
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
        return self._leave_message() + self._transcript.whole({"id": self._next_id(prefix), **members})


def _image(media: Media) -> dict[str, Any] | None:
    """None for what an output cannot hold: anything but the bytes of an image."""
    if media.kind != "image" or media.data is None:
        return None
    members = {"type": "image_generation_call", "status": "completed", "result": media.data}
    word = _FORMATS.get(media.media_type)
    return {**members, "output_format": word} if word else members

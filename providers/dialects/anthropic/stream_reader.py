"""A stream of Messages, as events.

What an event is, its JSON says; its name is not looked at. A block that only Anthropic knows comes in one piece at its end.
Each report of usage sets what it names: message_delta's are cumulative. Nothing is read after the end.
"""

from typing import Any, Final

import orjson

from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.anthropic.errors import read_stream_error
from providers.dialects.anthropic.open_blocks import Kind, OpenBlock, gather, more, whole
from providers.dialects.anthropic.stops import read_stop
from providers.dialects.anthropic.tool_writing import ANSWER_TOOL
from providers.dialects.base import Target
from providers.dialects.canonical import (
    Annotated,
    Delta,
    End,
    Event,
    Failed,
    Opaque,
    PartEnd,
    PartStart,
    PartWhole,
    Ping,
    Signature,
    Signed,
    Start,
    Stopped,
    Thinking,
    UpstreamError,
    UsageSeen,
)
from providers.dialects.sse import Events
from providers.dialects.usage_rules import read as read_usage

# A piece of a block, by the type of its delta.
_PIECES: Final = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}
_OPENS: Final[dict[str, Kind]] = {"text_delta": "text", "input_json_delta": "opaque", "thinking_delta": "thinking"}
_CALL: Final = frozenset({"type", "id", "name", "input"})
# For blocks and pieces that name no place.
_NOWHERE: Final = -1


class StreamReader:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._source = Events()
        self._open: dict[int, OpenBlock] = {}
        self._keys = 0
        self.started = self._ended = False
        self._usage: dict[str, Any] = {}
        self._word: Any = None
        self._sequence: Any = None
        self._called = self._answered = False

    @property
    def open_blocks(self) -> list[int]:
        """Places of the blocks that are not ended."""
        return list(self._open)

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        for _, data in self._source.feed(chunk):
            if not self._ended:
                self._read(data, events, torn=False)
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        for _, data in self._source.close():
            if not self._ended:
                self._read(data, events, torn=True)
        if not self._ended:
            self._ended = True
            error = UpstreamError("interrupted", 200, "The stream ended before its last event.")
            events.append(Failed(error, interrupted=True))
        return events

    def _read(self, data: bytes, events: list[Event], *, torn: bool) -> None:
        """`torn`: the end came before the blank line of this event, so it may not be whole."""
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError:
            if not torn and data.strip() != b"[DONE]":
                self._fail(UpstreamError("server", 502, "An event of the stream is not JSON."), events)
            return
        if not isinstance(content, dict):
            return
        kind = content.get("type")
        if kind == "content_block_delta":
            self._piece(content, events)
        elif kind == "error" or (kind is None and "error" in content):
            self._fail(read_stream_error(content, self._target), events)
        elif kind == "ping":
            events.append(Ping())
        elif isinstance(kind, str):
            self._step(kind, content, events)

    def _step(self, kind: str, content: dict[str, Any], events: list[Event]) -> None:
        if kind == "message_start":
            self._start(content.get("message"), events)
        elif kind == "content_block_start":
            self._begin(_place(content), content.get("content_block"), events)
        elif kind == "content_block_stop":
            self._close(_place(content), events)
        elif kind == "message_delta":
            self._delta(content, events)
        elif kind == "message_stop":
            self._finish(events)

    def _fail(self, error: UpstreamError, events: list[Event]) -> None:
        self._ended = True
        events.append(Failed(error))

    # The message -----------------------------------------------------------------------------------------------------
    def _start(self, message: Any, events: list[Event]) -> None:
        members = message if isinstance(message, dict) else {}
        if not self.started:
            id_, model = members.get("id"), members.get("model")
            events.append(Start(id_ if isinstance(id_, str) else "", model if isinstance(model, str) else ""))
            self.started = True
        self._report(members.get("usage"), events)

    def _delta(self, content: dict[str, Any], events: list[Event]) -> None:
        delta = content.get("delta")
        if isinstance(delta, dict) and delta.get("stop_reason") is not None:
            self._word, self._sequence = delta["stop_reason"], delta.get("stop_sequence")
        self._report(content.get("usage"), events)

    def _report(self, reported: Any, events: list[Event]) -> None:
        if not isinstance(reported, dict):
            return
        self._usage.update({name: value for name, value in reported.items() if value is not None})
        usage = read_usage(self._usage, self._target.profile, DIALECT)
        if usage is not None:
            self._first(events)
            events.append(UsageSeen(usage))

    def _first(self, events: list[Event]) -> None:
        if not self.started:
            self._start(None, events)

    def _finish(self, events: list[Event]) -> None:
        self._first(events)
        for place in list(self._open):
            self._close(place, events)
        stop = read_stop(
            self._word,
            self._sequence,
            said_something=self._keys > 0,
            only_answer_tool=self._answered and not self._called,
        )
        if stop.reason == "failed":
            self._fail(UpstreamError("server", 502, f"The answer stopped for “{stop.word}”."), events)
            return
        self._ended = True
        events += [Stopped(stop), End()]

    # Blocks ----------------------------------------------------------------------------------------------------------
    def _begin(self, place: int, block: Any, events: list[Event]) -> None:
        self._first(events)
        if place in self._open:
            self._close(place, events)
        members = block if isinstance(block, dict) else {}
        kind = members.get("type")
        if kind == "text":
            self._begin_text(place, members, events)
        elif kind == "thinking":
            opened = self._opened(place, "thinking", members, events)
            more(opened, members.get("thinking"), events)
            if isinstance(members.get("signature"), str):
                opened.pieces.append(members["signature"])
        elif kind == "redacted_thinking":
            data = members.get("data")
            maker = Signature(DIALECT, self._target.model.name, "")
            hidden = Thinking("", maker, redacted=data if isinstance(data, str) else "")
            events.append(PartWhole(self._next_key(), hidden))
        elif kind == "tool_use":
            self._begin_call(place, members, events)
        else:
            self._opened(place, "opaque", dict(members), events)

    def _begin_text(self, place: int, block: dict[str, Any], events: list[Event]) -> None:
        opened = self._opened(place, "text", block, events)
        more(opened, block.get("text"), events)
        citations = block.get("citations")
        given = citations if isinstance(citations, list) else []
        events += [Annotated(opened.key, DIALECT, citation) for citation in given]

    def _begin_call(self, place: int, block: dict[str, Any], events: list[Event]) -> None:
        id_, name = block.get("id"), block.get("name")
        if not (isinstance(name, str) and name and isinstance(id_, str) and id_):
            self._fail(UpstreamError("server", 502, "A tool's call has no id or no name."), events)
        elif name == ANSWER_TOOL:
            self._answered = True
            self._opened(place, "text", block, events)
        else:
            self._called = True
            opened = OpenBlock(self._next_key(), "tool", block)
            self._open[place] = opened
            extras = {member: value for member, value in block.items() if member not in _CALL} or None
            events.append(PartStart(opened.key, "tool", id_, name, extras=extras))

    def _opened(self, place: int, kind: Kind, block: dict[str, Any], events: list[Event]) -> OpenBlock:
        # A block that comes whole at its end is numbered there.
        opened = OpenBlock(_NOWHERE if kind == "opaque" else self._next_key(), kind, block)
        self._open[place] = opened
        if kind in {"text", "thinking"}:
            events.append(PartStart(opened.key, "text" if kind == "text" else "thinking"))
        return opened

    def _next_key(self) -> int:
        self._keys += 1
        return self._keys - 1

    def _piece(self, content: dict[str, Any], events: list[Event]) -> None:
        delta = content.get("delta")
        if not isinstance(delta, dict):
            return
        kind, place = delta.get("type"), _place(content)
        if not isinstance(kind, str):
            return
        opened = self._open.get(place)
        if opened is None:
            self._first(events)
            opened = self._opened(place, _OPENS.get(kind, "opaque"), {}, events)
        if opened.kind == "opaque":
            gather(opened, delta)
        elif kind in _PIECES:
            more(opened, delta.get(_PIECES[kind]), events)
        elif kind == "signature_delta" and isinstance(delta.get("signature"), str):
            opened.pieces.append(delta["signature"])
        elif kind == "citations_delta":
            events.append(Annotated(opened.key, DIALECT, delta.get("citation")))

    def _close(self, place: int, events: list[Event]) -> None:
        opened = self._open.pop(place, None)
        if opened is None:
            return
        if opened.kind == "opaque":
            kind = opened.block.get("type")
            part = Opaque(DIALECT, kind if isinstance(kind, str) else "", whole(opened))
            events.append(PartWhole(self._next_key(), part))
            return
        given = opened.block.get("input")
        if not opened.argued and isinstance(given, dict) and given:
            # Other vendors give the arguments whole.
            events.append(Delta(opened.key, orjson.dumps(given).decode()))
        if opened.kind == "thinking" and opened.pieces:
            signature = Signature(DIALECT, self._target.model.name, "".join(opened.pieces))
            events.append(Signed(opened.key, signature))
        events.append(PartEnd(opened.key))


def _place(content: dict[str, Any]) -> int:
    index = content.get("index")
    return index if isinstance(index, int) else _NOWHERE

"""Calls of tools as they come in a stream: in fragments, keyed by the provider's index (T4), or whole."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from providers.dialects.canonical import Delta, Event, PartEnd, PartStart, Signature, Signed
from providers.dialects.openai import calls, reasoning
from providers.dialects.openai.letter import NAME


@dataclass(slots=True)
class _Call:
    """Held back until its name is known, and its id or some of its arguments."""

    id: str = ""
    name: str = ""
    # Below 0: not begun.
    key: int = -1
    ended: bool = False
    pieces: list[str] = field(default_factory=list)
    signature: str = ""


class StreamedCalls:
    """Those of one choice. They stay open until their arguments are whole JSON and another call begins, or the end."""

    def __init__(self, choice: int, seed: str, keys: Iterator[int], model: str) -> None:
        self._choice, self._seed, self._keys, self._model = choice, seed, keys, model
        self._calls: list[_Call] = []
        self._by_index: dict[int | None, _Call] = {}

    def __bool__(self) -> bool:
        return any(call.name for call in self._calls)

    def read(self, entry: dict[str, Any], delta: dict[str, Any]) -> list[Event]:
        function = entry.get("function")
        function = function if isinstance(function, dict) else {}
        call_id, name, arguments = _text(entry.get("id")), _text(function.get("name")), function.get("arguments")
        arguments = orjson.dumps(arguments).decode() if isinstance(arguments, dict) else _text(arguments)
        call = self._call(entry.get("index"), call_id, name, arguments)
        events: list[Event] = []
        if call.ended:
            return events
        call.id, call.name = call.id or call_id, call.name or name
        if not call.signature:
            call.signature = self._signature(entry, delta)
        if call.key < 0 and call.name and (call.id or arguments):
            self._begin(call, events)
        if arguments:
            call.pieces.append(arguments)
            if call.key >= 0:
                events.append(Delta(call.key, arguments))
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        for call in self._calls:
            if call.key < 0 and call.name:
                self._begin(call, events)
            if call.key >= 0 and not call.ended:
                self._end(call, events)
        return events

    def _call(self, index: Any, call_id: str, name: str, arguments: str) -> _Call:
        index = index if isinstance(index, int) else None
        call = self._by_index.get(index)
        if call is None or (name and _is_another(call, call_id, arguments)):
            call = _Call()
            self._calls.append(call)
            self._by_index[index] = call
        return call

    def _signature(self, entry: dict[str, Any], delta: dict[str, Any]) -> str:
        """Of the call, or, as Google's older surface has it, of the message with its first call."""
        signature = reasoning.call_signature(entry)
        if signature is None and len(self._calls) == 1:
            signature = reasoning.call_signature(delta)
        return signature.text if signature else ""

    def _begin(self, call: _Call, events: list[Event]) -> None:
        for other in self._calls:
            if other is not call and other.key >= 0 and not other.ended and _whole(other):
                self._end(other, events)
        place = str(self._calls.index(call))
        call.id = call.id or calls.made_call_id(self._seed, str(self._choice), place, call.name)
        call.key = next(self._keys)
        events.append(PartStart(call.key, "tool", call.id, call.name, self._choice))
        events += [Delta(call.key, piece) for piece in call.pieces]

    def _end(self, call: _Call, events: list[Event]) -> None:
        """A call without arguments has an empty object of them (T5)."""
        if not any(piece.strip() for piece in call.pieces):
            events.append(Delta(call.key, "{}"))
        if call.signature:
            events.append(Signed(call.key, Signature(NAME, self._model, call.signature)))
        events.append(PartEnd(call.key))
        call.ended = True


def _is_another(call: _Call, call_id: str, arguments: str) -> bool:
    """Whether a fragment with a name begins another call: some servers give all calls of an answer one index, or none."""
    if not call.name:
        return False
    return call_id != call.id if call_id else bool(arguments) and _whole(call)


def _whole(call: _Call) -> bool:
    """Whether its arguments are whole: then no more of them can come."""
    try:
        return isinstance(orjson.loads("".join(call.pieces)), dict)
    except orjson.JSONDecodeError:
        return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

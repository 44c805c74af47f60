"""A provider's events followed beside their passage, so that what is open can be closed as the provider would.

What is kept is bounded: of an output beyond it, the last event of a capped stream holds the texts cut short.
"""

from typing import Any, Final

from providers.dialects.canonical import Stop
from providers.dialects.responses import response
from providers.dialects.responses.transcript import KINDS, OpenItem, Piece, Transcript
from providers.dialects.usage import Usage, count

_MOST_KEPT: Final = 8 * 1024 * 1024
_DONE: Final = {form.done: kind for kind, form in KINDS.items()}
_CITED: Final = "response.output_text.annotation.added"


class Followed:
    def __init__(self) -> None:
        self._transcript = Transcript()
        self._response: dict[str, Any] = {}
        self._kept = 0

    def follow(self, event: dict[str, Any]) -> None:
        """Any event but deltas."""
        kind, part = event.get("type"), event.get("part")
        if isinstance(event.get("response"), dict):
            self._response = event["response"]
        elif isinstance(event.get("item"), dict):
            self._item(event, event["item"], done=kind == "response.output_item.done")
        elif isinstance(part, dict) and part.get("type") in list(KINDS):
            self._piece(event, part["type"]).open = kind != f"{KINDS[part['type']].part}.done"
        elif kind == _CITED:
            self._piece(event, "output_text").annotations.append(event.get("annotation"))
        elif isinstance(kind, str) and kind in _DONE:
            self._piece(event, _DONE[kind]).told = True

    def delta(self, event: dict[str, Any], kind: str, text: str) -> None:
        self._kept += len(text)
        if self._kept <= _MOST_KEPT:
            self._piece(event, kind).texts.append(text)

    def number(self, event: dict[str, Any]) -> None:
        """What is added goes on counting; providers that do not number are counted."""
        number = count(event.get("sequence_number"))
        self._transcript.sequence = self._transcript.sequence + 1 if number is None else number + 1

    # The end ---------------------------------------------------------------------------------------------------------
    def capped(self, problem: dict[str, Any], usage: Usage) -> bytes:
        told = self._transcript.close("incomplete")
        whole = response.ended(self._response, Stop("length"), self._transcript.output(), usage)
        return told + self.event("response.incomplete", {"response": {**whole, "problem": problem}})

    def event(self, kind: str, members: dict[str, Any]) -> bytes:
        return self._transcript.event(kind, members)

    # Items -----------------------------------------------------------------------------------------------------------
    def _item(self, event: dict[str, Any], content: dict[str, Any], *, done: bool) -> OpenItem:
        item = OpenItem(_place(event, "output_index"), content, open=not done)
        self._transcript.items[item.number] = item
        return item

    def _piece(self, event: dict[str, Any], kind: str) -> Piece:
        item = self._transcript.items.get(_place(event, "output_index"))
        if item is None:
            item = self._item(event, {"id": event.get("item_id")}, done=False)
        index = KINDS[kind].index
        number = _place(event, index) if index else 0
        for piece in item.pieces:
            if piece.number == number and KINDS[piece.kind].holder == KINDS[kind].holder:
                return piece
        piece = Piece(kind, item, number)
        item.pieces.append(piece)
        return piece


def _place(event: dict[str, Any], name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0

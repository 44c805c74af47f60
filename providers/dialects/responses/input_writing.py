"""Turns of a chat as items of an input.

Turns of another dialect become easy messages, calls and results; of reasoning only what this model signed goes along.
"""

from dataclasses import replace
from typing import Any, Final

from providers.dialects import signatures
from providers.dialects.base import Given, Target
from providers.dialects.canonical import (
    BadRequest,
    Chat,
    Media,
    Opaque,
    Part,
    Refusal,
    Report,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from providers.dialects.responses import items as written_items
from providers.dialects.responses.content import NAME, media_piece, restored, text_piece
from providers.dialects.responses.items import is_piece, note_of

# Of a file without a name, which must have one: by the end of its media type.
_ENDINGS: Final = {"plain": "txt", "markdown": "md", "octet-stream": "bin", "": "pdf"}


class InputWriter:
    def __init__(self, chat: Chat, target: Target, given: Given, report: Report) -> None:
        self._chat = chat
        self._given = given
        self._target = target
        self._report = report
        self._own = chat.dialect == NAME

    def write(self, body: dict[str, Any]) -> None:
        """Puts `instructions` and `input` into it. Raises BadRequest."""
        turns = self._chat.turns
        spelt = self._chat.spelling.get("input") if self._own else None
        if turns and self._is_instructions(turns):
            body["instructions"] = turns[0].parts[0].text  # type: ignore[union-attr]  # one text, as was just seen
            turns = turns[1:]
        if spelt == "text" and len(turns) == 1 and len(turns[0].parts) == 1 and isinstance(turns[0].parts[0], Text):
            body["input"] = turns[0].parts[0].text
        elif turns or spelt != "absent":
            body["input"] = [item for turn in turns for item in self._items(turn)]

    def _is_instructions(self, turns: list[Turn]) -> bool:
        """Whether the first turn is all that the system says before the conversation, in one piece (T1)."""
        first = turns[0]
        if first.role != "system" or len(first.parts) != 1 or not isinstance(first.parts[0], Text):
            return False
        if self._own:
            return bool((first.spelling or {}).get("instructions"))
        return not first.parts[0].extras and (len(turns) == 1 or turns[1].role != "system")

    def _items(self, turn: Turn) -> list[dict[str, Any]]:
        if not self._own:
            for name in turn.extras or {}:
                self._report.drop(name)
        items: list[dict[str, Any]] = []
        number: object = None
        content: list[dict[str, Any]] | None = None
        for part in turn.parts:
            note = note_of(part) if self._own else None
            if not is_piece(part):
                content = None
                item = self._item(part, note)
                if item is not None:
                    items.append(item)
                continue
            piece = self._piece(part, turn.role, note)
            if piece is None:
                continue
            if content is None or number != (note and note["number"]):
                number = note and note["number"]
                content = []
                items.append({**(note["head"] if note else self._head(turn.role)), "content": content})
            content.append(piece)
            if note and note["text"] and isinstance(part, Text):
                items[-1]["content"] = part.text
        return items if self._own else [_eased(item) for item in items]

    def _head(self, role: Role) -> dict[str, Any]:
        if role == "system":
            return {"role": "developer" if self._target.profile.developer_role else "system"}
        return {"role": "assistant" if role == "assistant" else "user"}

    # Pieces of messages ----------------------------------------------------------------------------------------------
    def _piece(self, part: Part, role: Role, note: dict[str, Any] | None) -> dict[str, Any] | None:
        """None for what goes nowhere: an empty text, or what is reported as dropped."""
        if isinstance(part, Opaque):
            if note:
                return written_items.piece(part, given=True)
            self._report.drop(part.kind)
            return None
        if isinstance(part, Text | Refusal):
            if note:
                return written_items.piece(part, given=role != "assistant")
            self._report_extras(part)
            return text_piece(part, given=role != "assistant") if part.text else None
        if isinstance(part, Media):
            if role == "assistant" and not note:
                self._report.drop(part.kind)
                return None
            return self._media(part)
        return None

    def _media(self, media: Media) -> dict[str, Any] | None:
        inputs = self._target.model.inputs
        if inputs and media.kind not in inputs:
            raise self._unreadable(media)
        if media.text is not None:
            # No member holds a document's plain text.
            self._report.emulated.append("document")
            return {"type": "input_text", "text": media.text}
        if not self._target.profile.media_urls and media.url is not None and media.url in self._given.media:
            fetched = self._given.media[media.url]
            media = replace(media, url=None, data=fetched.data, media_type=fetched.media_type)
        if self._own:
            piece = media_piece(media)
            return self._checked(media, piece and restored(piece, media))
        self._report_extras(media)
        piece = self._checked(media, media_piece(media))
        if media.kind == "image":
            piece.setdefault("detail", "auto")
        elif media.data is not None and media.kind == "document":
            ending = media.media_type.rpartition("/")[2]
            piece.setdefault("filename", f"document.{_ENDINGS.get(ending, ending)}")
        return piece

    def _checked(self, media: Media, piece: dict[str, Any] | None) -> dict[str, Any]:
        if piece is None:
            raise self._unreadable(media)
        return piece

    def _unreadable(self, media: Media) -> BadRequest:
        name = self._target.model.name
        what = f"{media.kind} ({media.media_type})" if media.media_type else media.kind
        return BadRequest(
            f"/{self._chat.name_of('messages')}", f"The model “{name}” cannot read this {what}; leave it out."
        )

    # Items -----------------------------------------------------------------------------------------------------------
    def _item(self, part: Part, note: dict[str, Any] | None) -> dict[str, Any] | None:
        if isinstance(part, ToolCall):
            return self._call(part, note)
        if isinstance(part, ToolResult):
            return self._result(part, note)
        if isinstance(part, Thinking):
            return self._reasoning(part, note)
        if isinstance(part, Opaque) and part.dialect == NAME:
            return dict(part.content)
        if isinstance(part, Opaque):
            self._report.drop(part.kind)
        return None

    def _call(self, call: ToolCall, note: dict[str, Any] | None) -> dict[str, Any]:
        if call.signature is not None:
            self._report.drop(self._chat.name_of("signature"))
        item = written_items.call(call, note["head"] if note else {}, self._id(call.id))
        return self._with_extras(item, call, note)

    def _result(self, result: ToolResult, note: dict[str, Any] | None) -> dict[str, Any]:
        if result.is_error:
            self._report.drop("is_error")
        head = note["head"] if note else {}
        item = {**head, "type": "function_call_output", "call_id": self._id(result.id)}
        if not ("output" in head and not result.parts):
            item["output"] = self._output(result.parts, as_text=note is None or note["text"])
        return self._with_extras(item, result, note)

    def _output(self, parts: list[Part], *, as_text: bool) -> Any:
        if as_text and not parts:
            return ""
        if as_text and len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].extras:
            return parts[0].text
        pieces = []
        for part in parts:
            if self._own and isinstance(part, Text):
                pieces.append(restored(text_piece(part, given=True), part))
            elif self._own and isinstance(part, Opaque):
                pieces.append(dict(part.content))
            elif (piece := self._piece(part, "tool", None)) is not None:
                pieces.append(piece)
        return pieces

    def _reasoning(self, thinking: Thinking, note: dict[str, Any] | None) -> dict[str, Any] | None:
        """Only what this model signed, as it was; text alone where the provider wants it echoed (T10)."""
        signature = thinking.signature
        signed = signatures.holds(signature, NAME, self._target.model.name) and thinking.redacted is None
        if note and (signed or signature is None):
            return written_items.reasoning(thinking, note["head"])
        self._report_extras(thinking)
        if signed and signature is not None:
            summary = [{"type": "summary_text", "text": thinking.text}] if thinking.text else []
            return {"type": "reasoning", "summary": summary, "encrypted_content": signature.text}
        if self._target.profile.reasoning_echo and thinking.text:
            return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": thinking.text}]}
        self._report.drop(self._chat.name_of("thinking" if thinking.redacted is None else "redacted_thinking"))
        return None

    def _id(self, tool_id: str) -> str:
        return signatures.fitting_id(tool_id, self._target.profile.tool_id)

    # Reports ---------------------------------------------------------------------------------------------------------
    def _report_extras(self, part: Part) -> None:
        for name in getattr(part, "extras", None) or {}:
            self._report.drop(name)

    def _with_extras(
        self, item: dict[str, Any], part: ToolCall | ToolResult, note: dict[str, Any] | None
    ) -> dict[str, Any]:
        if note:
            return {**item, **(part.extras or {})}
        self._report_extras(part)
        return item


def _eased(item: dict[str, Any]) -> dict[str, Any]:
    """A message of one text carries it as it is."""
    content = item.get("content")
    if "role" in item and isinstance(content, list) and len(content) == 1 and "text" in content[0]:
        return {**item, "content": content[0]["text"]}
    return item

"""Turns written as messages, as far as the upstream takes what is in them; what it does not take is reported or refused.

A message per turn, one per result of a tool. A tool's message holds text only, so media of a result go into the message of
the user's that follows the results.
"""

from typing import Any

from providers.dialects.canonical import Media, Opaque, Part, Refusal, Text, Thinking, ToolCall, ToolResult, Turn
from providers.dialects.openai import calls, replay
from providers.dialects.openai.content import write_media, write_text
from providers.dialects.openai.letter import NAME, Letter, word
from providers.dialects.openai.members import spelt
from providers.dialects.openai.reasoning import FIELDS
from providers.dialects.signatures import fitting_id

Message = dict[str, Any]
Pieces = list[dict[str, Any]]


def messages_of(letter: Letter) -> list[Message]:
    """Raises BadRequest."""
    messages: list[Message] = []
    carried: Pieces = []
    for turn in letter.chat.turns:
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        messages += [_result(letter, turn, result, carried) for result in results]
        if turn.role == "tool":
            continue
        if carried and turn.role != "user":
            messages.append({"role": "user", "content": carried})
            carried = []
        message = _assistant(letter, turn) if turn.role == "assistant" else _said(letter, turn, carried)
        carried = []
        # A turn of which nothing is left would be refused.
        if letter.own or message.keys() - {"role", "name"}:
            messages.append(message)
    if carried:
        messages.append({"role": "user", "content": carried})
    return messages


# Each role -----------------------------------------------------------------------------------------------------------
def _said(letter: Letter, turn: Turn, carried: Pieces) -> Message:
    developer = word(turn, "role") == "developer" and letter.target.profile.developer_role
    message: Message = {"role": "developer" if developer else turn.role}
    pieces = [piece for part in turn.parts if (piece := _piece(letter, part)) is not None]
    _put_content(letter, message, [*carried, *pieces], turn)
    return _with_rest(letter, message, turn)


def _assistant(letter: Letter, turn: Turn) -> Message:
    message: Message = {"role": "assistant"}
    pieces: Pieces = []
    entries: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, ToolCall):
            entry = _call(letter, part)
            if letter.own and word(part, "field") == "function_call":
                message["function_call"] = entry["function"]
            else:
                entries.append(entry)
        elif isinstance(part, Refusal) and letter.own and word(part, "field"):
            message["refusal"] = part.text
        elif isinstance(part, Opaque) and letter.own and word(part, "in") == "tool_calls":
            entries.append(part.content)
        elif isinstance(part, Media):
            raise letter.refusal(f"This provider takes no {part.kind} in what the assistant said.")
        elif not replay.is_encrypted(part) and (piece := _piece(letter, part)) is not None:
            pieces.append(piece)
    _put_content(letter, message, pieces, turn)
    if entries:
        if not letter.own:
            message.setdefault("content", None)
        message["tool_calls"] = entries
    replay.put(letter, message, turn, calls=bool(entries))
    return _with_rest(letter, message, turn)


def _result(letter: Letter, turn: Turn, result: ToolResult, carried: Pieces) -> Message:
    message: Message = {"role": "tool"}
    if letter.own and word(turn, "role") == "function":
        message["role"] = "function"
    if not (letter.own and word(turn, "unnamed")):
        message["tool_call_id"] = fitting_id(result.id, letter.target.profile.tool_id)
    if result.is_error:
        letter.report.drop("is_error")
    pieces: Pieces = []
    for part in result.parts:
        if (piece := _piece(letter, part)) is None:
            continue
        if piece["type"] == "text" or letter.own:
            pieces.append(piece)
        else:
            carried.append(piece)
            letter.report.emulated.append(piece["type"])
    _put_content(letter, message, pieces, turn)
    if letter.own:
        return _with_rest(letter, message, turn)
    letter.lose(result.extras)
    message.setdefault("content", "")
    return message


def _call(letter: Letter, call: ToolCall) -> dict[str, Any]:
    call_id = fitting_id(call.id, letter.target.profile.tool_id)
    entry = calls.written(call, call_id, replay.call_signature(letter, call))
    if letter.own:
        return calls.respelt(entry, call)
    letter.lose(call.extras)
    return entry


# Pieces --------------------------------------------------------------------------------------------------------------
def _piece(letter: Letter, part: Part) -> dict[str, Any] | None:
    """None for what says nothing here, and for what was reported."""
    if isinstance(part, Thinking):
        return replay.piece(letter, part)
    if isinstance(part, Opaque):
        if letter.own and part.dialect == NAME:
            return dict(part.content)
        letter.report.drop(part.kind)
        return None
    if not letter.own:
        letter.lose(part.extras)
    if isinstance(part, Text):
        return write_text(part, own=letter.own) if part.text or letter.own else None
    if isinstance(part, Media):
        return _media(letter, part)
    if isinstance(part, Refusal):
        if letter.own:
            return spelt({"type": "refusal", "refusal": part.text}, part.extras, part.spelling)
        return {"type": "text", "text": part.text}
    return None


def _media(letter: Letter, media: Media) -> dict[str, Any]:
    if media.text is not None:
        letter.report.emulated.append(media.kind)
        return {"type": "text", "text": f"{media.name}:\n{media.text}" if media.name else media.text}
    inputs = letter.target.model.inputs
    if inputs and media.kind not in inputs:
        raise letter.refusal(f"{letter.target.model.name} takes no {media.kind}.")
    fetched = letter.given.media.get(media.url) if media.url else None
    try:
        return write_media(media, letter.target.profile.document_part, fetched, own=letter.own)
    except ValueError as error:
        raise letter.refusal(str(error)) from error


def _put_content(letter: Letter, message: Message, pieces: Pieces, turn: Turn) -> None:
    """One text alone is written as such; several stay apart where the provider takes them so (T21)."""
    texts = [piece["text"] for piece in pieces if piece["type"] == "text"]
    plain = len(texts) == len(pieces)
    if not pieces:
        return
    if plain and not letter.target.profile.content_parts:
        message["content"] = "".join(texts)
    elif plain and len(pieces) == 1 and len(pieces[0]) == 2 and not (letter.own and word(turn, "content")):
        message["content"] = texts[0]
    else:
        message["content"] = pieces


def _with_rest(letter: Letter, message: Message, turn: Turn) -> Message:
    """A participant's name where it is taken, and in this dialect whatever else there was."""
    extras = dict(turn.extras or {})
    if "name" in extras:
        if letter.target.profile.name_field:
            message["name"] = extras["name"]
        else:
            letter.report.drop("name")
        del extras["name"]
    if not letter.own:
        letter.lose(extras)
        return message
    taken = letter.reasoning_taken
    spelling = {
        name: value for name, value in (turn.spelling or {}).items() if not value or name not in FIELDS or name in taken
    }
    return spelt(message, extras, spelling)

"""A response that is not streamed, read into an answer and written from one."""

from typing import Any, Final

import orjson

from providers.dialects.base import Asked, Target, UnreadableAnswer
from providers.dialects.canonical import Answer, BadRequest, Choice, End, Opaque, Part, Text, Thinking, ToolCall
from providers.dialects.replaying import events_of
from providers.dialects.responses import items
from providers.dialects.responses import usage as counts
from providers.dialects.responses.content import NAME
from providers.dialects.responses.response import logprobs
from providers.dialects.responses.stops import stop_of
from providers.dialects.responses.stream_writer import ResponseWriter
from providers.dialects.usage import count

# Items that have a canonical form; the others are read by who knows them.
_KNOWN: Final = frozenset({"message", "function_call", "reasoning"})


# Reading -------------------------------------------------------------------------------------------------------------
def read_answer(body: bytes, target: Target) -> Answer:
    """Raises UnreadableAnswer."""
    try:
        response = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer(f"not JSON: {error}") from error
    output = response.get("output") if isinstance(response, dict) else None
    if not isinstance(output, list):
        raise UnreadableAnswer("no list “output”")
    parts = [part for number, item in enumerate(output) for part in read_output(item, number, target)]
    created = response.get("created_at")
    return Answer(
        dialect=NAME,
        id=_text(response, "id"),
        model=_text(response, "model"),
        choices=[Choice(parts, stop_of(response, called=any(map(is_call, parts)), empty=not parts), _logprobs(parts))],
        usage=counts.read(response, target.profile),
        created=int(created) if isinstance(created, float) and created.is_integer() else count(created),
        extras={name: value for name, value in response.items() if name not in ("output", "model")},
    )


def read_output(item: Any, number: int, target: Target) -> list[Part]:
    """Of one item of an output. Raises UnreadableAnswer."""
    if not isinstance(item, dict):
        raise UnreadableAnswer(f"output item {number} is no object")
    kind = items.kind_of(item)
    if not isinstance(kind, str) or kind not in _KNOWN:
        return [Opaque(NAME, str(kind), item, {"item": {"number": number}})]
    try:
        parts = items.read_item(item, number, f"/output/{number}")
    except BadRequest as error:
        raise UnreadableAnswer(str(error)) from error
    for part in parts:
        if isinstance(part, Thinking) and part.signature is not None:
            part.signature.model = target.model.name
    return parts


def is_call(part: Part) -> bool:
    """Whether the caller has to do something."""
    return isinstance(part, ToolCall) or (isinstance(part, Opaque) and part.kind == "custom_tool_call")


def _logprobs(parts: list[Part]) -> Any:
    """Of all texts, as OpenAI's chats have them."""
    texts = [part for part in parts if isinstance(part, Text)]
    tokens = [token for text in texts for token in logprobs((text.extras or {}).get("logprobs"))]
    return {"content": tokens} if tokens else None


def _text(response: dict[str, Any], name: str) -> str:
    value = response.get(name)
    return value if isinstance(value, str) else ""


# Writing -------------------------------------------------------------------------------------------------------------
def write_answer(answer: Answer, asked: Asked) -> bytes:
    if answer.dialect == NAME and answer.extras and all(items.note_of(part) for part in answer.choices[0].parts):
        return orjson.dumps(_written_back(answer, asked))
    writer = ResponseWriter(asked)
    for event in events_of(answer):
        if not isinstance(event, End):
            writer.write(event)
    return orjson.dumps(writer.finished())


def write_count(input_tokens: int) -> bytes:
    return orjson.dumps({"object": "response.input_tokens", "input_tokens": input_tokens})


def _written_back(answer: Answer, asked: Asked) -> dict[str, Any]:
    response = {**answer.extras, "model": asked.model, "output": _output(answer.choices[0].parts)}
    if answer.usage is not None:
        response["usage"] = counts.written(answer.usage, own=True)
    return response


def _output(parts: list[Part]) -> list[dict[str, Any]]:
    """Items as they were found; pieces of one number are one message."""
    output: list[dict[str, Any]] = []
    number = None
    for part in parts:
        note = items.note_of(part) or {"number": None, "head": {}}
        if isinstance(part, ToolCall):
            output.append({**items.call(part, note["head"], part.id), **(part.extras or {})})
        elif isinstance(part, Thinking):
            output.append(items.reasoning(part, note["head"]))
        elif isinstance(part, Opaque) and not items.is_piece(part):
            output.append(part.content)
        else:
            if note["number"] != number:
                output.append({**note["head"], "content": []})
            piece = items.piece(part, given=False)
            if note.get("text") and isinstance(part, Text):
                output[-1]["content"] = part.text
            else:
                output[-1]["content"].append(piece)
        number = note["number"]
    return output

"""Answers in one piece, read and written. What is not canonical of a candidate stays in its `extras`, by its own names."""

from typing import Any, Final

import orjson

from providers.dialects import usage_rules
from providers.dialects.base import Asked, Target, UnreadableAnswer
from providers.dialects.canonical import Answer, BadRequest, Choice, Part, Stop, ToolCall
from providers.dialects.gemini.answer_parts import answer_parts
from providers.dialects.gemini.logprobs import read_logprobs, written_logprobs
from providers.dialects.gemini.parts import NAME, Calls, read_part
from providers.dialects.gemini.stops import finish_word, reason_of, word_of
from providers.dialects.gemini.usage_writing import written_usage

_KNOWN: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId"})


# Reading -------------------------------------------------------------------------------------------------------------
def read_answer(body: bytes, target: Target) -> Answer:
    """Raises UnreadableAnswer."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer(f"no JSON: {error}") from error
    if not isinstance(content, dict) or not content.keys() & {"candidates", "promptFeedback", "usageMetadata"}:
        raise UnreadableAnswer("no answer of generateContent")
    try:
        choices = _choices(content, target)
    except BadRequest as error:
        raise UnreadableAnswer(str(error)) from error
    return Answer(
        NAME,
        _text(content, "responseId"),
        _text(content, "modelVersion"),
        choices,
        usage_rules.read(content.get("usageMetadata"), target.profile, NAME),
        extras={name: value for name, value in content.items() if name not in _KNOWN},
    )


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""


def _choices(content: dict[str, Any], target: Target) -> list[Choice]:
    candidates = content.get("candidates")
    calls = Calls(_text(content, "responseId"))
    found = [
        _choice(candidate, f"/candidates/{number}", calls, target)
        for number, candidate in enumerate(candidates if isinstance(candidates, list) else [])
    ]
    return found or [Choice([], blocked(content))]


def blocked(content: dict[str, Any]) -> Stop:
    """Of an answer without candidates: the prompt was refused, or nothing is said at all."""
    feedback = content.get("promptFeedback")
    word = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return Stop("content_filter", str(word)) if word else Stop("failed")


def _choice(candidate: Any, pointer: str, calls: Calls, target: Target) -> Choice:
    if not isinstance(candidate, dict):
        raise BadRequest(pointer, "A candidate must be an object.")
    parts: list[Part] = []
    held = candidate.get("content")
    listed = held.get("parts") if isinstance(held, dict) else None
    for number, part in enumerate(listed if isinstance(listed, list) else []):
        parts += read_part(part, f"{pointer}/content/parts/{number}", calls, model=target.model.name)
    extras = {name: value for name, value in candidate.items() if name not in {"content", "finishReason"}}
    if isinstance(held, dict):
        # Without its parts, unless it has an empty list of them.
        extras["content"] = {name: value for name, value in held.items() if name != "parts" or not parts}
    word = finish_word(candidate.get("finishReason"))
    if candidate.get("finishReason", "") != word:
        extras["finishReason"] = candidate["finishReason"]
    called = any(isinstance(part, ToolCall) for part in parts)
    return Choice(
        parts,
        Stop(reason_of(word, called=called, empty=not parts), word),
        read_logprobs(candidate.get("logprobsResult")),
        extras,
    )


# Writing -------------------------------------------------------------------------------------------------------------
def write_answer(answer: Answer, asked: Asked) -> bytes:
    """Raises UnreadableAnswer for calls whose arguments are no JSON object, which this dialect cannot say (T5)."""
    own = answer.dialect == NAME
    written: dict[str, Any] = {}
    candidates = [
        _candidate(choice, number, own=own)
        for number, choice in enumerate(answer.choices)
        if not (own and choice.extras is None and not choice.parts)
    ]
    if candidates:
        written["candidates"] = candidates
    if answer.usage is not None:
        written["usageMetadata"] = answer.usage.raw if own and answer.usage.raw else written_usage(answer.usage)
    if asked.model and (not own or answer.model):
        written["modelVersion"] = asked.model
    if not own:
        written["responseId"] = asked.id
    elif answer.id:
        written["responseId"] = answer.id
    return orjson.dumps({**written, **answer.extras} if own else written)


def _candidate(choice: Choice, number: int, *, own: bool) -> dict[str, Any]:
    parts = answer_parts(choice.parts, own=own)
    if own and choice.extras is not None:
        extras = choice.extras
        content = {**extras["content"], **({"parts": parts} if parts else {})} if "content" in extras else None
        candidate: dict[str, Any] = {} if content is None else {"content": content}
        if choice.stop.word:
            candidate["finishReason"] = choice.stop.word
        return {**candidate, **{name: value for name, value in extras.items() if name != "content"}}
    candidate = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": word_of(choice.stop),
        "index": number,
    }
    if (logprobs := written_logprobs(choice.logprobs)) is not None:
        candidate["logprobsResult"] = logprobs
    return candidate

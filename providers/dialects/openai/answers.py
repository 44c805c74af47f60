"""Answers that are not streamed, both ways.

Read from a provider they are held to little: what is not of its kind is passed over, since an answer is there and paid for.
"""

import json
from typing import Any, Final

import orjson

from providers.dialects.base import Asked, Target, UnreadableAnswer
from providers.dialects.canonical import (
    Answer,
    BadRequest,
    Choice,
    Media,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from providers.dialects.openai import calls, errors, reasoning, stops
from providers.dialects.openai.content import data_url, read_piece
from providers.dialects.openai.letter import NAME
from providers.dialects.openai.members import remember
from providers.dialects.signatures import wrapped
from providers.dialects.usage import Usage
from providers.dialects.usage_rules import read as read_usage

_ANSWER: Final = frozenset({"id", "created", "model", "choices", "usage"})
_CHOICE: Final = frozenset({"finish_reason", "logprobs"})


# Reading -------------------------------------------------------------------------------------------------------------
def read(body: bytes, target: Target) -> Answer:
    """Raises UnreadableAnswer."""
    content = loads(body)
    if not isinstance(content, dict):
        raise UnreadableAnswer("no object")
    told = content.get("choices")
    choices = [choice for choice in told if isinstance(choice, dict)] if isinstance(told, list) else []
    if not choices:
        raise UnreadableAnswer(errors.message_in(content) or "no choices")
    created = content.get("created")
    identity = content.get("id")
    answer = Answer(
        NAME,
        identity if isinstance(identity, str) else "",
        model if isinstance(model := content.get("model"), str) else "",
        [],
        read_usage(reported_usage(content), target.profile, NAME),
        created if type(created) is int else None,
    )
    answer.choices = [_choice(choice, answer.id, target) for choice in choices]
    answer.extras = _without(content, _ANSWER)
    return answer


def loads(data: bytes) -> Any:
    """Raises UnreadableAnswer. Half a surrogate, as servers make it that cut a text anywhere, is a replacement character."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data, object_hook=_mended)
    except (ValueError, RecursionError) as error:
        raise UnreadableAnswer("no JSON") from error


def _mended(members: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value
        for name, value in members.items()
    }


def reported_usage(content: dict[str, Any]) -> Any:
    """Groq reports a stream's usage in a place of its own when it was not asked for."""
    usage = content.get("usage")
    if usage is None and isinstance(beside := content.get("x_groq"), dict):
        return beside.get("usage")
    return usage


def _choice(choice: dict[str, Any], answer_id: str, target: Target) -> Choice:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    parts = _parts(message, answer_id, target)
    called = any(isinstance(part, ToolCall) for part in parts)
    stop = stops.read(choice.get("finish_reason"), choice.get("stop_reason"), calls=called, said=bool(parts))
    if isinstance(choice.get("error"), dict):
        # OpenRouter's, when a model fails on the way.
        stop.reason = "failed"
    return Choice(parts, stop, choice.get("logprobs"), _without(choice, _CHOICE))


def _without(holder: dict[str, Any], read: frozenset[str]) -> dict[str, Any]:
    """What is not read, and what is null."""
    return {name: value for name, value in holder.items() if name not in read or value is None}


def _parts(message: dict[str, Any], answer_id: str, target: Target) -> list[Part]:
    model = target.model.name
    parts = reasoning.read(message)
    parts += _said(message)
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        parts.append(Refusal(refusal, spelling={"~field": True}))
    parts += _media(message)
    parts += _calls(message, answer_id)
    for part in parts:
        if isinstance(part, Thinking | ToolCall) and part.signature and part.signature.dialect == NAME:
            part.signature.model = model
    return parts


def _said(message: dict[str, Any]) -> list[Part]:
    content = message.get("content")
    parts: list[Part] = []
    if isinstance(content, str) and content:
        parts = [Text(content)]
    elif isinstance(content, list):
        for piece in content:
            try:
                parts.append(read_piece(piece, ""))
            except BadRequest:
                continue
    annotations = message.get("annotations")
    text = next((part for part in parts if isinstance(part, Text)), None)
    if text is not None and isinstance(annotations, list) and annotations:
        text.extras = {**(text.extras or {}), "annotations": annotations}
    return parts


def _media(message: dict[str, Any]) -> list[Part]:
    """What a model made: OpenRouter shows images beside the content, OpenAI audio."""
    parts: list[Part] = []
    images = message.get("images")
    for image in images if isinstance(images, list) else []:
        try:
            part = read_piece(image, "")
        except BadRequest:
            continue
        if isinstance(part, Media):
            parts.append(part)
    match message.get("audio"):
        case {"data": str(data), **rest} if data:
            parts.append(Media("audio", data=data, extras={"audio": rest}))
    return parts


def _calls(message: dict[str, Any], answer_id: str) -> list[Part]:
    known = calls.Calls(answer_id)
    parts: list[Part] = []
    entries = message.get("tool_calls")
    for entry in entries if isinstance(entries, list) else []:
        try:
            parts.append(calls.read_call(entry, "", known))
        except BadRequest:
            continue
    match message.get("function_call"):
        case {"name": str(name)} if name and not parts:
            try:
                call = calls.read_function(message["function_call"], "", known, None)
            except BadRequest:
                return parts
            call.spelling = remember(call.spelling, field="function_call")
            parts.append(call)
    first = next((part for part in parts if isinstance(part, ToolCall)), None)
    if first is not None and first.signature is None:
        # Google's older surface signs the message.
        first.signature = reasoning.call_signature(message)
    return parts


# Writing -------------------------------------------------------------------------------------------------------------
def write(answer: Answer, asked: Asked) -> bytes:
    own = answer.dialect == NAME
    content: dict[str, Any] = {
        "id": answer.id if own else f"chatcmpl-{asked.id}",
        "object": "chat.completion",
        "created": asked.created if answer.created is None else answer.created,
        "model": asked.model,
        "choices": [_written_choice(choice, number, asked, own=own) for number, choice in enumerate(answer.choices)],
    }
    if answer.usage is not None:
        content["usage"] = answer.usage.raw if own and answer.usage.raw else written_usage(answer.usage)
    return orjson.dumps({**content, **answer.extras} if own else content)


def _written_choice(choice: Choice, number: int, asked: Asked, *, own: bool) -> dict[str, Any]:
    extras = dict(choice.extras or {})
    told = extras.pop("message", None)
    if own and isinstance(told, dict):
        written = {"index": number, "message": _own_message(choice, told), "finish_reason": choice.stop.word}
        if choice.logprobs is not None:
            written["logprobs"] = choice.logprobs
        return {**written, **extras}
    message, word = _written_message(choice, asked), stops.written(choice.stop)
    if "function_call" in message and word == "tool_calls":
        word = "function_call"
    logprobs = choice.logprobs if isinstance(choice.logprobs, dict) else None
    return {"index": number, "message": message, "logprobs": logprobs, "finish_reason": word}


def _written_message(choice: Choice, asked: Asked) -> dict[str, Any]:
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    refusals = [part.text for part in choice.parts if isinstance(part, Refusal)]
    thinking = [part.text for part in choice.parts if isinstance(part, Thinking) and part.text]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    if thinking:
        message["reasoning_content"] = "".join(thinking)
    if details := reasoning.details_of(choice.parts):
        message["reasoning_details"] = details
    images = [part for part in choice.parts if isinstance(part, Media) and part.kind == "image"]
    if images:
        message["images"] = [written_image(image, number) for number, image in enumerate(images)]
    entries = [written_call(part) for part in choice.parts if isinstance(part, ToolCall)]
    if entries and asks_for_functions(asked):
        message["function_call"] = entries[0]["function"]
    elif entries:
        message["tool_calls"] = entries
    return message


def asks_for_functions(asked: Asked) -> bool:
    """The old way, before there were tools."""
    return asked.chat is not None and bool(asked.chat.spelling.get("~functions"))


def written_call(call: ToolCall) -> dict[str, Any]:
    return calls.written(call, call.id, wrapped(call.signature, NAME) if call.signature else None)


def written_image(image: Media, number: int) -> dict[str, Any]:
    """As OpenRouter shows it, which most clients know."""
    return {"type": "image_url", "image_url": {"url": data_url(image) or image.url}, "index": number}


def _own_message(choice: Choice, told: dict[str, Any]) -> dict[str, Any]:
    """As it was read, with the text that the parts hold now."""
    if isinstance(told.get("content"), str):
        return {**told, "content": "".join(part.text for part in choice.parts if isinstance(part, Text))}
    return told


def written_usage(usage: Usage) -> dict[str, Any]:
    """The ledger as OpenAI shows it: totals that include their details."""
    ins = {
        "cached_tokens": usage.cached_total,
        "audio_tokens": usage.input_audio,
        "cache_write_tokens": usage.cache_write + usage.cache_write_long,
        "image_tokens": usage.input_image,
        "video_tokens": usage.input_video,
    }
    outs = {
        "reasoning_tokens": usage.output_reasoning,
        "audio_tokens": usage.output_audio,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
        "image_tokens": usage.output_image,
    }
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output_total,
        "total_tokens": usage.input_total + usage.output_total,
        "prompt_tokens_details": {name: count for name, count in ins.items() if count or name in _ALWAYS},
        "completion_tokens_details": {name: count for name, count in outs.items() if count or name in _ALWAYS},
    }


_ALWAYS: Final = frozenset({
    "cached_tokens", "audio_tokens", "reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens",
})  # fmt: skip

"""Answers as the official SDKs read them: over their own transport, with their own decoders and accumulators.

What an SDK cannot read fails here as it would for a caller.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import anthropic
import httpx2
import openai
from anthropic.types import Message
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from tests.providers.dialects.said import ChoiceSaid, Said, arguments

EVENT_STREAM: Final = "text/event-stream"
# Bytes in one read: small enough that events are cut.
_READ: Final = 100


class _Reply(httpx2.BaseTransport):
    """Answers each request with what was last put here."""

    def __init__(self) -> None:
        self.status = 200
        self.content_type = ""
        self.body = b""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            self.status, headers={"content-type": self.content_type}, stream=_Pieces(self.body), request=request
        )


class _Pieces(httpx2.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._body), _READ):
            yield self._body[at : at + _READ]


REPLY: Final = _Reply()


@cache
def _http() -> httpx2.Client:
    return httpx2.Client(transport=REPLY)


@cache
def _openai() -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url="http://upstream/v1", http_client=_http(), max_retries=0)


@cache
def _anthropic() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k", base_url="http://upstream", http_client=_http(), max_retries=0)


@cache
def _genai() -> genai.Client:
    options = genai_types.HttpOptions(base_url="http://upstream", httpx_client=_http())
    return genai.Client(api_key="k", http_options=options)


def whole(dialect: str, body: bytes) -> Said:
    """An answer in one piece; also held against the SDK's types."""
    REPLY.status, REPLY.content_type, REPLY.body = 200, "application/json", body
    if dialect == "openai":
        ChatCompletion.model_validate_json(body)
        return _of_completion(_openai().chat.completions.create(model="m", messages=[]))
    if dialect == "responses":
        Response.model_validate_json(body)
        return _of_response(_openai().responses.create(model="m", input="x"))
    if dialect == "anthropic":
        Message.model_validate_json(body)
        return _of_message(_anthropic().messages.create(model="m", messages=[], max_tokens=1))
    return _of_generated([_genai().models.generate_content(model="m", contents="x")])


def streamed(dialect: str, body: bytes) -> Said:
    REPLY.status, REPLY.content_type, REPLY.body = 200, EVENT_STREAM, body
    if dialect == "openai":
        return _completion_stream()
    if dialect == "responses":
        return _response_stream()
    if dialect == "anthropic":
        with _anthropic().messages.stream(model="m", messages=[], max_tokens=1) as stream:
            return _of_message(stream.get_final_message())
    return _of_generated(list(_genai().models.generate_content_stream(model="m", contents="x")))


@dataclass(slots=True)
class Raised:
    status: int
    code: str
    message: str
    problem: Any


def refused(dialect: str, status: int, body: bytes) -> Raised:
    """What a program holds after an error that came instead of an answer."""
    REPLY.status, REPLY.content_type, REPLY.body = status, "application/json", body
    return _raised(dialect, in_stream=False)


def broken(dialect: str, body: bytes) -> Raised:
    """What a program holds after an error within a stream."""
    REPLY.status, REPLY.content_type, REPLY.body = 200, EVENT_STREAM, body
    return _raised(dialect, in_stream=True)


def _raised(dialect: str, *, in_stream: bool) -> Raised:
    try:
        if dialect in {"openai", "responses"}:
            _drain_openai(dialect, in_stream=in_stream)
        elif dialect == "anthropic":
            _drain_anthropic(in_stream=in_stream)
        else:
            _drain_genai(in_stream=in_stream)
    except openai.APIError as error:
        held = error.body if isinstance(error.body, dict) else {}
        return Raised(
            getattr(error, "status_code", 200), error.code or "", str(held.get("message")), held.get("problem")
        )
    except anthropic.APIStatusError as error:
        inner = error.body["error"] if isinstance(error.body, dict) else {}
        code = (inner.get("details") or {}).get("error_code", "")
        return Raised(error.status_code, code, inner.get("message", ""), inner.get("problem"))
    except genai_errors.APIError as error:
        inner = error.details.get("error", error.details) if isinstance(error.details, dict) else {}
        return Raised(error.code, error.status or "", error.message or "", inner.get("problem"))
    raise AssertionError("nothing was raised")


def _drain_openai(dialect: str, *, in_stream: bool) -> None:
    if dialect == "openai" and in_stream:
        list(_openai().chat.completions.create(model="m", messages=[], stream=True))
    elif dialect == "openai":
        _openai().chat.completions.create(model="m", messages=[])
    elif in_stream:
        list(_openai().responses.create(model="m", input="x", stream=True))
    else:
        _openai().responses.create(model="m", input="x")


def _drain_anthropic(*, in_stream: bool) -> None:
    if not in_stream:
        _anthropic().messages.create(model="m", messages=[], max_tokens=1)
        return
    with _anthropic().messages.stream(model="m", messages=[], max_tokens=1) as stream:
        stream.get_final_message()


def _drain_genai(*, in_stream: bool) -> None:
    if in_stream:
        list(_genai().models.generate_content_stream(model="m", contents="x"))
    else:
        _genai().models.generate_content(model="m", contents="x")


# openai --------------------------------------------------------------------------------------------------------------
def _completion_stream() -> Said:
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    thinking: dict[int, str] = {}
    for chunk in _openai().chat.completions.create(model="m", messages=[], stream=True):
        for choice in chunk.choices:
            more = (choice.delta.model_extra or {}).get("reasoning_content")
            thinking[choice.index] = thinking.get(choice.index, "") + (more or "")
        state.handle_chunk(chunk)
    # Not get_final_completion: it raises for what is cut by its limit or filtered.
    said = _of_completion(state.current_completion_snapshot)
    for number, choice_said in enumerate(said.choices):
        choice_said.thinking = thinking.get(number, "")
    return said


def _of_completion(completion: Any) -> Said:
    assert completion.object == "chat.completion"
    choices = [
        ChoiceSaid(
            text=choice.message.content or "",
            thinking=(choice.message.model_extra or {}).get("reasoning_content") or "",
            refusal=choice.message.refusal or "",
            tools=[
                (call.function.name, arguments(call.function.arguments)) for call in choice.message.tool_calls or []
            ],
            stop=choice.finish_reason,
        )
        for choice in completion.choices
    ]
    usage = completion.usage
    if usage is None:
        return Said(choices)
    details_in, details_out = usage.prompt_tokens_details, usage.completion_tokens_details
    return Said(
        choices,
        {
            "input": usage.prompt_tokens,
            "cached": (details_in and details_in.cached_tokens) or 0,
            "output": usage.completion_tokens,
            "reasoning": (details_out and details_out.reasoning_tokens) or 0,
            "total": usage.total_tokens,
        },
    )


# responses -----------------------------------------------------------------------------------------------------------
def _response_stream() -> Said:
    """The final response, and that the deltas told the same."""
    final = None
    texts: list[str] = []
    calls: dict[str, list[str]] = {}
    numbers: list[int] = []
    for event in _openai().responses.create(model="m", input="x", stream=True):
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            texts.append(event.delta)
        elif event.type == "response.function_call_arguments.delta":
            calls.setdefault(event.item_id, []).append(event.delta)
        elif event.type in {"response.completed", "response.incomplete"}:
            final = event.response
    assert final is not None, "no terminal event"
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    said = _of_response(final)
    assert "".join(texts) == said.choices[0].text
    told = {item.id: item.arguments for item in final.output if item.type == "function_call"}
    assert {key: "".join(pieces) for key, pieces in calls.items()} == {key: told[key] for key in calls}
    return said


def _of_response(response: Any) -> Said:
    assert response.object == "response"
    said = ChoiceSaid(stop=response.status)
    if response.incomplete_details is not None:
        said.stop += f": {response.incomplete_details.reason}"
    for item in response.output:
        if item.type == "message":
            for part in item.content:
                if part.type == "output_text":
                    said.text += part.text
                else:
                    said.refusal += part.refusal
        elif item.type == "reasoning":
            said.thinking += "".join(part.text for part in [*(item.content or []), *item.summary])
        elif item.type == "function_call":
            said.tools.append((item.name, arguments(item.arguments)))
    usage = response.usage
    if usage is None:
        return Said([said])
    return Said(
        [said],
        {
            "input": usage.input_tokens,
            "cached": usage.input_tokens_details.cached_tokens,
            "output": usage.output_tokens,
            "reasoning": usage.output_tokens_details.reasoning_tokens,
            "total": usage.total_tokens,
        },
    )


# anthropic -----------------------------------------------------------------------------------------------------------
def _of_message(message: Any) -> Said:
    assert message.type == "message"
    said = ChoiceSaid(stop=message.stop_reason)
    for block in message.content:
        if block.type == "text":
            said.text += block.text
        elif block.type == "thinking":
            said.thinking += block.thinking
        elif block.type == "tool_use":
            said.tools.append((block.name, json.loads(json.dumps(block.input))))
    usage = message.usage
    return Said(
        [said],
        {
            "input": usage.input_tokens,
            "cached": usage.cache_read_input_tokens or 0,
            "written": usage.cache_creation_input_tokens or 0,
            "output": usage.output_tokens,
        },
    )


# gemini --------------------------------------------------------------------------------------------------------------
def _of_generated(chunks: list[Any]) -> Said:
    choices: dict[int, ChoiceSaid] = {}
    usage = None
    for chunk in chunks:
        usage = chunk.usage_metadata or usage
        for candidate in chunk.candidates or []:
            said = choices.setdefault(candidate.index or 0, ChoiceSaid())
            for part in (candidate.content and candidate.content.parts) or []:
                if part.function_call:
                    said.tools.append((part.function_call.name, part.function_call.args or {}))
                elif part.thought:
                    said.thinking += part.text or ""
                else:
                    said.text += part.text or ""
            if candidate.finish_reason:
                said.stop = candidate.finish_reason.value
    told = [choices[number] for number in sorted(choices)]
    if usage is None:
        return Said(told)
    return Said(
        told,
        {
            "input": usage.prompt_token_count or 0,
            "tools": usage.tool_use_prompt_token_count or 0,
            "cached": usage.cached_content_token_count or 0,
            "output": usage.candidates_token_count or 0,
            "reasoning": usage.thoughts_token_count or 0,
            "total": usage.total_token_count or 0,
        },
    )

"""Answers in one piece, as providers give them and as callers get them. Pure."""

import json
from typing import Any, Final

import pytest
from openai.types.chat import ChatCompletion

from providers.dialects import canonical as c
from providers.dialects.base import Asked, Target, UnreadableAnswer
from providers.dialects.canonical import Answer, Chat, Choice, Media, Stop, Text, ToolCall
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts, Profile
from providers.dialects.usage import Usage

TARGET: Final = Target(Profile("custom", "Custom"), ModelFacts("m"))


def told(message: Any, finish: Any = "stop", **members: Any) -> Answer:
    choice = {"index": 0, "message": message, "finish_reason": finish, **members}
    content = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt", "choices": [choice]}
    return CODEC.read_answer(json.dumps(content).encode(), TARGET)


def choice(message: Any, finish: Any = "stop", **members: Any) -> Choice:
    return told(message, finish, **members).choices[0]


def call(name: str = "weather", arguments: Any = "{}", **members: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **members}


# Reading -------------------------------------------------------------------------------------------------------------
def test_answer_is_read() -> None:
    read = told({"role": "assistant", "content": "hi", "refusal": None})

    assert (read.dialect, read.id, read.model, read.created) == ("openai", "chatcmpl-1", "gpt", 7)
    assert read.choices[0].parts == [Text("hi")]
    assert read.choices[0].stop == Stop("stop", "stop")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":{}}',
        b'{"choices":[null]}',
        b"<html>",
        b'{"error":{"message":"no"}}',
    ],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        CODEC.read_answer(body, TARGET)


def test_error_in_place_of_an_answer_keeps_its_words() -> None:
    with pytest.raises(UnreadableAnswer, match="out of memory"):
        CODEC.read_answer(b'{"error":{"message":"out of memory"}}', TARGET)


def test_half_a_surrogate_spoils_nothing_else() -> None:
    """Servers that cut a text anywhere write such escapes."""
    body = b'{"id":"x","choices":[{"message":{"content":"ok \\ud83d"},"finish_reason":"length"}]}'

    assert CODEC.read_answer(body, TARGET).choices[0].parts == [Text("ok \ufffd")]


def test_parts_come_in_their_order() -> None:
    message = {
        "content": "text",
        "reasoning_content": "thought",
        "refusal": "no",
        "tool_calls": [call()],
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}],
        "audio": {"id": "audio_1", "data": "BB", "transcript": "t"},
    }

    parts = choice(message).parts
    assert [type(part).__name__ for part in parts] == ["Thinking", "Text", "Refusal", "Media", "Media", "ToolCall"]
    assert [(part.kind, part.data) for part in parts if isinstance(part, Media)] == [("image", "AA"), ("audio", "BB")]


def test_t14_no_calls_are_none() -> None:
    assert choice({"content": "x", "tool_calls": [], "function_call": None}).parts == [Text("x")]
    # Snowflake's zero values.
    zero = {
        "content": "x",
        "refusal": "",
        "audio": {"data": "", "id": ""},
        "function_call": {"name": "", "arguments": ""},
    }
    assert choice(zero, "").parts == [Text("x")]


@pytest.mark.parametrize(
    ("arguments", "read"), [("", "{}"), (None, "{}"), (" ", "{}"), ({"a": 1}, '{"a":1}'), ("{oops", "{oops")]
)
def test_t05_arguments_are_text(arguments: Any, read: str) -> None:
    assert [
        part.arguments
        for part in choice({"tool_calls": [call(arguments=arguments)]}).parts
        if isinstance(part, ToolCall)
    ] == [read]


def test_call_without_an_id_gets_one_of_its_own() -> None:
    parts = choice({"tool_calls": [call(id=""), call(id="")]}).parts
    again = choice({"tool_calls": [call(id=""), call(id="")]}).parts

    ids = [part.id for part in parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert ids == [part.id for part in again if isinstance(part, ToolCall)]


def test_t09_signatures_name_who_made_them() -> None:
    details = [{"type": "reasoning.text", "text": "deep", "signature": "sig", "index": 0}]
    of_call = call(extra_content={"google": {"thought_signature": "of the call"}})
    of_message = {"extra_content": {"google": {"thought_signature": "of the message"}}, "tool_calls": [call(), call()]}

    thinking = choice({"reasoning": "deep", "reasoning_details": details}).parts[0]
    assert thinking == c.Thinking(
        "deep", c.Signature("openai", "m", "sig"), spelling={"~detail": {"type": "reasoning.text", "index": 0}}
    )
    signed = [part.signature for part in choice({"tool_calls": [of_call]}).parts if isinstance(part, ToolCall)]
    assert signed == [c.Signature("openai", "m", "of the call")]
    first, second = (part for part in choice(of_message).parts if isinstance(part, ToolCall))
    assert (first.signature, second.signature) == (c.Signature("openai", "m", "of the message"), None)


@pytest.mark.parametrize(
    ("finish", "message", "reason"),
    [
        ("stop", {"content": "x"}, "stop"),
        ("length", {"content": "x"}, "length"),
        ("content_filter", {"content": "x"}, "content_filter"),
        ("content_filter: PROHIBITED_CONTENT", {"content": ""}, "content_filter"),
        ("tool_calls", {"tool_calls": [call()]}, "tool_calls"),
        ("function_call", {"function_call": call()["function"]}, "tool_calls"),
        # A tool that was demanded by name.
        ("stop", {"tool_calls": [call()]}, "tool_calls"),
        ("tool_calls", {"content": "x"}, "stop"),
        ("model_length", {"content": "x"}, "length"),
        ("sensitive", {"content": "x"}, "content_filter"),
        ("network_error", {"content": "x"}, "failed"),
        ("insufficient_system_resource", {"content": "x"}, "failed"),
        ("eos_token", {"content": "x"}, "stop"),
        ("COMPLETE", {"content": "x"}, "stop"),
        ("", {"content": "x"}, "stop"),
        (None, {"tool_calls": [call()]}, "tool_calls"),
        ("of a new kind", {"content": "x"}, "stop"),
        ("of a new kind", {"content": ""}, "failed"),
        (3, {"content": "x"}, "stop"),
    ],
)
def test_reason_is_read_from_its_word_and_from_what_came(finish: Any, message: dict[str, Any], reason: str) -> None:
    assert choice(message, finish).stop.reason == reason


def test_stop_sequence_is_told_where_the_server_tells_it() -> None:
    assert choice({"content": "x"}, stop_reason="END").stop == Stop("stop_sequence", "stop", "END")
    assert choice({"content": "x"}, stop_reason=128009).stop == Stop("stop", "stop")


def test_choice_that_failed_on_the_way_is_failed() -> None:
    assert choice({"content": "x"}, error={"code": 502, "message": "no"}).stop.reason == "failed"


def test_usage_is_counted_by_the_providers_rule() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 10}
    body = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage}).encode()
    google = Target(Profile("google", "Google", usage_rule="google"), ModelFacts("m"))

    assert CODEC.read_answer(body, google).usage == Usage(input_text=5, output_text=2, output_reasoning=3)


# Writing -------------------------------------------------------------------------------------------------------------
def written(*parts: c.Part, stop: Stop | None = None, asked: Chat | None = None, **members: Any) -> dict[str, Any]:
    """Of another dialect; the SDK reads it."""
    answer = Answer("anthropic", "msg_1", "claude", [Choice(list(parts), stop or Stop("stop", "end_turn"))], **members)
    body = CODEC.write_answer(answer, Asked("alias", "0123456789abcdef01234567", 99, chat=asked))
    ChatCompletion.model_validate_json(body)
    content: dict[str, Any] = json.loads(body)
    return content


def test_answer_is_written_as_openai_has_it() -> None:
    assert written(
        Text("a"), Text("b"), usage=Usage(input_text=7, cache_read=3, output_text=4, output_reasoning=5)
    ) == {
        "id": "chatcmpl-0123456789abcdef01234567",
        "object": "chat.completion",
        "created": 99,
        "model": "alias",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 9,
            "total_tokens": 19,
            "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 5,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
    }


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "stop"),
        ("stop_sequence", "stop"),
        ("length", "length"),
        ("pause", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
    ],
)
def test_reason_is_written_in_openais_words(reason: Any, word: str) -> None:
    assert written(Text("x"), stop=Stop(reason, "its_own"))["choices"][0]["finish_reason"] == word


def message(*parts: c.Part, **members: Any) -> dict[str, Any]:
    shown: dict[str, Any] = written(*parts, **members)["choices"][0]["message"]
    return shown


def test_calls_refusals_and_images_have_their_places() -> None:
    shown = message(c.Refusal("no"), Media("image", "image/png", "AA"), ToolCall("a", "weather", '{"x":1}'))

    assert shown == {
        "role": "assistant",
        "content": None,
        "refusal": "no",
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}, "index": 0}],
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"x":1}'}}],
    }


def test_t09_signatures_are_shown_where_they_can_be_echoed() -> None:
    signed = c.Thinking("deep", c.Signature("anthropic", "claude", "sig"))
    sealed = c.Thinking("", c.Signature("anthropic", "claude", ""), redacted="sealed")
    made = ToolCall("a", "weather", "{}", c.Signature("gemini", "gemini-3", "sig"))

    shown = message(signed, sealed, made)
    assert shown["reasoning_content"] == "deep"
    assert shown["reasoning_details"] == [
        {"type": "reasoning.text", "text": "deep", "signature": "~apk:anthropic:claude:sig", "index": 0},
        {"type": "reasoning.encrypted", "data": "~apk:anthropic:claude:sealed", "index": 1},
    ]
    assert shown["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "~apk:gemini:gemini-3:sig"}}
    assert "reasoning_details" not in message(c.Thinking("deep"))


def test_who_asked_with_functions_gets_a_function_call() -> None:
    asked = Chat("openai", "alias", spelling={"~functions": True})
    shown = written(ToolCall("a", "weather", "{}"), stop=Stop("tool_calls"), asked=asked)["choices"][0]

    assert shown["message"]["function_call"] == {"name": "weather", "arguments": "{}"}
    assert (shown["finish_reason"], "tool_calls" in shown["message"]) == ("function_call", False)


def test_answer_of_this_dialect_keeps_what_only_it_knows() -> None:
    content = {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 7,
        "model": "gpt",
        "provider": "x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "annotations": [], "reasoning": "deep", "odd": 1},
                "finish_reason": "stop",
                "logprobs": {"content": []},
                "native_finish_reason": "end",
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.1},
    }
    answer = CODEC.read_answer(json.dumps(content).encode(), TARGET)

    assert json.loads(CODEC.write_answer(answer, Asked("gpt", "0" * 24, 99))) == content
    answer.choices[0].parts = [Text("***") if isinstance(part, Text) else part for part in answer.choices[0].parts]
    masked = json.loads(CODEC.write_answer(answer, Asked("gpt", "0" * 24, 99)))
    assert masked["choices"][0]["message"]["content"] == "***"

"""Answers in one piece, read and written. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response

from providers.dialects import canonical as c
from providers.dialects.base import UnreadableAnswer
from providers.dialects.canonical import (
    Answer,
    Choice,
    Media,
    Opaque,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
)
from providers.dialects.responses.codec import CODEC
from providers.dialects.usage import Usage
from tests.providers.dialects import fixtures
from tests.providers.dialects.responses.factories import DATA, ID, answer, asked, call, read, response, target
from tests.providers.dialects.responses.test_reading import _JSON, _places

USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}


def message(*pieces: dict[str, Any], **head: Any) -> dict[str, Any]:
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": list(pieces), **head}


def said(text: str, **members: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], **members}


CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "f",
    "arguments": "{}",
    "status": "completed",
}


# Reading -------------------------------------------------------------------------------------------------------------
def test_answer_holds_what_was_said_in_order() -> None:
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    found = answer(
        {**reasoning, "encrypted_content": "gAAA"},
        message(said("One."), said("Two."), {"type": "refusal", "refusal": "No."}),
        CALL,
        created_at=7,
        usage=USAGE,
    )

    thinking, one, two, refusal, tool = found.choices[0].parts
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.signature) == ("Hm.", Signature("responses", "gpt", "gAAA"))
    assert [part.text for part in (one, two, refusal) if isinstance(part, Text | Refusal)] == ["One.", "Two.", "No."]
    assert isinstance(tool, ToolCall)
    assert (tool.id, tool.name, tool.arguments) == ("call_1", "f", "{}")
    assert (found.id, found.model, found.created) == ("resp_1", "gpt-5", 7)
    assert found.usage == Usage(input_text=9, output_text=4)


def test_reasoning_that_is_shown_as_text_is_read() -> None:
    (part,) = (
        answer({"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Four."}]})
        .choices[0]
        .parts
    )

    assert isinstance(part, Thinking)
    assert (part.text, part.signature) == ("Four.", None)


@pytest.mark.parametrize(
    ("output", "members", "stop"),
    [
        ([message(said("Hi"))], {}, ("stop", "completed")),
        ([CALL], {}, ("tool_calls", "completed")),
        ([{"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"}], {}, ("tool_calls", "completed")),
        ([{"type": "web_search_call", "id": "ws_1"}], {}, ("stop", "completed")),
        (
            [CALL],
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            ("length", "max_output_tokens"),
        ),
        (
            [],
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            ("content_filter", "content_filter"),
        ),
        ([], {"status": "incomplete", "incomplete_details": {"reason": "steered"}}, ("length", "steered")),
        ([], {"status": "incomplete", "incomplete_details": None}, ("length", "incomplete")),
        ([], {"status": "failed", "error": {"code": "server_error"}}, ("failed", "failed")),
        ([], {"status": "cancelled"}, ("failed", "cancelled")),
        ([], {"status": "queued"}, ("pause", "queued")),
        ([], {"status": "new"}, ("failed", "new")),
        ([message(said("Hi"))], {"status": "new"}, ("stop", "new")),
    ],
)
def test_answer_says_why_it_stopped(output: list[Any], members: dict[str, Any], stop: tuple[str, str]) -> None:
    found = answer(*output, **members).choices[0].stop

    assert (found.reason, found.word) == stop


def test_tools_that_the_provider_ran_are_counted() -> None:
    search = {"type": "web_search_call", "action": {"type": "search"}}
    opened = {"type": "web_search_call", "action": {"type": "open_page"}}
    run = {"type": "code_interpreter_call"}

    shown = answer(search, opened, run, usage=USAGE).usage
    reported = answer(search, usage=USAGE, tool_usage={"web_search": {"num_requests": 3}}).usage
    details = {"web_search_calls": 2, "x_search_calls": 1, "code_interpreter_calls": 0}
    of_xai = answer(search, run, usage=USAGE | {"server_side_tool_usage_details": details}).usage

    assert [(usage.searches, usage.tool_runs) for usage in (shown, reported, of_xai) if usage] == [
        (1, 1),
        (3, 0),
        (3, 0),
    ]


def test_log_probabilities_are_those_of_all_texts() -> None:
    tokens = [{"token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": []}]

    assert answer(message(said("Hi", logprobs=tokens))).choices[0].logprobs == {"content": tokens}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"error":{"message":"No."}}',
        b'{"output":{}}',
        b'{"output":["x"]}',
        b'{"output":[{"type":"message","content":7}]}',
        b'{"output":[{"type":"function_call","name":"f"}]}',
    ],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        CODEC.read_answer(body, target())


@given(data=st.data())
@settings(max_examples=300)
def test_any_value_of_a_wrong_type_is_unreadable_or_read(data: st.DataObject) -> None:
    found = [each for each in fixtures.load("responses", "answer") if each.status == 200]
    content = orjson.loads(data.draw(st.sampled_from(found), label="answer").body)
    holder, name = data.draw(st.sampled_from(list(_places(content))), label="place")
    holder[name] = data.draw(_JSON, label="value")

    try:
        read_back = CODEC.read_answer(orjson.dumps(content), target())
    except UnreadableAnswer:
        return
    to = asked()
    to.model = content["model"]
    assert orjson.loads(CODEC.write_answer(read_back, to)) == content


# Writing -------------------------------------------------------------------------------------------------------------
def of(*parts: c.Part, stop: Stop | None = None, usage: Usage | None = None) -> dict[str, Any]:
    """As a caller of Responses gets it of a model that speaks another dialect."""
    told = Answer("anthropic", "msg_9", "claude", [Choice(list(parts), stop or Stop("stop"))], usage)
    body = CODEC.write_answer(told, asked())
    Response.model_validate_json(body)
    content: dict[str, Any] = orjson.loads(body)
    return content


def test_answer_of_another_dialect_is_a_whole_response() -> None:
    written = of(
        Thinking("Hm.", Signature("anthropic", "claude", "sig")),
        Text("One."),
        Text("Two."),
        call(),
        usage=Usage(input_text=5, cache_read=3, cache_write=1, cache_write_long=2, output_text=4, output_reasoning=6),
    )

    assert written["id"] == f"resp_{ID}"
    assert (written["model"], written["status"], written["store"], written["error"]) == (
        "asked-model",
        "completed",
        False,
        None,
    )
    assert written["output"] == [
        {
            "id": f"rs_{ID}0000",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "~apk:anthropic:claude:sig",
        },
        {
            "id": f"msg_{ID}0001",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "annotations": [], "logprobs": [], "text": "One."},
                {"type": "output_text", "annotations": [], "logprobs": [], "text": "Two."},
            ],
        },
        {
            "id": f"fc_{ID}0002",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "get_weather",
            "arguments": '{"city":"Rome"}',
        },
    ]
    assert written["usage"] == {
        "input_tokens": 11,
        "input_tokens_details": {
            "cached_tokens": 3,
            "cache_write_tokens": 3,
            "cache_write_tokens_details": {"ttl_30m_tokens": 1, "ttl_12h_tokens": 2},
        },
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 21,
    }


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("stop_sequence", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("pause", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("failed", "failed", None),
    ],
)
def test_answer_ends_in_the_words_of_the_dialect(reason: Any, status: str, why: dict[str, str] | None) -> None:
    written = of(Text("Hi"), stop=Stop(reason, "word"))

    assert (written["status"], written["incomplete_details"]) == (status, why)
    assert (written["error"] is None) is (status != "failed")


def test_response_repeats_what_was_asked() -> None:
    chat = read(
        instructions="Be brief.",
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}}, {"type": "web_search"}],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0.5,
        max_output_tokens=99,
        metadata={"a": "b"},
        reasoning={"effort": "low", "summary": "detailed"},
        text={"format": {"type": "json_object"}},
    )

    written = orjson.loads(CODEC.write_answer(Answer("gemini", "", "", [Choice([], Stop("stop"))]), asked(chat)))

    Response.model_validate(written)
    assert written["instructions"] == "Be brief."
    assert [tool["type"] for tool in written["tools"]] == ["function", "web_search"]
    assert (written["tool_choice"], written["parallel_tool_calls"]) == ("required", False)
    assert (written["temperature"], written["max_output_tokens"], written["metadata"]) == (0.5, 99, {"a": "b"})
    assert (written["reasoning"], written["text"]) == (
        {"effort": "low", "summary": "detailed"},
        {"format": {"type": "json_object"}},
    )


def test_image_of_a_model_is_one_that_was_generated() -> None:
    (item,) = of(Media("image", "image/png", DATA))["output"]

    assert (item["type"], item["result"], item["output_format"]) == ("image_generation_call", DATA, "png")


def test_parts_that_no_item_can_hold_leave_no_trace() -> None:
    assert (
        of(Opaque("anthropic", "server_tool_use", {}), Media("audio", "audio/wav", DATA), Thinking(""))["output"] == []
    )


def test_log_probabilities_of_a_chat_stand_with_its_first_text() -> None:
    tokens = [{"token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": []}]
    choice = Choice([Text("Hi"), Text("!")], Stop("stop"), {"content": tokens, "refusal": None})

    body = CODEC.write_answer(Answer("openai", "", "", [choice]), asked())

    Response.model_validate_json(body)
    (item,) = orjson.loads(body)["output"]
    assert [piece["logprobs"] for piece in item["content"]] == [tokens, []]


def test_only_the_first_choice_is_shown() -> None:
    choices = [Choice([Text(text)], Stop("stop")) for text in ("One.", "Two.")]

    written = orjson.loads(CODEC.write_answer(Answer("openai", "", "", choices), asked()))

    assert [item["content"][0]["text"] for item in written["output"]] == ["One."]


# Signatures of others, there and back --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "part",
    [
        Thinking("Hm.\n\nSo.", Signature("anthropic", "claude", "a:b=")),
        Thinking("", Signature("anthropic", "claude", "sig")),
        Thinking("", Signature("anthropic", "claude", ""), redacted="xyz:1"),
        call(signature=Signature("gemini", "models/gemini", "c2ln")),
    ],
)
def test_t09_signature_comes_back_as_its_maker_gave_it(part: c.Part) -> None:
    """Callers send the items of an output back as they are."""
    (item,) = of(part)["output"]

    (turn,) = read(input=[item]).turns

    (back,) = turn.parts
    assert isinstance(part, Thinking | ToolCall)
    assert isinstance(back, type(part))
    assert back.signature == part.signature
    assert getattr(back, "text", "") == getattr(part, "text", "")
    assert getattr(back, "redacted", None) == getattr(part, "redacted", None)


def test_answer_of_the_same_dialect_is_written_back_as_it_was() -> None:
    content = response(
        {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "g", "status": None},
        message(
            said("Hi", annotations=[{"type": "url_citation", "url": "u"}]), {"type": "new", "a": 1}, phase="commentary"
        ),
        message(id="msg_2"),
        {**CALL, "arguments": "", "namespace": "maps"},
        {"type": "web_search_call", "id": "ws_1"},
        created_at=7.5,
        usage=USAGE | {"cost": 0.01},
        billing={"payer": "developer"},
    )

    to = asked()
    to.model = "gpt-5"
    assert (
        orjson.loads(
            CODEC.write_answer(answer(*content["output"], **{k: v for k, v in content.items() if k != "output"}), to)
        )
        == content
    )

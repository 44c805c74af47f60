"""Whole answers, read and written, and the ledger. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import canonical as c
from providers.dialects.anthropic.codec import CODEC
from providers.dialects.anthropic.tool_writing import ANSWER_TOOL
from providers.dialects.base import UnreadableAnswer
from providers.dialects.canonical import Answer, Choice, Signature, Stop, Text, Thinking, ToolCall
from providers.dialects.profile import Profile
from providers.dialects.usage import Usage
from providers.dialects.usage_rules import read as read_usage
from tests.providers.dialects.anthropic.factories import ASKED, read, target, write

MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


def answer_of(**changes: Any) -> Answer:
    return CODEC.read_answer(orjson.dumps(MESSAGE | changes), target())


def written(*parts: c.Part, stop: Stop | None = None, usage: Usage | None = None) -> dict[str, Any]:
    """By a provider of another dialect."""
    answer = Answer("openai", "chatcmpl-1", "gpt", [Choice(list(parts), stop or Stop("stop"))], usage)
    body = CODEC.write_answer(answer, ASKED)
    Message.model_validate_json(body)
    content: dict[str, Any] = orjson.loads(body)
    return content


# In ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop_sequence"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("compaction", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause"),
        ("a word of tomorrow", "stop"),
        (None, "stop"),
    ],
)
def test_stop_reason_is_read_and_goes_back_as_it_was(word: str | None, reason: str) -> None:
    answer = answer_of(stop_reason=word)

    assert answer.choices[0].stop.reason == reason
    assert orjson.loads(CODEC.write_answer(answer, ASKED))["stop_reason"] == (word or "end_turn")


def test_unknown_stop_reason_of_an_empty_answer_is_a_failure() -> None:
    answer = answer_of(stop_reason="broken", content=[])

    assert answer.choices[0].stop == Stop("failed", "broken")
    with pytest.raises(UnreadableAnswer):
        CODEC.write_answer(answer, ASKED)


def test_signature_holds_for_the_model_that_made_it() -> None:
    content = [
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
    ]

    assert answer_of(content=content).choices[0].parts == [
        Thinking("", Signature("anthropic", "claude", "c2ln")),
        Thinking("", Signature("anthropic", "claude", ""), redacted="ZGF0YQ=="),
    ]


def test_t19_forced_tool_is_text_again() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": ANSWER_TOOL, "input": {"city": "Rome"}}
    other = {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {}}

    alone = answer_of(content=[call], stop_reason="tool_use").choices[0]
    beside = answer_of(content=[call, other], stop_reason="tool_use").choices[0]

    assert (alone.parts, alone.stop.reason) == ([Text('{"city":"Rome"}')], "stop")
    assert beside.stop.reason == "tool_calls"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"content": "Hello"}',
        b'{"type": "error", "error": {"type": "api_error"}}',
        b'{"content": [3]}',
        b'{"content": [{"type": "tool_use", "id": "", "name": ""}]}',
    ],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        CODEC.read_answer(body, target())


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(MESSAGE)), _json, max_size=3))
def test_any_json_is_read_or_unreadable(changes: dict[str, Any]) -> None:
    try:
        answer = CODEC.read_answer(orjson.dumps(MESSAGE | changes, option=orjson.OPT_NON_STR_KEYS), target())
        CODEC.write_answer(answer, ASKED)
    except (UnreadableAnswer, orjson.JSONEncodeError):
        return
    assert answer.choices


# Out -----------------------------------------------------------------------------------------------------------------
def test_answer_of_another_vendor_is_a_message() -> None:
    answer = written(
        Thinking("Hm."),
        Text("Hello"),
        c.Refusal(" no"),
        ToolCall("call_1", "get_weather", '{"city":"Rome"}'),
        c.Media("image", data="iVBORw0KGgo="),
        stop=Stop("tool_calls"),
        usage=Usage(input_text=5, cache_read=7, cache_write=2, cache_write_long=1, output_text=3, output_reasoning=4),
    )

    assert (answer["id"], answer["model"]) == ("msg_0123456789abcdef01234567", "asked-model")
    assert [block["type"] for block in answer["content"]] == ["thinking", "text", "text", "tool_use"]
    assert answer["content"][3]["input"] == {"city": "Rome"}
    assert answer["stop_reason"] == "tool_use"
    assert answer["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 4},
    }


def test_t05_arguments_that_are_no_object_are_unreadable_here() -> None:
    assert written(ToolCall("call_1", "now", ""))["content"][0]["input"] == {}
    for arguments in ("{not json", "[]"):
        with pytest.raises(UnreadableAnswer):
            written(ToolCall("call_1", "now", arguments))


@pytest.mark.parametrize(
    ("reason", "called", "word"),
    [
        ("stop", False, "end_turn"),
        ("stop", True, "tool_use"),
        ("tool_calls", True, "tool_use"),
        ("tool_calls", False, "end_turn"),
        ("length", True, "max_tokens"),
        ("content_filter", False, "refusal"),
        ("pause", False, "max_tokens"),
    ],
)
def test_t14_stop_reason_fits_what_is_there(reason: Any, called: bool, word: str) -> None:  # noqa: FBT001
    parts: list[c.Part] = [ToolCall("call_1", "now")] if called else [Text("x")]

    assert written(*parts, stop=Stop(reason))["stop_reason"] == word


def test_stop_sequence_is_told() -> None:
    answer = written(Text("x"), stop=Stop("stop_sequence", sequence="END"))

    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")


def test_t13_answer_without_usage_is_estimated() -> None:
    usage = written(Text("Hello " * 10))["usage"]

    assert usage["input_tokens"] == 17
    assert usage["output_tokens"] > 10


def test_t09_signatures_of_other_vendors_come_back_to_them() -> None:
    """The caller echoes the blocks; here they are what they were, for Anthropic they are nothing."""
    thought = Thinking("Hm.", Signature("gemini", "gemini-3", "c2ln"))
    hidden = Thinking("", Signature("bedrock", "nova", ""), redacted="ZGF0YQ==")
    call = ToolCall("call:1", "now", "{}", Signature("gemini", "gemini-3", "c2ln"))
    content = written(thought, hidden, Thinking("Unsigned."), call)["content"]

    chat = read(
        messages=[
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call:1", "content": "y"}]},
        ]
    )
    parts = chat.turns[1].parts
    body, sent = write(chat)

    assert [parts[0], parts[1], parts[3]] == [thought, hidden, call]
    assert isinstance(parts[2], Thinking)
    assert parts[2].text == "Unsigned."
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert sent.report.dropped == ["thinking", "signature"]


# The ledger ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reported", "counts"),
    [
        ({"input_tokens": 5, "output_tokens": 3}, {"input_text": 5, "output_text": 3}),
        (
            {"input_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 4, "output_tokens": 0},
            {"input_text": 5, "cache_read": 7, "cache_write": 4},
        ),
        (
            {
                "input_tokens": 0,
                "cache_creation_input_tokens": 4,
                "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 3},
                "output_tokens": 9,
                "output_tokens_details": {"thinking_tokens": 6},
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
            },
            {"cache_write": 1, "cache_write_long": 3, "output_text": 3, "output_reasoning": 6, "searches": 2},
        ),
    ],
)
def test_ledger_counts_each_token_once(reported: dict[str, Any], counts: dict[str, int]) -> None:
    usage = read_usage(reported, Profile("a", "A"), "anthropic")

    assert usage is not None
    assert (usage.counts(), usage.source, usage.anomaly) == (counts, "provider", "")
    assert usage.raw == reported


def test_ledger_says_what_was_wrong_with_the_numbers() -> None:
    cut = read_usage(
        {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 5}},
        Profile("a", "A"),
        "anthropic",
    )
    missing = read_usage({"input_tokens": -1, "output_tokens": 2}, Profile("a", "A"), "anthropic")

    assert cut is not None
    assert (cut.counts(), cut.anomaly) == ({"input_text": 1, "output_reasoning": 2}, "details above their total")
    assert missing is not None
    assert (missing.source, missing.anomaly) == ("mixed", "input_tokens is no count")
    assert read_usage({"service_tier": "standard"}, Profile("a", "A"), "anthropic") is None

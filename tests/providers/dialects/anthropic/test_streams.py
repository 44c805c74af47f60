"""Streams, read and written. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest

from providers.dialects import canonical as c
from providers.dialects.anthropic.codec import CODEC
from providers.dialects.anthropic.tool_writing import ANSWER_TOOL
from providers.dialects.base import Shown
from providers.dialects.canonical import (
    Delta,
    End,
    Event,
    Failed,
    PartEnd,
    PartStart,
    PartWhole,
    Signature,
    Signed,
    Start,
    Stop,
    Stopped,
    Thinking,
    UsageSeen,
)
from providers.dialects.usage import Usage
from tests.providers.dialects import sdk
from tests.providers.dialects.anthropic.factories import (
    ASKED,
    block,
    data_of,
    event,
    events_of,
    read,
    start,
    stop,
    told,
)
from tests.providers.dialects.said import gathered

TEXT = {"type": "text", "text": ""}
THINKING = {"type": "thinking", "thinking": "", "signature": ""}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}


def said(text: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": text}


def argued(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


# In ------------------------------------------------------------------------------------------------------------------
def test_stream_is_read_as_events() -> None:
    stream = start() + block(0, TEXT, said("Hel"), said("lo")) + block(1, CALL, argued(""), argued('{"a":1}'))

    assert events_of(stream + stop("tool_use")) == [
        Start("msg_1", "claude"),
        UsageSeen(Usage(input_text=9, output_text=1)),
        PartStart(0, "text"),
        Delta(0, "Hel"),
        Delta(0, "lo"),
        PartEnd(0),
        PartStart(1, "tool", "toolu_1", "get_weather"),
        Delta(1, '{"a":1}'),
        PartEnd(1),
        UsageSeen(Usage(input_text=9, output_text=5)),
        Stopped(Stop("tool_calls", "tool_use")),
        End(),
    ]


def test_usage_is_set_and_never_added() -> None:
    stream = start(cache_read_input_tokens=4) + stop(input_tokens=9, cache_read_input_tokens=4)

    seen = [each.usage.counts() for each in events_of(stream) if isinstance(each, UsageSeen)]

    assert seen[-1] == {"input_text": 9, "cache_read": 4, "output_text": 5}


def test_t10_signature_is_whole_also_of_thinking_without_text() -> None:
    signed = [{"type": "signature_delta", "signature": piece} for piece in ("c2", "ln")]
    stream = (
        start() + block(0, THINKING, *signed) + block(1, {"type": "redacted_thinking", "data": "ZGF0YQ=="}) + stop()
    )

    assert gathered(events_of(stream)).choices[0].parts == [
        Thinking("", Signature("anthropic", "claude", "c2ln")),
        Thinking("", Signature("anthropic", "claude", ""), redacted="ZGF0YQ=="),
    ]


def test_blocks_of_anthropics_own_come_whole_at_their_end() -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    summary = {"type": "compaction_delta", "content": "So far."}
    stream = (
        start()
        + block(0, search, argued('{"query"'), argued(': "x"}'))
        + block(1, found)
        + block(2, {"type": "compaction"}, summary)
        + block(3, TEXT, said("Yes"))
        + stop()
    )

    assert gathered(events_of(stream)).choices[0].parts == [
        c.Opaque("anthropic", "server_tool_use", {**search, "input": {"query": "x"}}),
        c.Opaque("anthropic", "web_search_tool_result", found),
        c.Opaque("anthropic", "compaction", {"type": "compaction", "content": "So far."}),
        c.Text("Yes"),
    ]


def test_t05_arguments_given_whole_at_the_start_count() -> None:
    stream = start() + block(0, {**CALL, "input": {"a": 1}}) + block(1, {**CALL, "id": "toolu_2"}) + stop("tool_use")

    assert gathered(events_of(stream)).choices[0].parts == [
        c.ToolCall("toolu_1", "get_weather", '{"a":1}'),
        c.ToolCall("toolu_2", "get_weather", "{}"),
    ]


def test_t19_forced_tool_is_text_again_in_a_stream() -> None:
    forced = {**CALL, "name": ANSWER_TOOL}
    alone = gathered(events_of(start() + block(0, forced, argued('{"a"'), argued(": 1}")) + stop("tool_use")))
    beside = gathered(events_of(start() + block(0, forced) + block(1, CALL) + stop("tool_use")))

    assert alone.choices == [c.Choice([c.Text('{"a": 1}')], Stop("stop", "tool_use"))]
    assert beside.choices[0].stop.reason == "tool_calls"


def test_stream_that_leaves_things_away_is_read_all_the_same() -> None:
    """As some vendors do: no start, no index, no end of a block, an end of OpenAI's."""
    delta = event("content_block_delta", delta=said("Hello"))

    assert gathered(events_of(delta + stop() + b"data: [DONE]\n\n")).choices[0].parts == [c.Text("Hello")]


@pytest.mark.parametrize(
    ("kind", "status", "meaning"),
    [("overloaded_error", 529, "overloaded"), ("rate_limit_error", 429, "rate"), ("api_error", 500, "server")],
)
def test_t15_error_in_a_stream_is_a_failure(kind: str, status: int, meaning: str) -> None:
    failing = event("error", error={"type": kind, "message": "Oh."})

    events = events_of(start() + block(0, TEXT, said("Hel")) + failing + block(1, TEXT, said("lo")) + stop())

    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.interrupted, failed.error.status, failed.error.message) == (False, status, "Oh.")
    assert failed.error.kind == meaning
    assert Delta(1, "lo") not in events


def test_t15_stream_without_its_end_is_interrupted() -> None:
    whole = start() + block(0, TEXT, said("Hello")) + stop()

    for cut in range(len(whole) - len(b'"}\n\n')):
        last = events_of(whole[:cut])[-1]
        assert isinstance(last, Failed)
        assert last.interrupted


def test_stream_that_is_no_json_fails() -> None:
    last = events_of(start() + b"data: {oops\n\n" + stop())[-1]

    assert isinstance(last, Failed)
    assert not last.interrupted


def test_empty_answer_that_stopped_for_nobody_knows_what_fails() -> None:
    assert isinstance(events_of(start() + stop("broken"))[-1], Failed)
    assert isinstance(events_of(start() + block(0, TEXT, said("x")) + stop("broken"))[-1], End)


# Out -----------------------------------------------------------------------------------------------------------------
ENDED: list[Event] = [Stopped(Stop("stop")), UsageSeen(Usage(input_text=5, output_text=3)), End()]


def shape(data: list[dict[str, Any]]) -> list[str]:
    """Each event in short: `+text`, `text: Hello`, `-`."""
    found = []
    for each in data:
        if each["type"] == "content_block_start":
            found.append(f"+{each['content_block']['type']}")
        elif each["type"] == "content_block_delta":
            delta = each["delta"]
            found.append(next(f"{name}: {value}" for name, value in delta.items() if name != "type"))
        elif each["type"] == "content_block_stop":
            found.append("-")
    return found


def test_t13_start_carries_the_estimate_and_the_end_the_truth() -> None:
    data = told(Start("id", "gpt"), PartStart(0, "text"), Delta(0, "Hi"), PartEnd(0), *ENDED)

    assert data[0]["message"]["usage"] == {"input_tokens": 17, "output_tokens": 1}
    assert (data[0]["message"]["id"], data[0]["message"]["model"]) == (f"msg_{ASKED.id}", "asked-model")
    assert (data[-2]["usage"]["input_tokens"], data[-2]["usage"]["output_tokens"]) == (5, 3)


def test_t13_without_a_report_the_end_carries_estimates() -> None:
    data = told(Start(), PartStart(0, "text"), Delta(0, "Hello " * 10), PartEnd(0), Stopped(Stop("stop")), End())

    assert data[-2]["usage"] == {"input_tokens": 17, "output_tokens": 20}


def test_t14_one_block_is_open_at_a_time() -> None:
    """Text is cut off and goes on later; calls side by side wait for one another."""
    data = told(
        Start(),
        PartStart(0, "text"),
        Delta(0, "One"),
        PartStart(1, "thinking"),
        Delta(1, "Hm."),
        Signed(1, Signature("anthropic", "claude", "c2ln")),
        PartStart(2, "tool", "call_1", "a"),
        PartStart(3, "tool", "call_2", "b"),
        Delta(3, '{"b"'),
        Delta(2, '{"a"'),
        Delta(0, "Two"),
        Delta(2, ":1}"),
        Delta(3, ":2}"),
        PartEnd(2),
        PartEnd(3),
        PartEnd(0),
        PartEnd(1),
        *ENDED,
    )

    assert shape(data) == [
        *("+text", "text: One", "-"),
        *("+thinking", "thinking: Hm.", "signature: c2ln", "-"),
        *("+tool_use", 'partial_json: {"a"', "partial_json: :1}", "-"),
        *("+tool_use", 'partial_json: {"b"', "partial_json: :2}", "-"),
        *("+text", "text: Two", "-"),
    ]
    assert [each["index"] for each in data if each["type"] == "content_block_start"] == [0, 1, 2, 3, 4]
    assert data[-2]["delta"]["stop_reason"] == "tool_use"


def test_t14_there_is_one_start_and_one_end() -> None:
    writer = CODEC.stream_writer(ASKED)
    events = [Start(), Start(), PartStart(0, "text"), Delta(0, "x"), PartEnd(0), *ENDED]

    data = data_of(b"".join(writer.write(each) for each in events))

    assert [each["type"] for each in data].count("message_start") == 1
    assert not any(writer.write(each) for each in events)
    assert writer.stop_at_cap({}, Usage()) == writer.error(Shown(500, "x", "x")) == b""


def test_only_the_first_choice_is_seen() -> None:
    data = told(
        Start(),
        PartStart(0, "text", choice=1),
        Delta(0, "Other"),
        PartEnd(0),
        PartStart(1, "text"),
        Delta(1, "Mine"),
        PartEnd(1),
        Stopped(Stop("length"), choice=1),
        *ENDED,
    )

    assert shape(data) == ["+text", "text: Mine", "-"]
    assert data[-2]["delta"]["stop_reason"] == "end_turn"


def test_whole_parts_are_blocks_of_their_own() -> None:
    hidden = Thinking("", Signature("anthropic", "claude", ""), redacted="ZGF0YQ==")
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    data = told(
        Start(),
        PartWhole(0, hidden),
        PartWhole(1, c.Opaque("anthropic", "server_tool_use", search)),
        PartWhole(2, c.Opaque("gemini", "executableCode", {})),
        PartWhole(3, c.Media("image", data="x")),
        *ENDED,
    )

    blocks = [each["content_block"] for each in data if each["type"] == "content_block_start"]
    assert blocks == [{"type": "redacted_thinking", "data": "ZGF0YQ=="}, search]


def test_t09_signature_of_a_call_stands_beside_it_and_comes_back() -> None:
    made = Signature("gemini", "gemini-3", "c2ln")
    data = told(
        Start(),
        PartStart(0, "tool", "call_1", "now"),
        Delta(0, "{}"),
        Signed(0, made),
        PartEnd(0),
        *ENDED,
    )

    blocks = [each["content_block"] for each in data if each["type"] == "content_block_start"]
    chat = read(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": blocks}])
    assert [block["type"] for block in blocks] == ["tool_use", "thinking"]
    assert chat.turns[1].parts == [c.ToolCall("call_1", "now", "{}", made)]


def test_t05_arguments_that_are_no_object_end_in_an_error() -> None:
    broken: list[Event] = [Start(), PartStart(0, "tool", "call_1", "now"), Delta(0, "{oops"), PartEnd(0)]

    assert told(*broken, *ENDED)[-1]["type"] == "error"
    assert told(*broken, Stopped(Stop("length")), End())[-1]["type"] == "message_stop"


def test_stream_at_its_cap_ends_as_if_its_limit_were_met() -> None:
    writer = CODEC.stream_writer(ASKED)
    events: list[Event] = [
        Start(),
        PartStart(0, "tool", "call_1", "a"),
        Delta(0, '{"a": "unfin'),
        PartStart(1, "text"),
        Delta(1, "Waiting"),
    ]
    stream = b"".join(writer.write(each) for each in events)

    stream += writer.stop_at_cap({"code": "quota-exceeded"}, Usage(input_text=5, output_text=3))

    last = data_of(stream)[-2]
    assert (last["delta"]["stop_reason"], last["problem"]) == ("max_tokens", {"code": "quota-exceeded"})
    read_by_sdk = sdk.streamed("anthropic", stream)
    assert (read_by_sdk.choices[0].text, read_by_sdk.choices[0].stop) == ("Waiting", "max_tokens")


def test_t27_keep_alive_is_a_ping() -> None:
    assert CODEC.stream_writer(ASKED).write(c.Ping()) == CODEC.keep_alive
    assert orjson.loads(CODEC.keep_alive.split(b"data: ")[1]) == {"type": "ping"}
    assert events_of(CODEC.keep_alive)[0] == c.Ping()

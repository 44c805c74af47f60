"""Streams of upstreams, read as events. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.canonical import (
    Annotated,
    Delta,
    End,
    Event,
    Failed,
    Opaque,
    PartEnd,
    PartStart,
    PartWhole,
    Refusal,
    Signature,
    Signed,
    Start,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    UsageSeen,
)
from providers.dialects.responses.codec import CODEC
from providers.dialects.usage import Usage
from tests.providers.dialects import fixtures
from tests.providers.dialects.responses.factories import (
    CREATED,
    added,
    answer,
    completed,
    delta,
    done,
    event,
    events_of,
    target,
)
from tests.providers.dialects.responses.test_reading import _JSON, _places
from tests.providers.dialects.said import gathered

MESSAGE: dict[str, Any] = {"type": "message", "id": "item_0", "role": "assistant"}
CALL: dict[str, Any] = {"type": "function_call", "id": "item_0", "call_id": "call_1", "name": "f"}
REASONING: dict[str, Any] = {"type": "reasoning", "id": "item_0"}
ENDED: list[Event] = [Stopped(Stop("stop", "completed")), End()]


def piece(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text}


# What is told --------------------------------------------------------------------------------------------------------
def test_text_is_told_piece_by_piece() -> None:
    stream = CREATED + added(0, **MESSAGE) + delta("output_text", "He") + delta("output_text", "llo")

    assert events_of(stream + done(0, **MESSAGE, content=[piece("Hello")]) + completed(usage={"input_tokens": 2})) == [
        Start("resp_1", "gpt-5", 7),
        PartStart(0, "text"),
        Delta(0, "He"),
        Delta(0, "llo"),
        PartEnd(0),
        UsageSeen(Usage(input_text=2)),
        *ENDED,
    ]


def test_log_probabilities_and_citations_come_with_their_text() -> None:
    tokens = [{"token": "Hi", "logprob": -0.1}]
    cited = {"type": "url_citation", "url": "u"}
    stream = delta("output_text", "Hi", logprobs=tokens) + event(
        "response.output_text.annotation.added", output_index=0, content_index=0, annotation=cited
    )

    assert events_of(CREATED + stream + completed())[2:4] == [
        Delta(0, "Hi", {"content": tokens}),
        Annotated(0, "responses", cited),
    ]


def test_t04_calls_side_by_side_keep_their_arguments_apart() -> None:
    stream = (
        added(0, **CALL)
        + added(1, **CALL | {"id": "item_1", "call_id": "call_2"})
        + delta("function_call_arguments", '{"a"', 0)
        + delta("function_call_arguments", "{}", 1)
        + delta("function_call_arguments", ":1}", 0)
        + done(1, **CALL | {"id": "item_1", "call_id": "call_2"}, arguments="{}")
        + done(0, **CALL, arguments='{"a":1}')
    )

    choice = gathered(events_of(CREATED + stream + completed())).choices[0]

    assert choice.parts == [ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_2", "f", "{}")]
    assert choice.stop.reason == "tool_calls"


def test_t05_call_without_arguments_is_one_of_none() -> None:
    events = events_of(CREATED + added(0, **CALL) + done(0, **CALL, arguments="") + completed())

    assert events[1:4] == [PartStart(0, "tool", "call_1", "f"), Delta(0, "{}"), PartEnd(0)]


def test_reasoning_of_one_item_is_one_part_and_its_proof_comes_last() -> None:
    summary = [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}]
    stream = (
        added(0, **REASONING, summary=[], encrypted_content="not yet whole")
        + delta("reasoning_summary_text", "One.", summary_index=0)
        + delta("reasoning_summary_text", "Two.", summary_index=1)
        + done(0, **REASONING, summary=summary, encrypted_content="gAAA")
    )

    assert events_of(CREATED + stream + completed())[1:-2] == [
        PartStart(0, "thinking"),
        Delta(0, "One."),
        Delta(0, "\n\nTwo."),
        Signed(0, Signature("responses", "gpt", "gAAA")),
        PartEnd(0),
    ]


def test_reasoning_that_shows_nothing_is_told_only_for_its_proof() -> None:
    silent = added(0, **REASONING, summary=[]) + done(0, **REASONING, summary=[])
    proof = done(1, **REASONING, summary=[], encrypted_content="gAAA")

    assert events_of(CREATED + silent + proof + completed())[1:-2] == [
        PartStart(0, "thinking"),
        Signed(0, Signature("responses", "gpt", "gAAA")),
        PartEnd(0),
    ]


def test_what_only_the_dialect_knows_comes_in_one_piece() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    stream = added(0, **item) + event("response.web_search_call.searching", output_index=0) + done(0, **item)

    assert events_of(CREATED + stream + completed())[1:-2] == [
        PartWhole(0, Opaque("responses", "web_search_call", item))
    ]


# What vendors leave out ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "stream",
    [
        # Deltas alone; no deltas; items alone; nothing but the response.
        delta("output_text", "Hi"),
        event("response.output_text.done", output_index=0, content_index=0, text="Hi"),
        done(0, **MESSAGE, content=[piece("Hi")]),
        b"",
        delta("output_text", "Hi") + event("response.output_text.done", output_index=0, content_index=0, text="Hi"),
    ],
)
def test_each_text_counts_once_however_it_is_told(stream: bytes) -> None:
    events = events_of(CREATED + stream + completed({**MESSAGE, "content": [piece("Hi")]}))

    assert gathered(events).choices[0].parts == [Text("Hi")]


def test_items_are_kept_apart_where_all_have_one_number() -> None:
    first, second = (done(0, **MESSAGE | {"id": f"msg_{text}"}, content=[piece(text)]) for text in ("One.", "Two."))

    events = events_of(CREATED + first + first + second + delta("output_text", "Three.") + completed())

    assert gathered(events).choices[0].parts == [Text("One."), Text("Two."), Text("Three.")]


def test_call_that_never_ended_is_filled_in_from_the_response() -> None:
    events = events_of(CREATED + added(0, **CALL) + completed({**CALL, "arguments": '{"a":1}'}))

    assert gathered(events).choices[0].parts == [ToolCall("call_1", "f", '{"a":1}')]


def test_events_without_names_and_a_done_at_the_end_are_read() -> None:
    named = CREATED + delta("output_text", "Hi") + completed()
    unnamed = b": hello\n\n" + b"".join(line + b"\n\n" for line in named.split(b"\n") if line.startswith(b"data:"))

    assert events_of(unnamed + b"data: [DONE]\n\n") == events_of(named)


@pytest.mark.parametrize("kind", ["answer", "stream"])
@pytest.mark.parametrize(
    "scenario", ["text", "refusal", "parallel_tools", "thinking_replay", "shown_reasoning", "empty_answer"]
)
def test_stream_tells_the_same_as_the_answer(scenario: str, kind: Any) -> None:
    answered = answer(*orjson.loads(fixtures.one("responses", scenario, "answer").body)["output"])
    told = gathered(events_of(fixtures.one("responses", scenario, "stream").body))

    assert [_plain(part) for part in told.choices[0].parts] == [_plain(part) for part in answered.choices[0].parts]


def _plain(part: Any) -> Any:
    if isinstance(part, Text | Refusal):
        return part.text
    return (part.text, part.signature) if isinstance(part, Thinking) else (part.id, part.name, part.arguments)


# How it ends ---------------------------------------------------------------------------------------------------------
def test_t15_stream_without_its_end_is_interrupted() -> None:
    (last,) = events_of(CREATED + delta("output_text", "Hi"))[3:]

    assert isinstance(last, Failed)
    assert (last.interrupted, last.error.kind) == (True, "interrupted")


def test_nothing_is_told_after_the_end() -> None:
    stream = CREATED + completed()

    assert events_of(stream + delta("output_text", "Hi") + event("error", message="No.")) == events_of(stream)


@pytest.mark.parametrize(
    ("stream", "status", "code"),
    [
        (event("error", code="rate_limit_exceeded", message="No.", param=None), 429, "rate_limit_exceeded"),
        (event("error", error={"type": "server_error", "code": None, "message": "No."}), 500, ""),
        (
            event(
                "response.failed", response={"status": "failed", "error": {"code": "invalid_prompt", "message": "No."}}
            ),
            400,
            "invalid_prompt",
        ),
        (b'data: {"error":{"message":"No.","code":503}}\n\n', 503, "503"),
    ],
)
def test_t15_error_within_the_stream_is_a_failure(stream: bytes, status: int, code: str) -> None:
    last = events_of(CREATED + stream + event("response.failed", response={"status": "failed"}))[-1]

    assert isinstance(last, Failed)
    assert not last.interrupted
    assert (last.error.status, last.error.message, last.error.code) == (status, "No.", code)


def test_failure_without_a_reason_is_one() -> None:
    last = events_of(CREATED + event("response.failed", response={"status": "failed", "error": None}))[-1]

    assert isinstance(last, Failed)
    assert (last.error.status, last.error.kind) == (500, "server")


def test_what_is_no_event_is_a_failure() -> None:
    last = events_of(CREATED + b"data: <html>\n\n" + completed())[-1]

    assert isinstance(last, Failed)
    assert (last.error.kind, last.interrupted) == ("server", False)


def test_t17_lines_and_characters_may_be_cut_and_ended_anyhow() -> None:
    stream = CREATED + delta("output_text", "Größe 🚀") + completed()
    whole = events_of(stream)
    for body in (
        stream,
        b"\xef\xbb\xbf" + stream.replace(b"\n", b"\r\n"),
        stream.replace(b"\n", b"\r"),
        stream.rstrip(),
    ):
        reader = CODEC.stream_reader(target())

        events = [each for byte in body for each in reader.feed(bytes([byte]))] + reader.close()

        assert events == whole


@given(data=st.data())
@settings(max_examples=300)
def test_any_value_of_a_wrong_type_ends_the_stream_once(data: st.DataObject) -> None:
    fixture = data.draw(st.sampled_from(fixtures.load("responses", "stream")), label="stream")
    lines = [orjson.loads(line[6:]) for line in fixture.body.splitlines() if line.startswith(b"data: {")]
    holder, name = data.draw(st.sampled_from(list(_places(lines))), label="place")
    holder[name] = data.draw(_JSON, label="value")
    stream = b"".join(b"data: " + orjson.dumps(line) + b"\n\n" for line in lines)

    events = events_of(stream)

    assert [each for each in events if isinstance(each, End | Failed)] == events[-1:]
    meter = CODEC.stream_meter(CODEC.outline("responses", fixtures.one("responses", "text", "request").body), target())
    assert meter.feed(stream) + meter.close() == stream
    assert b"response.incomplete" in meter.stop_at_cap({})

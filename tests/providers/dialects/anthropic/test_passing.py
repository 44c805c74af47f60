"""What is passed through: splices, paths and meters. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest

from providers.dialects.anthropic.codec import CODEC
from providers.dialects.base import Shown, Target
from tests.providers.dialects import sdk
from tests.providers.dialects.anthropic.factories import block, body, data_of, event, start, stop, target

TEXT = {"type": "text", "text": ""}
HELLO = block(0, TEXT, {"type": "text_delta", "text": "Hello"})
FOREIGN = {"type": "thinking", "thinking": "Hm.", "signature": "~apk:gemini:gemini-3:c2ln"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}


def spliced(sent: bytes, model: str | None = None, max_tokens: int | None = None, to: Target | None = None) -> bytes:
    outline = CODEC.outline("messages", sent)
    return CODEC.splice(sent, outline, model=model, max_tokens=max_tokens, target=to or target())


# Requests ------------------------------------------------------------------------------------------------------------
def test_t30_other_bytes_stay_as_they_were() -> None:
    sent = b'{ "model" : "alias", "messages":[ {"role":"user","content":"a \\u00e9 b"} ] , "x":1.0}'

    assert spliced(sent) == sent
    assert spliced(sent, model="claude") == sent.replace(b'"alias"', b'"claude"')
    assert spliced(sent, max_tokens=9) == b'{"max_tokens":9,' + sent[1:]


def test_vertex_gets_its_version_and_no_model() -> None:
    sent = b'{"messages":[{"role":"user","content":"x"}], "model":"claude", "max_tokens":9}'
    named = b'{"model":"claude","anthropic_version":"vertex-2023-10-16","messages":[{"role":"user","content":"x"}]}'

    assert spliced(sent, model="claude@1", to=target(vertex=True)) == (
        b'{"anthropic_version":"vertex-2023-10-16","messages":[{"role":"user","content":"x"}], "max_tokens":9}'
    )
    assert spliced(named, to=target(vertex=True)) == named.replace(b'"model":"claude",', b"")


def test_t10_thinking_of_another_vendor_is_taken_out() -> None:
    """It was shown by a route that answered before; Anthropic refuses what it did not sign."""
    mine = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [FOREIGN, mine, {"type": "text", "text": "y"}]},
        {"role": "assistant", "content": [FOREIGN]},
        {"role": "user", "content": "z"},
    ]

    sent = orjson.loads(spliced(body(messages=messages), model="other"))

    assert sent["model"] == "other"
    assert sent["messages"] == [messages[0], {"role": "assistant", "content": messages[1]["content"][1:]}, messages[3]]


def test_t11_nothing_is_thought_in_a_round_whose_thinking_was_taken_out() -> None:
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [FOREIGN, CALL]},
        {"role": "user", "content": [RESULT]},
    ]
    thinking = {"type": "enabled", "budget_tokens": 2048}

    assert orjson.loads(spliced(body(messages=messages, thinking=thinking)))["thinking"] == {"type": "disabled"}


def test_paths_are_the_callers_own_but_for_vertex() -> None:
    outline = CODEC.outline("messages", body(stream=True))
    vertex = target(model={"name": "claude@1"}, vertex=True)

    assert CODEC.passed_path("messages", outline, target()) == "/v1/messages"
    assert CODEC.passed_path("/messages/count_tokens", outline, target()) == "/v1/messages/count_tokens"
    assert CODEC.passed_path("messages", outline, vertex) == "/claude@1:streamRawPredict"


# Answers -------------------------------------------------------------------------------------------------------------
def test_usage_of_an_answer_is_read_beside_it() -> None:
    meter = CODEC.answer_meter(target())
    answer = b'{"content":[{"type":"text","text":"Hello"}],"usage":{"input_tokens":3,"output_tokens":2}}'

    assert meter.feed(answer[:20]) + meter.feed(answer[20:]) + meter.close() == answer
    assert meter.usage is not None
    assert (meter.usage.counts(), meter.complete) == ({"input_text": 3, "output_text": 2}, True)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"usage": 3}'])
def test_answer_without_usage_is_counted_by_its_size(answer: bytes) -> None:
    meter = CODEC.answer_meter(target())

    assert meter.feed(answer) + meter.close() == answer
    assert (meter.usage, meter.output_seen) == (None, len(answer) // 3)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_stream_goes_on_in_whole_events_and_is_counted(line_end: bytes) -> None:
    stream = (start() + HELLO + stop()).replace(b"\n", line_end)
    meter = CODEC.stream_meter(CODEC.outline("messages", body(stream=True)), target())

    passed = [meter.feed(stream[at : at + 7]) for at in range(0, len(stream), 7)]

    assert b"".join([*passed, meter.close()]) == stream
    assert all(not piece or piece.endswith(line_end * 2) for piece in passed)
    assert meter.usage is not None
    assert (meter.usage.counts(), meter.complete, meter.failed) == ({"input_text": 9, "output_text": 5}, True, False)
    assert meter.output_seen > 0


def test_t15_error_in_a_stream_is_noticed() -> None:
    meter = CODEC.stream_meter(CODEC.outline("messages", body()), target())
    meter.feed(start() + event("error", error={"type": "api_error", "message": "Oh."}))
    meter.close()

    assert (meter.complete, meter.failed) == (False, True)


def test_passed_stream_at_its_cap_ends_as_if_its_limit_were_met() -> None:
    meter = CODEC.stream_meter(CODEC.outline("messages", body(stream=True)), target())
    torn = HELLO[: HELLO.index(b"event: content_block_stop")]

    passed = meter.feed(start() + torn + b'event: content_block_delta\ndata: {"type"')
    passed += meter.stop_at_cap({"code": "quota-exceeded"})

    read = sdk.streamed("anthropic", passed)
    assert (read.choices[0].text, read.choices[0].stop) == ("Hello", "max_tokens")
    assert read.usage == {"input": 9, "cached": 0, "written": 0, "output": meter.output_seen}
    assert data_of(passed)[-2]["problem"] == {"code": "quota-exceeded"}


def test_passed_stream_that_breaks_raises_in_the_sdk() -> None:
    meter = CODEC.stream_meter(CODEC.outline("messages", body(stream=True)), target())
    shown = Shown(502, "upstream-failed", "It broke.", problem={"code": "upstream-failed"})

    raised = sdk.broken("anthropic", meter.feed(start() + HELLO) + meter.error(shown))

    assert (raised.code, raised.message) == ("upstream-failed", "It broke.")

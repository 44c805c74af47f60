"""Usage read beside what is passed through: whole, byte by byte, and cut anywhere. Pure."""

import json
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.base import Meter, Outline, Shown, Target
from providers.dialects.openai.codec import CODEC
from providers.dialects.profile import ModelFacts, Profile
from providers.dialects.usage import Usage
from tests.providers.dialects import sdk

TARGET: Final = Target(Profile("custom", "Custom"), ModelFacts("m"))
REPORTED: Final = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5},
}
LEDGER: Final = Usage(input_text=30, input_audio=10, cache_read=60, output_text=25, output_reasoning=20, output_audio=5)
ANSWER: Final = json.dumps({"choices": [{"message": {"content": '"usage": {'}}], "usage": REPORTED}).encode()
ABOUT: Final = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"gpt"'
CHUNK: Final = (
    f'data: {{{ABOUT},"choices":[{{"index":0,"delta":{{"content":"word"}},"finish_reason":null}}],"usage":null}}\n\n'
).encode()
STOP_CHUNK: Final = CHUNK.replace(b'{"content":"word"}', b"{}").replace(b"null}]", b'"stop"}]')
USAGE_CHUNK: Final = b"data: " + json.dumps({"choices": [], "usage": REPORTED}).encode() + b"\n\n"
DONE: Final = b"data: [DONE]\n\n"
STREAM: Final = b": comment\n\n" + CHUNK * 3 + USAGE_CHUNK + DONE


def stream_meter(*, hide: bool = True, rule: str = "") -> Meter:
    target = Target(Profile("custom", "Custom", usage_rule=rule), ModelFacts("m"))
    return CODEC.stream_meter(Outline("m", stream=True, include_usage=not hide, input_expected=11), target)


def pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    return [whole[start:end] for start, end in pairwise(places)]


def fed(meter: Meter, parts: list[bytes]) -> bytes:
    return b"".join(meter.feed(part) for part in parts) + meter.close()


# In one piece --------------------------------------------------------------------------------------------------------
@given(st.lists(st.integers(0, 10_000), max_size=9))
def test_plain_answer_is_metered_wherever_it_is_cut(cuts: list[int]) -> None:
    meter = CODEC.answer_meter(TARGET)

    assert fed(meter, pieces(ANSWER, cuts)) == ANSWER
    assert (meter.usage, meter.complete, meter.failed) == (LEDGER, True, False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"usage": null}', b"<html>"])
def test_plain_answer_without_usage_reports_none(body: bytes) -> None:
    meter = CODEC.answer_meter(TARGET)
    fed(meter, [body])

    assert meter.usage is None


def test_output_of_a_plain_answer_is_estimated_by_what_it_says() -> None:
    meter = CODEC.answer_meter(TARGET)
    fed(meter, [b'{"id":"x","choices":[{"message":{"content":"\\u00e9\\u00e9\\u00e9","refusal":null}}]}'])

    # Six bytes of UTF-8.
    assert meter.output_seen == 2


# Streams -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hide", [True, False])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_t17_stream_byte_by_byte_is_the_stream_whole(hide: bool, ending: bytes) -> None:  # noqa: FBT001
    stream = STREAM.replace(b"\n", ending)
    whole, single = stream_meter(hide=hide), stream_meter(hide=hide)

    passed = fed(whole, [stream]), fed(single, pieces(stream, list(range(len(stream)))))

    expected = stream.replace(USAGE_CHUNK.replace(b"\n", ending), b"") if hide else stream
    assert passed == (expected, expected)
    for meter in (whole, single):
        assert (meter.usage, meter.complete, meter.failed, meter.output_seen) == (LEDGER, True, False, 4)


@given(st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
def test_t12_stream_cut_anywhere_gives_the_same(cuts: list[int], hide: bool) -> None:  # noqa: FBT001
    meter = stream_meter(hide=hide)

    passed = fed(meter, pieces(STREAM, cuts))

    assert passed == (STREAM.replace(USAGE_CHUNK, b"") if hide else STREAM)
    assert (meter.usage, meter.complete, meter.output_seen) == (LEDGER, True, 4)


def test_whole_events_go_on_at_once() -> None:
    meter = stream_meter()

    assert meter.feed(CHUNK + CHUNK[:30]) == CHUNK
    assert meter.feed(CHUNK[30:]) == CHUNK


@given(st.integers(0, len(STREAM) - len(DONE)))
def test_stream_that_ends_early_is_not_complete(end: int) -> None:
    meter = stream_meter()
    fed(meter, [STREAM[:end]])

    assert not meter.complete


@pytest.mark.parametrize(
    ("stream", "complete"),
    [
        # GPUStack ends so.
        (CHUNK + STOP_CHUNK + USAGE_CHUNK, True),
        (CHUNK + STOP_CHUNK, False),
        (CHUNK + STOP_CHUNK + USAGE_CHUNK + CHUNK, False),
        (CHUNK + USAGE_CHUNK, False),
        (CHUNK + DONE.rstrip(), True),
    ],
)
def test_stream_without_its_last_event_is_whole_when_all_was_told(stream: bytes, complete: bool) -> None:  # noqa: FBT001
    meter = stream_meter()
    fed(meter, [stream])

    assert meter.complete == complete


def test_usage_beside_content_is_read_and_passed_on() -> None:
    """Some providers report with every chunk: the last one counts, none is added."""
    both = [CHUNK.replace(b'"usage":null', b'"usage":{"prompt_tokens":5,"completion_tokens":%d}' % n) for n in (1, 2)]
    meter = stream_meter()

    assert fed(meter, [*both, DONE]) == b"".join([*both, DONE])
    assert meter.usage == Usage(input_text=5, output_text=2)


def test_usage_is_set_member_by_member() -> None:
    later = USAGE_CHUNK.replace(b'"prompt_tokens": 100, ', b"").replace(
        b'"completion_tokens": 50', b'"completion_tokens": 51'
    )
    meter = stream_meter()
    fed(meter, [USAGE_CHUNK, later, DONE])

    assert meter.usage == LEDGER.with_changes(output_text=26)


def test_usage_that_groq_shows_unasked_is_read() -> None:
    told = STOP_CHUNK.replace(b'"usage":null', b'"x_groq":{"usage":{"prompt_tokens":5,"completion_tokens":2}}')
    meter = stream_meter()

    assert fed(meter, [told, DONE]) == told + DONE
    assert meter.usage == Usage(input_text=5, output_text=2)


def test_usage_is_counted_by_the_providers_rule() -> None:
    reported = b'{"prompt_tokens":5,"completion_tokens":2,"total_tokens":10,"completion_tokens_details":{"reasoning_tokens":3}}'
    meter = stream_meter(rule="xai")
    fed(meter, [CHUNK.replace(b'"usage":null', b'"usage":' + reported), DONE])

    assert meter.usage == Usage(input_text=5, output_text=2, output_reasoning=3)


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error":{"message":"overloaded"}}\n\n',
        b'event: error\ndata: {"error":"overloaded"}\n\n',
        b'data: {"object":"error","message":"overloaded"}\n\n',
        b'data: [{"error":{"message":"overloaded"}}]\n\n',
    ],
)
def test_t15_error_in_the_stream_is_a_failure(error: bytes) -> None:
    meter = stream_meter()

    assert fed(meter, [CHUNK, error, DONE]) == CHUNK + error + DONE
    assert (meter.failed, meter.complete) == (True, False)


def test_word_error_in_an_answer_is_none() -> None:
    meter = stream_meter()
    fed(meter, [CHUNK.replace(b"word", b'\\"error\\": [DONE]'), CHUNK.replace(b"null}", b'null,"error":null}'), DONE])

    assert (meter.failed, meter.complete) == (False, True)


@pytest.mark.parametrize(
    "delta",
    [
        b'{"content":"word"}',
        b'{"reasoning_content":"word"}',
        b'{"content":"","reasoning":"word"}',
        b'{"refusal":"word"}',
        b'{"tool_calls":[{"index":0,"function":{"arguments":"word"}}]}',
        b'{"content": "wo\\u0072d"}',
    ],
)
def test_output_is_estimated_by_all_that_is_generated(delta: bytes) -> None:
    meter = stream_meter()
    fed(meter, [CHUNK.replace(b'{"content":"word"}', delta)] * 30)

    assert meter.output_seen == 40


def test_long_stream_is_estimated_in_bounded_memory() -> None:
    meter = stream_meter()
    fed(meter, [CHUNK.replace(b"word", b"words " * 1000)] * 30)

    assert 60_000 <= meter.output_seen <= 60_010


def test_text_of_old_completions_is_estimated() -> None:
    meter = stream_meter()
    fed(meter, [b'data: {"choices":[{"index":0,"text":"word","finish_reason":null}]}\n\n'] * 3)

    assert meter.output_seen == 4


# Ending it -----------------------------------------------------------------------------------------------------------
PROBLEM: Final = {"code": "quota-exceeded", "status": 402}


@pytest.mark.parametrize("hide", [True, False])
def test_stream_that_meets_a_cap_ends_as_if_its_limit_were_met(hide: bool) -> None:  # noqa: FBT001
    meter = stream_meter(hide=hide)
    passed = meter.feed(CHUNK * 3 + CHUNK[:50])

    written = passed + meter.stop_at_cap(PROBLEM)

    said = sdk.streamed("openai", written)
    assert [(choice.text, choice.stop) for choice in said.choices] == [("wordwordword", "length")]
    assert said.usage == (None if hide else {"input": 11, "cached": 0, "output": 4, "reasoning": 0, "total": 15})
    last = json.loads(written.split(b"\n\n")[3].removeprefix(b"data: "))
    assert (last["id"], last["model"], last["created"], last["problem"]) == ("chatcmpl-1", "gpt", 7, PROBLEM)


def test_stream_that_breaks_raises_in_the_sdk() -> None:
    meter = stream_meter()
    shown = Shown(502, "upstream-failed", "The provider failed.", problem={"code": "upstream-failed"})

    raised = sdk.broken("openai", meter.feed(CHUNK + CHUNK[:50]) + meter.error(shown))

    assert (raised.code, raised.message, raised.problem) == ("upstream-failed", "The provider failed.", shown.problem)


def test_answer_in_one_piece_is_not_cut() -> None:
    meter: Any = CODEC.answer_meter(TARGET)

    assert meter.stop_at_cap(PROBLEM) == b""

"""Pass-through: what is changed in a request, and usage read beside an answer. Pure: no test here may touch the database."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.base import Meter, Outline, Shown
from providers.dialects.gemini.codec import CODEC
from tests.providers.dialects import sdk
from tests.providers.dialects.gemini.factories import PATH, a_stream, a_target, an_answer, asking

USAGE = {"promptTokenCount": 8, "candidatesTokenCount": 7, "totalTokenCount": 15}
CHUNKS = [
    an_answer({"text": "It "}, finish=None, usageMetadata={**USAGE, "candidatesTokenCount": 2, "totalTokenCount": 10}),
    an_answer({"text": "is."}, usageMetadata=USAGE),
]
ARRAY = orjson.dumps(CHUNKS, option=orjson.OPT_INDENT_2)
EVENTS = a_stream(*CHUNKS)


def _spliced(content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body = orjson.dumps(content)
    outline = CODEC.outline(PATH, body)
    spliced: dict[str, Any] = orjson.loads(
        CODEC.splice(body, outline, target=a_target(), **{"model": None, "max_tokens": None, **changes})
    )
    return spliced


# Requests ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"generationConfig": {"maxOutputTokens": 50}}),
        ({"generationConfig": None}, {"generationConfig": {"maxOutputTokens": 50}}),
        ({"generationConfig": {"topK": 1}}, {"generationConfig": {"maxOutputTokens": 50, "topK": 1}}),
        ({"generationConfig": {"maxOutputTokens": 900}}, {"generationConfig": {"maxOutputTokens": 50}}),
        ({"generation_config": {"topK": 1}}, {"generation_config": {"maxOutputTokens": 50, "topK": 1}}),
        ({"generation_config": {"max_output_tokens": 900}}, {"generation_config": {"max_output_tokens": 50}}),
        ({"generationConfig": {"max_output_tokens": 900}}, {"generationConfig": {"max_output_tokens": 50}}),
    ],
)
def test_limit_is_set_in_the_callers_own_spelling(more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert _spliced(asking(**more), max_tokens=50) == asking(**expected)


def test_t30_every_other_byte_stays_as_it_came() -> None:
    body = b'{ "contents" : [{"parts":[{"text":"H\\u00e9  "}]}],\n "generationConfig":{"topK":1.0 , "maxOutputTokens" : 900 } }'

    spliced = CODEC.splice(body, CODEC.outline(PATH, body), model="gemini-3-pro", max_tokens=50, target=a_target())

    assert spliced == body.replace(b"900", b"50")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        ({"model": "alias"}, {"model": "gemini-3-pro"}),
        ({"model": "models/alias"}, {"model": "models/gemini-3-pro"}),
    ],
)
def test_model_is_changed_in_the_body_where_the_caller_repeats_it_there(more: Any, expected: Any) -> None:
    assert _spliced(asking(**more), model="gemini-3-pro") == asking(**expected)


# Answers -------------------------------------------------------------------------------------------------------------
def _metered(meter: Meter, body: bytes, places: list[int]) -> bytes:
    cuts = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return b"".join(meter.feed(body[start:end]) for start, end in pairwise(cuts)) + meter.close()


def _stream_meter(*, array: bool = False) -> Meter:
    return CODEC.stream_meter(Outline("asked-model", stream=True, input_expected=5, array=array), a_target())


@pytest.mark.parametrize("body", [orjson.dumps(an_answer({"text": "It is."}, usageMetadata=USAGE)), ARRAY])
def test_answer_is_passed_on_and_counted(body: bytes) -> None:
    meter = CODEC.answer_meter(a_target())

    assert _metered(meter, body, [5, 50]) == body
    assert meter.usage is not None
    assert meter.usage.counts() == {"input_text": 8, "output_text": 7}
    assert (meter.complete, meter.failed) == (True, False)


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"x":1}'])
def test_answer_that_cannot_be_read_is_estimated(body: bytes) -> None:
    meter = CODEC.answer_meter(a_target())
    _metered(meter, body, [])

    assert meter.usage is None
    assert (meter.output_seen > 0) is bool(body)


@pytest.mark.parametrize("body", [EVENTS, ARRAY, EVENTS.replace(b"\r\n", b"\n"), EVENTS.replace(b"\r\n", b"\r")])
@given(places=st.lists(st.integers(0, 2**20), max_size=12))
def test_stream_is_passed_on_and_counted_wherever_it_is_cut(body: bytes, places: list[int]) -> None:
    meter = _stream_meter()

    assert _metered(meter, body, places) == body
    assert meter.usage is not None
    assert meter.usage.counts() == {"input_text": 8, "output_text": 7}
    assert (meter.complete, meter.failed) == (True, False)


@pytest.mark.parametrize("body", [EVENTS, ARRAY])
def test_torn_stream_is_not_complete(body: bytes) -> None:
    meter = _stream_meter()

    _metered(meter, body[: len(body) - 40], [])

    assert (meter.complete, meter.failed) == (False, False)


def test_providers_error_within_a_stream_is_seen() -> None:
    meter = _stream_meter()

    _metered(meter, a_stream(CHUNKS[0], {"error": {"code": 503, "message": "Overloaded."}}), [])

    assert (meter.complete, meter.failed) == (False, True)


def test_text_is_counted_where_nobody_reports_it() -> None:
    meter = _stream_meter()

    _metered(meter, a_stream(an_answer({"text": "word " * 30}), an_answer({"functionCall": {"name": "f"}})), [])

    assert meter.usage is None
    assert 40 <= meter.output_seen <= 60


@given(st.integers(0, len(EVENTS) - 1))
def test_stream_can_be_ended_at_a_cap_wherever_it_is_torn(end: int) -> None:
    meter = _stream_meter()
    before = meter.feed(EVENTS[:end])

    body = before + meter.stop_at_cap({"code": "quota-exceeded"})

    said = sdk.streamed("gemini", body)
    assert said.choices[0].stop == "MAX_TOKENS"
    assert said.choices[0].text in {"", "It ", "It is."}
    assert said.usage is not None
    assert said.usage["input"] == (8 if before else 5)
    assert b'"problem":{"code":"quota-exceeded"}' in body


@given(st.integers(0, len(ARRAY) - 3))
def test_array_can_be_ended_at_a_cap_wherever_it_is_torn(end: int) -> None:
    meter = _stream_meter(array=True)
    before = meter.feed(ARRAY[:end])

    chunks = orjson.loads(before + meter.stop_at_cap({"code": "quota-exceeded"}))

    assert chunks[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert chunks[-1]["problem"] == {"code": "quota-exceeded"}


@given(st.integers(0, len(EVENTS) - 1))
def test_failure_is_told_wherever_the_stream_is_torn(end: int) -> None:
    meter = _stream_meter()
    before = meter.feed(EVENTS[:end])

    raised = sdk.broken("gemini", before + meter.error(Shown(502, "upstream-failed", "It broke.")))

    assert (raised.status, raised.message) == (502, "It broke.")

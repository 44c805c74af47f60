"""Pure: no test here may touch the database."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.bodies import MOST_NESTED
from providers.dialects.canonical import BadRequest
from providers.dialects.openai.passthrough import (
    AnswerMeter,
    StreamMeter,
    error_message,
    model_names,
    read_request,
    splice,
    usage_of,
)
from providers.dialects.usage import Usage

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def chat(**changes: Any) -> bytes:
    return json.dumps(CHAT | changes).encode()


def embeddings(**changes: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hello"} | changes).encode()


# Requests ------------------------------------------------------------------------------------------------------------
def test_request_is_read() -> None:
    asked = read_request(chat(stream=True, stream_options={"include_usage": True}, max_tokens=7, n=2), "chat")

    assert (asked.model, asked.stream, asked.include_usage, asked.max_tokens, asked.n) == ("m", True, True, 7, 2)


def test_request_that_says_little_has_defaults() -> None:
    asked = read_request(chat(), "chat")

    assert (asked.stream, asked.include_usage, asked.max_tokens, asked.n) == (False, False, None, 1)
    assert asked.input_bound >= len(chat())


def test_newer_limit_wins_over_the_older() -> None:
    assert read_request(chat(max_completion_tokens=3, max_tokens=9), "chat").max_tokens == 3


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"model": None}, "/model"),
        ({"model": ""}, "/model"),
        ({"model": 3}, "/model"),
        ({"model": ["m"]}, "/model"),
        ({"messages": None}, "/messages"),
        ({"messages": []}, "/messages"),
        ({"messages": {}}, "/messages"),
        ({"messages": "hello"}, "/messages"),
        ({"messages": ["hello"]}, "/messages"),
        ({"messages": [None]}, "/messages"),
        ({"stream": "yes"}, "/stream"),
        ({"stream": 1}, "/stream"),
        ({"stream": True, "stream_options": []}, "/stream_options"),
        ({"max_tokens": 0}, "/max_tokens"),
        ({"max_tokens": -1}, "/max_tokens"),
        ({"max_tokens": 1.5}, "/max_tokens"),
        ({"max_tokens": True}, "/max_tokens"),
        ({"max_tokens": "9"}, "/max_tokens"),
        ({"max_tokens": 2**60}, "/max_tokens"),
        ({"max_completion_tokens": []}, "/max_completion_tokens"),
        ({"n": 0}, "/n"),
        ({"n": "2"}, "/n"),
    ],
)
def test_bad_value_names_its_field(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(chat(**changes), "chat")

    assert caught.value.pointer == pointer


@pytest.mark.parametrize("given_input", [None, [], {}, 1.5, [None], [{}], ["a", 1.5]])
def test_bad_input_of_embeddings_names_its_field(given_input: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(embeddings(input=given_input), "embeddings")

    assert caught.value.pointer == "/input"


@pytest.mark.parametrize(("given_input", "bound"), [("héllo", 6), (["a", "bc"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3)])
def test_embeddings_are_bounded_by_bytes_or_tokens(given_input: Any, bound: int) -> None:
    assert read_request(embeddings(input=given_input), "embeddings").input_bound == bound


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b"\xff", b"[]", b"3", b'"x"', b"null", b"{'model': 1}"])
def test_body_that_is_no_object_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(body, "chat")

    assert caught.value.pointer == ""


@pytest.mark.parametrize(
    "doubled",
    [
        b'{"model":"a","model":"b","messages":[{}]}',
        b'{"model":"a","messages":[{}],"mo\\u0064el":"b"}',
        b'{"messages":[{"model":"x"}],"model":"a", "model" : "b"}',
    ],
)
def test_name_that_stands_there_twice_is_refused(doubled: bytes) -> None:
    """The upstream may take the other one."""
    with pytest.raises(BadRequest) as caught:
        read_request(doubled, "chat")

    assert caught.value.pointer == "/model"


def test_same_name_deeper_down_or_in_a_text_is_no_double() -> None:
    body = b'{"model":"a","messages":[{"content":"\\"model\\":1 {","model":"x"}]}'

    assert read_request(body, "chat").model == "a"


def test_depth_is_bounded() -> None:
    inside = '{"a":' * MOST_NESTED + "1" + "}" * MOST_NESTED

    with pytest.raises(BadRequest, match="levels deep"):
        read_request(f'{{"model":"m","messages":[{inside}]}}'.encode(), "chat")


# Splices -------------------------------------------------------------------------------------------------------------
SPACED = b'{ "messages" : [ {"model": "no", "content": "\\u00e9, \\"model\\": {"} ] ,\n "model" :  "alias" , "x":1.0 }'


def test_splice_changes_one_place_and_no_other_byte() -> None:
    assert splice(SPACED, model="real") == SPACED.replace(b'"alias"', b'"real"')


def test_splice_of_nothing_is_the_same_body() -> None:
    assert splice(SPACED) is SPACED


def test_splice_adds_what_is_missing() -> None:
    spliced = splice(SPACED, max_tokens=9, include_usage=True)

    assert json.loads(spliced) == json.loads(SPACED) | {"max_tokens": 9, "stream_options": {"include_usage": True}}
    assert spliced.endswith(SPACED[1:])


def test_splice_keeps_other_stream_options() -> None:
    body = chat(stream=True, stream_options={"include_usage": False, "other": 1})

    assert json.loads(splice(body, include_usage=True))["stream_options"] == {"include_usage": True, "other": 1}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _JSON, max_size=4), st.text(min_size=1), st.integers(1, 99), st.booleans())
def test_splice_says_what_was_asked_whatever_the_body(
    others: dict[str, Any],
    model: str,
    limit: int,
    escaped: bool,  # noqa: FBT001
) -> None:
    content = {**others, "model": "alias", "messages": [{}]}

    spliced = splice(
        json.dumps(content, ensure_ascii=escaped).encode("utf-8", "replace"), model=model, max_tokens=limit
    )

    expected = json.loads(json.dumps(content, ensure_ascii=escaped).encode("utf-8", "replace"))
    assert json.loads(spliced) == expected | {"model": model, "max_tokens": limit}


# Usage ---------------------------------------------------------------------------------------------------------------
REPORTED = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5},
}
LEDGER = Usage(input_text=30, input_audio=10, cache_read=60, output_text=25, output_reasoning=20, output_audio=5)


def test_each_token_is_in_one_class() -> None:
    assert usage_of(REPORTED) == LEDGER
    assert (LEDGER.input_total, LEDGER.output_total) == (100, 50)


@pytest.mark.parametrize("prompt", [None, -1, 1.5, "3", True, 2**60])
def test_number_that_is_none_is_not_reported(prompt: Any) -> None:
    assert usage_of({"prompt_tokens": prompt, "completion_tokens": 1}) is None


def test_reported_zero_is_zero() -> None:
    assert usage_of({"prompt_tokens": 0, "completion_tokens": 0}) == Usage()


def test_details_above_their_total_are_cut_and_said() -> None:
    usage = usage_of(REPORTED | {"prompt_tokens": 40, "completion_tokens": 10})

    assert usage is not None
    assert (usage.input_total, usage.output_total, usage.anomaly) == (40, 10, "details above their total")


@given(st.dictionaries(st.sampled_from(sorted(REPORTED)), st.integers(0, 99) | st.none() | _JSON))
def test_ledger_is_disjoint_and_never_negative(reported: dict[str, Any]) -> None:
    usage = usage_of(reported)

    if usage is not None:
        assert usage.input_total == reported["prompt_tokens"]
        assert min(usage.input_text, usage.input_audio, usage.cache_read, usage.output_text) >= 0


# Answers: whole, byte by byte, and cut anywhere ----------------------------------------------------------------------
ANSWER = json.dumps({"choices": [{"message": {"content": '"usage": {'}}], "usage": REPORTED}).encode()
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"word"}}],"usage":null}\n\n'
USAGE_CHUNK = b"data: " + json.dumps({"choices": [], "usage": REPORTED}).encode() + b"\n\n"
DONE = b"data: [DONE]\n\n"
STREAM = b": comment\n\n" + CHUNK * 3 + USAGE_CHUNK + DONE


def pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    return [whole[start:end] for start, end in pairwise(places)]


def fed(meter: AnswerMeter | StreamMeter, parts: list[bytes]) -> bytes:
    return b"".join(meter.feed(part) for part in parts) + meter.close()


@given(st.lists(st.integers(0, 10_000), max_size=9))
def test_plain_answer_is_metered_wherever_it_is_cut(cuts: list[int]) -> None:
    meter = AnswerMeter()

    assert fed(meter, pieces(ANSWER, cuts)) == ANSWER
    assert meter.usage == LEDGER


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"usage": null}', b"<html>"])
def test_plain_answer_without_usage_reports_none(body: bytes) -> None:
    meter = AnswerMeter()
    fed(meter, [body])

    assert meter.usage is None


@pytest.mark.parametrize("hide", [True, False])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_stream_byte_by_byte_is_the_stream_whole(hide: bool, ending: bytes) -> None:  # noqa: FBT001
    stream = STREAM.replace(b"\n", ending)
    whole, single = StreamMeter(hide_usage=hide), StreamMeter(hide_usage=hide)

    passed = fed(whole, [stream]), fed(single, pieces(stream, list(range(len(stream)))))

    expected = stream.replace(USAGE_CHUNK.replace(b"\n", ending), b"") if hide else stream
    assert passed == (expected, expected)
    for meter in (whole, single):
        assert (meter.usage, meter.complete, meter.failed, meter.output_seen) == (LEDGER, True, False, 3)


@given(st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
def test_stream_cut_anywhere_gives_the_same(cuts: list[int], hide: bool) -> None:  # noqa: FBT001
    meter = StreamMeter(hide_usage=hide)

    passed = fed(meter, pieces(STREAM, cuts))

    assert passed == (STREAM.replace(USAGE_CHUNK, b"") if hide else STREAM)
    assert (meter.usage, meter.complete, meter.output_seen) == (LEDGER, True, 3)


@given(st.integers(0, len(STREAM) - len(DONE)))
def test_stream_that_ends_early_is_not_complete(end: int) -> None:
    meter = StreamMeter(hide_usage=True)
    fed(meter, [STREAM[:end]])

    assert not meter.complete


def test_usage_beside_content_is_read_and_passed_on() -> None:
    """Some providers report with every chunk: the last one counts, none is added."""
    both = [CHUNK.replace(b'"usage":null', b'"usage":{"prompt_tokens":5,"completion_tokens":%d}' % n) for n in (1, 2)]
    meter = StreamMeter(hide_usage=True)

    assert fed(meter, [*both, DONE]) == b"".join([*both, DONE])
    assert meter.usage == Usage(input_text=5, output_text=2)


def test_error_in_the_stream_is_a_failure() -> None:
    meter = StreamMeter(hide_usage=True)
    fed(meter, [CHUNK, b'data: {"error":{"message":"overloaded"}}\n\n', DONE])

    assert (meter.failed, meter.complete) == (True, False)


# Lists and errors ----------------------------------------------------------------------------------------------------
def test_models_are_named_in_their_order() -> None:
    assert model_names(b'{"object":"list","data":[{"id":"b"},{"id":"a","x":1}]}') == ["b", "a"]
    assert model_names(b'{"data":[]}') == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"data":{}}', b'{"data":["a"]}', b'{"data":[{"id":""}]}'])
def test_what_is_no_list_of_models_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        model_names(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"wrong key"}}', "wrong key"),
        (b'{"error":"wrong key"}', "wrong key"),
        (b'{"error":{"message":3}}', ""),
        (b'{"error":null}', ""),
        (b"<html>", ""),
        (b"[]", ""),
    ],
)
def test_message_of_an_error(body: bytes, message: str) -> None:
    assert error_message(body) == message

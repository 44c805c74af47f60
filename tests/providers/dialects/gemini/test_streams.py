"""Streams of Gemini's, read and written. Pure: no test here may touch the database."""

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.base import Asked, Shown
from providers.dialects.canonical import (
    Delta,
    End,
    Event,
    Failed,
    Media,
    Opaque,
    PartEnd,
    PartStart,
    PartWhole,
    Ping,
    Signature,
    Signed,
    Start,
    Stop,
    Stopped,
    Thinking,
    UsageSeen,
)
from providers.dialects.gemini.codec import CODEC
from providers.dialects.gemini.framing import Chunks
from providers.dialects.signatures import wrapped
from providers.dialects.usage import Usage
from tests.providers.dialects import sdk
from tests.providers.dialects.gemini.factories import (
    MODEL,
    SIGNATURE,
    a_stream,
    a_target,
    an_answer,
    an_asked,
    events,
    read,
)
from tests.providers.dialects.said import gathered

OWN = Signature("gemini", MODEL, SIGNATURE)


def _chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return an_answer(*parts, finish=finish, **more)


def _stops(found: list[Event]) -> list[tuple[str, str]]:
    return [(event.stop.reason, event.stop.word) for event in found if isinstance(event, Stopped)]


# Reading -------------------------------------------------------------------------------------------------------------
def test_neighbouring_texts_of_one_kind_are_one_part() -> None:
    found = events(
        a_stream(
            _chunk({"text": "Hm", "thought": True}),
            _chunk({"text": ".", "thought": True}, {"text": "It "}),
            _chunk({"text": "is."}, finish="STOP"),
        )
    )

    assert found[:-2] == [
        Start("anAnswer", MODEL),
        PartStart(0, "thinking"),
        Delta(0, "Hm"),
        Delta(0, "."),
        PartEnd(0),
        PartStart(1, "text"),
        Delta(1, "It "),
        Delta(1, "is."),
        PartEnd(1),
    ]
    assert (_stops(found), found[-1]) == ([("stop", "STOP")], End())


def test_t04_calls_are_numbered_by_one_counter_over_all_chunks() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}

    found = events(a_stream(_chunk(call), _chunk(call, call), _chunk({"text": ""}, finish="STOP")))

    starts = [event for event in found if isinstance(event, PartStart)]
    assert [start.key for start in starts] == [0, 1, 2]
    assert len({start.id for start in starts}) == 3
    assert [event.text for event in found if isinstance(event, Delta)] == ['{"a":1}'] * 3


def test_call_in_any_chunk_is_why_it_stopped() -> None:
    found = events(a_stream(_chunk({"functionCall": {"name": "f"}}), _chunk({"text": "So."}, finish="STOP")))

    assert _stops(found) == [("tool_calls", "STOP")]


def test_t09_signature_of_a_call_is_told_before_its_arguments() -> None:
    part = {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": SIGNATURE}

    found = events(a_stream(_chunk(part, finish="STOP")))

    assert found[1:5] == [PartStart(0, "tool", "c1", "f"), Signed(0, OWN), Delta(0, "{}"), PartEnd(0)]


def test_t09_signature_on_an_empty_last_part_is_a_thought_of_its_own() -> None:
    found = events(
        a_stream(_chunk({"text": "So."}), _chunk({"text": "", "thoughtSignature": SIGNATURE}, finish="STOP"))
    )

    assert found[1:7] == [
        PartStart(0, "text"),
        Delta(0, "So."),
        PartEnd(0),
        PartStart(1, "thinking"),
        Signed(1, OWN),
        PartEnd(1),
    ]


def test_media_and_googles_own_parts_come_whole() -> None:
    code = {"executableCode": {"code": "1"}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}

    found = events(a_stream(_chunk({"text": "See"}, picture, code, {"text": "this"}, finish="STOP")))

    assert [event for event in found if isinstance(event, PartWhole)] == [
        PartWhole(1, Media("image", "image/png", data="AA==")),
        PartWhole(2, Opaque("gemini", "executableCode", code)),
    ]
    assert [event.key for event in found if isinstance(event, PartStart)] == [0, 3]


def test_older_models_say_stop_with_every_chunk() -> None:
    found = events(a_stream(_chunk({"text": "It "}, finish="STOP"), _chunk({"text": "is."}, finish="STOP")))

    assert [event.text for event in found if isinstance(event, Delta)] == ["It ", "is."]
    assert _stops(found) == [("stop", "STOP")]


def test_candidates_are_choices() -> None:
    def candidate(index: int, text: str, **more: Any) -> dict[str, Any]:
        return {"content": {"parts": [{"text": text}], "role": "model"}, "index": index, **more}

    found = events(
        a_stream(
            {"candidates": [candidate(0, "a"), candidate(1, "b")]},
            {"candidates": [candidate(1, "B", finishReason="MAX_TOKENS")]},
            {"candidates": [candidate(0, "A", finishReason="STOP")]},
        )
    )

    answer = gathered(found)
    assert [(choice.parts[0], choice.stop.reason) for choice in answer.choices] == [
        (read({"contents": [{"parts": [{"text": "aA"}]}]}).turns[0].parts[0], "stop"),
        (read({"contents": [{"parts": [{"text": "bB"}]}]}).turns[0].parts[0], "length"),
    ]


def test_candidate_that_never_stopped_makes_the_stream_interrupted() -> None:
    two = {"candidates": [{"index": 0, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}, {"index": 1}]}

    last = events(a_stream(two))[-1]

    assert isinstance(last, Failed)
    assert last.interrupted


def test_usage_is_set_field_by_field_and_never_added() -> None:
    found = events(
        a_stream(
            _chunk(
                {"text": "a"}, usageMetadata={"promptTokenCount": 9, "thoughtsTokenCount": 4, "totalTokenCount": 13}
            ),
            _chunk(
                {"text": "b"}, usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 15}
            ),
            _chunk(finish="STOP", usageMetadata={"candidatesTokenCount": 3, "totalTokenCount": 16}),
            _chunk(finish="STOP", usageMetadata={"trafficType": "ON_DEMAND"}),
        )
    )

    seen = [event.usage.counts() for event in found if isinstance(event, UsageSeen)]
    assert seen[-1] == {"input_text": 9, "output_text": 3, "output_reasoning": 4}


@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE"])
def test_failure_of_the_model_is_an_error_and_never_a_stop(word: str) -> None:
    found = events(a_stream(_chunk({"text": "So"}), _chunk(finish=word)))

    last = found[-1]
    assert isinstance(last, Failed)
    assert (last.interrupted, last.error.kind, last.error.code) == (False, "server", word)
    assert _stops(found) == []


def test_t15_error_within_a_stream_is_the_providers() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}

    found = events(a_stream(_chunk({"text": "So"}), error, _chunk({"text": "more"}, finish="STOP")))

    assert found[-2] == PartEnd(0)
    last = found[-1]
    assert isinstance(last, Failed)
    assert (last.interrupted, last.error.status, last.error.message) == (False, 503, "The model is overloaded.")


def test_part_that_is_none_fails_the_stream_and_nothing_follows() -> None:
    broken = {"content": {"parts": [5]}}
    chunk = {"candidates": [broken, broken], "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}}

    found = events(a_stream(chunk, _chunk({"text": "more"}, finish="STOP")))

    assert [type(event) for event in found] == [Start, Failed]


def test_refused_prompt_stops_without_a_candidate() -> None:
    found = events(a_stream({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}))

    assert _stops(found) == [("content_filter", "SAFETY")]
    assert found[-1] == End()


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b"data: {}\n\n", b"data: 5\n\n", b"data: not JSON\n\n", b"hello", b"[", b"[]", b"{}"]
)
def test_stream_that_says_nothing_is_interrupted(body: bytes) -> None:
    last = events(body)[-1]

    assert isinstance(last, Failed)
    assert last.interrupted


# One JSON array ------------------------------------------------------------------------------------------------------
def _array(*chunks: dict[str, Any]) -> bytes:
    return b"[" + b",\r\n".join(orjson.dumps(chunk) for chunk in chunks) + b"]\n"


AWKWARD = ('a "quoted" \\ back\\', "{[", "]}", "ünï 😀", '\\"', "")


def test_array_is_read_as_events_are() -> None:
    chunks = [*(_chunk({"text": text}) for text in AWKWARD), _chunk(finish="STOP")]

    assert events(_array(*chunks)) == events(a_stream(*chunks))


@given(st.lists(st.integers(0, 2**20), max_size=12), st.sampled_from([0, 4]))
@settings(max_examples=200)
def test_array_gives_equal_events_wherever_it_is_cut(places: list[int], indent: int) -> None:
    chunks = [*(_chunk({"text": text}) for text in AWKWARD), _chunk({"functionCall": {"name": "f"}}, finish="STOP")]
    body = orjson.dumps(chunks, option=orjson.OPT_INDENT_2) if indent else _array(*chunks)
    cuts = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    reader = CODEC.stream_reader(a_target())

    found = [event for start, end in itertools.pairwise(cuts) for event in reader.feed(body[start:end])]

    assert [*found, *reader.close()] == events(a_stream(*chunks))


@given(st.lists(st.integers(0, 2**20), max_size=12))
def test_chunks_are_told_apart_by_the_first_byte_that_is_no_blank(places: list[int]) -> None:
    for body in (b"\xef\xbb\xbf\r\n [{}]", b"\xef\xbb\xbf\n\ndata: {}\n\n", b"\n{}"):
        cuts = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
        chunks = Chunks()

        found = [chunk for start, end in itertools.pairwise(cuts) for chunk in chunks.feed(body[start:end])]

        assert [*found, *chunks.close()] == [b"{}"]


# Writing -------------------------------------------------------------------------------------------------------------
SAID: list[Event] = [
    Start("msg_1", "claude"),
    PartStart(0, "thinking"),
    Delta(0, "Hm."),
    PartEnd(0),
    PartStart(1, "text"),
    Delta(1, "I "),
    Ping(),
    Delta(1, "look."),
    PartEnd(1),
    PartStart(2, "tool", "toolu_1", "weather"),
    Delta(2, '{"city":'),
    Delta(2, '"Rome"}'),
    PartEnd(2),
    Stopped(Stop("tool_calls", "tool_use")),
    UsageSeen(Usage(input_text=5, output_text=7)),
    End(),
]


def _written(said: list[Event], asked: Asked | None = None) -> bytes:
    writer = CODEC.stream_writer(asked or an_asked(stream=True))
    return b"".join(writer.write(event) for event in said)


def _candidates(body: bytes) -> list[dict[str, Any]]:
    chunks = [orjson.loads(line.removeprefix(b"data: ")) for line in body.split(b"\r\n\r\n") if line]
    return [candidate for chunk in chunks for candidate in chunk.get("candidates", [])]


def test_t27_events_have_nothing_but_data() -> None:
    lines = _written(SAID).split(b"\r\n")

    assert {line[:6] for line in lines if line} == {b"data: "}
    assert CODEC.keep_alive == b"\n"


def test_every_chunk_is_a_whole_response() -> None:
    chunks = [orjson.loads(line.removeprefix(b"data: ")) for line in _written(SAID).split(b"\r\n\r\n") if line]

    assert {(chunk["modelVersion"], chunk["responseId"]) for chunk in chunks} == {
        ("asked-model", "0123456789abcdef01234567")
    }
    assert [chunk["candidates"][0]["content"]["parts"] for chunk in chunks] == [
        [{"text": "Hm.", "thought": True}],
        [{"text": "I "}],
        [{"text": "look."}],
        [{"functionCall": {"name": "weather", "args": {"city": "Rome"}, "id": "toolu_1"}}],
        [{"text": ""}],
    ]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["usageMetadata"] == {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}


def test_stream_ends_once_and_says_nothing_after() -> None:
    writer = CODEC.stream_writer(an_asked(stream=True))
    for event in SAID:
        writer.write(event)

    assert [writer.write(event) for event in SAID] == [b""] * len(SAID)
    assert writer.stop_at_cap({}, Usage()) == b""
    assert writer.error(Shown(502, "x", "y")) == b""


def test_array_is_written_whole() -> None:
    body = _written(SAID, an_asked(stream=True, array=True))

    assert [chunk["candidates"] for chunk in orjson.loads(body)] == [[each] for each in _candidates(_written(SAID))]


def test_keep_alive_stands_well_anywhere_in_an_array() -> None:
    writer = CODEC.stream_writer(an_asked(stream=True, array=True))

    body = b"".join(CODEC.keep_alive + writer.write(event) for event in SAID)

    assert len(orjson.loads(body)) == 5


def test_empty_answer_is_one_chunk() -> None:
    said: list[Event] = [Start(), Stopped(Stop("stop")), End()]

    assert [each["finishReason"] for each in _candidates(_written(said))] == ["STOP"]
    assert len(orjson.loads(_written(said, an_asked(array=True)))) == 1


def test_t05_arguments_that_are_no_object_are_an_error_and_nothing_after() -> None:
    said: list[Event] = [Start(), PartStart(0, "tool", "a", "f"), Delta(0, "not JSON"), PartEnd(0), *SAID[-3:]]

    raised = sdk.broken("gemini", _written(said))

    assert raised.status == 502
    assert "no JSON object" in raised.message


def test_t09_another_vendors_proof_comes_back_from_a_stream() -> None:
    proof = Signature("anthropic", "claude", "proof")
    said: list[Event] = [
        PartStart(0, "thinking"), Delta(0, "I th"), Delta(0, "ink."), Signed(0, proof), PartEnd(0),
        PartStart(1, "thinking"), Signed(1, proof), PartEnd(1),
        PartWhole(2, Thinking("", Signature("anthropic", "claude", ""), redacted="hidden")),
        PartStart(3, "text"), Delta(3, "Yes."), PartEnd(3), *SAID[-3:],
    ]  # fmt: skip

    parts = [part for candidate in _candidates(_written(said)) for part in candidate["content"]["parts"]]

    thoughts = [
        part
        for part in read({"contents": [{"role": "model", "parts": parts}]}).turns[0].parts
        if isinstance(part, Thinking)
    ]
    assert [(each.text, each.signature and each.signature.text, each.redacted) for each in thoughts] == [
        ("I think.", "proof", None), ("", "proof", None), ("", "", "hidden"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "parts",
    [
        [{"text": "So."}, {"text": "", "thoughtSignature": SIGNATURE}],
        [{"text": "So.", "thoughtSignature": SIGNATURE}],
        [{"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": SIGNATURE}],
        [{"functionCall": {"name": "f", "args": {}}}],
        [{"executableCode": {"code": "1"}}],
        [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
    ],
)
def test_own_stream_comes_back_as_it_was(parts: list[dict[str, Any]]) -> None:
    ratings = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}]
    chunk = _chunk(*parts, finish="RECITATION")
    chunk["candidates"][0]["safetyRatings"] = ratings

    candidates = _candidates(_written(events(a_stream(chunk))))

    assert [part for each in candidates[:-1] for part in each["content"]["parts"]] == parts
    assert candidates[-1]["finishReason"] == "RECITATION"
    assert candidates[-1]["safetyRatings"] == ratings


def test_log_probabilities_go_along_with_their_text() -> None:
    chunk = _chunk({"text": "Hé"}, finish="STOP")
    chunk["candidates"][0]["logprobsResult"] = {
        "chosenCandidates": [{"token": "Hé", "logProbability": -0.1}],
        "topCandidates": [{"candidates": []}],
    }

    found = events(a_stream(chunk))

    (delta,) = (event for event in found if isinstance(event, Delta))
    assert delta.logprobs["content"][0]["logprob"] == -0.1
    assert _candidates(_written(found))[0]["logprobsResult"] == chunk["candidates"][0]["logprobsResult"]


def test_unfinished_call_is_not_told_when_the_cap_is_met() -> None:
    writer = CODEC.stream_writer(an_asked(stream=True))
    before = b"".join(writer.write(event) for event in SAID[:11])

    body = before + writer.stop_at_cap({"code": "quota-exceeded"}, Usage(input_text=5, output_text=3))

    last = orjson.loads(body.split(b"\r\n\r\n")[-2].removeprefix(b"data: "))
    assert last["problem"] == {"code": "quota-exceeded"}
    assert [each.get("finishReason") for each in _candidates(body)] == [None, None, None, "MAX_TOKENS"]
    assert not any("functionCall" in part for each in _candidates(body) for part in each["content"]["parts"])


def test_wrapped_proof_is_base64_for_googles_sdk() -> None:
    assert sdk.streamed("gemini", _written([
        PartStart(0, "thinking"), Delta(0, "Hm."), Signed(0, Signature("anthropic", "claude", "proof ü")), PartEnd(0), *SAID[-3:],
    ])).choices[0].thinking == "Hm."  # fmt: skip
    assert wrapped(OWN, "gemini") == SIGNATURE

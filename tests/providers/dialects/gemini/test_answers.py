"""Answers in one piece. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects.base import UnreadableAnswer
from providers.dialects.canonical import (
    Answer,
    Choice,
    Media,
    Opaque,
    Part,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
)
from providers.dialects.gemini.codec import CODEC
from providers.dialects.signatures import wrapped
from providers.dialects.usage import Usage
from tests.providers.dialects.gemini.factories import MODEL, SIGNATURE, a_target, an_answer, an_asked, read

OWN = Signature("gemini", MODEL, SIGNATURE)


def _read(content: Any) -> Answer:
    return CODEC.read_answer(orjson.dumps(content), a_target())


def _back(content: dict[str, Any]) -> dict[str, Any]:
    answer = _read(content)
    written: dict[str, Any] = orjson.loads(CODEC.write_answer(answer, an_asked(model=answer.model)))
    return written


def _foreign(*parts: Part, reason: Any = "stop", **more: Any) -> dict[str, Any]:
    answer = Answer("anthropic", "msg_1", "claude", [Choice(list(parts), Stop(reason, "end_turn"))], **more)
    written: dict[str, Any] = orjson.loads(CODEC.write_answer(answer, an_asked()))
    return written


# Reading -------------------------------------------------------------------------------------------------------------
def test_answer_tells_its_parts_and_who_gave_them() -> None:
    answer = _read(
        an_answer(
            {"text": "Hm.", "thought": True},
            {"text": "I look."},
            {"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": SIGNATURE},
        )
    )

    assert (answer.dialect, answer.id, answer.model) == ("gemini", "anAnswer", MODEL)
    (choice,) = answer.choices
    assert choice.parts == [Thinking("Hm."), Text("I look."), ToolCall("c1", "weather", '{"city":"Rome"}', OWN)]
    assert (choice.stop.reason, choice.stop.word) == ("tool_calls", "STOP")


def test_t08_calls_without_ids_get_ones_of_their_answer() -> None:
    call = {"functionCall": {"name": "now", "args": {}}}

    first, again = _read(an_answer(call, call)), _read(an_answer(call, call))
    other = _read({**an_answer(call, call), "responseId": "another"})

    ids = [
        [part.id for part in answer.choices[0].parts if isinstance(part, ToolCall)] for answer in (first, again, other)
    ]
    assert ids[0] == ids[1]
    assert len({*ids[0], *ids[2]}) == 4


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "failed"),
        ("MISSING_THOUGHT_SIGNATURE", "failed"),
        ("NEVER_HEARD", "stop"),
        (1, "stop"),
        (2, "length"),
        (None, "stop"),
    ],
)
def test_word_for_why_it_stopped(word: Any, reason: str) -> None:
    assert _read(an_answer({"text": "So."}, finish=word)).choices[0].stop.reason == reason


def test_unknown_word_without_content_is_a_failure() -> None:
    assert _read(an_answer(finish="NEVER_HEARD")).choices[0].stop.reason == "failed"


def test_refused_prompt_is_a_choice_that_was_filtered() -> None:
    content = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}}

    (choice,) = _read(content).choices

    assert (choice.parts, choice.stop.reason, choice.stop.word) == ([], "content_filter", "PROHIBITED_CONTENT")
    assert _back(content) == content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"error":{"code":500}}',
        b'{"candidates":["x"]}',
        b'{"candidates":[{"content":{"parts":[1]}}]}',
    ],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        CODEC.read_answer(body, a_target())


@pytest.mark.parametrize("junk", [True, 7, "x", {"token": "x"}, [None, 7]])
def test_alternatives_that_are_none_are_none_of_googles(junk: Any) -> None:
    logprobs = {"content": [{"token": "Hé", "logprob": -0.1, "top_logprobs": junk}]}
    answer = Answer("openai", "id", "m", [Choice([Text("Hé")], Stop("stop"), logprobs)])

    (told,) = orjson.loads(CODEC.write_answer(answer, an_asked()))["candidates"]

    assert told["logprobsResult"]["topCandidates"] == [{"candidates": []}]


def test_log_probabilities_are_told_in_openais_form() -> None:
    result = {
        "chosenCandidates": [{"token": "Hé", "logProbability": -0.1, "tokenId": 5}],
        "topCandidates": [{"candidates": [{"token": "Hé", "logProbability": -0.1}, {"token": "Ha"}]}],
    }
    content = an_answer({"text": "Hé"})
    content["candidates"][0]["logprobsResult"] = result

    (choice,) = _read(content).choices

    assert choice.logprobs == {
        "content": [
            {
                "token": "Hé", "logprob": -0.1, "bytes": [72, 195, 169],
                "top_logprobs": [
                    {"token": "Hé", "logprob": -0.1, "bytes": [72, 195, 169]},
                    {"token": "Ha", "logprob": 0, "bytes": [72, 97]},
                ],
            }
        ],
        "refusal": None,
    }  # fmt: skip
    assert _back(content) == content


_words = st.sampled_from(["", "STOP", "x", SIGNATURE])
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | _words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "content",
                    "parts",
                    "text",
                    "thought",
                    "functionCall",
                    "name",
                    "args",
                    "inlineData",
                    "data",
                    "finishReason",
                    "index",
                    "thoughtSignature",
                    "logprobsResult",
                    "chosenCandidates",
                    "topCandidates",
                    "candidates",
                    "token",
                    "promptFeedback",
                    "blockReason",
                    "modality",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_json, _json, _json)
@settings(max_examples=300)
def test_no_json_breaks_the_reader(candidates: Any, feedback: Any, usage: Any) -> None:
    content = {"candidates": candidates, "promptFeedback": feedback, "usageMetadata": usage}
    try:
        answer = _read(content)
    except UnreadableAnswer:
        return

    CODEC.write_answer(answer, an_asked())


# Writing -------------------------------------------------------------------------------------------------------------
def test_foreign_answer_is_one_of_googles() -> None:
    written = _foreign(
        Thinking("Hm."),
        Text("I look."),
        Refusal("No."),
        ToolCall("toolu_1", "weather", '{"city":"Rome"}'),
        Media("image", data="iVBORw0KGgo="),
        Opaque("anthropic", "web_search", {}),
        reason="tool_calls",
        usage=Usage(input_text=5, cache_read=3, cache_write=2, output_text=7, output_reasoning=4),
    )

    assert written == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"text": "I look."},
                        {"text": "No."},
                        {"functionCall": {"name": "weather", "args": {"city": "Rome"}, "id": "toolu_1"}},
                        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 7,
            "totalTokenCount": 21,
            "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 3,
        },
        "modelVersion": "asked-model",
        "responseId": "0123456789abcdef01234567",
    }
    types.GenerateContentResponse.model_validate(written)


def test_kinds_of_tokens_are_told_apart() -> None:
    usage = Usage(input_text=5, input_audio=2, cache_read_image=3, input_tool=9, output_text=1, output_audio=6)

    written = _foreign(Text("So."), usage=usage)["usageMetadata"]

    assert written == {
        "promptTokenCount": 10,
        "candidatesTokenCount": 7,
        "totalTokenCount": 26,
        "cachedContentTokenCount": 3,
        "toolUsePromptTokenCount": 9,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 2}, {"modality": "IMAGE", "tokenCount": 3},
        ],
        "cacheTokensDetails": [{"modality": "IMAGE", "tokenCount": 3}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 1}, {"modality": "AUDIO", "tokenCount": 6}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "STOP"),
        ("stop_sequence", "STOP"),
        ("length", "MAX_TOKENS"),
        ("tool_calls", "STOP"),
        ("content_filter", "SAFETY"),
        ("pause", "MAX_TOKENS"),
    ],
)
def test_why_a_foreign_answer_stopped(reason: str, word: str) -> None:
    assert _foreign(Text("So."), reason=reason)["candidates"][0]["finishReason"] == word


def test_t05_arguments_that_are_no_object_make_the_answer_unreadable() -> None:
    with pytest.raises(UnreadableAnswer, match="no JSON object"):
        _foreign(ToolCall("a", "weather", "not JSON"))


def test_t09_another_vendors_proof_comes_back_with_the_next_request() -> None:
    proof = Signature("anthropic", "claude", "proof")

    parts = _foreign(Thinking("Hm.", proof), Text("Yes."))["candidates"][0]["content"]["parts"]

    assert parts[0] == {"text": "Hm.", "thought": True, "thoughtSignature": wrapped(proof, "gemini")}
    assert read({"contents": [{"role": "model", "parts": parts}]}).turns[0].parts == [
        Thinking("Hm.", proof),
        Text("Yes."),
    ]


@pytest.mark.parametrize(
    "thought",
    [
        Thinking("", Signature("anthropic", "claude", "proof")),
        Thinking("", Signature("anthropic", "claude", ""), redacted="hidden"),
    ],
)
def test_t10_thoughts_that_are_shown_to_nobody_come_back_whole(thought: Thinking) -> None:
    parts = _foreign(thought, Text("Yes."))["candidates"][0]["content"]["parts"]

    back = read({"contents": [{"role": "model", "parts": parts}]}).turns[0].parts[0]

    assert isinstance(back, Thinking)
    assert (back.text, back.signature, back.redacted) == (thought.text, thought.signature, thought.redacted)


@pytest.mark.parametrize(
    "content",
    [
        an_answer({"text": "a"}, {"text": "b"}),
        an_answer({"text": "", "thoughtSignature": SIGNATURE}),
        an_answer({"text": "Yes.", "thoughtSignature": SIGNATURE}),
        an_answer(
            {"text": "Hm.", "thought": True}, {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": SIGNATURE}
        ),
        an_answer({"functionCall": {"name": "f"}}),
        an_answer({"executableCode": {"code": "1"}}, {"codeExecutionResult": {"outcome": "OUTCOME_OK"}}),
        an_answer({"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": SIGNATURE}),
        an_answer({"text": "a"}, createTime="2026-11-26T00:00:00Z", modelStatus={"modelStage": "STABLE"}),
        {
            "candidates": [{"content": {}, "finishReason": "SAFETY", "safetyRatings": [{"blocked": True}]}],
            "responseId": "x",
        },
        {"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]},
        {"candidates": [{"finishReason": "OTHER", "finishMessage": "Because."}]},
        {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": 1}]},
        {"candidates": [{"content": {"parts": [{"text": "a"}]}, "groundingMetadata": {"webSearchQueries": ["x"]}}]},
    ],
)
def test_own_answer_comes_back_as_it_was(content: dict[str, Any]) -> None:
    content["usageMetadata"] = {"promptTokenCount": 3, "totalTokenCount": 3, "trafficType": "ON_DEMAND"}

    assert _back(content) == content

"""T9: proofs of thought there and back. Pure: no test here may touch the database."""

from typing import Any

import pytest

from providers.dialects.canonical import Report, Signature, Text, Thinking, ToolCall, Turn
from providers.dialects.gemini.parts import PLACEHOLDER
from providers.dialects.signatures import wrapped
from tests.providers.dialects.gemini.factories import MODEL, SIGNATURE, a_chat, a_round, a_target, read, sent

OWN = Signature("gemini", MODEL, SIGNATURE)
OTHER_MODEL = Signature("gemini", "gemini-2.5-pro", SIGNATURE)
OTHER_VENDOR = Signature("anthropic", "claude", "proof")


def _signed(*turns: Turn, thinking: Any = "level", **given: Any) -> tuple[list[str | None], Report]:
    body, outgoing = sent(a_chat(*turns), a_target(thinking=thinking), **given)
    parts = [part for content in body["contents"] if content["role"] == "model" for part in content["parts"]]
    return [part.get("thoughtSignature") for part in parts], outgoing.report


def test_t09_echo_on_the_call_goes_back() -> None:
    signed, report = _signed(*a_round(ToolCall("c1", "f", signature=OWN)), signatures={"c1": "kept"})

    assert signed == [SIGNATURE]
    assert report == Report()


def test_t09_echo_as_a_thought_goes_back_on_the_call_behind_it() -> None:
    signed, _ = _signed(*a_round(ToolCall("c1", "f"), Thinking("", OWN)))

    assert signed == [SIGNATURE]


def test_t09_echo_as_a_thought_that_is_told_goes_back_on_the_call_too() -> None:
    body, _ = sent(a_chat(*a_round(ToolCall("c1", "f"), Thinking("Where is it?", OWN))))

    assert body["contents"][1]["parts"] == [
        {"text": "Where is it?", "thought": True},
        {"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": SIGNATURE},
    ]


def test_t09_without_an_echo_the_kept_one_goes_back() -> None:
    signed, _ = _signed(*a_round(ToolCall("c1", "f")), signatures={"c1": SIGNATURE})

    assert signed == [SIGNATURE]


def test_t09_kept_one_of_another_model_does_not() -> None:
    signed, _ = _signed(*a_round(ToolCall("c1", "f")), signatures={"c1": wrapped(OTHER_MODEL, "kept")})

    assert signed == [PLACEHOLDER]


def test_t09_without_either_the_first_call_of_a_turn_has_the_placeholder() -> None:
    turns = [Turn("user", [Text("Hi")]), Turn("assistant", [Text("So."), ToolCall("c1", "f"), ToolCall("c2", "f")])]

    assert _signed(*turns)[0] == [None, PLACEHOLDER, None]
    assert _signed(*turns, thinking="")[0] == [None, PLACEHOLDER, None]


def test_models_that_think_by_budget_need_no_placeholder() -> None:
    assert _signed(*a_round(ToolCall("c1", "f")), thinking="budget")[0] == [None]


@pytest.mark.parametrize("signature", [OTHER_MODEL, OTHER_VENDOR])
def test_t09_after_a_change_of_model_it_is_stripped_and_told(signature: Signature) -> None:
    signed, report = _signed(*a_round(ToolCall("c1", "f", signature=signature)))

    assert signed == [PLACEHOLDER]
    assert report == Report(dropped=["signature"])


@pytest.mark.parametrize(
    "thought",
    [
        Thinking("Hm.", OTHER_MODEL),
        Thinking("Hm.", OTHER_VENDOR),
        Thinking("Hm."),
        Thinking("", OTHER_VENDOR, redacted="x"),
    ],
)
def test_t10_thoughts_of_another_model_are_stripped_and_told(thought: Thinking) -> None:
    body, outgoing = sent(a_chat(Turn("user", [Text("Hi")]), Turn("assistant", [thought, Text("Yes.")])))

    assert body["contents"][1]["parts"] == [{"text": "Yes."}]
    assert outgoing.report == Report(dropped=["thinking" if thought.redacted is None else "redacted_thinking"])


def test_signature_that_nothing_follows_stands_on_an_empty_text() -> None:
    body, _ = sent(a_chat(Turn("user", [Text("Hi")]), Turn("assistant", [Text("Yes."), Thinking("", OWN)])))

    assert body["contents"][1]["parts"] == [{"text": "Yes."}, {"text": "", "thoughtSignature": SIGNATURE}]


@pytest.mark.parametrize(
    "part",
    [
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": PLACEHOLDER},
        {"functionCall": {"name": "f", "args": {}}},
        {"text": "Yes.", "thoughtSignature": SIGNATURE},
        {"text": "", "thoughtSignature": SIGNATURE},
        {"text": "Hm.", "thought": True, "thoughtSignature": SIGNATURE},
        {"text": "Hm.", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": SIGNATURE},
        {"text": "Yes.", "thought": False},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": SIGNATURE},
    ],
)
def test_own_callers_parts_come_back_as_they_were(part: dict[str, Any]) -> None:
    content = {"contents": [{"role": "model", "parts": [part, {"text": "More."}]}]}

    body, outgoing = sent(read(content), a_target(thinking="level"))

    assert body == content
    assert outgoing.report == Report()


def test_own_caller_who_echoes_another_vendors_proof_gets_the_placeholder() -> None:
    text = wrapped(OTHER_VENDOR, "gemini")
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": text}

    body, outgoing = sent(read({"contents": [{"role": "model", "parts": [call]}]}))

    assert body["contents"][0]["parts"][0]["thoughtSignature"] == PLACEHOLDER
    assert outgoing.report == Report(dropped=["thoughtSignature"])

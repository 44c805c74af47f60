"""Errors in and out. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.base import Shown
from providers.dialects.gemini.codec import CODEC
from tests.providers.dialects import sdk
from tests.providers.dialects.gemini.factories import a_target

QUOTA: dict[str, Any] = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"},
        ],
    }
}
BAD_KEY: dict[str, Any] = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    }
}


def _error(status: int, content: Any, headers: dict[str, str] | None = None) -> Any:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return CODEC.read_error(status, headers or {}, body, a_target())


@pytest.mark.parametrize("content", [QUOTA, [QUOTA]])
def test_t25_providers_words_are_found_alone_or_in_a_list(content: Any) -> None:
    error = _error(429, content)

    assert (error.kind, error.status, error.type) == ("rate", 429, "RESOURCE_EXHAUSTED")
    assert error.message == "You exceeded your current quota."


@pytest.mark.parametrize(
    ("delay", "headers", "wait_s"),
    [
        ("17.5s", {}, 17.5),
        ("17s", {"retry-after": "3"}, 17),
        ("soon", {"retry-after": "3"}, 3),
        ("-5s", {}, None),
        ("nans", {}, None),
    ],
)
def test_t26_wish_to_wait_is_read_from_the_body_first(
    delay: str, headers: dict[str, str], wait_s: float | None
) -> None:
    content = {"error": {"code": 429, "message": "x", "details": [{"retryDelay": delay}]}}

    assert _error(429, content, headers).retry_after_s == wait_s


def test_t25_bad_key_is_ours_although_its_status_is_400() -> None:
    error = _error(400, BAD_KEY)

    assert (error.code, error.type) == ("API_KEY_INVALID", "INVALID_ARGUMENT")


def test_field_that_google_complains_of_is_named() -> None:
    details = [{"fieldViolations": [{"field": "contents[0].parts", "description": "empty"}]}]

    assert _error(400, {"error": {"message": "Bad.", "details": details}}).param == "contents[0].parts"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"<!doctype html><title>502</title>", ""),
        (b"upstream connect error", "upstream connect error"),
        (b'{"error":"no such model"}', "no such model"),
        (b'{"message":"Not here."}', "Not here."),
        (b'"words"', "words"),
        (b"[]", ""),
        (b"null", ""),
        (b'{"error":null}', ""),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_every_body_is_an_error(body: bytes, message: str) -> None:
    error = _error(502, body)

    assert (error.status, error.message) == (502, message)


_json = st.recursive(
    st.none() | st.integers(-5, 5) | st.sampled_from(["", "5s", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["error", "code", "message", "status", "details", "retryDelay", "fieldViolations", "field"]
            ),
            inner,
        )
    ),
    max_leaves=15,
)


@given(_json)
def test_no_json_breaks_the_reader_of_errors(content: Any) -> None:
    assert _error(503, content).status == 503


# Out -----------------------------------------------------------------------------------------------------------------
def test_refusal_of_ours_holds_reason_ways_out_and_the_whole_problem() -> None:
    problem = {
        "type": "https://portal.example/problems/quota-exceeded",
        "code": "quota-exceeded",
        "remedies": [{"action": "upgrade_plan", "url": "https://portal.example/fix/x"}, {"action": "wait"}],
    }
    shown = Shown(402, "quota-exceeded", "Used up.", "req_1", problem=problem, retry_after_s=30)

    error = orjson.loads(CODEC.write_error(shown))["error"]

    assert list(error) == ["code", "message", "status", "details", "problem"]
    assert (error["code"], error["status"], error["problem"]) == (402, "RESOURCE_EXHAUSTED", problem)
    assert error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "QUOTA_EXCEEDED",
            "domain": "portal.example",
            "metadata": {"slug": "quota-exceeded"},
        },
        {
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{"description": "Upgrade plan", "url": "https://portal.example/fix/x"}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"},
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "req_1"},
    ]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (402, "RESOURCE_EXHAUSTED"), (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"), (409, "ABORTED"), (410, "NOT_FOUND"), (413, "INVALID_ARGUMENT"), (422, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"), (502, "UNAVAILABLE"), (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED"),
    ],
)  # fmt: skip
def test_status_has_googles_word(status: int, word: str) -> None:
    raised = sdk.refused("gemini", status, CODEC.write_error(Shown(status, "a-code", "What happened.", param="x")))

    assert (raised.status, raised.code, raised.message) == (status, word, "What happened.")

"""Refusals, whatever their shape; and ours. Pure."""

import json
from typing import Any, Final

import pytest

from providers.dialects.base import Shown, Target
from providers.dialects.openai.codec import CODEC
from providers.dialects.openai.errors import message_of
from providers.dialects.profile import ModelFacts, Profile

TARGET: Final = Target(Profile("custom", "Custom"), ModelFacts("m"))


@pytest.mark.parametrize(
    ("body", "message", "code", "type_", "param"),
    [
        ({"error": {"message": "no", "type": "invalid_request_error", "param": "stop", "code": "x"}}, "no", "x", "invalid_request_error", "stop"),
        ({"error": {"message": "no", "code": 400}}, "no", "400", "", ""),
        # xAI
        ({"code": "Client specified an invalid argument", "error": "no"}, "no", "Client specified an invalid argument", "", ""),
        # Ollama
        ({"error": "no"}, "no", "", "", ""),
        # TGI
        ({"error": "no", "error_type": "overloaded"}, "no", "", "overloaded", ""),
        # vLLM, Mistral
        ({"object": "error", "message": "no", "type": "BadRequestError", "param": None, "code": 400}, "no", "400", "BadRequestError", ""),
        ({"message": "no", "request_id": "r"}, "no", "", "", ""),
        # FastAPI, Voyage
        ({"detail": "no"}, "no", "", "", ""),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "no"}]}, "body.x: no", "", "", ""),
        ({"object": "error", "message": {"detail": [{"loc": ["body"], "msg": "no"}]}, "code": "1800"}, "body: no", "1800", "", ""),
        # Google
        ([{"error": {"code": 404, "message": "no", "status": "NOT_FOUND"}}], "no", "404", "NOT_FOUND", ""),
        # Cloudflare
        ({"errors": [{"message": "no", "code": 5007}], "success": False}, "no", "5007", "", ""),
        # Databricks
        ({"error_code": "BAD_REQUEST", "message": "no"}, "no", "BAD_REQUEST", "", ""),
        # OpenRouter, on behalf of another
        ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": '{"error":{"message":"no"}}'}}}, "no", "400", "", ""),
        ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": "no"}}}, "no", "400", "", ""),
        ({"error": {}}, "", "", "", ""),
        ({"error": {"message": 3, "code": [], "type": {}}}, "", "", "", ""),
        ("no", "no", "", "", ""),
        ([], "", "", "", ""),
        (3, "", "", "", ""),
        (None, "null", "", "", ""),
    ],
)  # fmt: skip
def test_t25_words_are_found_in_every_envelope(body: Any, message: str, code: str, type_: str, param: str) -> None:
    error = CODEC.read_error(400, {}, json.dumps(body).encode(), TARGET)

    assert (error.status, error.message, error.code, error.type, error.param) == (400, message, code, type_, param)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"upstream connect error", "upstream connect error"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"<html><h1>502</h1>", ""),
    ],
)
def test_t25_body_that_is_no_json_is_taken_as_words(body: bytes, message: str) -> None:
    assert CODEC.read_error(502, {}, body, TARGET).message == message


def test_long_words_are_cut() -> None:
    assert len(CODEC.read_error(502, {}, b"x" * 100_000, TARGET).message) == 500


def test_t26_time_to_wait_is_read_from_the_head() -> None:
    assert CODEC.read_error(429, {"retry-after": "7"}, b"{}", TARGET).retry_after_s == 7


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
    assert message_of(body) == message


@pytest.mark.parametrize(
    ("status", "type_"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "insufficient_quota"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (409, "conflict_error"),
        (413, "invalid_request_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (502, "server_error"),
        (503, "server_error"),
    ],
)
def test_own_refusal_has_openais_envelope(status: int, type_: str) -> None:
    shown = Shown(status, "a-code", "No.", problem={"code": "a-code"})

    assert json.loads(CODEC.write_error(shown)) == {
        "error": {"message": "No.", "type": type_, "param": None, "code": "a-code", "problem": {"code": "a-code"}}
    }
    assert CODEC.error_headers(shown) == []


def test_providers_refusal_keeps_its_own_type() -> None:
    shown = Shown(400, "unsupported", "No.", param="stop", type="odd_error")

    assert json.loads(CODEC.write_error(shown))["error"] == {
        "message": "No.",
        "type": "odd_error",
        "param": "stop",
        "code": "unsupported",
    }

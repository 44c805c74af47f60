"""Errors in and out. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest

from providers.dialects.base import Shown
from providers.dialects.responses.codec import CODEC
from tests.providers.dialects.responses.factories import target


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "No.", "code": "rate_limit_exceeded", "type": "tokens"}}, "No.", "rate_limit_exceeded"),
        ({"code": "invalid-argument", "error": "No."}, "No.", "invalid-argument"),
        ({"error": "No."}, "No.", ""),
        ({"detail": "No."}, "No.", ""),
        ([{"error": {"message": "No.", "code": 429}}], "No.", "429"),
        ("No.", "No.", ""),
        ({}, "", ""),
        ({"error": {"message": ["No."], "code": {}}}, "", ""),
    ],
)
def test_t25_words_of_a_provider_are_found_in_any_shape(body: Any, message: str, code: str) -> None:
    error = CODEC.read_error(429, {}, orjson.dumps(body), target())

    assert (error.status, error.message, error.code, error.kind) == (429, message, code, "rate")


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"upstream busy", b"\xff\xfe"])
def test_t25_what_is_no_json_is_an_error_all_the_same(body: bytes) -> None:
    error = CODEC.read_error(503, {}, body, target())

    assert error.status == 503
    assert "<" not in error.message


def test_t26_wait_that_the_provider_asks_for_is_read() -> None:
    assert CODEC.read_error(429, {"retry-after": "7"}, b"{}", target()).retry_after_s == 7.0


def test_error_is_written_in_the_envelope_of_openai() -> None:
    shown = Shown(402, "quota-exceeded", "Used up.", problem={"code": "quota-exceeded"})

    assert orjson.loads(CODEC.write_error(shown)) == {
        "error": {
            "message": "Used up.",
            "type": "insufficient_quota",
            "param": None,
            "code": "quota-exceeded",
            "problem": {"code": "quota-exceeded"},
        }
    }

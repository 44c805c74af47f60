"""Errors, in and out. Pure: no test here may touch the database."""

from typing import Any

import orjson
import pytest

from providers.dialects.anthropic.codec import CODEC
from providers.dialects.base import Shown
from tests.providers.dialects.anthropic.factories import target


@pytest.mark.parametrize(
    ("body", "message", "code", "kind"),
    [
        (b'{"type":"error","error":{"type":"not_found_error","message":"No."}}', "No.", "", "not_found_error"),
        (
            b'{"error":{"type":"rate_limit_error","message":"No.","details":{"error_code":"ramp_limit_exceeded"}}}',
            "No.",
            "ramp_limit_exceeded",
            "rate_limit_error",
        ),
        (b'{"error":{"message":"No.","code":"1234","type":"x"}}', "No.", "1234", "x"),
        (b'[{"error":{"code":404,"message":"No.","status":"NOT_FOUND"}}]', "No.", "", "NOT_FOUND"),
        (b'{"code":"bad","error":"No."}', "No.", "bad", ""),
        (b'{"detail":"No."}', "No.", "", ""),
        (b'{"message":"No."}', "No.", "", ""),
        (b"upstream connect error", "upstream connect error", "", ""),
        (b"<html><body>502</body></html>", "", "", ""),
        (b"", "", "", ""),
        (b"[]", "", "", ""),
        (b"null", "", "", ""),
        (b"3", "", "", ""),
        (b'{"error":null}', "", "", ""),
        (b'{"error":{"message":["No."],"type":{},"details":[]}}', "", "", ""),
        (b"\xff\xfe", "\ufffd\ufffd", "", ""),
    ],
)
def test_error_is_read_whatever_stands_around_its_words(body: bytes, message: str, code: str, kind: str) -> None:
    error = CODEC.read_error(400, {}, body, target())

    assert (error.status, error.message, error.code, error.type) == (400, message, code, kind)


def test_wait_that_a_provider_asks_for_is_read() -> None:
    assert CODEC.read_error(529, {"retry-after": "7"}, b"", target()).retry_after_s == 7


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (410, "not_found_error"),
        (413, "invalid_request_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_error_is_shown_by_its_status(status: int, kind: str) -> None:
    shown = Shown(status, "a-code", "What happened.", request_id="req_1", problem={"code": "a-code"})

    assert orjson.loads(CODEC.write_error(shown)) == {
        "type": "error",
        "request_id": "req_1",
        "error": {
            "type": kind,
            "message": "What happened.",
            "details": {"error_code": "a-code"},
            "problem": {"code": "a-code"},
        },
    }


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"status": 402}, {"request-id": "req_1", "x-should-retry": "false"}),
        ({"status": 429, "retry_after_s": 5}, {"request-id": "req_1", "retry-after": "5", "x-should-retry": "true"}),
        ({"status": 503, "retry_after_s": 90}, {"request-id": "req_1", "retry-after": "90", "x-should-retry": "false"}),
    ],
)
def test_headers_say_whether_to_come_again(changes: dict[str, Any], headers: dict[str, str]) -> None:
    shown = Shown(**({"code": "x", "message": "x", "request_id": "req_1"} | changes))

    assert dict(CODEC.error_headers(shown)) == headers

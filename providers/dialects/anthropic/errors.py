"""Errors: what an upstream says, whatever stands around its words, and what callers are shown (402.md's envelope)."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from providers.dialects.base import Headers, Shown, Target
from providers.dialects.canonical import UpstreamError
from providers.dialects.errors import upstream_error

# Of an error that comes within a stream, where the status was 200.
_STATUSES: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    410: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
# Of a text that is no JSON; a page of HTML tells nothing.
_MOST_TEXT: Final = 500
# SDKs repeat at once what will pass soon, and anthropic sleeps as long as it is told.
_SHORT_WAIT_S: Final = 60


# In ------------------------------------------------------------------------------------------------------------------
def read_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
    """Of any body: Anthropic's envelope, OpenAI's, Google's list, a text, a page, nothing."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = body.decode("utf-8", "replace").strip()
    return _error(status, headers, content, target)


def read_stream_error(content: Any, target: Target) -> UpstreamError:
    words = _words(content)
    status = _STATUSES.get(words.get("type", ""), 500)
    return _error(status, {}, content, target)


def _error(status: int, headers: Mapping[str, str], content: Any, target: Target) -> UpstreamError:
    words = _words(content)
    return upstream_error(
        status,
        headers,
        vendor=target.profile.id,
        message=words.get("message", ""),
        code=words.get("code", ""),
        type_=words.get("type", ""),
        param=words.get("param", ""),
    )


def _words(content: Any) -> dict[str, str]:
    if isinstance(content, list):
        return _words(content[0]) if content else {}
    if isinstance(content, str):
        return {} if content.startswith("<") else {"message": content[:_MOST_TEXT]}
    if not isinstance(content, dict):
        return {}
    error = content.get("error", content)
    if not isinstance(error, dict):
        return {**_words(error), "code": _text(content.get("code"))}
    details = error.get("details")
    coded = details.get("error_code") if isinstance(details, dict) else None
    return {
        "message": _text(error.get("message")) or _text(error.get("detail")),
        "code": _text(coded) or _text(error.get("code")),
        "type": _text(error.get("type")) or _text(error.get("status")),
        "param": _text(error.get("param")),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# Out -----------------------------------------------------------------------------------------------------------------
def write_error(shown: Shown) -> bytes:
    return orjson.dumps(_envelope(shown))


def error_event(shown: Shown) -> bytes:
    """The SDK passes over events without their name, errors too."""
    return b"event: error\ndata: " + write_error(shown) + b"\n\n"


def _envelope(shown: Shown) -> dict[str, Any]:
    fallback = "invalid_request_error" if shown.status < 500 else "api_error"
    error: dict[str, Any] = {
        "type": _TYPES.get(shown.status, fallback),
        "message": shown.message,
        # An object with `error_code`, or the SDK shows no code.
        "details": {"error_code": shown.code},
    }
    if shown.problem is not None:
        error["problem"] = shown.problem
    return {"type": "error", "request_id": shown.request_id or None, "error": error}


def error_headers(shown: Shown) -> Headers:
    headers = [("request-id", shown.request_id)] if shown.request_id else []
    wait_s = shown.retry_after_s
    if wait_s is not None:
        headers.append(("retry-after", str(wait_s)))
    soon = shown.status in {429, 503} and wait_s is not None and wait_s <= _SHORT_WAIT_S
    return [*headers, ("x-should-retry", "true" if soon else "false")]

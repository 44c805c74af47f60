"""Errors in and out: what a provider says, in whichever of its shapes, and OpenAI's envelope for callers."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from providers.dialects.base import Headers, Shown, Target
from providers.dialects.canonical import UpstreamError
from providers.dialects.errors import upstream_error

# Of an error within a stream that has no status of its own, by its code or type; all others are the server's.
_STATUSES: Final = {
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "overloaded_error": 503,
    "server_is_overloaded": 503,
    "timeout": 504,
}
# Of an error that is no JSON, so much is kept.
_MOST_TEXT: Final = 500
# By what a program is told to do; what is not named here is the server's.
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    409: "conflict_error",
    410: "invalid_request_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
# SDKs repeat at once what says it will pass within this.
_SHORT_WAIT_S: Final = 60


# In ------------------------------------------------------------------------------------------------------------------
def read_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body[: 4 * _MOST_TEXT].decode("utf-8", "replace").strip()
        # A page says nothing to a program.
        content = "" if text.startswith("<") else text[:_MOST_TEXT]
    return _error(status, headers, content, target)


def error_in_stream(content: Any, target: Target) -> UpstreamError:
    """`content` is an `error` event, or the `error` of a response that failed."""
    told = _told(content)
    status = _STATUSES.get(told["code"]) or _STATUSES.get(told["type"]) or 500
    return _error(status, {}, content, target)


def _error(status: int, headers: Mapping[str, str], content: Any, target: Target) -> UpstreamError:
    told = _told(content)
    return upstream_error(
        status,
        headers,
        vendor=target.profile.id,
        message=told["message"],
        code=told["code"],
        type_=told["type"],
        param=told["param"],
    )


def _told(content: Any) -> dict[str, str]:
    """Its words: OpenAI's envelope, xAI's {code, error}, FastAPI's {detail}, a list of one, a text."""
    if isinstance(content, list):
        content = content[0] if content else None
    if not isinstance(content, dict):
        return {"message": content if isinstance(content, str) else "", "code": "", "type": "", "param": ""}
    inner = content.get("error")
    told = inner if isinstance(inner, dict) else content
    message = told.get("message") or inner or told.get("detail")
    if isinstance(message, list | dict):
        message = orjson.dumps(message).decode()[:_MOST_TEXT]
    return {
        "message": message if isinstance(message, str) else "",
        "code": _word(told.get("code")),
        # Of an event, `type` says that it is an error, and no more.
        "type": _word(told.get("type") if told is inner or told.get("type") != "error" else None),
        "param": _word(told.get("param")),
    }


def _word(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


# Out -----------------------------------------------------------------------------------------------------------------
def write_error(shown: Shown) -> bytes:
    return orjson.dumps({"error": envelope(shown)})


def envelope(shown: Shown) -> dict[str, Any]:
    written: dict[str, Any] = {
        "message": shown.message,
        "type": shown.type or _TYPES.get(shown.status, "server_error"),
        "param": shown.param or None,
        "code": shown.code or None,
    }
    return written if shown.problem is None else {**written, "problem": shown.problem}


def in_stream(shown: Shown) -> dict[str, Any]:
    """Members of an `error` event. Without the inner `error` OpenAI's SDK would not raise."""
    written = envelope(shown)
    return {"code": written["code"], "message": shown.message, "param": written["param"], "error": written}


def error_headers(shown: Shown) -> Headers:
    if shown.retry_after_s is None:
        return []
    short = shown.retry_after_s <= _SHORT_WAIT_S
    return [("retry-after", str(shown.retry_after_s)), ("x-should-retry", "true" if short else "false")]

"""Errors in and out. The envelope is that of OpenAI's chats; within a stream it has places of its own."""

from typing import Any, Final

from providers.dialects.base import Shown, Target
from providers.dialects.canonical import UpstreamError
from providers.dialects.errors import upstream_error
from providers.dialects.openai import errors as openai_errors

# Of an error within a stream, which has no status of its own: by its code or type. All others are the server's.
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
}
_FLAT: Final = ("code", "message", "param")


def read_in_stream(told: Any, target: Target) -> UpstreamError:
    """`told` is an `error` event, or the `error` of a response that failed."""
    if isinstance(told, dict) and not told.get("error"):
        told = {"error": {name: told[name] for name in _FLAT if name in told}}
    error = openai_errors.in_stream(told, target)
    if error is None:
        return upstream_error(500, {}, vendor=target.profile.id, message="The provider gave no reason.")
    status = _STATUSES.get(error.code) or _STATUSES.get(error.type) or error.status
    return upstream_error(
        status,
        {},
        vendor=target.profile.id,
        message=error.message,
        code=error.code,
        type_=error.type,
        param=error.param,
    )


def in_stream(shown: Shown) -> dict[str, Any]:
    """Members of an `error` event. Without the inner `error` OpenAI's SDK would not raise."""
    written = openai_errors.envelope(shown)
    return {**{name: written[name] for name in _FLAT}, "error": written}

"""Refusals, in and out. Those who speak the dialect keep to its envelope the least: a text, a list, a `detail`, a page."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from providers.dialects.base import Headers, Shown, Target
from providers.dialects.canonical import UpstreamError
from providers.dialects.errors import upstream_error

# Of a body that is no JSON: enough to recognise it by.
_MOST_WORDS: Final = 500
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


# In ------------------------------------------------------------------------------------------------------------------
def read(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
    """Of any body. Header names are lower-case."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    if content is None or isinstance(content, str):
        return upstream_error(status, headers, vendor=target.profile.id, message=_words(body, content))
    return _of(status, headers, content, target)


def in_stream(content: Any, target: Target) -> UpstreamError | None:
    """Of an event's data; None where it tells of no error."""
    told = _told(content)
    if told is None:
        return None
    status = told.get("status_code") or told.get("code")
    # The head said 200: without a status of its own it is the server's failure.
    status = status if isinstance(status, int) and 400 <= status < 600 else 500
    return _of(status, {}, content, target)


def message_in(content: Any) -> str:
    """What an error within a body says; empty where it says nothing."""
    told = _told(content)
    return "" if told is None else _message(told)


def message_of(body: bytes) -> str:
    """What a provider says in its refusal; empty where it says nothing that can be read."""
    try:
        return message_in(orjson.loads(body))
    except orjson.JSONDecodeError:
        return ""


def _of(status: int, headers: Mapping[str, str], content: Any, target: Target) -> UpstreamError:
    told = _told(content, refused=True) or {}
    return upstream_error(
        status,
        headers,
        vendor=target.profile.id,
        message=_passed_on(told) or _message(told),
        code=_code(told),
        type_=_text(told.get("type")) or _text(told.get("status")),
        param=_text(told.get("param")),
    )


def _told(content: Any, *, refused: bool = False) -> dict[str, Any] | None:
    """The object that tells. `refused`: the status says that it is an error, so the envelope itself may tell."""
    if isinstance(content, list):
        content = next((each for each in content if isinstance(each, dict)), {})
    if not isinstance(content, dict):
        return None
    error = content.get("error")
    if isinstance(error, dict):
        return error or ({} if refused else None)
    if isinstance(error, str) and error:
        # xAI, Ollama, TGI: the text itself, its code beside it.
        return {"message": error, "code": content.get("code"), "type": content.get("error_type")}
    errors = content.get("errors")
    if isinstance(errors, list) and errors and "choices" not in content:
        first = errors[0]
        return first if isinstance(first, dict) else {"message": _text(first)}
    if content.get("object") == "error" or refused:
        return content
    return None


def _message(told: dict[str, Any]) -> str:
    for name in ("message", "detail", "details", "msg", "error_message", "error_description", "title"):
        value = told.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value:
            # FastAPI: where and what, one by one.
            return "; ".join(_one_of_many(each) for each in value if isinstance(each, dict))
        if isinstance(value, dict) and value:
            return _message(value)
    return ""


def _passed_on(told: dict[str, Any]) -> str:
    """What the provider behind OpenRouter said; OpenRouter's own words are then always the same."""
    metadata = told.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or told.get("message") != "Provider returned error":
        return ""
    return message_of(raw.encode()) or raw[:_MOST_WORDS]


def _one_of_many(each: dict[str, Any]) -> str:
    place = each.get("loc")
    where = ".".join(str(step) for step in place) + ": " if isinstance(place, list) else ""
    return where + (_text(each.get("msg")) or _text(each.get("message")))


def _code(told: dict[str, Any]) -> str:
    return _text(told.get("code")) or _text(told.get("error_code"))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _words(body: bytes, content: str | None) -> str:
    """A page of HTML says nothing to anybody."""
    text = content if content is not None else body[: 4 * _MOST_WORDS].decode("utf-8", "replace")
    text = text.strip()
    return "" if text.startswith("<") else text[:_MOST_WORDS]


# Out -----------------------------------------------------------------------------------------------------------------
def write(shown: Shown) -> bytes:
    return orjson.dumps({"error": envelope(shown)})


def envelope(shown: Shown) -> dict[str, Any]:
    written: dict[str, Any] = {
        "message": shown.message,
        "type": shown.type or _TYPES.get(shown.status, "server_error"),
        "param": shown.param or None,
        "code": shown.code,
    }
    if shown.problem is not None:
        written["problem"] = shown.problem
    return written


def headers(shown: Shown) -> Headers:  # noqa: ARG001 (the problem's own headers say all that this dialect's SDK reads)
    return []

"""Errors: what an upstream says, whatever stands around its words, and what callers are shown (402.md's envelope)."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from providers.dialects.base import Headers, Shown, Target
from providers.dialects.canonical import UpstreamError
from providers.dialects.errors import upstream_error
from providers.dialects.usage import count

_TYPE: Final = "type.googleapis.com/google.rpc."
# google.rpc.Code for callers; Google itself sends RESOURCE_EXHAUSTED with 402.
_STATUSES: Final[Mapping[int, str]] = {
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    410: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    504: "DEADLINE_EXCEEDED",
}
# Of a text that is no JSON; a page of HTML tells nothing.
_MOST_TEXT: Final = 500


# In ------------------------------------------------------------------------------------------------------------------
def read_error(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
    """Of any body: Google's envelope, alone or in a list, OpenAI's, a text, a page, nothing."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = body.decode("utf-8", "replace").strip()
    return _error(status, headers, content, target)


def read_stream_error(content: dict[str, Any], target: Target) -> UpstreamError:
    """Of a chunk with `error`; its code is what the status would have been."""
    error = content.get("error")
    status = count(error.get("code")) if isinstance(error, dict) else None
    return _error(status if status is not None and 400 <= status <= 599 else 500, {}, content, target)


def _error(status: int, headers: Mapping[str, str], content: Any, target: Target) -> UpstreamError:
    vendor = target.profile.id
    if isinstance(content, list):
        content = content[0] if content else ""
    if isinstance(content, str):
        return upstream_error(
            status, headers, vendor=vendor, message="" if content.startswith("<") else content[:_MOST_TEXT]
        )
    error = content.get("error", content) if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return upstream_error(status, headers, vendor=vendor, message=_text(error))
    details = error.get("details")
    listed = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return upstream_error(
        status,
        headers,
        vendor=vendor,
        message=_text(error.get("message")),
        code=_first(listed, "reason") or _text(error.get("code")),
        type_=_text(error.get("status")) or _text(error.get("type")),
        param=_field(listed),
        delay_s=_seconds(_first(listed, "retryDelay")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _first(details: list[dict[str, Any]], name: str) -> str:
    return next((each[name] for each in details if isinstance(each.get(name), str)), "")


def _field(details: list[dict[str, Any]]) -> str:
    """Of google.rpc.BadRequest."""
    for each in details:
        violations = each.get("fieldViolations")
        if isinstance(violations, list) and violations and isinstance(violations[0], dict):
            return _text(violations[0].get("field"))
    return ""


def _seconds(delay: str) -> float | None:
    """A google.protobuf.Duration in JSON: "48s", "0.5s"."""
    try:
        return float(delay.removesuffix("s")) if delay.endswith("s") else None
    except ValueError:
        return None


# Out -----------------------------------------------------------------------------------------------------------------
def write_error(shown: Shown) -> bytes:
    """`error` is the first member: by its beginning alone Google's SDK knows one within a stream."""
    error: dict[str, Any] = {
        "code": shown.status,
        "message": shown.message,
        "status": _STATUSES.get(shown.status, "INVALID_ARGUMENT" if shown.status < 500 else "UNAVAILABLE"),
        "details": _details(shown),
    }
    if shown.problem is not None:
        error["problem"] = shown.problem
    return orjson.dumps({"error": error})


def _details(shown: Shown) -> list[dict[str, Any]]:
    problem = shown.problem or {}
    info: dict[str, Any] = {
        "@type": f"{_TYPE}ErrorInfo",
        "reason": shown.code.upper().replace("-", "_"),
        "domain": urlsplit(_text(problem.get("type"))).netloc,
        "metadata": {"slug": shown.code},
    }
    details = [info]
    links = _links(problem.get("remedies"))
    if links:
        details.append({"@type": f"{_TYPE}Help", "links": links})
    if shown.param:
        violation = {"field": shown.param, "description": shown.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if shown.retry_after_s is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{shown.retry_after_s}s"})
    if shown.request_id:
        details.append({"@type": f"{_TYPE}RequestInfo", "requestId": shown.request_id})
    return details


def _links(remedies: Any) -> list[dict[str, str]]:
    """What can be done about it, best first, as words and an address."""
    listed = [each for each in remedies if isinstance(each, dict)] if isinstance(remedies, list) else []
    return [
        {"description": _text(each.get("action")).replace("_", " ").capitalize(), "url": each["url"]}
        for each in listed
        if isinstance(each.get("url"), str)
    ]


def error_headers(shown: Shown) -> Headers:
    """Google's SDK reads none: what it needs stands in the body."""
    return [] if shown.retry_after_s is None else [("retry-after", str(shown.retry_after_s))]

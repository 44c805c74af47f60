"""A problem as the caller reads it: RFC 9457 on REST routes, OpenAI's envelope on AI routes, a page in a browser.

Status and headers are the same in each form. Links are absolute and of this portal only, hold opaque ids and nothing
else, and lead to pages that exist. Amounts of money appear only for keys that may see them.
"""

import html
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode

import orjson
from django.utils.translation import gettext as _
from django.utils.translation import override

from apipark.problems import ACTIONS, Problem, actions_of, resolvers_of, retry_of, waits_until

Form = Literal["openai", "problem", "html"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# SDKs repeat at once what says it will pass soon; above a minute they are told not to.
_SHORT_WAIT_S: Final = 60


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the call; empty where it never got so far."""

    team_ref: str = ""
    application_ref: str = ""
    key_ref: str = ""
    service_slug: str = ""
    service_ref: str = ""
    subscription_ref: str = ""
    plan_slug: str = ""
    plan_ref: str = ""
    plan_version: int = 0
    invoice_ref: str = ""
    cap_ref: str = ""
    may_see_money: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def choose_form(path: str, accept: bytes, method: str) -> Form:
    """The dialect is the route's; a program may ask for problem+json on any, a browser gets a page on REST routes."""
    if path.startswith("/v1/"):
        return "problem" if b"application/problem+json" in accept else "openai"
    if method in {"GET", "HEAD"} and accept.startswith(b"text/html"):
        return "html"
    return "problem"


def language(accept_language: bytes) -> str:
    """The caller's first wish; what is not offered falls back to English when texts are looked up."""
    first = accept_language.split(b",", 1)[0].split(b";", 1)[0].strip()
    return first[:2].decode("latin-1").lower() if first[:2].isalpha() else "en"


def members_of(members: Any) -> dict[str, Any]:
    """As JSON carries them: instants as RFC 3339, tuples as lists."""
    return {name: _json(value) for name, value in dict(members).items() if value is not None}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return list(value) if isinstance(value, tuple) else value


def render(
    problem: Problem,
    *,
    request_id: str,
    context: Context,
    form: Form,
    public_url: str,
    now: datetime,
    language: str = "en",
    jitter: float = 0.0,
) -> Rendered:
    """`jitter` from 0 to 1 spreads retries, so that callers refused together do not come back together."""
    with override(language):
        content = describe(problem, request_id=request_id, context=context, public_url=public_url)
        retry_after = _retry_after(problem, now, jitter)
        headers = _headers(problem, content, retry_after)
        if form == "html":
            return Rendered(problem.status, [*headers, *_HTML_HEADERS], _page(problem, content, public_url, language))
        if form == "problem":
            return Rendered(
                problem.status, [*headers, (b"content-type", b"application/problem+json")], orjson.dumps(content)
            )
        body = orjson.dumps({"error": _openai_error(problem, content)})
        return Rendered(problem.status, [*headers, (b"content-type", b"application/json")], body)


def describe(problem: Problem, *, request_id: str, context: Context, public_url: str) -> dict[str, Any]:
    """The body of RFC 9457 with our members, in the active language."""
    kind = problem.type
    members = _allowed(problem, context)
    links = _links(problem, request_id, context, public_url)
    content: dict[str, Any] = {
        "type": f"{public_url}/problems/{kind.slug}",
        "title": _(kind.title),
        "status": kind.status,
        "detail": _detail(problem, members, context),
        "instance": f"{public_url}/calls/{request_id}/",
        "request_id": request_id,
        "code": kind.slug,
        "cause": _cause(problem),
        "retry": retry_of(problem),
        "resolver": list(resolvers_of(problem)),
    }
    if context.team_ref:
        content |= {"team": context.team_ref, "application": context.application_ref}
    if context.service_ref:
        content["service"] = context.service_ref
    if context.subscription_ref:
        content |= {
            "subscription": context.subscription_ref,
            "plan": {"id": context.plan_slug, "version": context.plan_version},
        }
    content |= members
    if problem.retry_after is not None:
        content["retry_after"] = problem.retry_after
    content["remedies"] = [_remedy(action, problem, links) for action in actions_of(problem)]
    content["links"] = links
    return content


def _allowed(problem: Problem, context: Context) -> dict[str, Any]:
    """By the privacy rule: amounts of money only for keys that may see them, the cap of this very key excepted."""
    members = {name: _time(name, value) for name, value in problem.members.items()}
    cap = members.get("cap")
    if isinstance(cap, dict) and not context.may_see_money and cap.get("scope") != "key":
        members["cap"] = {name: value for name, value in cap.items() if name != "limit"}
    if not context.may_see_money:
        members.pop("decline_category", None)
    return members


def _time(name: str, value: Any) -> Any:
    """Instants of the hot path come as microseconds."""
    if name.endswith("_at") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _cause(problem: Problem) -> str:
    if problem.slug == "subscription-incomplete" and problem.members.get("declined"):
        return "payment_method_issue"
    return problem.type.cause


def _remedy(name: str, problem: Problem, links: dict[str, str]) -> dict[str, Any]:
    action = ACTIONS[name]
    described: dict[str, Any] = {"action": name, "resolver": action.resolver}
    if action.effect:
        described["effect"] = action.effect
    if name == "wait":
        until = waits_until(problem)
        return described | ({"until": until} if until else {})
    if action.page in links:
        described["url"] = links[action.page]
    return described


def _resets_at(problem: Problem) -> str | None:
    for name in ("quota", "cap"):
        value = problem.members.get(name)
        if isinstance(value, dict) and value.get("resets_at"):
            return str(value["resets_at"])
    return None


def _links(problem: Problem, request_id: str, context: Context, public_url: str) -> dict[str, str]:
    cap = problem.members.get("cap")
    ids = {
        "sub": context.subscription_ref,
        "app": context.application_ref,
        "svc": context.service_ref,
        "cap": context.cap_ref or (cap.get("id", "") if isinstance(cap, dict) else ""),
        "inv": context.invoice_ref if problem.status == 402 else "",
        "key": context.key_ref if problem.status in {401, 403} else "",
        "ref": request_id,
    }
    fix = urlencode({name: value for name, value in ids.items() if value})
    about = urlencode({name: ids[name] for name in ("svc", "ref") if ids[name]})
    service = f"{public_url}/services/{context.service_slug}/" if context.service_slug else f"{public_url}/services/"
    usage = f"{public_url}/usage/" + (f"?{urlencode({'sub': ids['sub']})}" if ids["sub"] else "")
    known = {
        "fix": f"{public_url}/fix/{problem.slug}/?{fix}",
        "usage": usage,
        "plans": f"{service}plans/" if context.service_slug else service,
        "contact": f"{public_url}/contact/?{about}",
        "docs": service,
        "problem": f"{public_url}/problems/{problem.slug}",
        "standing": f"{public_url}/v1/standing",
        "status": f"{public_url}/readyz",
    }
    return {name: known[name] for name in _SHOWN_LINKS.get(problem.status, ("docs", "problem"))}


_SHOWN_LINKS: Final[dict[int, tuple[str, ...]]] = {
    402: ("fix", "usage", "plans", "contact", "docs", "problem", "standing"),
    401: ("fix", "contact", "docs", "problem"),
    403: ("fix", "contact", "docs", "problem"),
    429: ("usage", "docs", "problem", "standing"),
    502: ("status", "contact", "problem"),
    503: ("status", "contact", "problem"),
    504: ("status", "contact", "problem"),
}


def _detail(problem: Problem, members: dict[str, Any], context: Context) -> str:
    """Names the limit, the amount and the date."""
    quota = members.get("quota")
    if isinstance(quota, dict):
        return _(
            "%(used)s of %(limit)s %(metric)s of plan %(plan)s are used in this period; this call needs %(requested)s. They reset on %(date)s."
        ) % {
            "used": f"{quota['used'] + quota['held']:,}",
            "limit": f"{quota['limit']:,}",
            "metric": _(_METRICS[quota["metric"]]),
            "plan": context.plan_slug,
            "requested": f"{quota['requested']:,}",
            "date": _day(quota["resets_at"]),
        }
    cap = members.get("cap")
    if isinstance(cap, dict):
        sentence = _("The cap on %(metric)s of the %(scope)s is reached.") % {
            "metric": _(_METRICS[cap["metric"]]),
            "scope": _(_SCOPES[cap["scope"]]),
        }
        return sentence + (
            " " + _("It resets on %(date)s.") % {"date": _day(cap["resets_at"])} if cap.get("resets_at") else ""
        )
    errors = members.get("errors")
    if isinstance(errors, list) and errors:
        return " ".join(str(error.get("message", "")) for error in errors)
    if problem.slug == "plan-upgrade-required":
        return _("Plan %(plan)s does not include %(feature)s.") % {
            "plan": context.plan_slug,
            "feature": members.get("feature", ""),
        }
    if problem.slug == "request-too-large":
        return _("The request is larger than %(limit)s bytes.") % {"limit": f"{members['limit']:,}"}
    dated = next((value for name, value in members.items() if name.endswith("_at") and isinstance(value, str)), None)
    sentence = _(problem.type.meaning)
    return sentence + (
        " " + _("Since %(date)s.") % {"date": _day(dated)} if dated and problem.status in {401, 402} else ""
    )


_METRICS: Final = {"calls": "calls", "bytes": "bytes", "tokens": "tokens", "spend": "spending"}
_SCOPES: Final = {"team": "team", "application": "application", "key": "key", "plan": "plan"}


def _day(rfc3339: str) -> str:
    at = datetime.strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return f"{at.day} {at:%B %Y at %H:%M} UTC"


def _retry_after(problem: Problem, now: datetime, jitter: float) -> int | None:
    """Whole seconds, present only where waiting alone helps."""
    if problem.retry_after is not None and problem.status in {429, 503}:
        return problem.retry_after + int(problem.retry_after * 0.2 * jitter + 0.5)
    resets_at = _resets_at(problem)
    if problem.status == 402 and resets_at:
        end = datetime.strptime(resets_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return max(1, int((end - now).total_seconds()) + 1)
    return None


def _headers(problem: Problem, content: dict[str, Any], retry_after: int | None) -> list[tuple[bytes, bytes]]:
    short = problem.status in {429, 503} and retry_after is not None and retry_after <= _SHORT_WAIT_S
    headers = [
        (b"cache-control", b"no-store"),
        (b"x-problem", problem.slug.encode()),
        (b"x-should-retry", b"true" if short else b"false"),
        (b"link", _link_header(content["links"])),
        (
            b"access-control-expose-headers",
            b"X-Request-Id, X-Problem, X-Billing-Notice, Link, Retry-After, RateLimit, RateLimit-Policy",
        ),
    ]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    if problem.status == 401:
        known = b"" if problem.slug == "credentials-missing" else b', error="invalid_token"'
        headers.append((b"www-authenticate", b'Bearer realm="apipark"' + known))
    quota = problem.members.get("quota")
    if isinstance(quota, dict) and quota["metric"] in {"calls", "bytes"} and retry_after:
        policy = str(problem.members["violated_policies"][0])
        left = max(0, quota["limit"] - quota["used"] - quota["held"])
        headers.append((b"ratelimit-policy", f'"{policy}";q={quota["limit"]};qu="{quota["unit"]}"'.encode()))
        headers.append((b"ratelimit", f'"{policy}";r={left};t={retry_after}'.encode()))
    return headers


def _link_header(links: dict[str, str]) -> bytes:
    relations = {"problem": "describedby", "fix": "payment", "contact": "help", "docs": "service-doc"}
    return ", ".join(
        f'<{links[name]}>; rel="{relation}"' for name, relation in relations.items() if name in links
    ).encode()


_OPENAI_TYPES: Final = {
    401: "authentication_error", 402: "insufficient_quota", 403: "permission_error", 409: "conflict_error",
    429: "rate_limit_error", 502: "server_error", 503: "server_error", 504: "server_error",
}  # fmt: skip


def _openai_error(problem: Problem, content: dict[str, Any]) -> dict[str, Any]:
    """Many tools print only the message, so it ends with the first link."""
    message = content["detail"]
    first = next((remedy["url"] for remedy in content["remedies"] if "url" in remedy), None)
    if first and problem.status in {401, 402, 403}:
        message += " " + _("Fix it: %(url)s") % {"url": first}
    errors = problem.members.get("errors")
    param = errors[0]["field"].removeprefix("/") if errors else None
    return {
        "message": message,
        "type": _OPENAI_TYPES.get(problem.status, "invalid_request_error"),
        "param": param,
        "code": problem.slug,
        "problem": content,
    }


_HTML_HEADERS: Final = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
]


def _page(problem: Problem, content: dict[str, Any], public_url: str, language: str) -> bytes:
    """Without scripts, and without data of the upstream."""
    text = html.escape
    buttons = "".join(
        f'<a class="button{" primary" if index == 0 else ""}" href="{text(remedy["url"])}">{text(_(ACTIONS[remedy["action"]].title))}</a>'
        for index, remedy in enumerate(each for each in content["remedies"] if "url" in each)
    )
    sheets = "".join(
        f'<link rel="stylesheet" href="{text(public_url)}/static/css/{name}.css">'
        for name in ("tokens", "base", "components", "pages")
    )
    return (
        f'<!doctype html><html lang="{text(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{text(content["title"])} · APIPark</title>{sheets}</head>'
        f'<body class="shell bare"><main class="main gate"><h1>{text(content["title"])}</h1><p>{text(content["detail"])}</p>'
        f'<div class="actions">{buttons}</div><p class="quiet">{problem.status} · {text(content["request_id"])}</p></main></body></html>'
    ).encode()

"""A problem as the caller reads it: RFC 9457 on REST routes, OpenAI's envelope on AI routes, a page in a browser.

Status and headers are the same in each form. Links are absolute, of this portal only, and lead to pages that exist; they
hold opaque ids and nothing else. Amounts of money appear only for keys that may see them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

import orjson
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.utils.translation.trans_real import parse_accept_lang_header

from apipark import money
from apipark.problems import (
    ACTIONS,
    Problem,
    actions_of,
    renews_at,
    resolvers_of,
    retry_of,
    waits_until,
)
from providers.dialects.base import Shown
from providers.dialects.registry import CALLERS
from proxy import refusal_page, wording
from proxy.routing import dialect_of

Form = Literal["openai", "responses", "anthropic", "gemini", "problem", "html"]
# SDKs repeat at once what says it will pass soon; above a minute they are told not to.
_SHORT_WAIT_S: Final = 60
# Callers refused together must not come back together.
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the call; empty where it never got so far."""

    team_ref: str = ""
    application_ref: str = ""
    key_ref: str = ""
    service_slug: str = ""
    # For people; programs read the slug.
    service_name: str = ""
    service_ref: str = ""
    subscription_ref: str = ""
    plan_slug: str = ""
    plan_ref: str = ""
    plan_name: str = ""
    plan_version: int = 0
    invoice_ref: str = ""
    cap_ref: str = ""
    # Of the plan, and of what is owed.
    currency: str = ""
    amount_due_minor: int = 0
    payment_declined: bool = False
    decline_category: str = ""
    may_see_money: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def choose_form(path: str, headers: Mapping[bytes, bytes], method: str) -> Form:
    """The dialect is the route's; a program may ask for problem+json on any, a browser gets a page on REST routes."""
    accept = headers.get(b"accept", b"")
    if path.startswith(("/v1/", "/v1beta/")):
        return "problem" if b"application/problem+json" in accept else dialect_of(path, headers)
    if method in {"GET", "HEAD"} and b"text/html" in accept and _prefers_page(accept):
        return "html"
    return "problem"


def _prefers_page(accept: bytes) -> bool:
    """RFC 9110, section 12.5.1; of equal wishes the program's form wins."""
    wishes: dict[str, float] = {}
    for part in accept[:1000].decode("latin-1").lower().split(","):
        name, _semicolon, parameters = part.partition(";")
        _before, equals, quality = parameters.partition("q=")
        try:
            wishes[name.strip()] = float(quality.split(";")[0]) if equals else 1.0
        except ValueError:
            wishes[name.strip()] = 0.0
    json = max(wishes.get("application/json", 0.0), wishes.get("application/problem+json", 0.0))
    return wishes.get("text/html", 0.0) > json


def language(accept_language: bytes) -> str:
    """The caller's dearest wish among the languages on offer: catalogues of others are never looked for on disk."""
    offered = dict(settings.LANGUAGES)
    for wish, _quality in parse_accept_lang_header(accept_language[:200].decode("latin-1").lower()):
        for code in (wish, wish.partition("-")[0]):
            if code in offered:
                return code
    return str(settings.LANGUAGE_CODE)


def members_of(members: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON carries them: instants as RFC 3339, tuples as lists."""
    return {name: _json(value) for name, value in members.items() if value is not None}


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
    """`jitter` from 0 to 1. The header X-Request-Id is set by who answers, on every answer."""
    with override(language):
        wait_s = _retry_after(problem, now, jitter)
        content = describe(
            problem,
            request_id=request_id,
            context=context,
            public_url=public_url,
            wait_s=wait_s if _short(problem) else None,
        )
        headers = _headers(problem, content, wait_s, public_url)
        if form == "html":
            page = refusal_page.page(content, public_url, language)
            return Rendered(problem.status, [*headers, *refusal_page.headers(public_url)], page)
        if form == "problem":
            media_type, body = b"application/problem+json", orjson.dumps(content)
        else:
            shown = shown_as(problem, content, wait_s)
            media_type, body = b"application/json", CALLERS[form].write_error(shown)
            headers += [(name.encode(), value.encode()) for name, value in CALLERS[form].error_headers(shown)]
    return Rendered(problem.status, [*headers, (b"content-type", media_type)], body)


def describe(
    problem: Problem,
    *,
    request_id: str,
    context: Context,
    public_url: str,
    wait_s: int | None = None,
    recorded: bool = True,
) -> dict[str, Any]:
    """The body of RFC 9457 with our members, in the active language.

    `recorded`: the call stands in the list of calls, so that links may name it. `wait_s` is what Retry-After says.
    """
    kind = problem.type
    wait_s = problem.retry_after if wait_s is None else wait_s
    members = _allowed(problem, context)
    known = recorded and bool(context.application_ref) and problem.status != 401
    links = _links(problem, request_id if recorded else "", context, public_url)
    told = wording.Told(members, context.plan_name or context.plan_slug, context.service_name or context.service_slug)
    content: dict[str, Any] = {
        "type": f"{public_url}/problems/{kind.slug}",
        "title": _(kind.title),
        "status": kind.status,
        "detail": wording.sentence(kind, told, wait_s=wait_s),
    }
    if known:
        content["instance"] = f"{public_url}/calls/{request_id}/"
    content |= {
        "request_id": request_id,
        "code": kind.slug,
        "cause": _cause(problem, context),
        "retry": retry_of(problem),
        "resolver": list(resolvers_of(problem)),
    }
    content |= _who(context) | members
    if "retry_after" in kind.members and wait_s is not None:
        content["retry_after"] = wait_s
    content["remedies"] = [_remedy(action, problem, links) for action in actions_of(problem)]
    content["links"] = links
    return content


def _who(context: Context) -> dict[str, Any]:
    refs = {
        "team": context.team_ref,
        "application": context.application_ref,
        "service": context.service_ref,
        "subscription": context.subscription_ref,
    }
    known: dict[str, Any] = {name: ref for name, ref in refs.items() if ref}
    if context.plan_slug:
        known["plan"] = {"id": context.plan_slug, "version": context.plan_version}
    return known


def _allowed(problem: Problem, context: Context) -> dict[str, Any]:
    """By the privacy rule: money only for keys that may see it, the cap of this very key excepted."""
    members = {name: _time(name, value) for name, value in problem.members.items()}
    if cap := members.get("cap"):
        members["cap"] = _allowed_cap(cap, context)
    if members.get("meter") == "spend" and not context.may_see_money:
        members = {name: value for name, value in members.items() if name not in {"available", "held"}}
    if context.may_see_money and "amount_due" in problem.type.members:
        if context.amount_due_minor:
            amount = money.minor_text(context.amount_due_minor, context.currency)
            members["amount_due"] = {"amount": amount, "currency": context.currency}
        if context.decline_category:
            members["decline_category"] = context.decline_category
    return members


def _allowed_cap(cap: Mapping[str, Any], context: Context) -> dict[str, Any]:
    if cap["metric"] != "spend":
        return dict(cap)
    if context.may_see_money or cap["scope"] == "key":
        return dict(cap) | ({"currency": context.currency} if context.currency else {})
    return {name: value for name, value in cap.items() if name != "limit"}


def _time(name: str, value: Any) -> Any:
    """Instants of the hot path come as microseconds since 1970."""
    if name.endswith("_at") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _cause(problem: Problem, context: Context) -> str:
    if problem.slug == "subscription-incomplete" and context.payment_declined:
        return "payment_method_issue"
    return problem.type.cause


def _remedy(name: str, problem: Problem, links: Mapping[str, str]) -> dict[str, Any]:
    action = ACTIONS[name]
    remedy: dict[str, Any] = {"action": name, "resolver": action.resolver}
    if action.effect:
        remedy["effect"] = action.effect
    if name == "wait" and (until := waits_until(problem)):
        remedy["until"] = until
    if action.page in links:
        remedy["url"] = links[action.page]
    return remedy


# Links ----------------------------------------------------------------------------------------------------------------
_BUYING: Final = frozenset({"subscription-required", "subscription-ended", "trial-ended"})
_PAYING: Final = frozenset(
    {
        "subscription-incomplete",
        "payment-declined",
        "payment-authentication-required",
        "payment-overdue",
        "account-suspended-billing",
    }
)


def _links(problem: Problem, request_id: str, context: Context, public_url: str) -> dict[str, str]:
    service = f"{public_url}/services/{context.service_slug}/" if context.service_slug else f"{public_url}/services/"
    about = {"svc": context.service_ref, "ref": request_id}
    links: dict[str, str] = {}
    for name in problem.type.links:
        match name:
            case "fix":
                links[name] = f"{public_url}/fix/{problem.slug}/{_query(_fix_ids(problem, request_id, context))}"
            case "usage":
                links[name] = f"{public_url}/usage/{_query({'sub': context.subscription_ref})}"
            case "plans":
                links[name] = f"{service}plans/" if context.service_slug else service
            case "contact":
                links[name] = f"{public_url}/contact/{_query(about)}"
            case "docs":
                links[name] = service
            case "problem":
                links[name] = f"{public_url}/problems/{problem.slug}"
            case "standing":
                links[name] = f"{public_url}/v1/standing"
            case "status":
                links[name] = f"{public_url}/readyz"
    return links


def _fix_ids(problem: Problem, request_id: str, context: Context) -> dict[str, str]:
    """What the page behind the link has to know, and no more."""
    if problem.status != 402:
        return {"app": context.application_ref, "key": context.key_ref, "ref": request_id}
    ids = {"sub": context.subscription_ref, "app": context.application_ref}
    if problem.slug in _BUYING or not context.subscription_ref:
        ids["svc"] = context.service_ref
    if cap := problem.members.get("cap"):
        ids["cap"] = context.cap_ref or cap["id"]
    if problem.slug in _PAYING:
        ids["inv"] = context.invoice_ref
    return ids | {"ref": request_id}


def _query(ids: Mapping[str, str]) -> str:
    """Refs are letters, digits and an underscore: nothing to escape."""
    given = [f"{name}={ref}" for name, ref in ids.items() if ref]
    return "?" + "&".join(given) if given else ""


# Headers --------------------------------------------------------------------------------------------------------------
_EXPOSED: Final = b"X-Request-Id, X-Problem, X-Billing-Notice, Link, Retry-After, RateLimit, RateLimit-Policy"
_RATED: Final = frozenset({"calls", "bytes"})


def _headers(
    problem: Problem, content: Mapping[str, Any], wait_s: int | None, public_url: str
) -> list[tuple[bytes, bytes]]:
    soon = _short(problem) and wait_s is not None and wait_s <= _SHORT_WAIT_S
    headers = [
        (b"cache-control", b"no-store"),
        (b"x-problem", problem.slug.encode()),
        (b"x-should-retry", b"true" if soon else b"false"),
        (b"link", _link_header(problem, content, public_url)),
        (b"access-control-expose-headers", _EXPOSED),
    ]
    if wait_s is not None:
        headers.append((b"retry-after", b"%d" % wait_s))
    if problem.status == 401:
        error = b"" if problem.slug == "credentials-missing" else b', error="invalid_token"'
        headers.append((b"www-authenticate", b'Bearer realm="apipark"' + error))
    return headers + _rate_headers(problem, wait_s)


def _short(problem: Problem) -> bool:
    """Waits of seconds, by our own word; those of allowances are given by the calendar."""
    return problem.status in {429, 503}


def _retry_after(problem: Problem, now: datetime, jitter: float) -> int | None:
    """Whole seconds, present only where waiting alone helps."""
    if _short(problem):
        wait_s = problem.retry_after
        return None if wait_s is None else wait_s + int(wait_s * _JITTER * jitter + 0.5)
    renews = renews_at(problem) if problem.status == 402 else ""
    return max(1, math.ceil((wording.parse(renews) - now).total_seconds())) if renews else None


def _rate_headers(problem: Problem, wait_s: int | None) -> list[tuple[bytes, bytes]]:
    """draft-ietf-httpapi-ratelimit-headers: it has units for requests and bytes only, so tokens and money are not here."""
    members = problem.members
    quota = members.get("quota")
    if quota and quota["metric"] in _RATED:
        name, unit, limit = members["violated_policies"][0], quota["unit"], quota["limit"]
        left = max(0, limit - quota["used"] - quota["held"])
        start, end = wording.parse(quota["period_start"]), wording.parse(quota["resets_at"])
        window_s = int((end - start).total_seconds())
    elif problem.slug == "rate-limit-exceeded" and "limit" in members:
        name, unit, limit, left, window_s = members["violated_policies"][0], "requests", members["limit"], 0, 60
    else:
        return []
    state = f'"{name}";r={left}' + (f";t={wait_s}" if wait_s is not None else "")
    return [
        (b"ratelimit-policy", f'"{name}";q={limit};w={window_s};qu="{unit}"'.encode()),
        (b"ratelimit", state.encode()),
    ]


def _link_header(problem: Problem, content: Mapping[str, Any], public_url: str) -> bytes:
    """RFC 8288; usage and fixes without payment have no registered relation, hence URIs of our own."""
    relations = {
        "problem": "describedby",
        "fix": "payment" if problem.status == 402 else f"{public_url}/rels/fix",
        "usage": f"{public_url}/rels/usage",
        "contact": "help",
        "docs": "service-doc",
    }
    links = content["links"]
    parts = [
        f'<{links[name]}>; rel="{relation}"' + (_title(content) if name == "fix" else "")
        for name, relation in relations.items()
        if name in links
    ]
    return ", ".join(parts).encode()


def _title(content: Mapping[str, Any]) -> str:
    fix = content["links"]["fix"]
    first = next((remedy["action"] for remedy in content["remedies"] if remedy.get("url") == fix), None)
    if first is None:
        return ""
    title = _(ACTIONS[first].title)
    # RFC 8187: header values are ASCII.
    return f'; title="{title}"' if title.isascii() else f"; title*=UTF-8''{quote(title, safe='')}"


# The dialect ----------------------------------------------------------------------------------------------------------
def shown_as(problem: Problem, content: dict[str, Any], wait_s: int | None = None) -> Shown:
    """For the caller's dialect. Many tools print only the message, so it ends with the first link."""
    message = content["detail"]
    first = next((remedy["url"] for remedy in content["remedies"] if "url" in remedy), None)
    if first and problem.status in {401, 402, 403}:
        message = f"{message} " + _("Fix it: %(url)s") % {"url": first}
    errors = problem.members.get("errors")
    field = errors[0]["field"].removeprefix("/") if errors else ""
    return Shown(
        status=problem.status,
        code=problem.slug,
        message=message,
        request_id=content["request_id"],
        param="model" if problem.slug == "model-not-found" else field,
        problem=content,
        retry_after_s=wait_s,
    )

import dataclasses
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from apipark.problems import PROBLEMS, ProblemType, refuse, schema
from proxy.refusals import Context, Form, Rendered, choose_form, language, members_of, render
from tests.schemas import violations

PUBLIC_URL = "https://portal.example"
REQUEST = "req_01jd3q5w"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
KNOWN = Context(
    team_ref="team_4kd",
    application_ref="app_77c",
    key_ref="key_9d1",
    service_slug="weather",
    service_ref="svc_w34",
    subscription_ref="sub_9f2",
    plan_slug="starter",
    plan_ref="plan_5s1",
    plan_name="Starter",
    plan_version=3,
    invoice_ref="inv_7h2",
    currency="USD",
    amount_due_minor=4900,
    decline_category="insufficient_funds",
)
QUOTA = PROBLEMS["quota-exceeded"].example["quota"]
CAP: dict[str, Any] = {
    "id": "cap_8f2",
    "scope": "application",
    "set_by": "customer",
    "metric": "spend",
    "resets_at": "2026-12-01T00:00:00Z",
    "limit": "5.00",
}


def rendered(
    slug: str,
    *,
    context: Context = KNOWN,
    form: Form = "problem",
    retry_after: int | None = None,
    jitter: float = 0.0,
    language: str = "en",
    **members: Any,
) -> Rendered:
    return render(
        refuse(slug, retry_after=retry_after, **members),
        request_id=REQUEST,
        context=context,
        form=form,
        public_url=PUBLIC_URL,
        now=NOW,
        language=language,
        jitter=jitter,
    )


def as_of(kind: ProblemType, context: Context = KNOWN, form: Form = "problem") -> Rendered:
    example = {name: value for name, value in kind.example.items() if name != "retry_after"}
    return rendered(kind.slug, context=context, form=form, retry_after=kind.example.get("retry_after"), **example)


def headers(answer: Rendered) -> dict[str, str]:
    names = [name for name, _ in answer.headers]
    assert len(names) == len(set(names))
    return {name.decode(): value.decode() for name, value in answer.headers}


def body(answer: Rendered) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(answer.body)
    return content


@pytest.mark.parametrize("context", [KNOWN, Context()], ids=["known", "unknown"])
@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_each_problem_fits_its_schema_and_leads_only_to_this_portal(kind: ProblemType, context: Context) -> None:
    answer = as_of(kind, context)

    content = body(answer)
    assert violations(content, schema(kind)) == []
    assert set(content["links"]) == set(kind.links)
    urls = re.findall(r'https?://[^"\\>]+', answer.body.decode() + headers(answer)["link"])
    assert {url.split("/")[2] for url in urls} == {"portal.example"}
    assert headers(answer)["x-problem"] == kind.slug
    assert headers(answer)["cache-control"] == "no-store"
    assert answer.status == kind.status


@pytest.mark.parametrize("kind", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_money_is_told_only_to_keys_that_may_see_it(kind: ProblemType) -> None:
    answer = as_of(kind).body.decode()

    assert "49.00" not in answer
    assert "decline_category" not in answer
    assert "insufficient" not in answer


def test_used_up_quota_reads_as_documented() -> None:
    answer = rendered("quota-exceeded", quota=QUOTA, violated_policies=["plan-calls"])

    fix = "https://portal.example/fix/quota-exceeded/?sub=sub_9f2&app=app_77c&ref=req_01jd3q5w"
    contact = "https://portal.example/contact/?svc=svc_w34&ref=req_01jd3q5w"
    usage = "https://portal.example/usage/?sub=sub_9f2"
    assert body(answer) == {
        "type": "https://portal.example/problems/quota-exceeded",
        "title": "Plan quota used up",
        "status": 402,
        "detail": "All 10,000 calls of plan Starter for 1–30 November 2026 are used. "
        "They reset on 1 December 2026 at 00:00 UTC.",
        "instance": "https://portal.example/calls/req_01jd3q5w/",
        "request_id": "req_01jd3q5w",
        "code": "quota-exceeded",
        "cause": "exceeded_limits",
        "retry": "after_action",
        "resolver": ["team_billing", "time"],
        "team": "team_4kd",
        "application": "app_77c",
        "service": "svc_w34",
        "subscription": "sub_9f2",
        "plan": {"id": "starter", "version": 3},
        "quota": QUOTA,
        "violated_policies": ["plan-calls"],
        "remedies": [
            {"action": "upgrade_plan", "resolver": "team_billing", "effect": "immediate", "url": fix},
            {"action": "wait", "resolver": "time", "until": "2026-12-01T00:00:00Z"},
            {"action": "check_usage", "resolver": "caller", "url": usage},
            {"action": "contact_provider", "resolver": "publisher", "url": contact},
        ],
        "links": {
            "fix": fix,
            "usage": usage,
            "plans": "https://portal.example/services/weather/plans/",
            "contact": contact,
            "docs": "https://portal.example/services/weather/",
            "problem": "https://portal.example/problems/quota-exceeded",
            "standing": "https://portal.example/v1/standing",
        },
    }
    assert headers(answer) == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "x-problem": "quota-exceeded",
        "x-should-retry": "false",
        "retry-after": "777600",
        "ratelimit-policy": '"plan-calls";q=10000;w=2592000;qu="requests"',
        "ratelimit": '"plan-calls";r=0;t=777600',
        "access-control-expose-headers": "X-Request-Id, X-Problem, X-Billing-Notice, Link, Retry-After, RateLimit, RateLimit-Policy",
        "link": '<https://portal.example/problems/quota-exceeded>; rel="describedby", '
        f'<{fix}>; rel="payment"; title="Upgrade plan", '
        f'<{usage}>; rel="https://portal.example/rels/usage", '
        f'<{contact}>; rel="help", '
        '<https://portal.example/services/weather/>; rel="service-doc"',
    }


def test_tokens_are_in_the_body_and_in_no_rate_header() -> None:
    quota = QUOTA | {"metric": "tokens", "unit": "tokens", "used": 9000, "held": 500, "requested": 4000}

    answer = rendered("quota-exceeded", quota=quota, violated_policies=["plan-tokens"], fits={"max_tokens": 480})

    assert "ratelimit" not in headers(answer)
    assert headers(answer)["retry-after"] == "777600"
    assert body(answer)["detail"] == (
        "9,500 of 10,000 tokens of plan Starter for 1–30 November 2026 are used, and this call needs 4,000. "
        "They reset on 1 December 2026 at 00:00 UTC. It fits with max_tokens 480."
    )
    assert body(answer)["remedies"][0] == {"action": "reduce_request", "resolver": "caller"}


def test_call_that_never_fits_has_nothing_to_wait_for() -> None:
    answer = rendered("quota-exceeded", quota=QUOTA | {"requested": 10_001}, violated_policies=["plan-calls"])

    assert "retry-after" not in headers(answer)
    assert "t=" not in headers(answer)["ratelimit"]
    assert "time" not in body(answer)["resolver"]


def test_openai_envelope_carries_the_whole_problem_and_a_message_with_its_link() -> None:
    plain = rendered("quota-exceeded", quota=QUOTA, violated_policies=["plan-calls"])
    answer = rendered("quota-exceeded", form="openai", quota=QUOTA, violated_policies=["plan-calls"])

    error = body(answer)["error"]
    assert error["problem"] == body(plain)
    assert error["type"] == "insufficient_quota"
    assert error["code"] == "quota-exceeded"
    assert error["param"] is None
    assert error["message"] == f"{body(plain)['detail']} Fix it: {body(plain)['links']['fix']}"
    assert headers(answer) == headers(plain) | {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("request-invalid", "invalid_request_error"),
        ("request-too-large", "invalid_request_error"),
        ("credentials-invalid", "authentication_error"),
        ("ip-not-allowed", "permission_error"),
        ("model-not-found", "invalid_request_error"),
        ("version-retired", "invalid_request_error"),
        ("rate-limit-exceeded", "rate_limit_error"),
        ("upstream-failed", "server_error"),
        ("overloaded", "server_error"),
        ("upstream-timeout", "server_error"),
    ],
)
def test_openai_type_follows_the_status(slug: str, expected: str) -> None:
    assert body(as_of(PROBLEMS[slug], form="openai"))["error"]["type"] == expected


def test_invalid_request_names_the_field_as_param() -> None:
    answer = rendered("request-invalid", form="openai", errors=[{"field": "/messages", "message": "Must be a list."}])

    assert body(answer)["error"]["param"] == "messages"
    assert body(answer)["error"]["message"] == "/messages: Must be a list."


def test_wait_is_jittered_upwards_by_a_fifth_and_told_once() -> None:
    first = rendered("overloaded", retry_after=50, jitter=0.0)
    last = rendered("overloaded", retry_after=50, jitter=1.0)

    assert headers(first)["retry-after"] == "50"
    assert headers(last)["retry-after"] == "60"
    assert body(last)["retry_after"] == 60
    assert body(last)["detail"].endswith("Try again in 60 seconds.")


def test_sdks_retry_what_passes_within_a_minute_only() -> None:
    assert headers(rendered("overloaded", retry_after=60))["x-should-retry"] == "true"
    assert headers(rendered("overloaded", retry_after=61))["x-should-retry"] == "false"
    assert headers(rendered("secrets-unavailable"))["x-should-retry"] == "false"
    assert headers(rendered("upstream-failed"))["x-should-retry"] == "false"
    assert headers(rendered("payment-overdue", grace_ended_at="2026-11-18T00:00:00Z"))["x-should-retry"] == "false"


def test_rate_limit_names_policy_window_and_wait() -> None:
    answer = rendered("rate-limit-exceeded", retry_after=2, violated_policies=["plan-rate"], limit=60)

    assert headers(answer)["ratelimit-policy"] == '"plan-rate";q=60;w=60;qu="requests"'
    assert headers(answer)["ratelimit"] == '"plan-rate";r=0;t=2'
    assert headers(answer)["retry-after"] == "2"


@pytest.mark.parametrize(
    ("slug", "challenge"),
    [
        ("credentials-missing", 'Bearer realm="apipark"'),
        ("credentials-invalid", 'Bearer realm="apipark", error="invalid_token"'),
        ("credentials-expired", 'Bearer realm="apipark", error="invalid_token"'),
    ],
)
def test_unauthorized_has_a_challenge(slug: str, challenge: str) -> None:
    assert headers(as_of(PROBLEMS[slug]))["www-authenticate"] == challenge


def test_instant_of_the_hot_path_is_told_as_text() -> None:
    answer = rendered("credentials-revoked", revoked_at=1_763_424_000_000_000)

    assert body(answer)["revoked_at"] == "2025-11-18T00:00:00Z"
    assert body(answer)["detail"] == "The API key was revoked on 18 November 2025 at 00:00 UTC."


def test_call_that_is_not_recorded_has_no_page() -> None:
    assert "instance" not in body(rendered("credentials-invalid", context=Context()))
    assert "instance" not in body(rendered("credentials-revoked", revoked_at=1))


def allowed(context: Context) -> Context:
    return dataclasses.replace(context, may_see_money=True)


def test_amounts_are_told_to_keys_that_may_see_money() -> None:
    hidden = body(rendered("payment-declined", final=True))
    shown = body(rendered("payment-declined", context=allowed(KNOWN), final=True))

    assert hidden["detail"] == "The last payment was declined. It is not tried again by itself."
    assert "amount_due" not in hidden
    assert shown["amount_due"] == {"amount": "49.00", "currency": "USD"}
    assert shown["decline_category"] == "insufficient_funds"
    assert shown["detail"] == (
        "The last payment was declined: insufficient funds. 49.00 USD are owed. It is not tried again by itself."
    )


def test_cap_is_told_to_its_own_key_but_not_that_of_team_or_application() -> None:
    hidden = body(rendered("spend-cap-reached", cap=CAP))
    own = body(rendered("spend-cap-reached", cap=CAP | {"scope": "key"}))
    shown = body(rendered("spend-cap-reached", context=allowed(KNOWN), cap=CAP))

    assert "limit" not in hidden["cap"]
    assert "5.00" not in json.dumps(hidden)
    assert own["cap"]["limit"] == "5.00"
    assert shown["cap"] | {"currency": "USD"} == shown["cap"]
    assert shown["detail"] == (
        "The cap of the application would be passed by this call. The cap is 5.00 USD. "
        "It resets on 1 December 2026 at 00:00 UTC."
    )
    assert hidden["links"]["fix"].endswith("/?sub=sub_9f2&app=app_77c&cap=cap_8f2&ref=req_01jd3q5w")


def test_held_money_is_not_told() -> None:
    members: dict[str, Any] = {"meter": "spend", "available": 12345, "held": 67890}

    hidden = body(rendered("allowance-held", retry_after=1, **members))
    shown = body(rendered("allowance-held", context=allowed(KNOWN), retry_after=1, **members))

    assert not {"available", "held"} & set(hidden)
    assert {"available", "held"} <= set(shown)


def test_first_payment_is_a_matter_of_the_method_once_it_was_declined() -> None:
    declined = Context(subscription_ref="sub_9f2", plan_slug="starter", payment_declined=True)

    fresh = body(rendered("subscription-incomplete", expires_at="2026-12-06T00:00:00Z"))
    tried = body(rendered("subscription-incomplete", context=declined, expires_at="2026-12-06T00:00:00Z"))

    assert fresh["cause"] == "missing_payment_information"
    assert tried["cause"] == "payment_method_issue"


def test_page_for_browsers_has_no_script_and_escapes_what_callers_send() -> None:
    answer = rendered("route-not-found", form="html", did_you_mean=["<script>alert(1)</script>"])

    page = answer.body.decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "style=" not in page
    assert headers(answer)["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers(answer)["content-security-policy"]
    assert "unsafe" not in headers(answer)["content-security-policy"]


def test_page_for_browsers_links_each_way_out_once() -> None:
    page = rendered("quota-exceeded", form="html", quota=QUOTA, violated_policies=["plan-calls"]).body.decode()

    links = re.findall(r'<a class="button[^"]*" href="([^"]+)">([^<]+)</a>', page)
    assert [title for _, title in links] == [
        "Upgrade plan", "Check usage", "Contact the publisher", "What this means",
    ]  # fmt: skip
    assert len({url for url, _ in links}) == len(links)
    assert REQUEST in page


def test_numbers_and_dates_are_said_in_the_callers_language() -> None:
    answer = rendered("quota-exceeded", language="de", quota=QUOTA, violated_policies=["plan-calls"])

    assert "10.000" in body(answer)["detail"]
    assert "Dezember" in body(answer)["detail"]


@pytest.mark.parametrize(
    ("path", "accept", "method", "form"),
    [
        ("/v1/chat/completions", b"*/*", "POST", "openai"),
        ("/v1/chat/completions", b"application/problem+json", "POST", "problem"),
        ("/v1/models", b"text/html", "GET", "openai"),
        ("/apis/weather/", b"", "GET", "problem"),
        ("/apis/weather/", b"*/*", "GET", "problem"),
        ("/apis/weather/", b"text/html,application/xhtml+xml,*/*;q=0.8", "GET", "html"),
        ("/apis/weather/", b"application/xhtml+xml, text/html;q=0.9", "HEAD", "html"),
        ("/apis/weather/", b"text/html", "POST", "problem"),
        ("/apis/weather/", b"application/json, text/html", "GET", "problem"),
        ("/apis/weather/", b"application/json;q=0.5, text/html;q=x", "GET", "problem"),
        ("/apis/weather/", b"\xff;q=", "GET", "problem"),
    ],
)
def test_form_is_the_routes_unless_a_browser_or_a_program_asks(
    path: str, accept: bytes, method: str, form: str
) -> None:
    assert choose_form(path, {b"accept": accept}, method) == form


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"", "en"),
        (b"de", "de"),
        (b"de-AT,en;q=0.5", "de"),
        (b"fr, de;q=0.3, en;q=0.2", "de"),
        (b"xx", "en"),
        (b"../../etc", "en"),
    ],
)
def test_language_is_one_on_offer(accept: bytes, expected: str) -> None:
    assert language(accept) == expected


def test_members_are_json() -> None:
    given = {"since": datetime(2026, 11, 1, 12, tzinfo=UTC), "missing": ("address",), "reason": None, "final": False}

    assert members_of(given) == {"since": "2026-11-01T12:00:00Z", "missing": ["address"], "final": False}

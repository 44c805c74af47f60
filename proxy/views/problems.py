"""The catalogue of problems: public, without data of any account, made from the one table."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apipark.problems import ACTIONS, PROBLEMS, RESOLVERS, Problem, ProblemType, actions_of, refuse, schema
from proxy import refusals

_CACHED_S: Final = 3600
_STATUSES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
    413: "Content Too Large",
    429: "Too Many Requests",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_SOMEBODY: Final = refusals.Context(
    team_ref="team_4kd2v9hw0m3x8qz1",
    application_ref="app_77c5n1t0r8y2k6pb",
    key_ref="key_9d1g3j5m7p0s2v4x",
    service_slug="weather",
    service_ref="svc_w34e6r8t0y1u2p5a",
    subscription_ref="sub_9f2h4k6n8q0s3v5y",
    plan_slug="starter",
    plan_ref="plan_5s1d3f7g9h2j4k6m",
    plan_name="Starter",
    plan_version=3,
    invoice_ref="inv_7h2k4n6q8t0w3z5c",
)
_REQUEST: Final = "req_01kbd3q5w8e2r4t6y0p1a3s5d7"


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("status", "")
    shown = [kind for kind in PROBLEMS.values() if not asked or asked == str(kind.status)]
    if _wants_json(request):
        return _public(request, JsonResponse({"problems": [_summary(kind) for kind in shown]}))
    groups: dict[int, list[ProblemType]] = {}
    for kind in sorted(shown, key=lambda each: each.status != 402):
        groups.setdefault(kind.status, []).append(kind)
    context = {
        "groups": [
            (status, _STATUSES[status], [(kind, _(kind.title), _(kind.meaning)) for kind in kinds])
            for status, kinds in groups.items()
        ],
        "filtered": bool(asked),
    }
    return _public(request, render(request, "proxy/problem_list.html", context))


@require_safe
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    kind = PROBLEMS.get(slug)
    if kind is None:
        raise Http404
    problem = refuse(kind.slug, retry_after=kind.example.get("retry_after"), **_members(kind))
    example = refusals.describe(
        problem, request_id=_REQUEST, context=_SOMEBODY, public_url=settings.PUBLIC_URL, recorded=kind.status != 401
    )
    if _wants_json(request):
        content = _summary(kind) | {"schema": schema(kind), "example": example}
        return _public(request, JsonResponse(content))
    return _public(request, render(request, "proxy/problem_detail.html", _page(kind, problem, example)))


def _members(kind: ProblemType) -> dict[str, Any]:
    return {name: value for name, value in kind.example.items() if name != "retry_after"}


def _summary(kind: ProblemType) -> dict[str, Any]:
    return {
        "slug": kind.slug,
        "type": f"{settings.PUBLIC_URL}/problems/{kind.slug}",
        "status": kind.status,
        "title": _(kind.title),
        "cause": kind.cause,
        "resolver": list(kind.resolvers),
        "actions": list(kind.actions),
        "since": kind.since,
    }


def _page(kind: ProblemType, problem: Problem, example: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "title": _(kind.title),
        "meaning": _(kind.meaning),
        # May be broken after an underscore.
        "cause": kind.cause.split("_"),
        "reason": _STATUSES[kind.status],
        "who": [_(RESOLVERS[each]) for each in kind.resolvers],
        "remedies": [(_(ACTIONS[name].title), _(ACTIONS[name].does)) for name in actions_of(problem)],
        "members": [(name, name in kind.optional, json.dumps(rule)) for name, rule in kind.members.items()],
        "example": [("application/problem+json", json.dumps(example, indent=1, ensure_ascii=False))],
        "sdks": _sdks(kind),
        "near": [(each, _(each.title)) for each in PROBLEMS.values() if each.cause == kind.cause and each is not kind],
    }


def _sdks(kind: ProblemType) -> list[tuple[str, str]]:
    """How programs meet it; what they print is the first way out."""
    way = '["links"]["fix"]' if "fix" in kind.links else '["detail"]'
    return [
        (
            "openai",
            f"""except openai.APIStatusError as error:
    if error.code == "{kind.slug}":
        print(error.body["problem"]{way}, error.request_id)""",
        ),
        (
            "requests",
            f"""if answer.headers.get("X-Problem") == "{kind.slug}":
    print(answer.json(){way})""",
        ),
    ]


def _wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _public(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A page shows who is signed in; what shows nobody may be kept by anybody."""
    if isinstance(response, JsonResponse):
        patch_cache_control(response, public=True, max_age=_CACHED_S)
    else:
        patch_cache_control(response, private=True, max_age=0 if request.user.is_authenticated else _CACHED_S)
    patch_vary_headers(response, ["Accept", "Accept-Language", "Cookie"])
    return response

"""Problem
├── CallerMustChange     400, 401, 403, 404, 410, 413
├── PaymentRequired      402  money or a larger plan lifts it
├── SlowDown             429  waiting lifts it
├── UpstreamFailed       502, 504
└── Unavailable          503  our own failure, never dressed up as 402 or 429

The one table of problems: pages, schemas, envelopes and tests are made from it. A slug never changes its meaning and is
never used again for another. Pure: texts are marked here and translated where they are shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Schema = Mapping[str, Any]
Cause = Literal[
    "missing_payment_information",
    "exceeded_limits",
    "payment_method_issue",
    "credentials",
    "permission",
    "rate",
    "service",
    "request",
]
Retry = Literal["now", "after_wait", "after_action", "never"]
Resolver = Literal["caller", "team_billing", "team_admin", "publisher", "operator", "time"]
Effect = Literal["", "immediate", "after_approval", "after_payment", "next_period"]
Page = Literal["", "fix", "usage", "contact"]


def gettext_noop(text: str) -> str:
    """Marks a text for translation, as makemessages looks for it, without importing Django."""
    return text


_ = gettext_noop


# Who can lift a problem, in words.
RESOLVERS: Final[dict[Resolver, str]] = {
    "caller": _("Who calls"),
    "team_billing": _("Owner or billing of the team"),
    "team_admin": _("Owner or admin of the team"),
    "publisher": _("The publisher of the API"),
    "operator": _("The operator of this gateway"),
    "time": _("Time: it lifts by itself"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """A remedy: who does it, on which page, when it works."""

    title: str
    does: str
    resolver: Resolver
    page: Page
    effect: Effect = ""


ACTIONS: Final[dict[str, Action]] = {
    "subscribe": Action(
        _("Subscribe"),
        _("Choose a plan of the service. A first payment, if there is one, is shown before the button."),
        "team_billing",
        "fix",
        "immediate",
    ),
    "add_payment_method": Action(
        _("Add a payment method"),
        _("Put a method on file and make it the one that is charged. Open invoices are tried at once."),
        "team_billing",
        "fix",
        "immediate",
    ),
    "complete_billing_details": Action(
        _("Complete the billing details"),
        _("Fill in the details that invoices need by law."),
        "team_billing",
        "fix",
        "immediate",
    ),
    "finish_first_payment": Action(
        _("Finish the first payment"),
        _("Pay the first invoice. The subscription begins when it is paid."),
        "team_billing",
        "fix",
        "after_payment",
    ),
    "resume_subscription": Action(
        _("Resume the subscription"), _("End the pause now."), "team_billing", "fix", "immediate"
    ),
    "upgrade_plan": Action(
        _("Upgrade plan"),
        _("Change to a larger plan now. The prorated price is shown before the button."),
        "team_billing",
        "fix",
        "immediate",
    ),
    "raise_cap": Action(
        _("Raise the cap"), _("Set a higher limit, or lift the cap."), "team_admin", "fix", "immediate"
    ),
    "pay_now": Action(_("Pay now"), _("Pay what is open."), "team_billing", "fix", "after_payment"),
    "pay_invoice": Action(_("Pay the invoice"), _("Pay the open invoice."), "team_billing", "fix", "after_payment"),
    "retry_payment": Action(
        _("Try the payment again"),
        _("Charge the open invoice again, with the same or another method."),
        "team_billing",
        "fix",
        "after_payment",
    ),
    "update_payment_method": Action(
        _("Update the payment method"),
        _("Replace the method that is charged. Open invoices are tried at once."),
        "team_billing",
        "fix",
        "immediate",
    ),
    "confirm_payment": Action(
        _("Confirm the payment"), _("Confirm to your bank that it is you."), "team_billing", "fix", "after_payment"
    ),
    "reduce_request": Action(
        _("Ask for less"), _("Send a smaller request; the answer says what would fit."), "caller", ""
    ),
    "get_key": Action(_("Get a key"), _("Create an API key in the portal and send it."), "caller", "fix", "immediate"),
    "rotate_key": Action(
        _("Rotate the key"), _("Replace the key by a new one in the portal."), "team_admin", "fix", "immediate"
    ),
    "request_access": Action(
        _("Ask for access"), _("Ask an owner or admin of the team to allow it."), "team_admin", "fix", "after_approval"
    ),
    "wait": Action(_("Wait"), _("It lifts by itself at the time that the answer names."), "time", ""),
    "check_usage": Action(_("Check usage"), _("See what is used, held and left, and when it resets."), "caller", "usage"),
    "contact_provider": Action(
        _("Contact the publisher"), _("Write to who publishes the service; the request's id is attached."), "publisher", "contact"
    ),
    "contact_operator": Action(
        _("Contact the operator"), _("Write to who runs this gateway; the request's id is attached."), "operator", "contact"
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One row of the table. `members` are beside the common ones; a name in `optional` may be missing."""

    slug: str
    status: int
    title: str
    meaning: str
    cause: Cause
    resolvers: tuple[Resolver, ...]
    actions: tuple[str, ...]
    members: Mapping[str, Schema]
    optional: frozenset[str]
    example: Mapping[str, Any]
    # Without a time to wait.
    retry: Retry
    links: tuple[str, ...]
    since: str = "0.1"


class Problem(Exception):  # noqa: N818 (RFC 9457's word for it)
    """A refusal that can be shown. `members` are JSON values; `retry_after` are seconds after which it may pass."""

    def __init__(self, slug: str, members: Mapping[str, Any], retry_after: int | None = None) -> None:
        super().__init__(slug)
        self.slug = slug
        self.type = PROBLEMS[slug]
        self.status = self.type.status
        self.members = members
        self.retry_after = retry_after
        # The call's journal tells of it already: an admitted call that failed.
        self.recorded = False


class CallerMustChange(Problem):
    """400, 401, 403, 404, 410, 413."""


class PaymentRequired(Problem):
    """402: money or a larger plan lifts it."""


class SlowDown(Problem):
    """429: waiting lifts it."""


class UpstreamFailed(Problem):
    """502, 504."""


class Unavailable(Problem):
    """503: our own failure."""


def refuse(slug: str, /, *, retry_after: int | None = None, **members: Any) -> Problem:
    """The problem of a slug of the table, of the class that says whose fault it is. Members that are None are left out."""
    given = {name: value for name, value in members.items() if value is not None}
    return _CLASSES.get(PROBLEMS[slug].status, CallerMustChange)(slug, given, retry_after)


_CLASSES: Final[dict[int, type[Problem]]] = {
    402: PaymentRequired,
    429: SlowDown,
    502: UpstreamFailed,
    503: Unavailable,
    504: UpstreamFailed,
}


# What a state changes of its row --------------------------------------------------------------------------------------


def renews_at(problem: Problem) -> str:
    """When the allowance that refused renews and the same call fits again, RFC 3339; empty when waiting does not help."""
    quota = problem.members.get("quota")
    if quota:
        return str(quota["resets_at"]) if quota["requested"] <= quota["limit"] else ""
    cap = problem.members.get("cap")
    return str(cap.get("resets_at", "")) if cap else ""


def waits_until(problem: Problem) -> str:
    """The instant named by the remedy `wait`, RFC 3339; empty when time alone changes nothing, or only seconds do."""
    for member in ("starts_at", "resumes_at"):
        if member in problem.members:
            return str(problem.members[member])
    return renews_at(problem)


def resolvers_of(problem: Problem) -> tuple[Resolver, ...]:
    """Who can lift it, by the state: a cap of the publisher is not raised by the team."""
    found = [each for each in problem.type.resolvers if each != "time" or problem.status != 402]
    if _set_by_publisher(problem):
        found = ["team_billing", "publisher"]
    elif _paused_by_publisher(problem):
        found = ["publisher"]
    if problem.status == 402 and waits_until(problem):
        found.append("time")
    return tuple(found)


def actions_of(problem: Problem) -> tuple[str, ...]:
    """Remedies, the best first; each 402 ends with a look at the usage and a word to the publisher."""
    actions = [each for each in problem.type.actions if each != "wait" or problem.status != 402]
    if _set_by_publisher(problem):
        # The limit stands in the plan: another plan has another one.
        actions = ["upgrade_plan"]
    elif _paused_by_publisher(problem):
        actions = []
    if "fits" in problem.members:
        actions = ["reduce_request", *actions]
    if problem.status == 402:
        if waits_until(problem):
            actions.append("wait")
        actions = [each for each in actions if each != "contact_provider"] + ["check_usage", "contact_provider"]
    return tuple(actions)


def retry_of(problem: Problem) -> Retry:
    return "after_wait" if problem.retry_after is not None and problem.status in {429, 503} else problem.type.retry


def _set_by_publisher(problem: Problem) -> bool:
    cap = problem.members.get("cap")
    return bool(cap and cap.get("set_by") == "publisher")


def _paused_by_publisher(problem: Problem) -> bool:
    return problem.members.get("paused_by") == "publisher"


# The table ------------------------------------------------------------------------------------------------------------
_TEXT: Final[Schema] = {"type": "string"}
_INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_YES_NO: Final[Schema] = {"type": "boolean"}
_TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


_QUOTA: Final = _object(
    {
        "metric": _one_of("calls", "bytes", "tokens"),
        "unit": _TEXT,
        "limit": _COUNT,
        "used": _COUNT,
        "held": _COUNT,
        "requested": _COUNT,
        "period_start": _INSTANT,
        "resets_at": _INSTANT,
        "overage": _one_of("off"),
    }
)
_CAP: Final = _object(
    {
        "id": _TEXT,
        "scope": _one_of("team", "application", "key", "plan"),
        "set_by": _one_of("customer", "publisher"),
        "metric": _one_of("calls", "bytes", "tokens", "spend"),
    },
    # Of money a decimal string; only for who may see it.
    {"resets_at": _INSTANT, "limit": {"type": ["string", "integer"]}, "currency": _TEXT},
)
_ERRORS: Final[Schema] = {"type": "array", "items": _object({"field": _TEXT, "message": _TEXT})}
_PLANS: Final[Schema] = {"type": "array", "items": _object({"id": _TEXT, "name": _TEXT})}
# Only for who may see money.
_OWED: Final[dict[str, Schema]] = {
    "amount_due?": _object({"amount": _TEXT, "currency": _TEXT}),
    "decline_category?": _TEXT,
}

_AFTER_ACTION: Final = frozenset({401, 402, 403, 502, 503, 504})
_MONEY_LINKS: Final = ("fix", "usage", "plans", "contact", "docs", "problem", "standing")
_ACCESS_LINKS: Final = ("fix", "contact", "docs", "problem")
_RATE_LINKS: Final = ("usage", "docs", "problem", "standing")
_SERVICE_LINKS: Final = ("status", "contact", "problem")
_LINKS: Final = {
    401: _ACCESS_LINKS,
    402: _MONEY_LINKS,
    403: _ACCESS_LINKS,
    429: _RATE_LINKS,
    502: _SERVICE_LINKS,
    503: _SERVICE_LINKS,
    504: _SERVICE_LINKS,
}
_CAUSES: Final[dict[int, Cause]] = {
    401: "credentials",
    403: "permission",
    429: "rate",
    502: "service",
    503: "service",
    504: "service",
}
_INFORMATION: Final[Cause] = "missing_payment_information"
_LIMITS: Final[Cause] = "exceeded_limits"
_METHOD: Final[Cause] = "payment_method_issue"


def _row(
    slug: str,
    status: int,
    title: str,
    meaning: str,
    *,
    who: tuple[Resolver, ...],
    actions: tuple[str, ...] = (),
    cause: Cause | None = None,
    members: Mapping[str, Schema] | None = None,
    example: Mapping[str, Any] | None = None,
) -> ProblemType:
    """A member's name that ends in `?` may be missing."""
    named = members or {}
    wait = status == 429
    return ProblemType(
        slug=slug,
        status=status,
        title=title,
        meaning=meaning,
        cause=cause or _CAUSES.get(status, "request"),
        resolvers=who,
        actions=actions,
        members={name.rstrip("?"): schema for name, schema in named.items()},
        optional=frozenset(name.rstrip("?") for name in named if name.endswith("?")),
        example=example or {},
        retry="after_wait" if wait else "after_action" if status in _AFTER_ACTION else "never",
        links=_LINKS.get(status, ("docs", "problem")),
    )


_PAYER: Final[tuple[Resolver, ...]] = ("team_billing",)
_MAY_RETRY: Final[dict[str, Schema]] = {"retry_after?": _COUNT}

_ROWS: Final = (
    # 402: the same call passes once somebody pays, chooses a larger plan or raises a cap ------------------------------
    _row(
        "subscription-required",
        402,
        _("Subscribe to use this API"),
        _("The application has no subscription that covers this service, or its subscription has not begun yet."),
        cause=_INFORMATION,
        who=_PAYER,
        actions=("subscribe",),
        members={"plans?": _PLANS, "starts_at?": _INSTANT},
    ),
    _row(
        "payment-method-missing",
        402,
        _("Add a payment method"),
        _("The plan needs a payment method on file, and the team has none."),
        cause=_INFORMATION,
        who=_PAYER,
        actions=("add_payment_method",),
        members={"needed_for": _one_of("start", "renewal", "overage", "top_up")},
        example={"needed_for": "renewal"},
    ),
    _row(
        "billing-details-incomplete",
        402,
        _("Billing details are incomplete"),
        _("Invoices need details of the team that are missing. Calls pass again once they are filled in."),
        cause=_INFORMATION,
        who=_PAYER,
        actions=("complete_billing_details",),
        members={
            "missing": {
                "type": "array",
                "items": _one_of("address", "country", "tax_id", "legal_name", "email"),
            }
        },
        example={"missing": ["address", "country"]},
    ),
    _row(
        "subscription-incomplete",
        402,
        _("The first payment is not complete"),
        _("The subscription begins when its first invoice is paid; it was not paid yet."),
        cause=_INFORMATION,
        who=_PAYER,
        actions=("finish_first_payment", "update_payment_method"),
        members={"expires_at": _INSTANT, **_OWED},
        example={"expires_at": "2026-11-24T09:00:00Z"},
    ),
    _row(
        "trial-ended",
        402,
        _("The trial has ended"),
        _("The trial is over, by its date or because its units are used. A plan goes on where it stopped."),
        cause=_INFORMATION,
        who=_PAYER,
        actions=("subscribe",),
        members={"trial_ended_at": _INSTANT, "ended_because": _one_of("time", "quota")},
        example={"trial_ended_at": "2026-11-15T00:00:00Z", "ended_because": "time"},
    ),
    _row(
        "subscription-ended",
        402,
        _("The subscription has ended"),
        _("The subscription that covered this service is over: cancelled, unpaid to the end, or expired."),
        cause=_INFORMATION,
        who=_PAYER,
        actions=("subscribe",),
        members={"ended_at": _INSTANT, "reason": _one_of("canceled", "unpaid", "expired")},
        example={"ended_at": "2026-11-01T00:00:00Z", "reason": "canceled"},
    ),
    _row(
        "subscription-paused",
        402,
        _("The subscription is paused"),
        _("Somebody paused the subscription. It goes on when it is resumed, or at the date that is named."),
        cause=_INFORMATION,
        who=_PAYER,
        actions=("resume_subscription",),
        members={
            "paused_at": _INSTANT,
            "paused_by": _one_of("customer", "publisher", "system"),
            "resumes_at?": _INSTANT,
        },
        example={"paused_at": "2026-11-20T08:00:00Z", "paused_by": "customer"},
    ),
    _row(
        "plan-upgrade-required",
        402,
        _("This needs a higher plan"),
        _("The plan does not include what was asked for: a model, or a request of this size. Another plan does."),
        cause=_LIMITS,
        who=_PAYER,
        actions=("upgrade_plan",),
        members={"feature": _TEXT, "plans_with_feature?": _PLANS},
        example={"feature": "max_request_bytes"},
    ),
    _row(
        "quota-exceeded",
        402,
        _("Plan quota used up"),
        _(
            "The plan includes a number of calls, bytes or tokens for each period, and what is left does not cover this call."
        ),
        cause=_LIMITS,
        who=("team_billing", "time"),
        actions=("upgrade_plan", "wait"),
        members={
            "quota": _QUOTA,
            "violated_policies": _TEXTS,
            "fits?": {"type": "object", "properties": {"max_tokens": _COUNT}},
        },
        example={
            "quota": {
                "metric": "calls",
                "unit": "requests",
                "limit": 10000,
                "used": 10000,
                "held": 0,
                "requested": 1,
                "period_start": "2026-11-01T00:00:00Z",
                "resets_at": "2026-12-01T00:00:00Z",
                "overage": "off",
            },
            "violated_policies": ["plan-calls"],
        },
    ),
    _row(
        "spend-cap-reached",
        402,
        _("Spending cap reached"),
        _("A cap that the team or the plan has set would be passed by this call. Caps are never passed."),
        cause=_LIMITS,
        who=("team_admin",),
        actions=("raise_cap", "wait"),
        members={"cap": _CAP, "violated_policies?": _TEXTS},
        example={
            "cap": {
                "id": "cap_8f2k1m9q0r4t6w3z",
                "scope": "application",
                "set_by": "customer",
                "metric": "spend",
                "resets_at": "2026-12-01T00:00:00Z",
            },
            "violated_policies": ["cap-spend-month"],
        },
    ),
    _row(
        "payment-method-invalid",
        402,
        _("The payment method can no longer be used"),
        _("The method that should pay has expired, was removed or was refused for good. Another one is needed."),
        cause=_METHOD,
        who=_PAYER,
        actions=("update_payment_method",),
        members={
            "invalid_since?": _INSTANT,
            "why": _one_of("expired", "removed", "refused"),
            **_OWED,
        },
        example={"invalid_since": "2026-11-01T00:00:00Z", "why": "expired"},
    ),
    _row(
        "payment-declined",
        402,
        _("The last payment was declined"),
        _("An invoice could not be charged, and the time to put it right is over."),
        cause=_METHOD,
        who=_PAYER,
        actions=("update_payment_method", "retry_payment"),
        members={"next_attempt_at?": _INSTANT, "final": _YES_NO, **_OWED},
        example={"next_attempt_at": "2026-11-24T09:00:00Z", "final": False},
    ),
    _row(
        "payment-authentication-required",
        402,
        _("Confirm the payment with your bank"),
        _("The bank wants to know that it is you before it pays."),
        cause=_METHOD,
        who=_PAYER,
        actions=("confirm_payment",),
        members={"expires_at?": _INSTANT, **_OWED},
    ),
    _row(
        "payment-overdue",
        402,
        _("An invoice is overdue"),
        _("An invoice was not paid by its due date, and the time of grace after it is over."),
        cause=_METHOD,
        who=_PAYER,
        actions=("pay_invoice",),
        members={"grace_ended_at": _INSTANT, **_OWED},
        example={"grace_ended_at": "2026-11-18T00:00:00Z"},
    ),
    _row(
        "payment-disputed",
        402,
        _("A payment is disputed"),
        _("A payment was called back through the bank. Calls wait until the dispute is settled."),
        cause=_METHOD,
        who=("team_billing", "publisher"),
        actions=("contact_provider",),
        members={"dispute_opened_at": _INSTANT},
        example={"dispute_opened_at": "2026-11-12T10:30:00Z"},
    ),
    _row(
        "account-suspended-billing",
        402,
        _("Suspended for non-payment"),
        _("Invoices stayed open through all reminders. Paying them ends the suspension at once."),
        cause=_METHOD,
        who=_PAYER,
        actions=("pay_now", "contact_provider"),
        members={"since?": _INSTANT, **_OWED},
        example={"since": "2026-11-10T00:00:00Z"},
    ),
    # 400 and 401: who calls? -------------------------------------------------------------------------------------------
    _row(
        "credentials-conflict",
        400,
        _("Two different credentials"),
        _("The request carries two different keys. Send one."),
        who=("caller",),
        members={"sources": _TEXTS},
        example={"sources": ["authorization", "x-api-key"]},
    ),
    _row(
        "credentials-missing",
        401,
        _("An API key is needed"),
        _("The request carries no API key in any of the headers that are read."),
        who=("caller",),
        actions=("get_key",),
        members={"accepted": _TEXTS},
        example={"accepted": ["Authorization: Bearer", "x-api-key"]},
    ),
    _row(
        "credentials-invalid",
        401,
        _("The API key is not valid"),
        _("The key is unknown here. Often it is cut off, of another installation, or deleted."),
        who=("caller",),
        actions=("get_key",),
    ),
    _row(
        "credentials-expired",
        401,
        _("The API key has expired"),
        _("The key was good until the date that is named."),
        who=("team_admin",),
        actions=("rotate_key",),
        members={"expired_at": _INSTANT},
        example={"expired_at": "2026-11-01T00:00:00Z"},
    ),
    _row(
        "credentials-revoked",
        401,
        _("The API key was revoked"),
        _("Somebody of the team revoked the key. Revoked keys never work again."),
        who=("team_admin",),
        actions=("get_key",),
        members={"revoked_at": _INSTANT},
        example={"revoked_at": "2026-11-01T00:00:00Z"},
    ),
    # 403: money would not change it ------------------------------------------------------------------------------------
    _row(
        "ip-not-allowed",
        403,
        _("This address may not use the key"),
        _("The key is bound to networks, and the call came from another one."),
        who=("team_admin",),
        actions=("request_access",),
        members={"address": _TEXT},
        example={"address": "192.0.2.7"},
    ),
    _row(
        "approval-pending",
        403,
        _("The publisher must approve"),
        _("The subscription was asked for and waits for the publisher."),
        who=("publisher",),
        actions=("wait", "contact_provider"),
        members={"requested_at?": _INSTANT},
        example={"requested_at": "2026-11-20T08:00:00Z"},
    ),
    _row(
        "approval-rejected",
        403,
        _("The publisher has declined"),
        _("The subscription was asked for, and the publisher has declined it."),
        who=("publisher",),
        actions=("contact_provider",),
        members={"requested_at?": _INSTANT, "reason?": _TEXT},
        example={"requested_at": "2026-11-20T08:00:00Z", "reason": "Please use the partner plan."},
    ),
    _row(
        "application-suspended",
        403,
        _("The application is switched off"),
        _("Somebody switched the application off. Its keys work again when it is switched on."),
        who=("team_admin",),
        actions=("request_access",),
        members={"since": _INSTANT},
        example={"since": "2026-11-20T08:00:00Z"},
    ),
    _row(
        "account-suspended",
        403,
        _("The account is suspended"),
        _("The operator suspended the team. This is not about money."),
        who=("operator",),
        actions=("contact_operator",),
        members={"since": _INSTANT},
        example={"since": "2026-11-20T08:00:00Z"},
    ),
    # 404, 410, 400, 413: what is asked for? ----------------------------------------------------------------------------
    _row(
        "route-not-found",
        404,
        _("Not found"),
        _("No service answers at this address, or the caller may not know of it."),
        who=("caller",),
        members={"did_you_mean?": _TEXTS},
        example={"did_you_mean": ["weather"]},
    ),
    _row(
        "model-not-found",
        404,
        _("Not found"),
        _("No model has this name, or the caller may not know of it."),
        who=("caller",),
        members={"did_you_mean": _TEXTS},
        example={"did_you_mean": ["demo-chat"]},
    ),
    _row(
        "version-retired",
        410,
        _("This version was retired"),
        _("The version of the service is no longer offered."),
        who=("caller",),
        members={"retired_at?": _INSTANT, "successor?": _TEXT},
        example={"successor": "weather@3"},
    ),
    _row(
        "request-invalid",
        400,
        _("The request cannot be read"),
        _("The method, the path or the body is not what this address takes."),
        who=("caller",),
        members={"errors": _ERRORS},
        example={"errors": [{"field": "model", "message": "A model is needed."}]},
    ),
    _row(
        "request-too-large",
        413,
        _("The request is too large for the gateway"),
        _("The gateway reads requests whole, up to a limit that holds for everybody."),
        who=("caller",),
        actions=("reduce_request",),
        members={"limit": _COUNT},
        example={"limit": 10485760},
    ),
    # 429: a short wait lets it pass ------------------------------------------------------------------------------------
    _row(
        "rate-limit-exceeded",
        429,
        _("Too many requests"),
        _("The plan allows so many calls a minute, and they came faster."),
        who=("time",),
        actions=("wait",),
        members={"violated_policies": _TEXTS, "limit?": _COUNT, "retry_after": _COUNT},
        example={"violated_policies": ["plan-rate"], "limit": 60, "retry_after": 2},
    ),
    _row(
        "allowance-held",
        429,
        _("The rest is held by running calls"),
        _("What is left is reserved by calls that are still running. It is free again when they end with less."),
        who=("time",),
        actions=("wait",),
        members={
            "meter": _one_of("calls", "bytes", "tokens", "spend"),
            # Of money only for who may see it.
            "available?": _COUNT,
            "held?": _COUNT,
            "retry_after": _COUNT,
        },
        example={"meter": "tokens", "available": 120, "held": 4096, "retry_after": 1},
    ),
    # 503: our own failure ----------------------------------------------------------------------------------------------
    _row(
        "metering-unavailable",
        503,
        _("Usage cannot be recorded now"),
        _("A call that cannot be counted is not carried. Nothing was charged."),
        who=("operator",),
        actions=("wait",),
        members=_MAY_RETRY,
        example={"retry_after": 5},
    ),
    _row(
        "standing-unavailable",
        503,
        _("The subscription cannot be read now"),
        _("The gateway could not read whether the subscription lets the call pass."),
        who=("operator",),
        actions=("wait",),
        members=_MAY_RETRY,
        example={"retry_after": 5},
    ),
    _row(
        "auth-unavailable",
        503,
        _("Keys cannot be checked now"),
        _("The gateway could not look the key up."),
        who=("operator",),
        actions=("wait",),
        members=_MAY_RETRY,
        example={"retry_after": 5},
    ),
    _row(
        "pricing-unavailable",
        503,
        _("The price of this model is not set"),
        _("A call whose price is not known is not carried: it would be free, or wrong."),
        who=("operator",),
        actions=("contact_operator",),
        members={"model": _TEXT},
        example={"model": "demo-chat"},
    ),
    _row(
        "secrets-unavailable",
        503,
        _("A provider key cannot be read"),
        _("The sealed key of the provider could not be opened."),
        who=("operator",),
        actions=("contact_operator",),
    ),
    _row(
        "upstream-unavailable",
        503,
        _("No upstream is healthy"),
        _("The service has no upstream that could be asked now."),
        who=("publisher",),
        actions=("wait",),
        members=_MAY_RETRY,
        example={"retry_after": 30},
    ),
    _row(
        "overloaded",
        503,
        _("Too busy"),
        _("The gateway sheds calls instead of queueing them without end."),
        who=("operator",),
        actions=("wait",),
        members=_MAY_RETRY,
        example={"retry_after": 2},
    ),
    # 502, 504: the upstream --------------------------------------------------------------------------------------------
    _row(
        "upstream-failed",
        502,
        _("The upstream failed"),
        _("The service could not be reached, or broke off before it answered."),
        who=("publisher",),
        actions=("contact_provider",),
    ),
    _row(
        "upstream-credentials",
        502,
        _("The upstream failed"),
        _("The provider refuses the key that the gateway uses. It is not the caller's key."),
        who=("publisher",),
        actions=("contact_provider",),
    ),
    _row(
        "upstream-timeout",
        504,
        _("The upstream failed"),
        _("The service did not answer in time."),
        who=("publisher",),
        actions=("contact_provider",),
    ),
)

PROBLEMS: Final[dict[str, ProblemType]] = {row.slug: row for row in _ROWS}


# The schema of a body -------------------------------------------------------------------------------------------------
_URL: Final[Schema] = {"type": "string", "format": "uri"}
_RESOLVERS: Final = _one_of(*RESOLVERS)
_REMEDY: Final = _object(
    {"action": _one_of(*ACTIONS), "resolver": _RESOLVERS},
    {
        "effect": _one_of("immediate", "after_approval", "after_payment", "next_period"),
        "url": _URL,
        "until": _INSTANT,
    },
)


def schema(kind: ProblemType) -> dict[str, Any]:
    """JSON Schema (2020-12) of the body of `application/problem+json`."""
    causes = [kind.cause, _METHOD] if kind.slug == "subscription-incomplete" else [kind.cause]
    common: dict[str, Schema] = {
        "type": {"type": "string", "format": "uri", "pattern": f"/problems/{kind.slug}$"},
        "title": _TEXT,
        "status": {"const": kind.status},
        "detail": _TEXT,
        "request_id": _TEXT,
        "code": {"const": kind.slug},
        "cause": {"enum": causes},
        "retry": _one_of("now", "after_wait", "after_action", "never"),
        "resolver": {"type": "array", "items": _RESOLVERS},
        "remedies": {"type": "array", "items": _REMEDY},
        "links": _object(
            {"problem": _URL},
            {name: _URL for name in kind.links if name != "problem"},
        ),
    }
    known_caller: dict[str, Schema] = {
        "instance": _URL,
        "team": _TEXT,
        "application": _TEXT,
        "service": _TEXT,
        "subscription": _TEXT,
        "plan": _object({"id": _TEXT, "version": _COUNT}),
    }
    needed = [name for name in kind.members if name not in kind.optional]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": [*common, *needed],
        "properties": {**common, **known_caller, **kind.members},
    }

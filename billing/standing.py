"""May a subscription's call pass? Facts in, answer out: no database, no clock, no settings.

The rows are asked in a fixed order and the first that matches answers. All instants are half-open: at exactly
`grace_ends_at` a call is refused, at exactly `starts_at` it passes. `until` is the next instant at which the answer may
change without a new fact, so a cached answer runs out by itself and no job has to be on time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from billing.terms import Facts, OpenInvoice

Member = str | bool | datetime | tuple[str, ...] | None

# As long as attempts to collect it go on; then the subscription ends without ever having begun.
FIRST_PAYMENT_LIFE: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Admit:
    """The call passes; `notice` is the slug that will refuse it from `grace_ends_at` on."""

    notice: str = ""
    grace_ends_at: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The call does not pass; `members` are what the problem says beside the common ones."""

    slug: str
    members: Mapping[str, Member] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentStanding:
    """One word for the pages; `until` of past_due is when grace ends."""

    name: Literal["none_needed", "ok", "action_required", "past_due", "blocked", "disputed"]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _End:
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class _Unpaid:
    """Something owed from `since` on that refuses from `grace_ends_at` on; None: from the start, so without grace."""

    slug: str
    members: Mapping[str, Member]
    since: datetime | None
    grace_ends_at: datetime | None

    def begun(self, now: datetime) -> bool:
        return self.since is None or now >= self.since

    def refuses(self, now: datetime) -> bool:
        return self.grace_ends_at is None or now >= self.grace_ends_at


def admit(facts: Facts, now: datetime) -> Admit | Refuse:
    """Total: every combination of facts has exactly one answer."""
    until = _next_instant(facts, now)
    refusal = _switched_off(facts, now) or _not_in_force(facts, now) or _unpayable(facts, now)
    if refusal:
        slug, members = refusal
        return Refuse(slug, members, until)
    warned = [unpaid for unpaid in _owed(facts) if unpaid.begun(now)]
    if not warned:
        return Admit(until=until)
    return Admit(warned[0].slug, warned[0].grace_ends_at, until)


def lifecycle(facts: Facts, now: datetime) -> Literal["scheduled", "trialing", "active", "canceling", "ended"]:
    if facts.starts_at and now < facts.starts_at:
        return "scheduled"
    if _end(facts, now):
        return "ended"
    if facts.cancel_at:
        return "canceling"
    return "trialing" if facts.trial_ends_at and now < facts.trial_ends_at else "active"


def payment_standing(facts: Facts, now: datetime) -> PaymentStanding:
    if invoice := _first_unpaid(facts):
        return PaymentStanding("action_required" if invoice.awaits_confirmation else "blocked")
    if facts.dispute_opened_at:
        return PaymentStanding("disputed")
    owed = [unpaid for unpaid in _owed(facts) if unpaid.begun(now)]
    refusing = next((unpaid for unpaid in owed if unpaid.refuses(now)), None)
    if refusing:
        confirm = refusing.slug == "payment-authentication-required"
        return PaymentStanding("action_required" if confirm else "blocked")
    if facts.hold == "suspended_billing":
        return PaymentStanding("blocked")
    ends = [unpaid.grace_ends_at for unpaid in owed if unpaid.grace_ends_at]
    if ends:
        return PaymentStanding("past_due", min(ends))
    needed = facts.ever_billed or facts.method_required or facts.open_invoice
    return PaymentStanding("ok" if needed else "none_needed")


def held(facts: Facts, now: datetime) -> bool:
    """The hold is in force: it has begun, and a pause has not run out."""
    if not facts.hold or (facts.held_at and now < facts.held_at):
        return False
    return facts.hold == "suspended_billing" or not facts.resumes_at or now < facts.resumes_at


_Refusal = tuple[str, Mapping[str, Member]]


def _switched_off(facts: Facts, now: datetime) -> _Refusal | None:
    """Rows 1 and 2: money would not change it, or there is nothing to pay for."""
    if facts.team_suspended_at and now >= facts.team_suspended_at:
        return "account-suspended", {"since": facts.team_suspended_at}
    if facts.application_suspended_at and now >= facts.application_suspended_at:
        return "application-suspended", {"since": facts.application_suspended_at}
    match facts.subscription:
        case "waiting":
            return "approval-pending", {"requested_at": facts.requested_at}
        case "declined":
            return "approval-rejected", {"requested_at": facts.requested_at, "reason": facts.declined_reason}
        case "invisible":
            return "route-not-found", {}
        case "none":
            return "subscription-required", {}
        case "held":
            return None


def _not_in_force(facts: Facts, now: datetime) -> _Refusal | None:
    """Rows 3 to 7: not begun, ended, or held."""
    if facts.starts_at and now < facts.starts_at:
        return "subscription-required", {"starts_at": facts.starts_at}
    if end := _end(facts, now):
        if end.reason.startswith("trial"):
            because = "quota" if end.reason == "trial_quota" else "time"
            return "trial-ended", {"trial_ended_at": end.at, "ended_because": because}
        return "subscription-ended", {"ended_at": end.at, "reason": end.reason}
    if not held(facts, now):
        return None
    if facts.hold == "suspended_billing":
        return "account-suspended-billing", {"since": facts.held_at}
    return "subscription-paused", {
        "paused_at": facts.held_at,
        "paused_by": facts.held_by or "system",
        "resumes_at": facts.resumes_at,
    }


def _unpayable(facts: Facts, now: datetime) -> _Refusal | None:
    """Rows 8 to 15: the first payment, a dispute, and what is owed for longer than grace."""
    if invoice := _first_unpaid(facts):
        if invoice.awaits_confirmation:
            return "payment-authentication-required", {}
        return "subscription-incomplete", {"expires_at": invoice.due_at + FIRST_PAYMENT_LIFE}
    if facts.dispute_opened_at and not facts.dispute_tolerated:
        return "payment-disputed", {"dispute_opened_at": facts.dispute_opened_at}
    for unpaid in _owed(facts):
        if unpaid.refuses(now):
            return unpaid.slug, unpaid.members
    return None


def _first_unpaid(facts: Facts) -> OpenInvoice | None:
    """Only of plans that charge by themselves: with days to pay, the first invoice may be open like any other."""
    invoice = facts.open_invoice
    return invoice if invoice and invoice.is_first and invoice.collection == "auto" else None


def _end(facts: Facts, now: datetime) -> _End | None:
    """The first end that was reached. A trial that was never billed ends by itself."""
    ends = []
    if facts.ended_at:
        ends.append(_End(facts.ended_at, facts.ended_reason or "canceled"))
    if facts.cancel_at:
        ends.append(_End(facts.cancel_at, "canceled"))
    if facts.trial_ends_at and not facts.ever_billed:
        ends.append(_End(facts.trial_ends_at, "trial_time"))
    reached = min((end for end in ends if now >= end.at), key=lambda end: end.at, default=None)
    if reached and facts.ever_billed and reached.reason.startswith("trial"):
        return _End(reached.at, "expired")
    return reached


def _owed(facts: Facts) -> Iterator[_Unpaid]:
    """Rows 10 to 15, in their order."""
    grace = timedelta(seconds=facts.grace_s)
    if facts.missing_details:
        since = facts.details_missing_since
        members: dict[str, Member] = {"missing": facts.missing_details}
        yield _Unpaid("billing-details-incomplete", members, since, since + grace if since else None)
    if facts.method_required and not facts.method_on_file:
        since = facts.method_missing_since
        members = {"needed_for": "renewal" if since else "start"}
        yield _Unpaid("payment-method-missing", members, since, since + grace if since else None)
    invoice = facts.open_invoice
    # An invoice that charges by itself is late from its first failure on, another from its due date on.
    late_from = invoice and (invoice.first_failed_at if invoice.collection == "auto" else invoice.due_at)
    if invoice and late_from:
        slug, members = _late(invoice, late_from + grace)
        yield _Unpaid(slug, members, late_from, late_from + grace)


def _late(invoice: OpenInvoice, grace_ends_at: datetime) -> tuple[str, dict[str, Member]]:
    if invoice.awaits_confirmation:
        return "payment-authentication-required", {}
    if invoice.method_unusable:
        since = invoice.method_unusable_since
        return "payment-method-invalid", {"invalid_since": since, "why": invoice.method_unusable}
    if invoice.last_declined:
        members: dict[str, Member] = {"next_attempt_at": invoice.next_attempt_at}
        return "payment-declined", members | {"final": invoice.next_attempt_at is None}
    return "payment-overdue", {"grace_ended_at": grace_ends_at}


def _next_instant(facts: Facts, now: datetime) -> datetime | None:
    instants = [
        facts.team_suspended_at,
        facts.application_suspended_at,
        facts.starts_at,
        facts.trial_ends_at,
        facts.cancel_at,
        facts.ended_at,
        facts.held_at,
        facts.resumes_at,
        facts.period_end,
    ]
    for unpaid in _owed(facts):
        instants += [unpaid.since, unpaid.grace_ends_at]
    return min((instant for instant in instants if instant and instant > now), default=None)

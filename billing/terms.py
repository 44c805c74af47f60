"""What billing tells the gateway about an application: frozen values, loaded once and kept in a worker's memory.

`standing.admit` decides on `Facts`; the gateway's purse lends from `AllowanceSpec`s. No database, no clock here.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from billing.periods import Cycle

MeterName = Literal["calls", "bytes", "tokens", "spend"]


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """The oldest unpaid invoice of a subscription."""

    ref: str
    # No invoice of this subscription was ever paid.
    is_first: bool
    # Attempts were made by themselves (`auto`), or a person pays by its due date (`invoice`).
    collection: Literal["auto", "invoice"]
    due_at: datetime
    first_failed_at: datetime | None
    attempts: int
    last_declined: bool = False
    # The last decline was hard, or the method it needs is expired or removed: nothing will be tried with it again.
    method_unusable: Literal["", "expired", "removed", "refused"] = ""
    method_unusable_since: datetime | None = None
    awaits_confirmation: bool = False
    decline_category: str = ""
    next_attempt_at: datetime | None = None
    total_minor: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides whether a subscription lets a call pass (money.md's three axes, as facts of time)."""

    team_suspended_at: datetime | None = None
    application_suspended_at: datetime | None = None
    # none: there is no subscription at all; invisible: and the service is hidden from this team.
    subscription: Literal["held", "none", "invisible", "waiting", "declined"] = "held"
    requested_at: datetime | None = None
    declined_reason: str = ""
    starts_at: datetime | None = None
    trial_ends_at: datetime | None = None
    cancel_at: datetime | None = None
    ended_at: datetime | None = None
    ended_reason: Literal["", "canceled", "unpaid", "expired", "trial_time", "trial_quota"] = ""
    ever_billed: bool = True
    hold: Literal["", "paused", "suspended_billing"] = ""
    held_by: Literal["", "customer", "publisher", "system"] = ""
    held_at: datetime | None = None
    resumes_at: datetime | None = None
    dispute_opened_at: datetime | None = None
    dispute_tolerated: bool = False
    missing_details: tuple[str, ...] = ()
    details_missing_since: datetime | None = None
    method_required: bool = False
    method_on_file: bool = True
    # None with method_on_file False: missing from the start, so there is no grace.
    method_missing_since: datetime | None = None
    open_invoice: OpenInvoice | None = None
    grace_s: int = 259_200
    period_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class AllowanceSpec:
    """One counter that a call must fit into; `Allowance` rows are its periods."""

    scope: str
    meter: MeterName
    kind: Literal["included", "cap"]
    period: Literal["plan", "day", "week", "month", "total"]
    cycle: Cycle
    # Nano for spend.
    limit: int
    # "plan-calls", "plan-tokens-day", "cap-spend-month": what `violated_policies` names.
    policy: str
    # Caps only.
    cap_ref: str = ""
    cap_scope: Literal["", "team", "application", "key", "plan"] = ""
    set_by: Literal["", "customer", "publisher"] = ""
    # What makes it one counter, without the period it is in.
    key: tuple[str, str, str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.scope, self.meter, self.kind, self.period))


@dataclass(frozen=True, slots=True)
class Terms:
    """One subscription as the gateway sees it."""

    subscription_id: int
    subscription_ref: str
    plan_ref: str
    plan_slug: str
    plan_name: str
    plan_version_id: int
    plan_version: int
    currency: str
    facts: Facts
    # What it covers.
    service_ids: frozenset[int]
    # None: all models of its services.
    model_ids: frozenset[int] | None
    requests_per_minute: int | None
    max_request_bytes: int | None
    call_price_nano: int
    cost_factor_ppm: int
    # In the order in which they are asked: plan meters, then caps of key, application, team.
    allowances: tuple[AllowanceSpec, ...] = field(default=())
    # One of them counts tokens or money: what a call costs must be known.
    counts_tokens: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        counts = any(spec.meter in {"tokens", "spend"} for spec in self.allowances)
        object.__setattr__(self, "counts_tokens", counts)

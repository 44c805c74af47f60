"""The whole truth table: every state of every axis with every state of all others.

Each state of an axis names, by hand, the row that it would match alone; expected is the lowest row of all axes.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.standing import Admit, Member, PaymentStanding, Refuse, admit, held, lifecycle, payment_standing
from billing.terms import Facts, OpenInvoice

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
GRACE = timedelta(days=3)
# An instant that is `now`, as seen just before it, at it and just after it.
BEFORE, AT, AFTER = NOW + TICK, NOW, NOW - TICK
LONG_AGO = NOW - timedelta(days=400)
PERIOD_END = NOW + timedelta(days=9)


@dataclass(frozen=True)
class State:
    """One state of one axis: its facts, the row that refuses, or the row whose slug is the notice while in grace."""

    facts: Mapping[str, Any]
    row: int = 17
    slug: str = ""
    members: Mapping[str, Member] = field(default_factory=dict)
    # Row of the notice, and when it becomes a refusal.
    notice: tuple[int, str, datetime] | None = None
    # When this axis alone changes its mind.
    until: datetime | None = None


def passes(until: datetime | None = None, **facts: Any) -> State:
    return State(facts, until=until)


def refuses(
    row: int, slug: str, members: Mapping[str, Member] | None = None, /, until: Any = None, **facts: Any
) -> State:
    return State(facts, row, slug, members or {}, until=until)


def warns(row: int, slug: str, ends: datetime, **facts: Any) -> State:
    return State(facts, notice=(row, slug, ends), until=ends)


SWITCHES = [
    passes(),
    passes(team_suspended_at=BEFORE, until=BEFORE),
    refuses(1, "account-suspended", {"since": AT}, team_suspended_at=AT),
    refuses(1, "account-suspended", {"since": AFTER}, team_suspended_at=AFTER, application_suspended_at=AFTER),
    passes(application_suspended_at=BEFORE, until=BEFORE),
    refuses(1, "application-suspended", {"since": AT}, application_suspended_at=AT),
    refuses(1, "application-suspended", {"since": AFTER}, application_suspended_at=AFTER),
]

SUBSCRIPTIONS = [
    passes(subscription="held"),
    refuses(2, "subscription-required", subscription="none"),
    refuses(2, "route-not-found", subscription="invisible"),
    refuses(2, "approval-pending", {"requested_at": LONG_AGO}, subscription="waiting", requested_at=LONG_AGO),
    refuses(
        2,
        "approval-rejected",
        {"requested_at": LONG_AGO, "reason": "no"},
        subscription="declined",
        requested_at=LONG_AGO,
        declined_reason="no",
    ),
]

STARTS = [
    passes(),
    refuses(3, "subscription-required", {"starts_at": BEFORE}, starts_at=BEFORE, until=BEFORE),
    passes(starts_at=AT),
    passes(starts_at=AFTER),
]


def _ended(at: datetime, reason: str) -> Mapping[str, Member]:
    return {"ended_at": at, "reason": reason}


def _trial(at: datetime, because: str) -> Mapping[str, Member]:
    return {"trial_ended_at": at, "ended_because": because}


ENDS = [
    passes(),
    passes(ended_at=BEFORE, ended_reason="unpaid", until=BEFORE),
    refuses(5, "subscription-ended", _ended(AT, "unpaid"), ended_at=AT, ended_reason="unpaid"),
    refuses(5, "subscription-ended", _ended(AFTER, "expired"), ended_at=AFTER, ended_reason="expired"),
    passes(cancel_at=BEFORE, until=BEFORE),
    refuses(5, "subscription-ended", _ended(AT, "canceled"), cancel_at=AT),
    refuses(5, "subscription-ended", _ended(AFTER, "canceled"), cancel_at=AFTER, ended_at=AT, ended_reason="canceled"),
    passes(trial_ends_at=BEFORE, ever_billed=False, until=BEFORE),
    refuses(4, "trial-ended", _trial(AT, "time"), trial_ends_at=AT, ever_billed=False),
    refuses(4, "trial-ended", _trial(AFTER, "time"), trial_ends_at=AFTER, ever_billed=False),
    refuses(
        4,
        "trial-ended",
        _trial(AT, "quota"),
        trial_ends_at=BEFORE,
        ended_at=AT,
        ended_reason="trial_quota",
        ever_billed=False,
        until=BEFORE,
    ),
    # A trial that turned into a paid subscription.
    passes(trial_ends_at=AFTER, ever_billed=True),
    # Canceled while on trial.
    refuses(
        5,
        "subscription-ended",
        _ended(AFTER, "canceled"),
        trial_ends_at=AT,
        cancel_at=AFTER,
        ever_billed=False,
    ),
]


def _paused(at: datetime, resumes: datetime | None = None) -> Mapping[str, Member]:
    return {"paused_at": at, "paused_by": "publisher", "resumes_at": resumes}


def _pause(at: datetime, resumes: datetime | None = None) -> dict[str, object]:
    return {"hold": "paused", "held_by": "publisher", "held_at": at, "resumes_at": resumes}


HOLDS = [
    passes(),
    State(_pause(BEFORE), until=BEFORE),
    State(_pause(AT), 7, "subscription-paused", _paused(AT)),
    State(_pause(LONG_AGO, BEFORE), 7, "subscription-paused", _paused(LONG_AGO, BEFORE), until=BEFORE),
    State(_pause(LONG_AGO, AT)),
    State(_pause(LONG_AGO, AFTER)),
    refuses(6, "account-suspended-billing", {"since": AT}, hold="suspended_billing", held_by="system", held_at=AT),
]


def _invoice(collection: str, late_from: datetime | None, **more: Any) -> OpenInvoice:
    auto = collection == "auto"
    due = LONG_AGO if auto or not late_from else late_from
    values = {"is_first": False, "attempts": int(auto), "first_failed_at": late_from if auto else None, **more}
    return OpenInvoice(ref="inv_1", collection=collection, due_at=due, **values)  # type: ignore[arg-type]  # by hand


_Kind = tuple[int, str, dict[str, Member], dict[str, Any]]


def _unusable(why: str) -> _Kind:
    facts = {"method_unusable": why, "method_unusable_since": LONG_AGO, "last_declined": True}
    return 13, "payment-method-invalid", {"invalid_since": LONG_AGO, "why": why}, facts


_KINDS: list[_Kind] = [
    (12, "payment-authentication-required", {}, {"awaits_confirmation": True, "method_unusable": "expired"}),
    _unusable("expired"),
    _unusable("removed"),
    _unusable("refused"),
    (14, "payment-declined", {"next_attempt_at": None, "final": True}, {"last_declined": True}),
    (
        14,
        "payment-declined",
        {"next_attempt_at": PERIOD_END, "final": False},
        {"last_declined": True, "next_attempt_at": PERIOD_END},
    ),
]
INVOICES = [passes(), passes(open_invoice=_invoice("auto", None))]
for _row, _slug, _members, _more in _KINDS:
    INVOICES.append(warns(_row, _slug, BEFORE, open_invoice=_invoice("auto", BEFORE - GRACE, **_more)))
    for _ends in (AT, AFTER):
        late = _invoice("auto", _ends - GRACE, **_more)
        INVOICES.append(State({"open_invoice": late}, _row, _slug, _members))
INVOICES += [
    # Invoice terms: nothing is said before the due date, then grace, then overdue; the first invoice is no different.
    passes(open_invoice=_invoice("invoice", BEFORE), until=BEFORE),
    warns(15, "payment-overdue", AT + GRACE, open_invoice=_invoice("invoice", AT, is_first=True)),
    warns(15, "payment-overdue", BEFORE, open_invoice=_invoice("invoice", BEFORE - GRACE)),
    refuses(15, "payment-overdue", {"grace_ended_at": AT}, open_invoice=_invoice("invoice", AT - GRACE)),
    refuses(15, "payment-overdue", {"grace_ended_at": AFTER}, open_invoice=_invoice("invoice", AFTER - GRACE)),
    refuses(
        8,
        "subscription-incomplete",
        {"expires_at": LONG_AGO + timedelta(days=14)},
        open_invoice=_invoice("auto", None, is_first=True),
    ),
    State(
        {"open_invoice": _invoice("auto", AFTER, is_first=True, awaits_confirmation=True)},
        8,
        "payment-authentication-required",
        until=AFTER + GRACE,
    ),
]

DISPUTES = [
    passes(),
    refuses(9, "payment-disputed", {"dispute_opened_at": LONG_AGO}, dispute_opened_at=LONG_AGO),
    passes(dispute_opened_at=LONG_AGO, dispute_tolerated=True),
]


def _details(since: datetime | None) -> dict[str, object]:
    return {"missing_details": ("country",), "details_missing_since": since}


_MISSING: Mapping[str, Member] = {"missing": ("country",)}
DETAILS = [
    passes(),
    State(_details(None), 10, "billing-details-incomplete", _MISSING),
    warns(10, "billing-details-incomplete", BEFORE, **_details(BEFORE - GRACE)),
    State(_details(AT - GRACE), 10, "billing-details-incomplete", _MISSING),
    State(_details(AFTER - GRACE), 10, "billing-details-incomplete", _MISSING),
]


def _method(since: datetime | None) -> dict[str, object]:
    return {"method_required": True, "method_on_file": False, "method_missing_since": since}


METHODS = [
    passes(method_on_file=False),
    passes(method_required=True),
    State(_method(None), 11, "payment-method-missing", {"needed_for": "start"}),
    warns(11, "payment-method-missing", BEFORE, **_method(BEFORE - GRACE)),
    State(_method(AT - GRACE), 11, "payment-method-missing", {"needed_for": "renewal"}),
    State(_method(AFTER - GRACE), 11, "payment-method-missing", {"needed_for": "renewal"}),
]


def expected(states: tuple[State, ...]) -> Admit | Refuse:
    until = min([PERIOD_END, *(state.until for state in states if state.until and state.until > NOW)])
    first = min(states, key=lambda state: state.row)
    if first.row < 16:
        return Refuse(first.slug, first.members, until)
    warned = min((state.notice for state in states if state.notice), default=None)
    return Admit(warned[1], warned[2], until) if warned else Admit(until=until)


def disagreements(*axes: list[State]) -> list[str]:
    found = []
    for states in itertools.product(*axes):
        facts: dict[str, Any] = {"period_end": PERIOD_END, "grace_s": int(GRACE.total_seconds())}
        for state in states:
            facts |= state.facts
        answer = admit(Facts(**facts), NOW)
        if answer != expected(states):
            found.append(f"{facts}: {answer}, not {expected(states)}")
            if len(found) == 3:
                break
    return found


# A slice for each end, so that several workers share the product.
@pytest.mark.parametrize("end", ENDS, ids=range(len(ENDS)))
def test_every_state_of_a_subscription_with_every_state_of_its_payments(end: State) -> None:
    assert disagreements(STARTS, [end], HOLDS, INVOICES, DISPUTES, DETAILS, METHODS) == []


def test_switches_and_missing_subscriptions_go_before_everything_else() -> None:
    assert disagreements(SWITCHES, SUBSCRIPTIONS, STARTS, ENDS, HOLDS, INVOICES[:3], DISPUTES) == []


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (Facts(starts_at=BEFORE, cancel_at=AFTER), "scheduled"),
        (Facts(starts_at=AT), "active"),
        (Facts(trial_ends_at=BEFORE, ever_billed=False), "trialing"),
        (Facts(trial_ends_at=AT, ever_billed=False), "ended"),
        (Facts(trial_ends_at=AT), "active"),
        (Facts(cancel_at=BEFORE), "canceling"),
        (Facts(cancel_at=AT), "ended"),
        (Facts(ended_at=AFTER, ended_reason="unpaid"), "ended"),
    ],
)
def test_lifecycle_is_derived_from_facts_of_time(facts: Facts, word: str) -> None:
    assert lifecycle(facts, NOW) == word


@pytest.mark.parametrize(
    ("facts", "word", "until"),
    [
        (Facts(ever_billed=False), "none_needed", None),
        (Facts(), "ok", None),
        (Facts(open_invoice=_invoice("auto", None)), "ok", None),
        (Facts(open_invoice=_invoice("auto", BEFORE - GRACE)), "past_due", BEFORE),
        (Facts(open_invoice=_invoice("auto", AT - GRACE)), "blocked", None),
        (Facts(open_invoice=_invoice("auto", None, is_first=True)), "blocked", None),
        (Facts(open_invoice=_invoice("auto", AT - GRACE, awaits_confirmation=True)), "action_required", None),
        (Facts(dispute_opened_at=LONG_AGO, dispute_tolerated=True), "disputed", None),
        (Facts(hold="suspended_billing", held_at=LONG_AGO), "blocked", None),
        (Facts(**_method(BEFORE - GRACE)), "past_due", BEFORE),  # type: ignore[arg-type]  # keyword facts
    ],
)
def test_payment_standing_is_one_word(facts: Facts, word: str, until: datetime | None) -> None:
    assert payment_standing(facts, NOW) == PaymentStanding(word, until)  # type: ignore[arg-type]  # a table's text


def test_a_trial_that_was_billed_ends_as_expired() -> None:
    answer = admit(Facts(ended_at=AT, ended_reason="trial_quota"), NOW)

    assert answer == Refuse("subscription-ended", {"ended_at": AT, "reason": "expired"})


def test_without_grace_the_first_failure_refuses_at_once() -> None:
    failed = Facts(open_invoice=_invoice("auto", AT, last_declined=True), grace_s=0)

    assert isinstance(admit(failed, NOW), Refuse)
    assert isinstance(admit(failed, NOW - TICK), Admit)


def test_a_pause_holds_from_its_beginning_to_its_end() -> None:
    paused = Facts(hold="paused", held_at=AT, resumes_at=AT + GRACE)

    assert [held(paused, at) for at in (AT - TICK, AT, AT + GRACE - TICK, AT + GRACE)] == [False, True, True, False]

"""Every 402 brought about as it comes about in life, followed by its link, fixed by the right person, and then the same
call passes. What all of them have in common is in `Case.refused` and `Case.fixed`.
"""

import time

from tests.journeys.cases import FAILING, GOOD, POOR, STOLEN, Case, Refusal, a_plan, card, until_refused


# Missing payment information -----------------------------------------------------------------------------------------
def test_subscription_required(case: Case) -> None:
    case.add_card(GOOD)
    fix = case.refused(case.embed, "subscription-required")
    page = case.page_of(fix, "Subscribe and pay $29.00")
    case.fixed(case.embed, case.owner.submit(page, "Subscribe and pay"))


def test_subscription_incomplete(case: Case, pro: dict[str, str]) -> None:
    case.add_card(POOR)
    assert "Calls pass once the first invoice is paid." in case.subscribe(pro).text
    fix = case.refused(case.chat, "subscription-incomplete")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


def test_subscription_ended(case: Case, pro: dict[str, str]) -> None:
    case.add_card(GOOD)
    case.subscribe(pro)
    assert case.chat() is None
    assert "Canceled." in case.owner.submit(case.subscription(), "Cancel").text
    assert case.chat() is None
    case.console("move", days=32)
    fix = case.refused(case.chat, "subscription-ended")
    page = case.page_of(fix, "Subscribe and pay")
    case.fixed(case.chat, case.owner.submit(page, "Subscribe and pay"))


def test_payment_method_missing(case: Case) -> None:
    a_plan(case, requires_method=True)
    fix = case.refused(case.chat, "payment-method-missing")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


# The payment method ---------------------------------------------------------------------------------------------------
def test_payment_declined(case: Case, pro: dict[str, str]) -> None:
    case.add_card(GOOD)
    case.subscribe(pro)
    case.add_card(FAILING)
    case.console("move", days=31)
    assert case.chat() is None  # grace
    case.console("move", days=4)
    fix = case.refused(case.chat, "payment-declined")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


def test_payment_method_invalid(case: Case, pro: dict[str, str]) -> None:
    case.add_card(GOOD)
    case.subscribe(pro)
    case.add_card(STOLEN)
    case.console("move", days=31)
    assert case.chat() is None
    case.console("move", days=4)
    fix = case.refused(case.chat, "payment-method-invalid")
    page = case.page_of(fix, "Add the card")
    case.fixed(case.chat, case.owner.submit(page, "Add the card", **card(GOOD)))


def test_payment_overdue(case: Case) -> None:
    a_plan(case, price_minor=1_000, collection="invoice", net_days=10)
    assert case.chat() is None
    case.console("move", days=10)
    assert case.chat() is None
    case.console("move", days=4)
    fix = case.refused(case.chat, "payment-overdue")
    page = case.page_of(fix, "Add the card")
    page = case.owner.submit(page, "Add the card", **card(GOOD))
    case.fixed(case.chat, case.owner.submit(page, "Pay $10.00"))


# Limits ---------------------------------------------------------------------------------------------------------------
def test_calls_used_up(case: Case) -> None:
    case.add_card(GOOD)
    a_plan(case, limits={"calls": 3})
    assert [case.chat() for _ in range(3)] == [None] * 3
    fix = case.refused(case.chat, "quota-exceeded", waits=True)
    page = case.page_of(fix, "Change plan and pay")
    assert "All 3 calls" in page.text
    case.fixed(case.chat, case.owner.submit(page, "Change plan and pay"))


def test_bytes_used_up(case: Case) -> None:
    case.add_card(GOOD)
    a_plan(case, service="weather", limits={"bytes": 30_000})
    until_refused(case.weather)
    fix = case.refused(case.weather, "quota-exceeded", waits=True)
    page = case.page_of(fix, "Change plan and pay")
    case.fixed(case.weather, case.owner.submit(page, "Change plan and pay"))


def test_tokens_used_up(case: Case) -> None:
    def call() -> Refusal | None:
        return case.chat(words=50, max_tokens=50)

    case.add_card(GOOD)
    a_plan(case, limits={"tokens": 300})
    until_refused(call)
    fix = case.refused(call, "quota-exceeded", waits=True)
    page = case.page_of(fix, "Change plan and pay")
    case.fixed(call, case.owner.submit(page, "Change plan and pay"))


def test_spend_cap_reached(case: Case, pro: dict[str, str]) -> None:
    def call() -> Refusal | None:
        return case.chat(model="demo-large", words=1000, max_tokens=1000)

    case.add_card(GOOD)
    case.subscribe(pro)
    assert "The cap holds within a second." in case.owner.submit(case.subscription(), "cap", limit="0.01").text
    time.sleep(1)
    assert call() is None
    fix = case.refused(call, "spend-cap-reached", waits=True)
    page = case.page_of(fix, "Raise the cap")
    case.fixed(call, case.owner.submit(page, "Raise the cap"))


def test_plan_upgrade_required(case: Case) -> None:
    def call() -> Refusal | None:
        return case.chat(model="demo-large")

    case.add_card(GOOD)
    a_plan(case, models=["demo-chat"])
    assert case.chat() is None
    fix = case.refused(call, "plan-upgrade-required")
    page = case.page_of(fix, "Change plan and pay")
    case.fixed(call, case.owner.submit(page, "Change plan and pay"))


# Keys -----------------------------------------------------------------------------------------------------------------
def test_revoked_key_is_named_by_its_link(case: Case) -> None:
    case.enter()
    case.owner.submit(case.owner.get(f"/keys/{case.team['key']}/revoke/"), "Revoke key", name="First")
    time.sleep(1)

    refusal = case.chat()

    assert refusal is not None
    assert (refusal.status, refusal.problem["code"]) == (401, "credentials-revoked")
    fix: str = refusal.problem["links"]["fix"]
    page = case.owner.get(fix)
    assert case.team["key"] in fix
    assert f"Of {case.team['name']} robot." in page.text
    assert case.people.stranger.get(fix).status == 404

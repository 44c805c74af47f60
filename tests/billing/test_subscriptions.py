"""Verbs of subscriptions, seen through what `admit` then says."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from apipark import clock
from apipark.models import Change
from billing import leases, subscriptions
from billing.contracts import facts_of, period_at, plan_specs
from billing.models import Invoice, PlanVersion, Subscription
from billing.standing import Admit, Refuse, admit
from providers.models import Service
from teams import audit
from teams.models import AuditEvent, Team, User
from tests.billing.factories import (
    PaymentMethodFactory,
    PlanFactory,
    PlanVersionFactory,
    ServiceFactory,
)
from tests.teams.factories import ApplicationFactory, TeamFactory, UserFactory

pytestmark = pytest.mark.django_db
PassTime = Callable[..., datetime]


@pytest.fixture
def team() -> Team:
    return TeamFactory.create()


@pytest.fixture
def actor() -> User:
    return UserFactory.create()


def answer(subscription: Subscription) -> str:
    """Of the call that arrives now: "pass", the notice, or the slug of the refusal."""
    decided = admit(facts_of(subscription, clock.now()), clock.now())
    return decided.slug if isinstance(decided, Refuse) else decided.notice or "pass"


def tiers(**first: Any) -> tuple[PlanVersion, PlanVersion]:
    """A plan of 30.00 with 100 calls and one of 90.00 with 500, both monthly, of one publisher."""
    small = PlanVersionFactory.create(price_minor=3000, limits={"calls": 100}, **first)
    plan = PlanFactory.create(publisher=small.plan.publisher)
    return small, PlanVersionFactory.create(plan=plan, price_minor=9000, limits={"calls": 500})


def limit_now(subscription: Subscription) -> int | None:
    subscription.refresh_from_db()
    specs = plan_specs(subscription, subscription.version, subscription.anchor)
    return leases.usage(specs, clock.now())[0].limit


def use(subscription: Subscription, calls: int) -> None:
    """As a worker and the shipper do it."""
    worker = uuid4()
    spec = plan_specs(subscription, subscription.version, subscription.anchor)[0]
    leased = leases.acquire(worker, [leases.Want(spec, calls, 0)], now=clock.now(), live_workers=1)
    assert isinstance(leased, leases.Granted)
    leases.ship(worker, {leased.units[0].allowance_id: calls}, {})


def test_a_free_plan_passes_at_once_and_is_written_down(team: Team, actor: User) -> None:
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(), actor=actor)

    assert answer(subscription) == "pass"
    assert not Invoice.objects.exists()
    assert AuditEvent.objects.get().action == "subscription.started"
    assert audit.verify(str(team.pk)) is None
    assert Change.objects.filter(kind="subscription", object_id=subscription.pk).exists()


def test_the_first_invoice_is_paid_while_subscribing(team: Team, actor: User) -> None:
    PaymentMethodFactory.create(team=team)

    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=3000), actor=actor)

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.reason, invoice.total_minor, invoice.number) == ("paid", "first", 3000, 1)
    assert (invoice.period_start, invoice.period_end) == period_at(subscription, clock.now())
    assert answer(subscription) == "pass"


@pytest.mark.parametrize("behaviour", [None, "insufficient", "stolen"])
def test_a_first_payment_that_fails_leaves_it_incomplete(team: Team, actor: User, behaviour: str | None) -> None:
    if behaviour:
        PaymentMethodFactory.create(team=team, behaviour=behaviour)

    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=3000), actor=actor)

    assert answer(subscription) == "subscription-incomplete"


def test_days_to_pay_let_the_first_calls_pass(team: Team, actor: User, pass_time: PassTime) -> None:
    version = PlanVersionFactory.create(price_minor=3000, collection="invoice", net_days=14)
    subscription = subscriptions.subscribe(team, version, actor=actor)

    seen = [answer(subscription)]
    for days in (14, 3):
        pass_time(days=days, seconds=1)
        seen.append(answer(subscription))

    assert seen == ["pass", "payment-overdue", "payment-overdue"]
    assert isinstance(admit(facts_of(subscription, clock.now()), clock.now()), Refuse)
    assert not Invoice.objects.get().attempts.exists()


def test_a_plan_that_needs_a_method_refuses_without_one(team: Team, actor: User) -> None:
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(requires_method=True), actor=actor)

    assert answer(subscription) == "payment-method-missing"


def test_a_later_start_is_billed_when_it_comes(team: Team, actor: User, pass_time: PassTime) -> None:
    PaymentMethodFactory.create(team=team)
    starts = clock.now() + timedelta(days=2)
    subscription = subscriptions.subscribe(
        team, PlanVersionFactory.create(price_minor=3000), actor=actor, starts_at=starts
    )
    before = (answer(subscription), Invoice.objects.count())

    pass_time(days=2, seconds=1)

    assert before == ("subscription-required", 0)
    assert (answer(subscription), Invoice.objects.get().period_start) == ("pass", starts)


def test_no_second_subscription_to_the_same_plan(team: Team, actor: User) -> None:
    version = PlanVersionFactory.create()
    subscriptions.subscribe(team, version, actor=actor)
    subscriptions.subscribe(team, version, actor=actor, application=ApplicationFactory.create(team=team))

    with pytest.raises(ValidationError, match="already"):
        subscriptions.subscribe(team, version, actor=actor)


@pytest.mark.parametrize("fields", [{"state": "draft"}, {"state": "retired"}, {"price_minor": 100, "currency": "EUR"}])
def test_what_is_not_on_offer_or_in_another_currency_is_refused(
    team: Team, actor: User, fields: dict[str, Any]
) -> None:
    version = PlanVersionFactory.create(**fields)

    with pytest.raises(ValidationError):
        subscriptions.subscribe(team, version, actor=actor)
    assert not Subscription.objects.exists()


def test_a_stranger_s_application_is_refused(team: Team, actor: User) -> None:
    with pytest.raises(ValidationError):
        subscriptions.subscribe(team, PlanVersionFactory.create(), actor=actor, application=ApplicationFactory.create())


def test_approval_begins_and_bills_the_subscription(team: Team, actor: User) -> None:
    PaymentMethodFactory.create(team=team)
    plan = PlanFactory.create(services=[ServiceFactory.create(approval=Service.Approval.MANUAL)])
    version = PlanVersionFactory.create(plan=plan, price_minor=100)
    subscription = subscriptions.subscribe(team, version, actor=actor)
    waiting = (answer(subscription), Invoice.objects.count())

    subscriptions.approve(subscription, actor=actor)

    assert waiting == ("approval-pending", 0)
    assert (answer(subscription), Invoice.objects.get().state) == ("pass", "paid")
    with pytest.raises(ValidationError):
        subscriptions.decline(subscription, actor=actor, note="too late")


def test_a_declined_request_says_why(team: Team, actor: User) -> None:
    plan = PlanFactory.create(services=[ServiceFactory.create(approval=Service.Approval.MANUAL)])
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(plan=plan), actor=actor)

    subscriptions.decline(subscription, actor=actor, note="not for robots")

    decided = admit(facts_of(subscription, clock.now()), clock.now())
    assert isinstance(decided, Refuse)
    assert (decided.slug, decided.members["reason"]) == ("approval-rejected", "not for robots")


def test_an_upgrade_is_charged_in_proportion_and_raises_the_limit_of_the_running_period(
    team: Team, actor: User, pass_time: PassTime
) -> None:
    PaymentMethodFactory.create(team=team)
    small, large = tiers()
    subscription = subscriptions.subscribe(team, small, actor=actor)
    use(subscription, 20)
    start, end = period_at(subscription, clock.now())
    pass_time(seconds=(end - start).total_seconds() / 2)

    preview = subscriptions.preview_change(subscription, large)
    changed = subscriptions.change_plan(subscription, large, actor=actor, agreed_minor=preview.amount_minor)

    # Half of the month is left, and 80 of 100 calls: the smaller share is given back.
    assert (preview.when, preview.amount_minor, preview.credit_minor) == ("now", 4500 - 1500, 1500)
    assert changed.version == large
    assert limit_now(subscription) == 500
    usage = leases.usage(plan_specs(changed, large, changed.anchor), clock.now())[0]
    assert (usage.used, usage.limit) == (20, 500)
    invoice = Invoice.objects.order_by("number").last()
    assert invoice
    assert (invoice.reason, invoice.total_minor, invoice.state) == ("change", 3000, "paid")


def test_who_used_everything_gets_nothing_back(team: Team, actor: User) -> None:
    PaymentMethodFactory.create(team=team)
    small, large = tiers()
    subscription = subscriptions.subscribe(team, small, actor=actor)
    use(subscription, 100)

    preview = subscriptions.preview_change(subscription, large)

    assert (preview.credit_minor, preview.amount_minor) == (0, 9000)


def test_an_upgrade_that_is_declined_changes_nothing(team: Team, actor: User) -> None:
    method = PaymentMethodFactory.create(team=team)
    small, large = tiers()
    subscription = subscriptions.subscribe(team, small, actor=actor)
    method.token = "insufficient-x"
    method.save()

    with pytest.raises(ValidationError, match="declined"):
        subscriptions.change_plan(subscription, large, actor=actor)

    subscription.refresh_from_db()
    assert (subscription.version, limit_now(subscription), answer(subscription)) == (small, 100, "pass")
    assert list(Invoice.objects.order_by("number").values_list("state", flat=True)) == ["paid", "void"]


def test_an_upgrade_whose_process_died_is_finished_by_the_sweep(team: Team, actor: User, pass_time: PassTime) -> None:
    PaymentMethodFactory.create(team=team)
    small, large = tiers()
    subscription = subscriptions.subscribe(team, small, actor=actor)
    preview = subscriptions.preview_change(subscription, large)
    # Committed, and then killed before the gateway was asked.
    attempt = subscriptions._upgrade(subscription, large, preview, clock.now())
    assert attempt
    assert limit_now(subscription) == 100

    pass_time(minutes=2)

    assert limit_now(subscription) == 500
    assert attempt.invoice.attempts.get().state == "succeeded"


def test_more_than_was_agreed_is_never_charged(team: Team, actor: User) -> None:
    PaymentMethodFactory.create(team=team)
    small, large = tiers()
    subscription = subscriptions.subscribe(team, small, actor=actor)

    with pytest.raises(ValidationError, match="price has changed"):
        subscriptions.change_plan(subscription, large, actor=actor, agreed_minor=1)

    assert Invoice.objects.count() == 1


def test_from_free_to_paid_needs_a_method(team: Team, actor: User) -> None:
    free = PlanVersionFactory.create()
    paid = PlanVersionFactory.create(plan=PlanFactory.create(publisher=free.plan.publisher), price_minor=3000)
    subscription = subscriptions.subscribe(team, free, actor=actor)

    with pytest.raises(ValidationError, match="payment method"):
        subscriptions.change_plan(subscription, paid, actor=actor)

    assert not Invoice.objects.exists()


def test_a_downgrade_waits_for_the_end_of_the_period(team: Team, actor: User, pass_time: PassTime) -> None:
    PaymentMethodFactory.create(team=team)
    small, large = tiers()
    subscription = subscriptions.subscribe(team, large, actor=actor)
    use(subscription, 300)
    end = period_at(subscription, clock.now())[1]

    subscriptions.change_plan(subscription, small, actor=actor)
    before = limit_now(subscription)
    pass_time(seconds=(end - clock.now()).total_seconds() + 1)

    assert (before, limit_now(subscription), subscription.version) == (500, 100, small)
    assert list(Invoice.objects.order_by("number").values_list("total_minor", flat=True)) == [9000, 3000]
    assert subscription.pending_version is None


def test_staying_withdraws_a_pending_change(team: Team, actor: User, pass_time: PassTime) -> None:
    PaymentMethodFactory.create(team=team)
    small, large = tiers()
    subscription = subscriptions.subscribe(team, large, actor=actor)
    subscriptions.change_plan(subscription, small, actor=actor)

    subscriptions.change_plan(subscription, large, actor=actor)
    pass_time(days=32)

    assert limit_now(subscription) == 500


def test_another_rhythm_begins_a_new_period_now(team: Team, actor: User, pass_time: PassTime) -> None:
    PaymentMethodFactory.create(team=team)
    small, _ = tiers()
    yearly = PlanVersionFactory.create(
        plan=PlanFactory.create(publisher=small.plan.publisher), price_minor=60_000, interval="year"
    )
    subscription = subscriptions.subscribe(team, small, actor=actor)
    now = pass_time(days=1)

    changed = subscriptions.change_plan(subscription, yearly, actor=actor)
    pass_time(days=40)

    assert (changed.anchor - now) < timedelta(minutes=1)
    assert period_at(changed, clock.now())[0] == changed.anchor
    assert Invoice.objects.count() == 2


def test_cancel_holds_to_the_end_of_the_period_and_then_ends(team: Team, actor: User, pass_time: PassTime) -> None:
    PaymentMethodFactory.create(team=team)
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=100), actor=actor)
    end = period_at(subscription, clock.now())[1]

    subscriptions.cancel(subscription, actor=actor)
    before = answer(subscription)
    pass_time(seconds=(end - clock.now()).total_seconds() + 1)

    subscription.refresh_from_db()
    assert (before, answer(subscription)) == ("pass", "subscription-ended")
    assert (subscription.ended_at, subscription.ended_reason) == (end, "canceled")
    assert Invoice.objects.count() == 1


def test_keep_takes_a_cancellation_back(team: Team, actor: User, pass_time: PassTime) -> None:
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(), actor=actor)
    subscriptions.cancel(subscription, actor=actor)

    subscriptions.keep(subscription, actor=actor)
    pass_time(days=40)

    assert answer(subscription) == "pass"
    with pytest.raises(ValidationError):
        subscriptions.keep(subscription, actor=actor)


def test_cancel_before_the_first_payment_voids_its_invoice(team: Team, actor: User) -> None:
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=100), actor=actor)

    subscriptions.cancel(subscription, actor=actor)

    assert (answer(subscription), Invoice.objects.get().state) == ("subscription-ended", "void")


def test_a_pause_ends_by_itself_and_the_paused_periods_cost_nothing(
    team: Team, actor: User, pass_time: PassTime
) -> None:
    PaymentMethodFactory.create(team=team)
    version = PlanVersionFactory.create(price_minor=100, interval="day", interval_count=10)
    subscription = subscriptions.subscribe(team, version, actor=actor)

    subscriptions.pause(subscription, by="customer", actor=actor, resumes_at=clock.now() + timedelta(days=35))
    paused = answer(subscription)
    pass_time(days=15)
    pass_time(days=21)

    assert (paused, answer(subscription)) == ("subscription-paused", "pass")
    starts = list(Invoice.objects.order_by("number").values_list("period_start", flat=True))
    assert starts == [subscription.anchor, subscription.anchor + timedelta(days=30)]


def test_a_customer_ends_only_its_own_pause(team: Team, actor: User) -> None:
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(), actor=actor)
    subscriptions.pause(subscription, by="publisher", actor=actor)

    with pytest.raises(ValidationError):
        subscriptions.resume(subscription, by="customer", actor=actor)
    subscriptions.resume(subscription, by="publisher", actor=actor)

    assert answer(subscription) == "pass"


def test_suspension_by_hand_refuses_until_it_is_lifted(team: Team, actor: User) -> None:
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(), actor=actor)

    subscriptions.suspend(subscription, actor=actor, reason="bounced cheque")
    suspended = answer(subscription)
    subscriptions.resume(subscription, by="publisher", actor=actor)

    assert (suspended, answer(subscription)) == ("account-suspended-billing", "pass")
    assert isinstance(admit(facts_of(subscription, clock.now()), clock.now()), Admit)

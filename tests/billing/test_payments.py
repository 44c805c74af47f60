"""Invoices, attempts, methods and dunning, over days of the test clock."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test.utils import override_settings

from apipark import clock
from billing import dunning, invoicing, payment_methods, subscriptions, tasks
from billing.contracts import facts_of, period_at
from billing.gateways.base import Card, Declined, Succeeded
from billing.gateways.manual import ManualGateway
from billing.gateways.registry import card_gateway, gateway
from billing.gateways.test import CARDS, TestGateway
from billing.models import Invoice, PaymentAttempt, PaymentMethod, Subscription
from billing.standing import Admit, Refuse, admit
from teams.models import AuditEvent, Team, User
from tests.billing.factories import PaymentMethodFactory, PlanVersionFactory
from tests.teams.factories import TeamFactory, UserFactory

pytestmark = pytest.mark.django_db
PassTime = Callable[..., datetime]
GOOD, FAILS_LATER, SHORT, STOLEN, EXPIRED = (
    Card(number, 12, 2080, "123")
    for number in (
        "4242 4242 4242 4242",
        "4000000000000341",
        "4000000000009995",
        "4000000000009979",
        "4000000000000069",
    )
)


@pytest.fixture
def team() -> Team:
    return TeamFactory.create(legal_name="Buyer Ltd")


@pytest.fixture
def actor() -> User:
    return UserFactory.create()


def paying(team: Team, price_minor: int = 3000) -> Subscription:
    """A monthly subscription whose first invoice was paid with a card that pays."""
    payment_methods.add(team, GOOD, actor=UserFactory.create())
    return subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=price_minor), actor=None)


def decided(subscription: Subscription) -> Admit | Refuse:
    return admit(facts_of(subscription, clock.now()), clock.now())


def answer(subscription: Subscription) -> str:
    answered = decided(subscription)
    return answered.slug if isinstance(answered, Refuse) else answered.notice or "pass"


def to_next_period(subscription: Subscription, pass_time: PassTime) -> None:
    pass_time(seconds=(period_at(subscription, clock.now())[1] - clock.now()).total_seconds() + 1)


def last_invoice() -> Invoice:
    return Invoice.objects.latest("number")


def test_each_period_has_one_invoice_and_numbers_have_no_gap(team: Team, pass_time: PassTime) -> None:
    subscription = paying(team)

    for _ in range(3):
        to_next_period(subscription, pass_time)
        tasks.bill()

    invoices = list(Invoice.objects.order_by("number"))
    assert [invoice.number for invoice in invoices] == [1, 2, 3, 4]
    assert {invoice.state for invoice in invoices} == {"paid"}
    assert [invoice.reason for invoice in invoices] == ["first", "period", "period", "period"]
    assert all(one.period_end == two.period_start for one, two in pairwise(invoices))
    assert invoices[0].buyer["name"] == "Buyer Ltd"
    assert invoices[0].lines.get().amount_minor == 3000


def test_a_missed_sweep_bills_each_period_that_has_begun(team: Team, pass_time: PassTime) -> None:
    paying(team)

    pass_time(days=63)

    assert Invoice.objects.count() == 3


def test_a_second_invoice_for_a_period_is_refused_by_the_database(team: Team) -> None:
    paying(team)
    invoice = last_invoice()
    invoice.pk, invoice.ref, invoice.number = None, "inv_other", 99

    with pytest.raises(IntegrityError), transaction.atomic():
        invoice.save(force_insert=True)


def test_a_failed_number_leaves_no_gap(team: Team) -> None:
    subscription = paying(team)
    with transaction.atomic():
        invoicing.issue(
            subscription,
            subscription.version,
            [invoicing.Line("x", 10_000_000)],
            reason=Invoice.Reason.CHANGE,
            period=period_at(subscription, clock.now()),
            now=clock.now(),
        )
        transaction.set_rollback(True)

    paying(TeamFactory.create())

    assert list(Invoice.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


def test_dunning_from_the_first_failure_over_grace_to_a_new_card(team: Team, actor: User, pass_time: PassTime) -> None:
    """The card of dunning: it attaches, then every charge fails. A good one on day 6 opens everything at once."""
    subscription = paying(team)
    payment_methods.add(team, FAILS_LATER, actor=actor)
    to_next_period(subscription, pass_time)
    failed_at = last_invoice().first_failed_at
    assert failed_at

    on_first_day = decided(subscription)
    facts = facts_of(subscription, clock.now())
    grace_end = failed_at + timedelta(days=3)
    edge = [type(admit(facts, grace_end - timedelta(microseconds=1))), type(admit(facts, grace_end))]
    for _ in range(6):
        pass_time(days=1, minutes=5)
    attempts_by_day_6 = last_invoice().attempts.count()
    refused = answer(subscription)
    payment_methods.replace(PaymentMethod.objects.get(is_default=True, removed_at=None), GOOD, actor=actor)

    assert isinstance(on_first_day, Admit)
    assert (on_first_day.notice, on_first_day.grace_ends_at) == ("payment-declined", grace_end)
    assert edge == [Admit, Refuse]
    assert attempts_by_day_6 == 4  # days 0, 1, 3, 5
    assert (refused, answer(subscription)) == ("payment-declined", "pass")
    assert last_invoice().first_failed_at == failed_at
    assert last_invoice().state == "paid"


def test_attempts_are_made_on_their_days_and_then_it_is_suspended_and_ends(
    team: Team, actor: User, pass_time: PassTime
) -> None:
    subscription = paying(team)
    payment_methods.add(team, SHORT, actor=actor)
    to_next_period(subscription, pass_time)
    issued, number = last_invoice().issued_at, last_invoice().number

    pass_time(minutes=30)  # attempts are spread over half an hour
    for _ in range(16):
        pass_time(days=1)
    days = [
        (attempt.started_at - issued).days for attempt in Invoice.objects.get(number=number).attempts.order_by("id")
    ]
    subscription.refresh_from_db()
    suspended = (subscription.held_by, answer(subscription))
    pass_time(days=31)

    subscription.refresh_from_db()
    assert days == [0, 1, 3, 5, 7, 10, 14]
    assert suspended == ("system", "account-suspended-billing")
    assert (subscription.ended_reason, answer(subscription)) == ("unpaid", "subscription-ended")


def test_the_plan_of_attempts(team: Team) -> None:
    paying(team)
    invoice = last_invoice()
    planned, instant = [], invoice.issued_at - timedelta(seconds=1)

    while following := invoicing.next_attempt(invoice, instant):
        planned.append((following - invoice.issued_at).days)
        instant = following

    assert planned == [0, 1, 3, 5, 7, 10, 14]


def test_paying_lifts_the_suspension_and_the_held_periods_are_not_billed(
    team: Team, actor: User, pass_time: PassTime
) -> None:
    subscription = paying(team)
    payment_methods.add(team, SHORT, actor=actor)
    to_next_period(subscription, pass_time)
    for _ in range(16):
        pass_time(days=1)
    pass_time(days=20)
    before = (answer(subscription), Invoice.objects.count())

    payment_methods.add(team, GOOD, actor=actor)
    opened = answer(subscription)
    pass_time(minutes=1)

    assert before == ("account-suspended-billing", 2)
    assert opened == "pass"
    assert Invoice.objects.count() == 3
    assert last_invoice().period_start <= clock.now() < last_invoice().period_end


def test_a_hard_decline_stops_the_series_until_the_method_changes(team: Team, actor: User, pass_time: PassTime) -> None:
    subscription = paying(team)
    payment_methods.add(team, STOLEN, actor=actor)
    to_next_period(subscription, pass_time)
    for _ in range(4):
        pass_time(days=1)
    attempt = last_invoice().attempts.get()
    refused = decided(subscription)

    payment_methods.add(team, GOOD, actor=actor)

    # Nobody learns that it was reported stolen.
    assert (attempt.hard, attempt.category) == (True, "issuer_declined")
    assert isinstance(refused, Refuse)
    assert (refused.slug, refused.members["why"]) == ("payment-method-invalid", "refused")
    assert answer(subscription) == "pass"


def test_a_card_that_expires_is_invalid_after_grace(team: Team, actor: User, pass_time: PassTime) -> None:
    subscription = paying(team)
    this_month = clock.now()
    soon = Card(GOOD.number, this_month.month, this_month.year)
    payment_methods.add(team, soon, actor=actor)
    pass_time(days=32)
    pass_time(days=4)

    refused = decided(subscription)

    assert isinstance(refused, Refuse)
    assert (refused.slug, refused.members["why"]) == ("payment-method-invalid", "expired")


def test_a_removed_card_is_missed_when_the_next_invoice_comes(team: Team, actor: User, pass_time: PassTime) -> None:
    subscription = paying(team)
    payment_methods.remove(PaymentMethod.objects.get(), actor=actor)
    to_next_period(subscription, pass_time)
    in_grace = answer(subscription)
    pass_time(days=3, minutes=1)
    refused = decided(subscription)

    assert in_grace == "payment-method-invalid"
    assert isinstance(refused, Refuse)
    assert (refused.slug, refused.members["why"]) == ("payment-method-invalid", "removed")


def test_a_required_method_that_is_removed_has_grace(team: Team, actor: User, pass_time: PassTime) -> None:
    method = payment_methods.add(team, GOOD, actor=actor)
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(requires_method=True), actor=actor)
    seen = [answer(subscription)]

    payment_methods.remove(method, actor=actor)
    seen.append(answer(subscription))
    pass_time(days=3, seconds=1)
    refused = decided(subscription)
    payment_methods.add(team, GOOD, actor=actor)
    seen.append(answer(subscription))

    assert seen == ["pass", "payment-method-missing", "pass"]
    assert isinstance(refused, Refuse)
    assert refused.members == {"needed_for": "renewal"}


@pytest.mark.parametrize(("of_team", "of_plan", "hours"), [(None, None, 72), (None, 5, 5), (1, 5, 1), (0, 5, 0)])
def test_grace_is_the_team_s_else_the_plan_s_else_the_site_s(
    of_team: int | None, of_plan: int | None, hours: int
) -> None:
    team = TeamFactory.create(grace_hours=of_team)
    version = PlanVersionFactory.create(grace_hours=of_plan)

    subscription = subscriptions.subscribe(team, version, actor=None)

    assert facts_of(subscription, clock.now()).grace_s == hours * 3600


def test_a_first_payment_that_never_succeeds_ends_the_subscription(
    team: Team, actor: User, pass_time: PassTime
) -> None:
    payment_methods.add(team, SHORT, actor=actor)
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=3000), actor=actor)
    seen = [answer(subscription)]

    for _ in range(16):
        pass_time(days=1)

    subscription.refresh_from_db()
    seen.append(answer(subscription))
    assert seen == ["subscription-incomplete", "subscription-ended"]
    assert (subscription.ended_reason, last_invoice().state) == ("expired", "void")


def test_the_first_card_completes_the_subscription(team: Team, actor: User) -> None:
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=3000), actor=actor)
    before = answer(subscription)

    payment_methods.add(team, GOOD, actor=actor)

    assert (before, answer(subscription)) == ("subscription-incomplete", "pass")


def test_a_new_card_pays_all_that_is_open(team: Team, actor: User) -> None:
    for _ in range(3):
        subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=3000), actor=actor)

    payment_methods.add(team, GOOD, actor=actor)

    assert set(Invoice.objects.values_list("state", flat=True)) == {"paid"}
    assert Invoice.objects.count() == 3


def test_a_left_over_attempt_is_asked_again_and_settled_once(team: Team, pass_time: PassTime) -> None:
    method = PaymentMethodFactory.create(team=team, is_default=False)
    subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=3000), actor=None)
    invoice = last_invoice()
    with transaction.atomic():
        attempt = invoicing.begin(invoicing.lock(invoice), method, now=clock.now())
    with pytest.raises(ValidationError, match="under way"):
        invoicing.pay(invoice, method)

    pass_time(minutes=2)
    invoicing.complete(attempt)

    assert last_invoice().state == "paid"
    assert invoice.attempts.get().state == "succeeded"
    assert AuditEvent.objects.filter(action="invoice.paid").count() == 1


def test_a_paid_invoice_cannot_be_paid_again(team: Team, actor: User) -> None:
    paying(team)
    method = PaymentMethod.objects.get()

    with pytest.raises(ValidationError, match="not open"):
        invoicing.pay(last_invoice(), method)
    with pytest.raises(ValidationError, match="not open"):
        invoicing.record_payment(last_invoice(), 3000, actor=actor)


def test_another_team_s_card_pays_nothing(team: Team) -> None:
    subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=3000), actor=None)

    with pytest.raises(ValidationError, match="not on file"):
        invoicing.pay(last_invoice(), PaymentMethodFactory.create())
    assert not PaymentAttempt.objects.exists()


def test_a_transfer_is_recorded_in_full_and_opens_the_subscription(
    team: Team, actor: User, pass_time: PassTime
) -> None:
    version = PlanVersionFactory.create(price_minor=3000, collection="invoice", net_days=1)
    subscription = subscriptions.subscribe(team, version, actor=actor)
    pass_time(days=5)
    overdue = answer(subscription)

    with pytest.raises(ValidationError, match="amount"):
        invoicing.record_payment(last_invoice(), 2999, actor=actor)
    attempt = invoicing.record_payment(last_invoice(), 3000, actor=actor, note="statement 11")

    assert (overdue, answer(subscription)) == ("payment-overdue", "pass")
    assert (attempt.gateway, attempt.method, attempt.amount_minor) == ("manual", None, 3000)
    assert AuditEvent.objects.get(action="invoice.paid").reason == "statement 11"


def test_replacing_keeps_the_role_and_forgets_the_old_card(team: Team, actor: User) -> None:
    first = payment_methods.add(team, GOOD, actor=actor)
    second = payment_methods.add(team, GOOD, actor=actor, make_default=False)

    new = payment_methods.replace(second, FAILS_LATER, actor=actor)

    first.refresh_from_db()
    assert (first.is_default, new.is_default, new.last_four) == (True, False, "0341")
    assert set(PaymentMethod.objects.on_file()) == {first, new}


def test_removing_the_default_hands_it_to_another(team: Team, actor: User) -> None:
    first = payment_methods.add(team, GOOD, actor=actor)
    second = payment_methods.add(team, GOOD, actor=actor)

    payment_methods.remove(second, actor=actor)

    first.refresh_from_db()
    assert first.is_default
    with pytest.raises(ValidationError, match="not on file"):
        payment_methods.remove(second, actor=actor)


def test_a_new_default_is_tried_at_once(team: Team, actor: User) -> None:
    payment_methods.add(team, SHORT, actor=actor)
    good = payment_methods.add(team, GOOD, actor=actor, make_default=False)
    subscription = subscriptions.subscribe(team, PlanVersionFactory.create(price_minor=100), actor=actor)
    before = answer(subscription)

    payment_methods.set_default(good, actor=actor)

    assert (before, answer(subscription)) == ("subscription-incomplete", "pass")


def test_no_number_of_a_card_is_kept(team: Team, actor: User) -> None:
    method = payment_methods.add(team, GOOD, actor=actor)

    assert "4242424242424242" not in " ".join(str(value) for value in vars(method).values())
    assert "4242" not in repr(GOOD)


@pytest.mark.parametrize(
    ("card", "field"),
    [
        (Card("4242424242424241", 12, 2080), "number"),
        (Card("5555555555554444", 12, 2080), "number"),
        (Card("", 12, 2080), "number"),
        (Card("4000000000000127", 12, 2080, "1"), "cvc"),
        (Card("4242424242424242", 13, 2080), "exp_month"),
        (Card("4242424242424242", 12, 80), "exp_year"),
        (Card("4242424242424242", 12, 999_999), "exp_year"),
    ],
)
def test_cards_that_are_refused_name_the_field(team: Team, actor: User, card: Card, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        payment_methods.add(team, card, actor=actor)

    assert list(refused.value.message_dict) == [field]
    assert not PaymentMethod.objects.exists()


def test_a_card_of_last_month_is_refused_and_one_of_this_month_is_not() -> None:
    now = datetime.fromisoformat("2027-03-01T00:00:00+00:00")

    with pytest.raises(ValidationError):
        TestGateway().attach(Card(GOOD.number, 2, 2027), now=now)
    assert TestGateway().attach(Card(GOOD.number, 3, 2027), now=now).exp_month == 3


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.behaviour)
def test_every_test_card_answers_the_same_each_time(card: object) -> None:
    keeper = TestGateway()
    attached = keeper.attach(Card(card.number, 12, 2080), now=clock.now())  # type: ignore[attr-defined]  # a TestCard
    method = PaymentMethod(token=attached.token, exp_month=12, exp_year=2080)
    attempt = PaymentAttempt(method=method, started_at=clock.now())

    first, second = keeper.charge(attempt), keeper.charge(attempt)

    assert first == second
    assert isinstance(first, Succeeded if card.behaviour == "succeeds" else Declined)  # type: ignore[attr-defined]


def test_expired_is_declined_for_good() -> None:
    method = PaymentMethod(token="succeeds-1", exp_month=2, exp_year=2027)
    before, after = (datetime.fromisoformat(at) for at in ("2027-02-28T23:59:59+00:00", "2027-03-01T00:00:00+00:00"))

    outcomes = [TestGateway().charge(PaymentAttempt(method=method, started_at=at)) for at in (before, after)]

    assert outcomes == [Succeeded(), Declined("expired", hard=True)]


@override_settings(BILLING_TEST_GATEWAY=False)
def test_test_cards_pay_nothing_where_they_are_switched_off(team: Team, actor: User) -> None:
    assert isinstance(card_gateway(), ManualGateway)
    with pytest.raises(ValidationError, match="transfer"):
        payment_methods.add(team, GOOD, actor=actor)
    with pytest.raises(ValidationError, match="switched off"):
        gateway("test")


def test_the_sweep_twice_does_nothing_more(team: Team, actor: User, pass_time: PassTime) -> None:
    subscription = paying(team)
    payment_methods.add(team, SHORT, actor=actor)
    to_next_period(subscription, pass_time)

    assert tasks.sweep(clock.now()) == 0
    assert dunning.attempt_due(clock.now()) == 0

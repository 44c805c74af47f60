"""What the gateway is told about an application, and in how many queries."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apipark import clock
from billing import subscriptions
from billing.contracts import facts_without_subscription, period_at, terms_of
from billing.models import Limit
from billing.standing import Refuse, admit
from tests.billing.factories import (
    CapFactory,
    PaymentMethodFactory,
    PlanFactory,
    PlanVersionFactory,
    ServiceFactory,
    SubscriptionFactory,
)
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, TeamFactory

pytestmark = pytest.mark.django_db


def test_oldest_first_with_ended_ones_and_none_of_other_applications() -> None:
    key = ApiKeyFactory.create()
    application, team, now = key.application, key.application.team, clock.now()
    late = SubscriptionFactory.create(team=team, requested_at=now)
    old = SubscriptionFactory.create(
        team=team, requested_at=now - timedelta(days=9), ended_at=now, ended_reason="canceled"
    )
    own = SubscriptionFactory.create(team=team, application=application, requested_at=now - timedelta(days=5))
    SubscriptionFactory.create(team=team, application=ApplicationFactory.create(team=team))
    SubscriptionFactory.create()

    terms = terms_of(application, key.pk)

    assert [term.subscription_id for term in terms] == [old.pk, own.pk, late.pk]
    assert isinstance(admit(terms[0].facts, now), Refuse)


def test_limits_by_meter_then_caps_of_key_application_and_team() -> None:
    key = ApiKeyFactory.create()
    application, team = key.application, key.application.team
    version = PlanVersionFactory.create(limits={"spend": 5, "calls": 7})
    Limit.objects.create(version=version, meter="tokens", period="day", included=9)
    subscription = SubscriptionFactory.create(team=team, version=version)
    CapFactory.create(team=team)
    CapFactory.create(team=team, application=application, meter="calls", period="day")
    CapFactory.create(team=team, api_key=key, period="total")
    CapFactory.create(team=team, application=ApplicationFactory.create(team=team))
    CapFactory.create(team=team, lifted_at=clock.now(), meter="bytes")

    (terms,) = terms_of(application, key.pk)

    assert [(spec.scope, spec.policy) for spec in terms.allowances] == [
        (f"sub:{subscription.pk}", "plan-calls"),
        (f"sub:{subscription.pk}", "plan-tokens-day"),
        (f"sub:{subscription.pk}", "plan-spend"),
        (f"key:{key.pk}", "cap-spend-total"),
        (f"app:{application.pk}", "cap-calls-day"),
        (f"team:{team.pk}", "cap-spend-month"),
    ]
    assert [spec.policy for spec in terms_of(application)[0].allowances][3:] == ["cap-calls-day", "cap-spend-month"]


def test_the_number_of_queries_does_not_grow_with_subscriptions() -> None:
    counts = []
    for subscribed in (1, 4):
        application = ApplicationFactory.create()
        PaymentMethodFactory.create(team=application.team, behaviour="insufficient")
        for _ in range(subscribed):
            version = PlanVersionFactory.create(price_minor=100, limits={"calls": 5})
            subscriptions.subscribe(application.team, version, actor=None)
        with CaptureQueriesContext(connection) as queries:
            terms_of(application, 1)
        counts.append(len(queries))

    assert counts == [9, 9]


def test_a_pending_plan_holds_from_its_instant_without_a_sweep() -> None:
    team = TeamFactory.create()
    PaymentMethodFactory.create(team=team)
    application = ApplicationFactory.create(team=team)
    large = PlanVersionFactory.create(price_minor=900, limits={"calls": 500})
    small = PlanVersionFactory.create(
        plan=PlanFactory.create(publisher=large.plan.publisher), price_minor=300, limits={"calls": 100}
    )
    subscription = subscriptions.subscribe(team, large, actor=None)
    subscriptions.change_plan(subscription, small, actor=None)
    end = period_at(subscription, clock.now())[1]

    limits = [terms_of(application, now=at)[0].allowances[0].limit for at in (end - timedelta(microseconds=1), end)]

    assert limits == [500, 100]
    assert terms_of(application, now=clock.now())[0].facts.period_end == end


def test_switches_reach_the_facts_with_and_without_a_subscription() -> None:
    now = clock.now()
    application = ApplicationFactory.create(suspended_at=now)
    SubscriptionFactory.create(team=application.team)

    with_one = admit(terms_of(application)[0].facts, now)
    without = [admit(facts_without_subscription(application, visible=seen), now) for seen in (True, False)]
    application.suspended_at = None
    open_again = [admit(facts_without_subscription(application, visible=seen), now) for seen in (True, False)]

    assert [answer.slug for answer in (with_one, *without) if isinstance(answer, Refuse)] == [
        "application-suspended"
    ] * 3
    assert [answer.slug for answer in open_again if isinstance(answer, Refuse)] == [
        "subscription-required",
        "route-not-found",
    ]


def test_what_a_plan_covers() -> None:
    services = [ServiceFactory.create(), ServiceFactory.create()]
    version = PlanVersionFactory.create(plan=PlanFactory.create(services=services), requests_per_minute=7)
    application = ApplicationFactory.create()
    SubscriptionFactory.create(team=application.team, version=version)

    (terms,) = terms_of(application)

    assert terms.service_ids == {service.pk for service in services}
    assert (terms.model_ids, terms.requests_per_minute, terms.plan_slug) == (None, 7, version.plan.slug)


def test_an_application_without_subscriptions_has_no_terms() -> None:
    assert terms_of(ApplicationFactory.create()) == ()

"""Rows of the console: one of each model, and those that its tests begin with."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Model

from analytics.models import CallRollup
from apipark import clock
from apipark.ids import new_call_id
from apipark.models import TestClock
from billing.models import (
    Allowance,
    Correction,
    Invoice,
    InvoiceLine,
    Lease,
    Limit,
    PaymentAttempt,
    Subscription,
)
from providers import price_book, secrets
from providers.models import AiModel, Provider, ProviderKey, Service, ServiceVersion
from proxy.models import Call, DeadLetter, Spool
from teams.models import ApiKey, AuditEvent, User
from tests.billing.factories import (
    CapFactory,
    PaymentMethodFactory,
    PlanVersionFactory,
    ServiceFactory,
    SubscriptionFactory,
)
from tests.teams.factories import ApiKeyFactory, MembershipFactory


def a_provider_key(**fields: Any) -> ProviderKey:
    provider = Provider.objects.create(
        name=f"Provider {uuid.uuid4()}", slug=uuid.uuid4().hex, base_url="https://192.0.43.8/v1"
    )
    key = ProviderKey(provider=provider, name="main", **fields)
    secrets.store(key, "sk-0123456789")
    return key


def a_version(**fields: Any) -> ServiceVersion:
    return ServiceVersion.objects.create(
        service=ServiceFactory.create(kind=Service.Kind.REST), number=1, upstream_url="https://192.0.43.8", **fields
    )


def an_invoice(subscription: Subscription, **fields: Any) -> Invoice:
    now = clock.now()
    terms = {
        "number": Invoice.objects.count() + 1,
        "version": subscription.version,
        "reason": Invoice.Reason.FIRST,
        "collection": "invoice",
        "currency": "USD",
        "total_minor": 4_900,
        "period_start": now,
        "period_end": now + timedelta(days=30),
        "issued_at": now,
        "due_at": now - timedelta(days=1),
    }
    return Invoice.objects.create(team=subscription.team, subscription=subscription, **(terms | fields))


def a_call(key: ApiKey, **fields: Any) -> Call:
    now = clock.now()
    identity = new_call_id(int(now.timestamp() * 1_000_000))
    facts = {
        "worker": uuid.uuid4(),
        "team": key.team_id,
        "application": key.application_id,
        "api_key": key.pk,
        "environment": "live",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "outcome": Call.Outcome.ANSWERED,
        "duration_ms": 812,
        "first_byte_ms": 300,
        "currency": "USD",
    }
    return Call.objects.create(id=identity, at=now, **(facts | fields))


def one_of_each(operator: User) -> list[Model]:
    """A row of each model of the console."""
    now = clock.now()
    membership = MembershipFactory.create(user=operator)
    api_key = ApiKeyFactory.create(application__team=membership.team)
    provider_key = a_provider_key()
    model = AiModel.objects.create(provider=provider_key.provider, name="m", upstream_name="m")
    model_price = price_book.add(model, {"input_text": 150_000_000, "cache_read": 0, "output_text": 600_000_000})
    service_version = a_version()
    plan_version = PlanVersionFactory.create()
    Limit.objects.get_or_create(version=plan_version, meter="calls", period="month", defaults={"included": 10})
    subscription = SubscriptionFactory.create(team=membership.team, version=plan_version)
    invoice = an_invoice(subscription)
    line = InvoiceLine.objects.create(invoice=invoice, description="Period", amount_nano=0, amount_minor=4_900)
    method = PaymentMethodFactory.create(team=membership.team)
    attempt = PaymentAttempt.objects.create(
        invoice=invoice, method=method, gateway="test", amount_minor=4_900, currency="USD", state="declined"
    )
    allowance = Allowance.objects.create(
        scope=f"sub:{subscription.pk}",
        meter="calls",
        kind="included",
        period="month",
        period_start=now - timedelta(days=1),
        period_end=now + timedelta(days=29),
        limit=10,
        used=3,
        leased=2,
    )
    lease = Lease.objects.create(worker=uuid.uuid4(), allowance=allowance, outstanding=2)
    correction = Correction.objects.create(allowance=allowance, delta=-1, reason="counted twice")
    cap = CapFactory.create(team=membership.team)
    call = a_call(api_key, charges=[[allowance.pk, 1, 1]], service=service_version.service_id, ai_model=model.pk)
    refused = a_call(api_key, status=402, slug="quota-exceeded", outcome="refused", asked={"units": {"calls": 1}})
    spool = Spool.objects.create(worker=uuid.uuid4(), host="h", started_at=now, heartbeat_at=now)
    letter = DeadLetter.objects.create(worker=spool.worker, segment=0, offset=0, record=b"\xff{", reason="torn", at=now)
    rollup = CallRollup.objects.create(
        size="hour",
        start=now,
        team=membership.team_id,
        application=1,
        api_key=1,
        environment="live",
        currency="USD",
        calls=3,
    )
    return [
        operator, membership, membership.team, api_key, api_key.application, provider_key, provider_key.provider,
        model, model_price, service_version, service_version.service, plan_version, plan_version.plan, subscription,
        invoice, line, method, attempt, allowance, lease, correction, cap, call, refused, spool, letter, rollup,
        AuditEvent.objects.all()[0], TestClock.objects.get_or_create(pk=1)[0],
    ]  # fmt: skip


def name_of(model: type[Model] | Model) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}"

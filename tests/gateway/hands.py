"""What an operator does, and what the database says, in a process beside the gateway; served as `tests.journeys.hands` is."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from tests.journeys.hands import serve  # first: it sets Django up

# isort: split
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Sum

from apipark import changes, clock, parts, valkey
from billing import leases, plans, subscriptions
from billing.contracts import terms_of
from billing.models import Allowance, Lease, Limit, Plan, PlanVersion, Subscription
from providers import lifecycle, price_book, secrets
from providers.models import (
    AiModel,
    Alias,
    FallbackTarget,
    Provider,
    ProviderKey,
    Service,
    ServiceVersion,
    WithheldModel,
)
from proxy.models import Call, DeadLetter, Spool
from teams import applications, keys, suspension
from teams.models import ApiKey, Application, Team
from tests.gateway.prices import INPUT_NANO, OUTPUT_NANO


def migrate() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)


def commands(port: int) -> dict[str, list[str]]:
    """How each part is started."""
    broker = valkey.prepare(settings.DATA_DIR, settings.VALKEY_PASSWORD) if settings.VALKEY_PASSWORD else []
    roles = {role: list(parts.command_of(role, "127.0.0.1", port)) for role in ("web", "shipper", "worker")}
    return roles | {"valkey": broker}


def catalogue(upstream: str) -> None:
    """A publisher with one model at that address."""
    team = Team.objects.create(name="Publisher", slug="publisher")
    provider = Provider.objects.create(name="Fake", slug="fake", base_url=f"http://{upstream}/v1")
    key = ProviderKey(provider=provider, name="Fake")
    secrets.store(key, "provider-secret")
    key.save()
    model = AiModel.objects.create(provider=provider, name="fake-chat", upstream_name="upstream-chat")
    since = clock.now() - timedelta(days=1)
    price_book.add(model, {"input_text": INPUT_NANO, "output_text": OUTPUT_NANO}, effective_from=since)
    service = Service.objects.create(team=team, slug="models", name="Models", kind=Service.Kind.AI)
    version = ServiceVersion.objects.create(service=service, number=1)
    version.ai_models.add(model)
    lifecycle.publish(version, actor=None)


def pool(name: str, upstream: str, keys: list[str], **fields: Any) -> dict[str, Any]:
    """A provider with keys of these secrets, in that order, and a model of its name that the models' service offers."""
    provider = Provider.objects.create(name=name, slug=name, base_url=f"http://{upstream}/v1", **fields)
    made = []
    for number, secret in enumerate(keys):
        key = ProviderKey(provider=provider, name=f"{number} {secret}", priority=number)
        secrets.store(key, secret)
        made.append(key.pk)
    model = AiModel.objects.create(provider=provider, name=name, upstream_name=name)
    since = clock.now() - timedelta(days=1)
    price_book.add(model, {"input_text": INPUT_NANO, "output_text": OUTPUT_NANO}, effective_from=since)
    ServiceVersion.objects.get(service__slug="models").ai_models.add(model)
    changes.announce("catalogue")
    return {"model": model.pk, "keys": made}


def alias(name: str, models: list[str], reacts_to: list[str] | None = None) -> None:
    row = Alias.objects.create(name=name)
    for position, model in enumerate(models):
        target = FallbackTarget(alias=row, position=position, model=AiModel.objects.get(name=model))
        if reacts_to is not None:
            target.reacts_to = reacts_to
        target.save()
    changes.announce("catalogue")


def key_states(keys: list[int]) -> dict[str, str]:
    return dict(ProviderKey.objects.filter(pk__in=keys).values_list("name", "state"))


def mend_keys() -> None:
    """All in use again, whatever calls have learned of them."""
    with transaction.atomic():
        ProviderKey.objects.update(state=ProviderKey.State.ACTIVE, state_reason="")
        WithheldModel.objects.all().delete()
        changes.announce("catalogue")


def story(
    name: str, upstream: str, limits: dict[str, int], ai_services: Sequence[str] = ("models",), **terms: Any
) -> dict[str, Any]:
    """A team with a key, a REST service of its own at that upstream, and a plan for it and the AI services."""
    publisher = Team.objects.get(slug="publisher")
    service = Service.objects.create(team=publisher, slug=name, name=name, kind=Service.Kind.REST)
    lifecycle.publish(
        ServiceVersion.objects.create(service=service, number=1, upstream_url=f"http://{upstream}/{name}"), actor=None
    )
    plan = Plan.objects.create(publisher=publisher, slug=name, name=name)
    plan.services.set([service, *Service.objects.filter(slug__in=ai_services)])
    version = PlanVersion.objects.create(plan=plan, number=1, **terms)
    for meter, included in limits.items():
        Limit.objects.create(version=version, meter=meter, included=included)
    version = plans.publish(version, actor=None)
    team = Team.objects.create(name=name, slug=name)
    application = applications.create(team, name=name, actor=None)
    issued = keys.issue(application, name="First", actor=None)
    subscriptions.subscribe(team, version, actor=None)
    return {"name": name, "application": application.pk, "team": team.pk, "secret": issued.secret, "limits": limits}


def ai_service(name: str) -> None:
    """One more that offers the model."""
    publisher = Team.objects.get(slug="publisher")
    service = Service.objects.create(team=publisher, slug=name, name=name, kind=Service.Kind.AI)
    version = ServiceVersion.objects.create(service=service, number=1)
    version.ai_models.add(AiModel.objects.get(name="fake-chat"))
    lifecycle.publish(version, actor=None)


def retire(name: str) -> None:
    lifecycle.retire(ServiceVersion.objects.get(service__slug=name), actor=None)


def join(application: int, plan: str) -> None:
    """The application's team takes a further plan, that of another story."""
    team = Application.objects.get(pk=application).team
    subscriptions.subscribe(team, PlanVersion.objects.get(plan__slug=plan), actor=None)


def another_key(application: int) -> str:
    return keys.issue(Application.objects.get(pk=application), name="Other", actor=None).secret


def change(kind: str, application: int) -> None:
    """One of the acts that decide about calls, by the verb that the console uses."""
    subscription = Subscription.objects.get(team__applications=application)
    service = subscription.version.plan.services.get(kind=Service.Kind.REST)
    if kind == "key-revoked":
        keys.revoke(ApiKey.objects.get(application=application), actor=None)
    elif kind == "team-suspended":
        suspension.suspend(Application.objects.get(pk=application).team, actor=None, reason="test")
    elif kind == "application-suspended":
        applications.suspend(Application.objects.get(pk=application), actor=None)
    elif kind == "subscription-suspended":
        subscriptions.suspend(subscription, actor=None, reason="test")
    elif kind == "subscription-paused":
        subscriptions.pause(subscription, by="customer", actor=None)
    elif kind == "subscription-resumed":
        subscriptions.resume(subscription, by="publisher", actor=None)
    elif kind == "service-retired":
        lifecycle.retire(service.versions.get(), actor=None)
    elif kind == "limit-raised":
        # As a change of plan does it.
        (terms,) = terms_of(Application.objects.get(pk=application))
        leases.change_limit(next(spec for spec in terms.allowances), 10_000, now=clock.now())
    else:
        raise ValueError(kind)


def books(application: int) -> dict[str, Any]:
    """Everything the database says of the calls of one application."""
    team = Application.objects.get(pk=application).team
    scopes = [f"sub:{pk}" for pk in team.subscriptions.values_list("pk", flat=True)]
    allowances = Allowance.objects.filter(scope__in=scopes).order_by("pk")
    return {
        "calls": [_call(call) for call in Call.objects.filter(application=application).order_by("pk")],
        "allowances": [
            {
                "id": row.pk,
                "meter": row.meter,
                "limit": row.limit,
                "used": row.used,
                "leased": row.leased,
                "lent": sum(row.leases.values_list("outstanding", flat=True)),
                "overrun": row.overrun,
            }
            for row in allowances
        ],
        "dead_letters": list(DeadLetter.objects.values_list("reason", flat=True)),
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "id": call.request_id,
        "worker": call.worker.hex,
        "status": call.status,
        "upstream_status": call.upstream_status,
        "slug": call.slug,
        "outcome": call.outcome,
        "charges": call.charges,
        "tokens": [call.input_tokens, call.output_tokens],
        "source": call.usage_source,
        "bytes": [call.request_bytes, call.response_bytes],
        "revenue": call.revenue_nano,
        "cost": call.cost_nano,
        "model": call.ai_model,
        "key": call.provider_key,
        "attempts": call.attempts,
        "report": call.report,
        "usage": call.usage,
    }


def open_spools() -> list[str]:
    return [worker.hex for worker in Spool.objects.filter(state=Spool.State.OPEN).values_list("worker", flat=True)]


def leased() -> int:
    """By anybody, of anything."""
    return Lease.objects.aggregate(units=Sum("outstanding"))["units"] or 0


def forget_shipping(seconds: int) -> None:
    """The shipper has not been seen for so long."""
    Spool.objects.update(heartbeat_at=clock.now() - timedelta(seconds=seconds))


def _anew(verb: Callable[..., Any]) -> Callable[..., Any]:
    """On a new connection: the database may have been stopped meanwhile."""

    def act(**arguments: Any) -> Any:
        connection.close()
        return verb(**arguments)

    return act


if __name__ == "__main__":
    serve(
        {
            verb.__name__: _anew(verb)
            for verb in (
                migrate,
                commands,
                catalogue,
                pool,
                alias,
                key_states,
                mend_keys,
                story,
                ai_service,
                retire,
                join,
                another_key,
                change,
                books,
                open_spools,
                leased,
                forget_shipping,
            )
        }
    )

"""The rows that the benchmark of the gateway needs; prints an API key."""

import sys

import django

django.setup()

from datetime import timedelta

from apipark import clock
from billing.models import Cap, Limit, Meter, Plan, PlanVersion, Subscription
from providers import price_book, secrets
from providers.models import AiModel, Provider, ProviderKey, Service, ServiceVersion, VersionState
from teams import keys
from teams.models import Application, Team


def main(upstream: str) -> None:
    team = Team.objects.create(name="Bench", slug="bench")
    application = Application.objects.create(team=team, name="Bench")
    provider = Provider.objects.create(name="Bench", slug="bench", base_url=f"{upstream}/v1")
    key = ProviderKey(provider=provider, name="Bench")
    secrets.store(key, "secret")
    key.save()
    model = AiModel.objects.create(provider=provider, name="bench", upstream_name="bench")
    since = clock.now() - timedelta(days=1)
    amounts = {"input_text": 150_000_000, "cache_read": 75_000_000, "output_text": 600_000_000}
    price_book.add(model, amounts, effective_from=since)
    service = Service.objects.create(team=team, slug="bench", name="Bench", kind=Service.Kind.AI)
    version = ServiceVersion.objects.create(service=service, number=1, state=VersionState.PUBLISHED)
    version.ai_models.add(model)
    plan = Plan.objects.create(publisher=team, slug="bench", name="Bench")
    plan.services.add(service)
    terms = PlanVersion.objects.create(
        plan=plan, number=1, state=PlanVersion.State.PUBLISHED, requests_per_minute=100_000_000
    )
    Limit.objects.create(version=terms, meter=Meter.CALLS, included=10**12)
    Limit.objects.create(version=terms, meter=Meter.TOKENS, included=10**15)
    Cap.objects.create(team=team, meter=Meter.SPEND, limit=10**18)
    Subscription.objects.create(team=team, version=terms)
    print(keys.issue(application, name="Bench", actor=None).secret)


if __name__ == "__main__":
    main(sys.argv[1])

"""First-run data: an operator, and with the demo a provider, two services, plans, a team and two applications.

Everything is made by the verbs that people use, in one transaction with a marker row; passwords and keys are random.
"""

import secrets
from datetime import timedelta
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from apipark import clock, money
from apipark.models import Installation
from billing import plans, subscriptions
from billing.models import Interval, Limit, Meter, Plan, PlanVersion
from providers import lifecycle, price_book
from providers import secrets as provider_secrets
from providers.demo.settings import DEMO_KEY
from providers.models import AiModel, Door, Provider, ProviderKey, Service, ServiceVersion
from teams import applications, keys
from teams.models import Application, Membership, Role, Team, User

_OPERATOR_TEAM: Final = "APIPark"
_DEMO_TEAM: Final = "Acme Robotics"
_DEMO_EMAIL: Final = "demo@localhost"
_MODEL: Final = "demo-chat"
# $0.15, $0.075 and $0.60 per million tokens: what a small model costs.
_CHAT_PRICE: Final = {"input_text": 150_000_000, "cache_read": 75_000_000, "output_text": 600_000_000}
_EMBEDDING_PRICE: Final = {"input_text": 20_000_000}


@transaction.atomic
def seed(*, demo: bool, demo_base_url: str, public_url: str) -> dict[str, Any] | None:
    """What first-run.json holds; None when it was done before."""
    if Installation.objects.exists():
        return None
    operator, password = _person(settings.PORTAL_OPERATOR_EMAIL, "Operator", is_staff=True, is_superuser=True)
    made: dict[str, Any] = {
        "base_url": public_url,
        "operator": {"email": operator.email, "password": password},
    }
    if demo:
        made["demo"] = _demo(operator, demo_base_url)
    Installation.objects.create(seeded_at=clock.now(), demo=demo)
    return made


def _demo(operator: User, base_url: str) -> dict[str, Any]:
    publisher = Team.objects.create(name=_OPERATOR_TEAM, slug="apipark", contact_email=operator.email)
    Membership.objects.create(team=publisher, user=operator, role=Role.OWNER)
    models = _provider(base_url)
    ai = _ai_service(publisher, operator, models)
    weather = _weather(publisher, operator, base_url)
    starter = _plans(publisher, operator, ai, models[0])
    _weather_plans(publisher, operator, weather)

    owner, password = _person(_DEMO_EMAIL, "Dana Demo")
    team = Team.objects.create(name=_DEMO_TEAM, slug="acme-robotics", contact_email=owner.email)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    first = _application(team, owner, "Field app")
    second = _application(team, owner, "Warehouse app")
    # For the first application alone: the second one's calls show what a refusal looks like, and how it is lifted.
    subscriptions.subscribe(team, starter, application=first[0], actor=owner)
    return {
        "team": team.ref,
        "application": first[0].ref,
        "api_key": first[1],
        "model": _MODEL,
        "email": owner.email,
        "password": password,
        "refused": {"application": second[0].ref, "api_key": second[1]},
    }


def _person(email: str, name: str, **rights: bool) -> tuple[User, str]:
    """Signs in at once: the address of a person made here needs no confirmation."""
    password = secrets.token_urlsafe(12)
    user = User.objects.create_user(email, password, name=name, **rights)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user, password


def _application(team: Team, owner: User, name: str) -> tuple[Application, str]:
    application = applications.create(team, name=name, actor=owner)
    return application, keys.issue(application, name="First key", actor=owner).secret


def _provider(base_url: str) -> list[AiModel]:
    provider = Provider.objects.create(name="Demo provider", slug="demo", base_url=f"{base_url}/v1", is_demo=True)
    doors = {"responses": f"{base_url}/v1", "anthropic": base_url, "gemini": f"{base_url}/v1beta"}
    Door.objects.bulk_create(Door(provider=provider, dialect=name, base_url=url) for name, url in doors.items())
    key = ProviderKey(provider=provider, name="Demo key")
    provider_secrets.store(key, DEMO_KEY)
    key.save()
    chat = AiModel.objects.create(
        provider=provider, name=_MODEL, upstream_name=_MODEL, context_tokens=128_000, max_output_tokens=16_384
    )
    large = AiModel.objects.create(
        provider=provider,
        name="demo-large",
        upstream_name="demo-large",
        context_tokens=128_000,
        max_output_tokens=16_384,
    )
    embedding = AiModel.objects.create(
        provider=provider, name="demo-embedding", upstream_name="demo-embedding", kind=AiModel.Kind.EMBEDDING
    )
    # Since long ago, so that a call at any time of the test clock finds a price.
    since = clock.now() - timedelta(days=365)
    price_book.add(chat, _CHAT_PRICE, effective_from=since)
    price_book.add(large, {unit: 10 * nano for unit, nano in _CHAT_PRICE.items()}, effective_from=since)
    price_book.add(embedding, _EMBEDDING_PRICE, effective_from=since)
    return [chat, large, embedding]


def _ai_service(publisher: Team, operator: User, models: list[AiModel]) -> Service:
    service = Service.objects.create(
        team=publisher,
        slug="demo-models",
        name="Demo models",
        kind=Service.Kind.AI,
        category="AI",
        summary="Chat and embeddings that answer without an account anywhere",
        description="The demo provider speaks the formats of OpenAI, Anthropic and Gemini, streams and reports usage. It makes its answers up.",
    )
    version = ServiceVersion.objects.create(service=service, number=1)
    version.ai_models.set(models)
    lifecycle.publish(version, actor=operator)
    return service


def _weather(publisher: Team, operator: User, base_url: str) -> Service:
    service = Service.objects.create(
        team=publisher,
        slug="weather",
        name="Weather",
        kind=Service.Kind.REST,
        category="Data",
        summary="Current weather of any city, invented but well-formed",
        description="GET /apis/weather/current?city=Berlin answers with JSON. /apis/weather/echo gives back what was sent.",
    )
    version = ServiceVersion.objects.create(service=service, number=1, upstream_url=f"{base_url}/rest")
    lifecycle.publish(version, actor=operator)
    return service


def _plans(publisher: Team, operator: User, service: Service, chat: AiModel) -> PlanVersion:
    starter = _plan(
        publisher, operator, service, "Starter", "To try things out", 0,
        {Meter.CALLS: 1_000, Meter.TOKENS: 2_000_000}, requests_per_minute=600, models=[chat],
    )  # fmt: skip
    _plan(
        publisher, operator, service, "Pro", "All models, for a product", 2_900,
        {Meter.CALLS: 100_000, Meter.TOKENS: 200_000_000, Meter.SPEND: 500 * money.NANO}, requests_per_minute=6_000,
    )  # fmt: skip
    return starter


def _weather_plans(publisher: Team, operator: User, service: Service) -> None:
    _plan(
        publisher,
        operator,
        service,
        "Weather Free",
        "A look at the weather",
        0,
        {Meter.CALLS: 500},
        requests_per_minute=60,
    )
    _plan(
        publisher, operator, service, "Weather Pro", "For every forecast", 900,
        {Meter.CALLS: 50_000, Meter.BYTES: 1024**3}, requests_per_minute=600,
    )  # fmt: skip


def _plan(
    publisher: Team,
    operator: User,
    service: Service,
    name: str,
    summary: str,
    price_minor: int,
    limits: dict[Meter, int],
    *,
    requests_per_minute: int,
    models: list[AiModel] | None = None,
) -> PlanVersion:
    plan = Plan.objects.create(publisher=publisher, slug=name.lower().replace(" ", "-"), name=name, summary=summary)
    plan.services.add(service)
    version = PlanVersion.objects.create(
        plan=plan, number=1, price_minor=price_minor, interval=Interval.MONTH, requests_per_minute=requests_per_minute
    )
    version.ai_models.set(models or [])
    Limit.objects.bulk_create(
        Limit(version=version, meter=meter, included=included) for meter, included in limits.items()
    )
    plans.publish(version, actor=operator)
    version.refresh_from_db()
    return version

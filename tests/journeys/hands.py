"""What an operator does, by the verbs of the product, in a process beside the running web.

Reads one JSON object a line: {"verb", "arguments"}; answers {"value"} or {"error"}. It makes teams and plans, moves the
clock and lets billing do what is due then. It writes no row that decides about a call: those states come about by
themselves.
"""

import json
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from allauth.account.models import EmailAddress
from django.db import transaction

from apipark import changes, clock
from billing import plans, tasks
from billing.models import Allowance, Limit, Plan, PlanVersion
from providers import price_book
from providers import secrets as provider_secrets
from providers.demo.settings import DEMO_KEY
from providers.models import AiModel, Provider, ProviderKey, Service, ServiceVersion
from proxy.models import Call
from teams import applications, keys
from teams.models import Application, Membership, Team, User
from tests.journeys.installation import PASSWORD


def person(email: str, name: str, teams: dict[str, str] | None = None) -> str:
    user = User.objects.create_user(email, PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    for team, role in (teams or {}).items():
        Membership.objects.create(team=Team.objects.get(ref=team), user=user, role=role)
    return email


def team(name: str, members: dict[str, str]) -> dict[str, str]:
    """A team with these people (e-mail: role), one application and one key."""
    made = Team.objects.create(name=name, slug=name.lower().replace(" ", "-"), contact_email="books@example.org")
    for email, role in members.items():
        Membership.objects.create(team=made, user=User.objects.get(email=email), role=role)
    application = applications.create(made, name=f"{name} robot", actor=None)
    issued = keys.issue(application, name="First", actor=None)
    return {"ref": made.ref, "name": name, "app": application.ref, "key": issued.key.ref, "secret": issued.secret}


def plan(
    name: str,
    service: str = "demo-models",
    limits: dict[str, int] | None = None,
    models: list[str] | None = None,
    **terms: Any,
) -> dict[str, str]:
    covered = Service.objects.get(slug=service)
    made = Plan.objects.create(publisher=covered.team, slug=name.lower().replace(" ", "-"), name=name)
    made.services.add(covered)
    version = PlanVersion.objects.create(plan=made, number=1, **terms)
    version.ai_models.set(AiModel.objects.filter(name__in=models or []))
    for meter, included in (limits or {}).items():
        Limit.objects.create(version=version, meter=meter, included=included)
    plans.publish(version, actor=None)
    return offered(made.slug)


def offered(plan: str) -> dict[str, str]:
    made = Plan.objects.get(slug=plan)
    return {"ref": made.ref, "name": made.name, "slug": plan, "service": made.services.get().slug}


def withdraw(plan: str) -> None:
    plans.retire(PlanVersion.objects.get(plan__slug=plan, state=PlanVersion.State.PUBLISHED), actor=None)


def move(**by: float) -> str:
    """Time passes, and billing does what is due."""
    now = clock.move(timedelta(**by))
    tasks.sweep(now)
    return now.isoformat()


def used(app: str) -> list[list[Any]]:
    """Each allowance of the application's team: scope, meter, since when, and what is used."""
    application = Application.objects.get(ref=app)
    subscribed = [f"sub:{pk}" for pk in application.team.subscriptions.values_list("pk", flat=True)]
    scopes = [*subscribed, f"team:{application.team_id}", f"app:{application.pk}"]
    found = Allowance.objects.filter(scope__in=scopes).order_by("id")
    return [[each.scope, each.meter, each.period_start.isoformat(), each.used] for each in found if each.used]


def rows(app: str) -> list[list[Any]]:
    """Status, slug and charges of each shipped call of the application, oldest first."""
    found = Call.objects.filter(application=Application.objects.get(ref=app).pk).order_by("pk")
    return [list(each) for each in found.values_list("status", "slug", "charges")]


def model_behind(dialect: str) -> str:
    """A model of the demo provider that can be reached by one dialect only; the demo application may call it."""
    demo = Provider.objects.get(is_demo=True)
    address = demo.base_url if demo.dialect == dialect else demo.doors.get(dialect=dialect).base_url
    provider = Provider.objects.create(
        name=f"Only {dialect}", slug=f"only-{dialect}", dialect=dialect, base_url=address
    )
    key = ProviderKey(provider=provider, name="Demo key")
    provider_secrets.store(key, DEMO_KEY)
    model = AiModel.objects.create(
        provider=provider,
        name=f"via-{dialect}",
        upstream_name="demo-chat",
        context_tokens=128_000,
        max_output_tokens=16_384,
        json_schema=True,
        thinking="budget" if dialect in {"anthropic", "gemini"} else "",
    )
    price_book.add(model, {"input_text": 1_000, "output_text": 2_000}, effective_from=clock.now() - timedelta(days=365))
    ServiceVersion.objects.get(service__slug="demo-models").ai_models.add(model)
    with transaction.atomic():
        for version in PlanVersion.objects.filter(plan__slug="starter"):
            version.ai_models.add(model)
        changes.announce("catalogue")
        for team in Team.objects.all():
            changes.announce("team", team.pk)
    return model.name


_VERBS: dict[str, Callable[..., Any]] = {
    verb.__name__: verb for verb in (person, team, plan, offered, withdraw, move, used, rows, model_behind)
}


def serve(verbs: dict[str, Callable[..., Any]]) -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"value": verbs[asked["verb"]](**asked["arguments"])}
        except Exception:  # noqa: BLE001 (the edge of this process: the test that asked shows it)
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(_VERBS)

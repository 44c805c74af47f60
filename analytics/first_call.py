"""What a new team sees before its first call: how far it has come, and code that works."""

from dataclasses import dataclass
from datetime import datetime

from analytics.models import CallRollup
from apipark import snippets
from billing.models import Subscription
from providers.models import AiModel, Service, VersionState
from proxy.models import Call
from teams.models import ApiKey, Application, Team


@dataclass(frozen=True, slots=True)
class Progress:
    application: Application | None
    key: ApiKey | None
    subscription: Subscription | None

    @property
    def done(self) -> int:
        return sum(step is not None for step in (self.application, self.key, self.subscription))


def is_made(team: Team) -> bool:
    """Also when its raw rows are gone already."""
    return Call.objects.filter(team=team.pk).exists() or CallRollup.objects.filter(team=team.pk).exists()


def progress(team: Team, now: datetime) -> Progress:
    granted = Subscription.objects.filter(team=team, ended_at=None, approval=Subscription.Approval.GRANTED)
    keys = ApiKey.objects.usable(now).filter(application__team=team).select_related("application")
    key = keys.first()
    application = key.application if key else Application.objects.filter(team=team).first()
    return Progress(application, key, granted.select_related("version__plan").first())


def code(subscription: Subscription | None) -> snippets.Snippets:
    """A chat with a model of the plan, else a call of its REST service, else what works with every key."""
    if subscription is None:
        return snippets.standing()
    version = subscription.version
    models = AiModel.objects.filter(
        versions__service__plans=version.plan,
        versions__state__in=VersionState.callable(),
        state=AiModel.State.ON,
        kind=AiModel.Kind.CHAT,
    )
    if chosen := list(version.ai_models.all()):
        models = models.filter(pk__in=[model.pk for model in chosen])
    if model := models.first():
        return snippets.chat(model.name)
    service = Service.objects.filter(
        plans=version.plan, kind=Service.Kind.REST, versions__state__in=VersionState.callable()
    ).first()
    return snippets.rest(service.slug) if service else snippets.standing()

"""Words and columns that several lists of providers share."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy, ngettext

from apipark.columns import state
from providers.models import AiModel, Service, ServiceVersion, VersionState

SWITCHED = state("state", gettext_lazy("state"), why="state_reason")
_MOST_NAMED = 5


def services_hit(models: QuerySet[AiModel]) -> list[str]:
    """What breaks with these models: services that offer them now."""
    versions = ServiceVersion.objects.filter(ai_models__in=models, state__in=VersionState.callable())
    services = list(Service.objects.filter(versions__in=versions).distinct().order_by("name"))
    if not services:
        return []
    words = ngettext(
        "%(count)s service offers them: %(names)s.", "%(count)s services offer them: %(names)s.", len(services)
    )
    names = ", ".join(service.name for service in services[:_MOST_NAMED]) + (
        " …" if len(services) > _MOST_NAMED else ""
    )
    return [words % {"count": len(services), "names": names}]

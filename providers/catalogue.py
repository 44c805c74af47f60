"""The services a person may look at, and how to search among them."""

from typing import Any, Final

import django_filters
from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from providers.models import AiModel, Service, ServiceVersion, VersionState
from teams.models import Person

PAGE: Final = 24


class ServiceFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    q = django_filters.CharFilter(method="searched", max_length=100)
    kind = django_filters.ChoiceFilter(choices=Service.Kind.choices)
    category = django_filters.CharFilter(max_length=40)

    class Meta:
        model = Service
        fields: list[str] = []

    def __init__(self, data: Any, *, person: Person) -> None:
        super().__init__(data, Service.objects.visible_to(person).select_related("team").order_by("name", "pk"))

    def is_valid(self) -> bool:
        for name in sorted(set(self.data) - set(self.filters) - {"page"}):
            self.form.add_error(None, _("There is no filter “%(name)s”.") % {"name": name[:40]})
        return bool(super().is_valid())

    def searched(self, services: QuerySet[Service], _name: str, value: str) -> QuerySet[Service]:
        """Each word somewhere in what is said of a service, or in the name of a model it offers."""
        for word in value.split():
            services = services.filter(
                Q(name__icontains=word)
                | Q(summary__icontains=word)
                | Q(category__icontains=word)
                | Q(slug__icontains=word)
                | Q(versions__state__in=VersionState.callable(), versions__ai_models__name__icontains=word)
            )
        return services.distinct()


def categories(person: Person) -> list[str]:
    found = Service.objects.visible_to(person).exclude(category="").order_by("category")
    return list(found.values_list("category", flat=True).distinct())


def versions_shown(service: Service, *, own: bool) -> list[ServiceVersion]:
    """The newest first, with their models; drafts only to the publisher's people."""
    models = Prefetch("ai_models", AiModel.objects.filter(state=AiModel.State.ON).order_by("name"))
    versions = service.versions.prefetch_related(models).order_by("-number")
    if not own:
        versions = versions.exclude(state__in=[VersionState.DRAFT, VersionState.IN_REVIEW])
    return list(versions)


def current(versions: list[ServiceVersion]) -> ServiceVersion | None:
    """What calls reach: the published version, else the newest deprecated one."""
    for state in VersionState.callable():
        for version in versions:
            if version.state == state:
                return version
    return None

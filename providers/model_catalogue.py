"""The models a team may come across, and how to search among them."""

from typing import Any, Final

import django_filters
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from providers.models import AiModel, Alias, FallbackTarget, Provider, Service, ServiceVersion, VersionState
from teams.models import Person, Team

PAGE: Final = 50
# What a model can do beyond its kind, as filters and pages name it.
CAPABILITIES: Final[tuple[tuple[str, Promise], ...]] = (
    ("tools", _("Tools")),
    ("json", _("JSON schema")),
    ("reasoning", _("Reasoning")),
    ("image", _("Reads images")),
    ("audio", _("Reads audio")),
)
_HAS: Final[dict[str, Q]] = {
    "tools": Q(tools=True),
    "json": Q(json_schema=True),
    "reasoning": ~Q(thinking="") | ~Q(efforts=[]),
    "image": Q(inputs_text__contains='"image"'),
    "audio": Q(inputs_text__contains='"audio"'),
}


def capabilities(model: AiModel) -> list[str]:
    """The same in Python, as words."""
    has = {
        "tools": bool(model.tools),
        "json": bool(model.json_schema),
        "reasoning": bool(model.thinking or model.efforts),
        "image": "image" in model.inputs,
        "audio": "audio" in model.inputs,
    }
    return [str(words) for name, words in CAPABILITIES if has[name]]


def current_versions() -> QuerySet[ServiceVersion]:
    """What calls reach of each service: the published version, else the newest deprecated one."""
    better = ServiceVersion.objects.filter(service=OuterRef("service")).filter(
        Q(state=VersionState.PUBLISHED) | Q(state=VersionState.DEPRECATED, number__gt=OuterRef("number"))
    )
    return ServiceVersion.objects.filter(
        Q(state=VersionState.PUBLISHED) | Q(Q(state=VersionState.DEPRECATED), ~Exists(better))
    )


def services_of(person: Person, team: Team) -> QuerySet[Service]:
    """Those a person sees that this one of their teams may call."""
    visible = Q(visibility=Service.Visibility.PUBLIC) | Q(team=team)
    return Service.objects.visible_to(person).filter(visible)


def offered(person: Person, team: Team) -> QuerySet[AiModel]:
    """Models that calls of the team can name; whether a plan lets them pass is another question."""
    versions = current_versions().filter(service__in=services_of(person, team).values("pk"))
    return AiModel.objects.filter(state=AiModel.State.ON, pk__in=versions.values("ai_models"))


def of_services(service_ids: Any, model_ids: Any) -> Q:
    """Condition for models: offered by these services, and among these models unless that is None."""
    versions = current_versions().filter(service__in=service_ids)
    condition = Q(pk__in=versions.values("ai_models"))
    return condition if model_ids is None else condition & Q(pk__in=model_ids)


def vendors(models: QuerySet[AiModel]) -> list[tuple[str, str]]:
    """Short names and names of who runs these."""
    found = Provider.objects.filter(pk__in=models.order_by().values("provider")).order_by("name")
    return list(found.values_list("slug", "name"))


def aliases(models: QuerySet[AiModel]) -> list[tuple[Alias, list[AiModel]]]:
    """Names that stand for others: whoever may call the first target may call the alias. Targets beyond these models
    are not told.
    """
    first = FallbackTarget.objects.filter(alias__isnull=False, position=1, model__in=models.order_by().values("pk"))
    targets = FallbackTarget.objects.filter(alias__in=first.values("alias"), model__in=models.order_by().values("pk"))
    found: dict[Alias, list[AiModel]] = {}
    for target in targets.select_related("alias", "model").order_by("alias__name", "position"):
        if target.alias is not None:
            found.setdefault(target.alias, []).append(target.model)
    return list(found.items())


class ModelFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """`reached` is the condition for the models that the team's plans let pass."""

    q = django_filters.CharFilter(method="searched", max_length=100)
    kind = django_filters.ChoiceFilter(choices=AiModel.Kind.choices)
    capability = django_filters.ChoiceFilter(choices=CAPABILITIES, method="capable")
    vendor = django_filters.CharFilter(field_name="provider__slug", max_length=40)
    plan = django_filters.ChoiceFilter(choices=[("own", _("Yours")), ("other", _("Other"))], method="planned")

    class Meta:
        model = AiModel
        fields: list[str] = []

    def __init__(self, data: Any, models: QuerySet[AiModel], *, reached: Q) -> None:
        self.reached = reached
        super().__init__(data, models.select_related("provider").order_by("name"))

    def is_valid(self) -> bool:
        for name in sorted(set(self.data) - set(self.filters) - {"page"}):
            self.form.add_error(None, _("There is no filter “%(name)s”.") % {"name": name[:40]})
        return bool(super().is_valid())

    def searched(self, models: QuerySet[AiModel], _name: str, value: str) -> QuerySet[AiModel]:
        """Each word somewhere in the names of a model, of its provider, or of an alias of it."""
        for word in value.split():
            models = models.filter(
                Q(name__icontains=word)
                | Q(upstream_name__icontains=word)
                | Q(provider__name__icontains=word)
                | Q(pk__in=FallbackTarget.objects.filter(position=1, alias__name__icontains=word).values("model"))
            )
        return models

    def capable(self, models: QuerySet[AiModel], _name: str, value: str) -> QuerySet[AiModel]:
        return models.annotate(inputs_text=Cast("inputs", CharField())).filter(_HAS[value])

    def planned(self, models: QuerySet[AiModel], _name: str, value: str) -> QuerySet[AiModel]:
        return models.filter(self.reached if value == "own" else ~self.reached)

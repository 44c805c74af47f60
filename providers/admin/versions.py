"""Versions of services: drafts are edited, published ones never change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark.columns import moment, neighbour, state
from apipark.model_admin import ConsoleForm, KeptAdmin
from apipark.verbs import verb
from providers import lifecycle
from providers.admin.addresses import checked_url
from providers.models import Service, ServiceVersion, VersionState
from teams.signed_in import SignedInRequest, came_from


class ServiceVersionForm(ConsoleForm[ServiceVersion]):
    def clean_upstream_url(self) -> str:
        url = str(self.cleaned_data["upstream_url"])
        return checked_url(url.rstrip("/")) if url else ""


@admin.register(ServiceVersion)
class ServiceVersionAdmin(KeptAdmin[ServiceVersion]):
    list_display = (
        "__str__",
        neighbour("service__team", gettext_lazy("publisher")),
        state("state", gettext_lazy("state")),
        "upstream_url",
        moment("published_at", gettext_lazy("published")),
        moment("retired_at", gettext_lazy("retired")),
    )
    list_filter = ("state", "service__kind")
    list_select_related = ("service__team",)
    search_fields = ("service__name", "service__slug", "ref", "upstream_url")
    autocomplete_fields = ("service",)
    filter_horizontal = ("ai_models",)
    readonly_fields = (
        "ref",
        state("state", gettext_lazy("state")),
        "published_at",
        "deprecated_at",
        "retired_at",
    )
    fieldsets = (
        (gettext_lazy("Version"), {"fields": (("service", "number"),)}),
        (
            gettext_lazy("Behind it"),
            {
                "fields": ("upstream_url", "ai_models"),
                "description": gettext_lazy(
                    "An upstream for a REST service, models for an AI service. Never changed once published."
                ),
            },
        ),
        (gettext_lazy("Facts"), {"fields": readonly_fields}),
    )
    form = ServiceVersionForm
    announces = "catalogue"
    team_path = "service__team"
    verbs = ("publish", "deprecate", "retire")

    def get_readonly_fields(self, request: HttpRequest, obj: ServiceVersion | None = None) -> Any:
        own = super().get_readonly_fields(request, obj)
        if obj is None:
            return own
        fixed = ("service", "number")
        drafted = lifecycle.can_become(obj, VersionState.PUBLISHED)
        return (*own, *fixed) if drafted else (*own, *fixed, "upstream_url", "ai_models")

    def has_delete_permission(self, request: HttpRequest, obj: ServiceVersion | None = None) -> bool:
        """A draft was never called."""
        allowed = request.user.has_perm("providers.delete_serviceversion")
        return obj is not None and obj.state == VersionState.DRAFT and allowed

    def waiting(self, _request: HttpRequest) -> int:
        return ServiceVersion.objects.filter(state=VersionState.IN_REVIEW).count()

    @verb(gettext_lazy("Publish"), icon="badge-check", final=True)
    def publish(self, request: SignedInRequest, version: ServiceVersion, *, reason: str) -> None:
        lifecycle.publish(version, actor=request.user, reason=reason, address=came_from(request))

    @publish.effects
    def publish_effects(self, version: ServiceVersion) -> list[str]:
        where = "/v1" if version.service.kind == Service.Kind.AI else f"/apis/{version.service.slug}/"
        before = version.service.versions.filter(state=VersionState.PUBLISHED).first()
        return [
            _("It answers under %(where)s within a second.") % {"where": where},
            *(
                [_("%(version)s becomes deprecated; it can be called until it is retired.") % {"version": before}]
                if before
                else []
            ),
            _("From then on it never changes; a mistake needs a new version."),
        ]

    @publish.hindrance
    def publish_hindrance(self, version: ServiceVersion) -> str:
        return "" if lifecycle.can_become(version, VersionState.PUBLISHED) else _("was published already")

    @verb(gettext_lazy("Deprecate"), icon="hourglass", final=True)
    def deprecate(self, request: SignedInRequest, version: ServiceVersion, *, reason: str) -> None:
        lifecycle.deprecate(version, actor=request.user, reason=reason, address=came_from(request))

    @deprecate.effects
    def deprecate_effects(self, _version: ServiceVersion) -> list[str]:
        return [_("It can be called as before."), _("The catalogue says that it will go.")]

    @deprecate.hindrance
    def deprecate_hindrance(self, version: ServiceVersion) -> str:
        return "" if lifecycle.can_become(version, VersionState.DEPRECATED) else _("is not published")

    @verb(gettext_lazy("Retire"), icon="circle-slash", final=True)
    def retire(self, request: SignedInRequest, version: ServiceVersion, *, reason: str) -> None:
        lifecycle.retire(version, actor=request.user, reason=reason, address=came_from(request))

    @retire.effects
    def retire_effects(self, version: ServiceVersion) -> list[str]:
        others = version.service.versions.filter(state__in=VersionState.callable()).exclude(pk=version.pk).exists()
        return [
            _("The service goes on with its other version.")
            if others
            else _("Calls of %(service)s are refused with 410 within a second.") % {"service": version.service},
            _("Its page stays, and says so."),
        ]

    @retire.hindrance
    def retire_hindrance(self, version: ServiceVersion) -> str:
        return "" if lifecycle.can_become(version, VersionState.RETIRED) else _("is not in use")

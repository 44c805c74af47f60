"""Services: what teams see in the catalogue, and who may use it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apipark.columns import badge, itself, moment, neighbour, state
from apipark.model_admin import KeptAdmin, ReadOnlyInline
from providers.models import Service, ServiceVersion


class ServiceVersionInline(ReadOnlyInline):
    model = ServiceVersion
    fields = (
        itself(gettext_lazy("version"), "number"),
        state("state", gettext_lazy("state")),
        "upstream_url",
        moment("published_at", gettext_lazy("published")),
    )
    readonly_fields = fields
    ordering = ("-number",)


@admin.register(Service)
class ServiceAdmin(KeptAdmin[Service]):
    list_display = (
        "name",
        "slug",
        "kind",
        neighbour("team", gettext_lazy("publisher")),
        "visibility",
        "approval",
        "current",
    )
    list_filter = ("kind", "visibility", "approval", "category")
    list_select_related = ("team",)
    search_fields = ("name", "ref", "slug", "team__name")
    autocomplete_fields = ("team",)
    readonly_fields = ("ref", "created_at")
    prepopulated_fields: ClassVar[Any] = {"slug": ("name",)}
    radio_fields: ClassVar[Any] = {"visibility": admin.VERTICAL, "approval": admin.VERTICAL}
    fieldsets = (
        (
            gettext_lazy("Identity"),
            {"fields": ("name", "slug", ("kind", "team"), "summary", "description", "category")},
        ),
        (gettext_lazy("Who may use it"), {"fields": ("visibility", "approval")}),
        (gettext_lazy("Facts"), {"fields": ("ref", "created_at")}),
    )
    inlines = (ServiceVersionInline,)
    announces = "catalogue"
    team_path = "team"
    neighbours = (
        (gettext_lazy("Versions"), "providers.ServiceVersion", "service__id__exact"),
        (gettext_lazy("Plans"), "billing.Plan", "services__id__exact"),
        (gettext_lazy("Calls"), "proxy.Call", "service"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Service]:
        return super().get_queryset(request).prefetch_related("versions")

    def get_readonly_fields(self, request: HttpRequest, obj: Service | None = None) -> Any:
        """Its address and its publisher are in what others have written down and agreed to."""
        return (*super().get_readonly_fields(request, obj), *(("slug", "kind", "team") if obj else ()))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Service | None = None) -> Any:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    @admin.display(description=gettext_lazy("newest version"))
    def current(self, service: Service) -> str:
        newest = next(iter(service.versions.all()), None)
        return badge(newest.state, newest.get_state_display()) if newest else "–"

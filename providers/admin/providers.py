"""Providers: where calls go, and in which dialect."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apipark.columns import figure, itself, moment, state
from apipark.model_admin import ConsoleForm, KeptAdmin, ReadOnlyInline
from apipark.templatetags.portal import count
from apipark.verbs import verb
from providers import secrets, switching
from providers.admin.addresses import checked_url
from providers.admin.wording import SWITCHED, services_hit
from providers.models import AiModel, Provider, ProviderKey
from teams.models import User
from teams.signed_in import SignedInRequest, came_from


class ProviderForm(ConsoleForm[Provider]):
    def clean_base_url(self) -> str:
        return checked_url(self.cleaned_data["base_url"].rstrip("/"))


class ProviderKeyInline(ReadOnlyInline):
    model = ProviderKey
    fields = (
        itself(gettext_lazy("key")),
        "priority",
        state("state", gettext_lazy("state"), why="state_reason"),
        moment("state_since", gettext_lazy("since")),
    )
    readonly_fields = fields


@admin.register(Provider)
class ProviderAdmin(KeptAdmin[Provider]):
    list_display = ("name", SWITCHED, "dialect", "base_url", "key_count", "model_count")
    list_filter = ("state", "dialect")
    search_fields = ("name", "ref", "base_url")
    readonly_fields = (SWITCHED, moment("state_since", gettext_lazy("since")), "ref", "is_demo", "created_at")
    fieldsets = (
        (gettext_lazy("Where"), {"fields": (("name", "slug"), "base_url", "dialect")}),
        (gettext_lazy("Facts"), {"fields": readonly_fields}),
    )
    inlines = (ProviderKeyInline,)
    form = ProviderForm
    announces = "catalogue"
    verbs = ("disable", "enable")
    neighbours = (
        (gettext_lazy("Keys"), "providers.ProviderKey", "provider__id__exact"),
        (gettext_lazy("Models"), "providers.AiModel", "provider__id__exact"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        good = Count("keys", filter=Q(keys__state=ProviderKey.State.ACTIVE), distinct=True)
        keys, models = Count("keys", distinct=True), Count("models", distinct=True)
        return super().get_queryset(request).annotate(good_keys=good, all_keys=keys, all_models=models)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        super().save_related(request, form, formsets, change)
        actor = request.user if isinstance(request.user, User) else None
        provider = Provider.objects.prefetch_related("doors").get(pk=form.instance.pk)
        if parted := secrets.part_from_hosts(provider, actor=actor, address=came_from(request)):
            words = ngettext(
                "%(count)s key is bound to the old hosts and was switched off: enter its secret again.",
                "%(count)s keys are bound to the old hosts and were switched off: enter their secrets again.",
                parted,
            )
            self.message_user(request, words % {"count": parted}, "WARNING")

    @admin.display(description=gettext_lazy("keys in use"))
    def key_count(self, provider: Any) -> str:
        return figure(_("%(good)s of %(all)s") % {"good": provider.good_keys, "all": provider.all_keys})

    @admin.display(description=gettext_lazy("models"))
    def model_count(self, provider: Any) -> str:
        return figure(count(provider.all_models))

    @verb(gettext_lazy("Disable"), icon="ban")
    def disable(self, request: SignedInRequest, provider: Provider, *, reason: str) -> None:
        switching.switch_off(provider, actor=request.user, reason=reason, address=came_from(request))

    @disable.effects
    def disable_effects(self, provider: Provider) -> list[str]:
        models = provider.models.filter(state=AiModel.State.ON)
        words = ngettext(
            "Within a second calls of its %(count)s model are refused.",
            "Within a second calls of its %(count)s models are refused.",
            models.count(),
        )
        return [words % {"count": models.count()}, *services_hit(models), _("Its keys stay; it can be enabled again.")]

    @disable.hindrance
    def disable_hindrance(self, provider: Provider) -> str:
        return _("is off already") if provider.state == Provider.State.OFF else ""

    @verb(gettext_lazy("Enable"), icon="play")
    def enable(self, request: SignedInRequest, provider: Provider, *, reason: str) -> None:
        switching.switch_on(provider, actor=request.user, reason=reason, address=came_from(request))

    @enable.effects
    def enable_effects(self, _provider: Provider) -> list[str]:
        return [_("Its models that are on can be called again within a second.")]

    @enable.hindrance
    def enable_hindrance(self, provider: Provider) -> str:
        return _("is on already") if provider.state == Provider.State.ON else ""

"""What can be called: providers with their keys and models, services with their versions."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apipark.addresses import AddressRefused, check_url, read_url
from apipark.amounts import AmountField
from apipark.columns import badge, figure, itself, moment, neighbour, number, state
from apipark.model_admin import AppendOnlyInline, ConsoleForm, KeptAdmin, ReadOnlyInline
from apipark.templatetags.portal import NOTHING, ago, count, duration, price
from apipark.verbs import ReasonForm, verb
from providers import lifecycle, probing, secrets, switching
from providers.models import AiModel, ModelPrice, Provider, ProviderKey, Service, ServiceVersion, VersionState
from teams.models import User
from teams.signed_in import SignedInRequest, came_from


def checked_url(url: str) -> str:
    """Raises ValidationError for an address that the gateway would refuse to call."""
    try:
        check_url(url, allowed=settings.GATEWAY_ALLOWED_ADDRESSES)
    except AddressRefused as error:
        raise ValidationError(str(error)) from error
    return url


_SWITCHED = state("state", gettext_lazy("state"), why="state_reason")
_MOST_NAMED = 5


# Providers -----------------------------------------------------------------------------------------------------------
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
    list_display = ("name", _SWITCHED, "dialect", "base_url", "key_count", "model_count")
    list_filter = ("state", "dialect")
    search_fields = ("name", "ref", "base_url")
    readonly_fields = (_SWITCHED, moment("state_since", gettext_lazy("since")), "ref", "is_demo", "created_at")
    fieldsets = (
        (gettext_lazy("Where"), {"fields": ("name", "base_url", "dialect")}),
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

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        moved = change and _host(form.initial["base_url"]) != _host(obj.base_url)
        super().save_model(request, obj, form, change)
        actor = request.user if isinstance(request.user, User) else None
        if moved and (parted := secrets.part_from_host(obj, actor=actor, address=came_from(request))):
            words = ngettext(
                "%(count)s key is bound to the old host and was switched off: enter its secret again.",
                "%(count)s keys are bound to the old host and were switched off: enter their secrets again.",
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
        return [words % {"count": models.count()}, *_services_hit(models), _("Its keys stay; it can be enabled again.")]

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


def _services_hit(models: QuerySet[AiModel]) -> list[str]:
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


def _host(url: str) -> str:
    try:
        return read_url(url).host
    except AddressRefused:
        return ""


# Keys ----------------------------------------------------------------------------------------------------------------
_SECRET = forms.PasswordInput(attrs={"class": "input mono", "autocomplete": "new-password", "spellcheck": "false"})


class NewProviderKeyForm(ConsoleForm[ProviderKey]):
    secret = forms.CharField(
        label=gettext_lazy("Secret"),
        max_length=4000,
        validators=[secrets.check],
        help_text=gettext_lazy("Sealed at once, bound to the provider's host, never shown again."),
        widget=_SECRET,
    )


class SecretForm(ReasonForm):
    secret = forms.CharField(
        label=gettext_lazy("New secret"), max_length=4000, validators=[secrets.check], widget=_SECRET
    )


_PROVIDER = neighbour("provider", gettext_lazy("provider"))


@admin.register(ProviderKey)
class ProviderKeyAdmin(KeptAdmin[ProviderKey]):
    list_display = (
        "name",
        "digits",
        neighbour("provider", gettext_lazy("provider")),
        state("state", gettext_lazy("state"), why="state_reason"),
        moment("state_since", gettext_lazy("since")),
        "last_test",
        number("priority", gettext_lazy("priority"), count),
    )
    list_filter = ("state", "provider")
    list_select_related = ("provider",)
    search_fields = ("name", "ref", "last_four", "provider__name")
    autocomplete_fields = ("provider",)
    readonly_fields = (
        "digits",
        "ref",
        state("state", gettext_lazy("state"), why="state_reason"),
        moment("state_since", gettext_lazy("since")),
        "last_test",
        number("probe_models", gettext_lazy("models found"), count),
        number("probe_ms", gettext_lazy("took"), duration),
    )
    announces = "catalogue"
    verbs = ("test", "replace_secret", "disable", "enable")
    neighbours = ((gettext_lazy("Calls"), "proxy.Call", "provider_key"),)

    def get_fieldsets(self, _request: HttpRequest, obj: ProviderKey | None = None) -> Any:
        if obj is None:
            return ((gettext_lazy("Key"), {"fields": ("provider", "name", "secret", "priority")}),)
        return (
            (gettext_lazy("Key"), {"fields": ("name", "priority")}),
            (
                gettext_lazy("Facts"),
                {
                    "fields": (_PROVIDER, *self.readonly_fields),
                    "description": gettext_lazy("The secret is sealed and shown to nobody; it can be replaced."),
                },
            ),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderKey | None = None) -> Any:
        own = super().get_readonly_fields(request, obj)
        return (_PROVIDER, *own) if obj else own

    def get_form(self, request: HttpRequest, obj: ProviderKey | None = None, *args: Any, **options: Any) -> Any:
        if obj is None:
            options["form"] = NewProviderKeyForm
        return super().get_form(request, obj, *args, **options)

    def save_model(self, request: HttpRequest, obj: ProviderKey, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        if change:
            super().save_model(request, obj, form, change)
        else:
            secrets.store(obj, form.cleaned_data["secret"])

    def waiting(self, _request: HttpRequest) -> int:
        return ProviderKey.objects.filter(state=ProviderKey.State.REFUSED).count()

    @admin.display(description=gettext_lazy("secret"), ordering="last_four")
    def digits(self, key: ProviderKey) -> SafeString:
        return format_html("<code>…{}</code>", key.last_four)

    @admin.display(description=gettext_lazy("last test"), ordering="probed_at")
    def last_test(self, key: ProviderKey) -> SafeString | str:
        if key.probed_at is None:
            return NOTHING
        mark = badge("failed", _("Failed")) if key.probe_trouble else badge("succeeded", _("Passed"))
        why = format_html('<small class="why">{}</small>', key.probe_trouble) if key.probe_trouble else ""
        return format_html("{} {}{}", mark, ago(key.probed_at), why)

    @verb(gettext_lazy("Test"), title=gettext_lazy("Test the connection"), icon="plug-zap", commits_itself=True)
    def test(self, request: SignedInRequest, key: ProviderKey, *, reason: str) -> str:
        verdict = probing.check(key, actor=request.user, reason=reason, address=came_from(request))
        if verdict.trouble:
            raise ValidationError(str(verdict))
        return str(verdict)

    @test.effects
    def test_effects(self, key: ProviderKey) -> list[str]:
        words = {"url": f"{key.provider.base_url}/models"}
        return [
            _("%(url)s is asked for its list of models, with this key. That costs nothing.") % words,
            _("A key that the provider does not know goes out of use; one that it takes again is used again."),
            _("A key that is off stays off."),
        ]

    @verb(gettext_lazy("Replace secret"), icon="rotate-cw", form=SecretForm)
    def replace_secret(self, request: SignedInRequest, key: ProviderKey, *, secret: str, reason: str) -> None:
        address = came_from(request)
        secrets.replace(key, secret, actor=request.user, reason=reason, address=address)

    @replace_secret.effects
    def replace_secret_effects(self, key: ProviderKey) -> list[str]:
        host = _host(key.provider.base_url)
        return [
            _("New calls carry the new secret within a second; calls under way end with the old one."),
            _("It is sealed for %(host)s and opens for no other address.") % {"host": host},
            _("The key is in use from then on, whatever it was before."),
        ]

    @verb(gettext_lazy("Disable"), icon="ban")
    def disable(self, request: SignedInRequest, key: ProviderKey, *, reason: str) -> None:
        secrets.disable(key, actor=request.user, reason=reason, address=came_from(request))

    @disable.effects
    def disable_effects(self, key: ProviderKey) -> list[str]:
        left = key.provider.keys.filter(state=ProviderKey.State.ACTIVE).exclude(pk=key.pk).count()
        words = {"provider": key.provider, "count": left}
        after = (
            ngettext(
                "%(provider)s goes on with %(count)s other key.",
                "%(provider)s goes on with %(count)s other keys.",
                left,
            )
            if left
            else _("%(provider)s has no other key: its models answer 503.")
        )
        return [_("New calls stop using this key within a second."), after % words, _("It can be enabled again.")]

    @disable.hindrance
    def disable_hindrance(self, key: ProviderKey) -> str:
        return _("is off already") if key.state == ProviderKey.State.OFF else ""

    @verb(gettext_lazy("Enable"), icon="play")
    def enable(self, request: SignedInRequest, key: ProviderKey, *, reason: str) -> None:
        secrets.enable(key, actor=request.user, reason=reason, address=came_from(request))

    @enable.effects
    def enable_effects(self, _key: ProviderKey) -> list[str]:
        return [_("It is used again within a second, in its place of the order.")]

    @enable.hindrance
    def enable_hindrance(self, key: ProviderKey) -> str:
        if key.state == ProviderKey.State.ACTIVE:
            return _("is in use already")
        return "" if secrets.opens(key) else _("was sealed for another host: replace its secret")


# Models --------------------------------------------------------------------------------------------------------------
def _per_million(model_price: ModelPrice, nano: int) -> str:
    return figure(price(nano, model_price.currency))


class ModelPriceForm(ConsoleForm[ModelPrice]):
    input_nano = AmountField(label=gettext_lazy("Input"))
    cached_input_nano = AmountField(label=gettext_lazy("Cached input"))
    output_nano = AmountField(label=gettext_lazy("Output"))


class ModelPriceInline(AppendOnlyInline):
    model = ModelPrice
    form = ModelPriceForm
    fields = ("effective_from", "currency", "input_nano", "cached_input_nano", "output_nano")
    verbose_name = gettext_lazy("price")
    verbose_name_plural = gettext_lazy("What it costs us, per million tokens")
    ordering = ("-effective_from",)


class OldModelPriceInline(ReadOnlyInline):
    """The prices that exist: calls keep the id of the one they were made at."""

    model = ModelPrice
    fields = ("effective_from", "currency", "input", "cached_input", "output")
    readonly_fields = ("input", "cached_input", "output")
    verbose_name_plural = gettext_lazy("Prices so far, per million tokens")
    ordering = ("-effective_from",)

    @admin.display(description=gettext_lazy("input"))
    def input(self, model_price: ModelPrice) -> str:
        return _per_million(model_price, model_price.input_nano)

    @admin.display(description=gettext_lazy("cached input"))
    def cached_input(self, model_price: ModelPrice) -> str:
        return _per_million(model_price, model_price.cached_input_nano)

    @admin.display(description=gettext_lazy("output"))
    def output(self, model_price: ModelPrice) -> str:
        return _per_million(model_price, model_price.output_nano)


class NewModelPriceInline(ModelPriceInline):
    """A new price is a new row, from a time on."""

    verbose_name_plural = gettext_lazy("New price, per million tokens")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).none()


@admin.register(AiModel)
class AiModelAdmin(KeptAdmin[AiModel]):
    list_display = (
        "name",
        neighbour("provider", gettext_lazy("provider")),
        "upstream_name",
        "kind",
        _SWITCHED,
        number("context_tokens", gettext_lazy("context")),
        number("max_output_tokens", gettext_lazy("longest answer")),
        "cost",
    )
    list_filter = ("state", "kind", "provider")
    list_select_related = ("provider",)
    search_fields = ("name", "ref", "upstream_name", "provider__name")
    autocomplete_fields = ("provider",)
    readonly_fields = (_SWITCHED, moment("state_since", gettext_lazy("since")), "ref")
    fieldsets = (
        (gettext_lazy("Model"), {"fields": ("name", ("provider", "upstream_name"), "kind")}),
        (gettext_lazy("Bounds"), {"fields": (("context_tokens", "max_output_tokens"),)}),
        (gettext_lazy("Facts"), {"fields": readonly_fields}),
    )
    inlines = (NewModelPriceInline, OldModelPriceInline)
    announces = "catalogue"
    verbs = ("disable", "enable")
    neighbours = (
        (gettext_lazy("Service versions"), "providers.ServiceVersion", "ai_models__id__exact"),
        (gettext_lazy("Calls"), "proxy.Call", "ai_model"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AiModel]:
        return super().get_queryset(request).prefetch_related("prices")

    @admin.display(description=gettext_lazy("input · output, 1 M"))
    def cost(self, model: AiModel) -> str:
        newest = next(iter(model.prices.all()), None)
        if newest is None:
            return badge("failed", _("no price"))
        return figure(f"{price(newest.input_nano, newest.currency)} · {price(newest.output_nano, newest.currency)}")

    @verb(gettext_lazy("Disable"), icon="ban")
    def disable(self, request: SignedInRequest, model: AiModel, *, reason: str) -> None:
        switching.switch_off(model, actor=request.user, reason=reason, address=came_from(request))

    @disable.effects
    def disable_effects(self, model: AiModel) -> list[str]:
        return [
            _("Within a second calls that name %(model)s are refused.") % {"model": model},
            *_services_hit(AiModel.objects.filter(pk=model.pk)),
            _("It can be enabled again."),
        ]

    @disable.hindrance
    def disable_hindrance(self, model: AiModel) -> str:
        return _("is off already") if model.state == AiModel.State.OFF else ""

    @verb(gettext_lazy("Enable"), icon="play")
    def enable(self, request: SignedInRequest, model: AiModel, *, reason: str) -> None:
        switching.switch_on(model, actor=request.user, reason=reason, address=came_from(request))

    @enable.effects
    def enable_effects(self, model: AiModel) -> list[str]:
        if model.provider.state == Provider.State.OFF:
            return [_("It can be called once %(provider)s is enabled too.") % {"provider": model.provider}]
        return [_("It can be called again within a second.")]

    @enable.hindrance
    def enable_hindrance(self, model: AiModel) -> str:
        return _("is on already") if model.state == AiModel.State.ON else ""


# Services ------------------------------------------------------------------------------------------------------------
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

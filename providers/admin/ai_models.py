"""Models, and what they cost us."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark.amounts import AmountField
from apipark.columns import badge, figure, moment, neighbour, number
from apipark.model_admin import AppendOnlyInline, ConsoleForm, KeptAdmin, ReadOnlyInline
from apipark.templatetags.portal import NOTHING, price
from apipark.verbs import verb
from providers import switching
from providers.admin.wording import SWITCHED, services_hit
from providers.models import AiModel, ModelPrice, PriceRow, Provider
from teams.signed_in import SignedInRequest, came_from

# What the form asks for, by ledger class; other classes take one of these (billing/prices.py).
_UNITS = {"input": "input_text", "cached_input": "cache_read", "output": "output_text"}


class ModelPriceForm(ConsoleForm[ModelPrice]):
    input = AmountField(label=gettext_lazy("Input"))
    cached_input = AmountField(label=gettext_lazy("Cached input"), required=False)
    output = AmountField(label=gettext_lazy("Output"), required=False)

    class Meta:
        model = ModelPrice
        fields = ("effective_from", "currency")

    def save(self, commit: bool = True) -> ModelPrice:  # noqa: FBT001, FBT002 - Django's
        made = super().save(commit=commit)
        amounts = {unit: self.cleaned_data[name] for name, unit in _UNITS.items()}
        made.rows.set(
            [PriceRow(unit=unit, nano_per_million=nano) for unit, nano in amounts.items() if nano is not None],
            bulk=False,
        )
        return made


class ModelPriceInline(AppendOnlyInline):
    model = ModelPrice
    form = ModelPriceForm
    fields = ("effective_from", "currency", "input", "cached_input", "output")
    verbose_name = gettext_lazy("price")
    verbose_name_plural = gettext_lazy("What it costs us, per million tokens")
    ordering = ("-effective_from",)


def _amount(model_price: ModelPrice, unit: str) -> str:
    nano = model_price.amounts().get(unit)
    return NOTHING if nano is None else figure(price(nano, model_price.currency))


class OldModelPriceInline(ReadOnlyInline):
    """The prices that exist: calls keep the id of the one they were made at."""

    model = ModelPrice
    fields = ("effective_from", "currency", "input", "cached_input", "output")
    readonly_fields = ("input", "cached_input", "output")
    verbose_name_plural = gettext_lazy("Prices so far, per million tokens")
    ordering = ("-effective_from",)

    @admin.display(description=gettext_lazy("input"))
    def input(self, model_price: ModelPrice) -> str:
        return _amount(model_price, "input_text")

    @admin.display(description=gettext_lazy("cached input"))
    def cached_input(self, model_price: ModelPrice) -> str:
        return _amount(model_price, "cache_read")

    @admin.display(description=gettext_lazy("output"))
    def output(self, model_price: ModelPrice) -> str:
        return _amount(model_price, "output_text")


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
        SWITCHED,
        number("context_tokens", gettext_lazy("context")),
        number("max_output_tokens", gettext_lazy("longest answer")),
        "cost",
    )
    list_filter = ("state", "kind", "provider")
    list_select_related = ("provider",)
    search_fields = ("name", "ref", "upstream_name", "provider__name")
    autocomplete_fields = ("provider",)
    readonly_fields = (SWITCHED, moment("state_since", gettext_lazy("since")), "ref")
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
        return super().get_queryset(request).prefetch_related("prices__rows")

    @admin.display(description=gettext_lazy("input · output, 1 M"))
    def cost(self, model: AiModel) -> str:
        newest = next(iter(model.prices.all()), None)
        if newest is None:
            return badge("failed", _("no price"))
        return figure(f"{_amount(newest, 'input_text')} · {_amount(newest, 'output_text')}")

    @verb(gettext_lazy("Disable"), icon="ban")
    def disable(self, request: SignedInRequest, model: AiModel, *, reason: str) -> None:
        switching.switch_off(model, actor=request.user, reason=reason, address=came_from(request))

    @disable.effects
    def disable_effects(self, model: AiModel) -> list[str]:
        return [
            _("Within a second calls that name %(model)s are refused.") % {"model": model},
            *services_hit(AiModel.objects.filter(pk=model.pk)),
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

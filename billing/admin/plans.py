"""Plans, and their versions: drafts are edited, published ones never change."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apipark import money
from apipark.amounts import AmountField, amount_text, read_amount
from apipark.columns import badge, figure, itself, moment, neighbour, number, prose, state
from apipark.model_admin import ConsoleForm, ConsoleInline, KeptAdmin, ReadOnlyInline
from apipark.templatetags.portal import NOTHING, cash, count, price
from apipark.verbs import verb
from billing import plans
from billing.admin.wording import units
from billing.models import (
    Limit,
    Meter,
    Plan,
    PlanVersion,
)
from teams.signed_in import SignedInRequest


class PlanVersionInline(ReadOnlyInline):
    model = PlanVersion
    fields = (
        itself(gettext_lazy("version"), "number"),
        state("state", gettext_lazy("state")),
        number("price_minor", gettext_lazy("price"), cash, currency="currency"),
        "interval",
        moment("published_at", gettext_lazy("published")),
    )
    readonly_fields = fields
    ordering = ("-number",)


@admin.register(Plan)
class PlanAdmin(KeptAdmin[Plan]):
    list_display = (
        "name",
        neighbour("publisher", gettext_lazy("publisher")),
        "on_offer",
        "price",
        prose("summary", gettext_lazy("summary")),
    )
    list_filter = ("versions__state", "publisher")
    list_select_related = ("publisher",)
    search_fields = ("name", "ref", "slug", "publisher__name")
    autocomplete_fields = ("publisher",)
    filter_horizontal = ("services",)
    readonly_fields = ("ref", "created_at")
    prepopulated_fields: ClassVar[Any] = {"slug": ("name",)}
    fieldsets = (
        (gettext_lazy("Plan"), {"fields": ("publisher", ("name", "slug"), "summary")}),
        (gettext_lazy("What it covers"), {"fields": ("services",)}),
        (gettext_lazy("Facts"), {"fields": ("ref", "created_at")}),
    )
    inlines = (PlanVersionInline,)
    announces = "catalogue"
    team_path = "publisher"
    neighbours = (
        (gettext_lazy("Versions"), "billing.PlanVersion", "plan__id__exact"),
        (gettext_lazy("Subscriptions"), "billing.Subscription", "version__plan__id__exact"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        published = PlanVersion.objects.filter(state=PlanVersion.State.PUBLISHED)
        return super().get_queryset(request).prefetch_related(Prefetch("versions", published, to_attr="published"))

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *(("publisher", "slug") if obj else ()))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Plan | None = None) -> Any:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    @admin.display(description=gettext_lazy("on offer"))
    def on_offer(self, plan: Any) -> str:
        return (
            badge("published", _("Version %(number)s") % {"number": plan.published[0].number})
            if plan.published
            else badge("off", _("No"))
        )

    @admin.display(description=gettext_lazy("price"))
    def price(self, plan: Any) -> str:
        if not plan.published:
            return figure(NOTHING)
        version = plan.published[0]
        return figure(cash(version.price_minor, version.currency), version.get_interval_display())


class LimitForm(ConsoleForm[Limit]):
    """Spend is typed as money; everything else counts."""

    included = forms.CharField(
        label=gettext_lazy("Included"),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "class": "vTextField short"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["included"] = amount_text(self.instance.included, self._places(self.instance.meter))

    @staticmethod
    def _places(meter: str) -> int:
        return 9 if meter == Meter.SPEND else 0

    def clean_included(self) -> int:
        return read_amount(self.cleaned_data["included"], self._places(self.cleaned_data.get("meter", "")))


class LimitInline(ConsoleInline):
    model = Limit
    form = LimitForm
    readonly_fields = ("amount",)

    def get_fields(self, _request: HttpRequest, obj: PlanVersion | None = None) -> Any:
        return ("meter", "period", "included" if self._draft(obj) else "amount")

    @admin.display(description=gettext_lazy("included"))
    def amount(self, limit: Limit) -> str:
        return figure(units(limit.meter, limit.included, limit.version.currency))

    def _draft(self, version: PlanVersion | None) -> bool:
        return version is None or version.state == PlanVersion.State.DRAFT

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._draft(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._draft(obj) and super().has_delete_permission(request, obj)


class PlanVersionForm(ConsoleForm[PlanVersion]):
    """Money is typed in the currency's major unit."""

    price_minor = forms.CharField(
        label=gettext_lazy("Price"),
        initial="0",
        help_text=gettext_lazy("For one interval, in advance."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "class": "vTextField short"}),
    )
    call_price_nano = AmountField(
        label=gettext_lazy("Price of a call"), initial="0", help_text=gettext_lazy("REST services; up to nine places.")
    )
    # Parts per million are hundredths of a per cent with four places.
    cost_factor_ppm = AmountField(
        label=gettext_lazy("Price of tokens, in % of their cost"),
        places=4,
        initial="100",
        help_text=gettext_lazy("100 passes the cost on, 120 adds 20 %."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            places = money.exponent(self.instance.currency)
            self.initial["price_minor"] = amount_text(self.instance.price_minor, places)

    def clean_price_minor(self) -> int:
        return read_amount(self.cleaned_data["price_minor"], money.exponent(str(self.data.get("currency", ""))))


_TERMS = (
    "currency",
    "price_minor",
    "interval",
    "interval_count",
    "collection",
    "net_days",
    "requires_method",
    "grace_hours",
    "requests_per_minute",
    "max_request_bytes",
    "call_price_nano",
    "cost_factor_ppm",
    "ai_models",
)


_STATE = state("state", gettext_lazy("state"))


@admin.register(PlanVersion)
class PlanVersionAdmin(KeptAdmin[PlanVersion]):
    list_display = (
        "__str__",
        state("state", gettext_lazy("state")),
        number("price_minor", gettext_lazy("price"), cash, currency="currency"),
        "interval",
        "collection",
        number("requests_per_minute", gettext_lazy("calls a minute"), count),
        moment("published_at", gettext_lazy("published")),
    )
    list_filter = ("state", "interval", "collection", "currency")
    list_select_related = ("plan__publisher",)
    search_fields = ("plan__name", "ref")
    autocomplete_fields = ("plan",)
    filter_horizontal = ("ai_models",)
    form = PlanVersionForm
    inlines = (LimitInline,)
    announces = "catalogue"
    team_path = "plan__publisher"
    verbs = ("publish", "retire")
    neighbours = ((gettext_lazy("Subscriptions"), "billing.Subscription", "version__id__exact"),)

    def get_fieldsets(self, _request: HttpRequest, obj: PlanVersion | None = None) -> Any:
        money_words = (
            ("money", "call_money", "token_money")
            if self._fixed(obj)
            else ("price_minor", "call_price_nano", "cost_factor_ppm")
        )
        return (
            (gettext_lazy("Version"), {"fields": (("plan", "number"),)}),
            (
                gettext_lazy("Price"),
                {
                    "fields": (
                        ("currency", money_words[0]),
                        ("interval", "interval_count"),
                        (money_words[1], money_words[2]),
                    )
                },
            ),
            (gettext_lazy("Payment"), {"fields": (("collection", "net_days"), "requires_method", "grace_hours")}),
            (gettext_lazy("Bounds"), {"fields": (("requests_per_minute", "max_request_bytes"), "ai_models")}),
            (gettext_lazy("Facts"), {"fields": ("ref", _STATE, "published_at")}),
        )

    def get_readonly_fields(self, _request: HttpRequest, obj: PlanVersion | None = None) -> Any:
        """Terms that somebody may have agreed to never change."""
        own = ("ref", _STATE, "published_at", "money", "call_money", "token_money")
        terms = tuple(name for name in _TERMS if name not in {"price_minor", "call_price_nano", "cost_factor_ppm"})
        if self._fixed(obj):
            return (*own, "plan", "number", *terms)
        return (*own, "plan") if obj else own

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return not self._fixed(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        """A draft binds nobody."""
        allowed = request.user.has_perm("billing.delete_planversion")
        return obj is not None and not self._fixed(obj) and allowed

    @staticmethod
    def _fixed(version: PlanVersion | None) -> bool:
        return version is not None and version.state != PlanVersion.State.DRAFT

    @admin.display(description=gettext_lazy("price"))
    def money(self, version: PlanVersion) -> str:
        return cash(version.price_minor, version.currency)

    @admin.display(description=gettext_lazy("price of a call"))
    def call_money(self, version: PlanVersion) -> str:
        return price(version.call_price_nano, version.currency)

    @admin.display(description=gettext_lazy("price of tokens, in % of their cost"))
    def token_money(self, version: PlanVersion) -> str:
        return f"{amount_text(version.cost_factor_ppm, 4)} %"

    @verb(gettext_lazy("Publish"), icon="badge-check", final=True)
    def publish(self, request: SignedInRequest, version: PlanVersion, *, reason: str) -> None:
        plans.publish(version, actor=request.user, reason=reason)

    @publish.effects
    def publish_effects(self, version: PlanVersion) -> list[str]:
        before = version.plan.versions.filter(state=PlanVersion.State.PUBLISHED).first()
        return [
            _("Teams can subscribe to it at %(price)s.") % {"price": cash(version.price_minor, version.currency)},
            *([_("%(version)s is no longer offered; who has it keeps it.") % {"version": before}] if before else []),
            _("From then on its terms never change; other terms need a new version."),
        ]

    @publish.hindrance
    def publish_hindrance(self, version: PlanVersion) -> str:
        return "" if version.state == PlanVersion.State.DRAFT else _("was published already")

    @verb(gettext_lazy("Take off offer"), icon="circle-slash", final=True)
    def retire(self, request: SignedInRequest, version: PlanVersion, *, reason: str) -> None:
        plans.retire(version, actor=request.user, reason=reason)

    @retire.effects
    def retire_effects(self, version: PlanVersion) -> list[str]:
        running = version.subscriptions.filter(ended_at=None).count()
        return [
            _("Nobody can subscribe to it any more."),
            ngettext("%(count)s subscription that runs keeps it.", "%(count)s subscriptions that run keep it.", running)
            % {"count": running},
        ]

    @retire.hindrance
    def retire_hindrance(self, version: PlanVersion) -> str:
        return "" if version.state == PlanVersion.State.PUBLISHED else _("is not on offer")

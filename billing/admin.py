"""What it costs: plans and their versions, subscriptions, allowances, invoices and what was tried to collect them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apipark import clock, money
from apipark.amounts import AmountField, amount_text, read_amount
from apipark.columns import badge, figure, itself, linked, moment, neighbour, number, prose, state
from apipark.model_admin import BigTableAdmin, ConsoleForm, ConsoleInline, KeptAdmin, ReadOnlyAdmin, ReadOnlyInline
from apipark.templatetags.portal import NOTHING, cash, count, percent, price, short, spend
from apipark.verbs import ReasonForm, verb
from billing import caps, invoicing, plans, subscriptions
from billing.contracts import usable_default
from billing.models import (
    Allowance,
    Cap,
    Correction,
    Invoice,
    InvoiceLine,
    Lease,
    Limit,
    Meter,
    PaymentAttempt,
    PaymentMethod,
    Plan,
    PlanVersion,
    Subscription,
)
from teams import audit
from teams.models import ApiKey, Application, Team
from teams.signed_in import SignedInRequest


def units(meter: str, value: int | None, currency: str = "") -> str:
    """Of a meter: spend is money, everything else is counted."""
    if value is None:
        return _("no limit")
    return spend(value, currency) if meter == Meter.SPEND and currency else short(value)


# Plans ---------------------------------------------------------------------------------------------------------------
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
    fields = ("meter", "period", "included")

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
        money_words = ("money", "call_money") if self._fixed(obj) else ("price_minor", "call_price_nano")
        return (
            (gettext_lazy("Version"), {"fields": (("plan", "number"),)}),
            (
                gettext_lazy("Price"),
                {
                    "fields": (
                        ("currency", money_words[0]),
                        ("interval", "interval_count"),
                        (money_words[1], "cost_factor_ppm"),
                    )
                },
            ),
            (gettext_lazy("Payment"), {"fields": (("collection", "net_days"), "requires_method", "grace_hours")}),
            (gettext_lazy("Bounds"), {"fields": (("requests_per_minute", "max_request_bytes"), "ai_models")}),
            (gettext_lazy("Facts"), {"fields": ("ref", _STATE, "published_at")}),
        )

    def get_readonly_fields(self, _request: HttpRequest, obj: PlanVersion | None = None) -> Any:
        """Terms that somebody may have agreed to never change."""
        own = ("ref", _STATE, "published_at", "money", "call_money")
        terms = tuple(name for name in _TERMS if name not in {"price_minor", "call_price_nano"})
        if self._fixed(obj):
            return (*own, "plan", "number", *terms)
        return (*own, "plan") if obj else own

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


# Subscriptions -------------------------------------------------------------------------------------------------------
class InvoiceInline(ReadOnlyInline):
    model = Invoice
    fields = (
        itself(gettext_lazy("invoice"), "number"),
        state("state", gettext_lazy("state")),
        moment("due_at", gettext_lazy("due")),
        number("total_minor", gettext_lazy("total"), cash, currency="currency"),
    )
    readonly_fields = fields


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin[Subscription]):
    """Made by teams in the portal; each change of it is a verb."""

    list_display = (
        "ref",
        neighbour("team", gettext_lazy("team")),
        neighbour("version", gettext_lazy("plan")),
        neighbour("application", gettext_lazy("application")),
        "standing",
        state("approval", gettext_lazy("approval")),
        moment("starts_at", gettext_lazy("starts")),
        moment("ended_at", gettext_lazy("ended")),
    )
    list_filter = ("approval", "hold", "ended_reason", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("team", "version__plan", "application")
    search_fields = ("ref", "team__name", "version__plan__name", "application__name")
    ordering = ("-id",)
    team_path = "team"
    inlines = (InvoiceInline,)
    verbs = ("approve", "decline", "pause", "resume", "suspend", "cancel", "end")
    neighbours = (
        (gettext_lazy("Invoices"), "billing.Invoice", "subscription__id__exact"),
        (gettext_lazy("Calls"), "proxy.Call", "subscription"),
    )
    readonly_fields = (
        "standing",
        neighbour("team", gettext_lazy("team")),
        neighbour("version", gettext_lazy("plan")),
        neighbour("application", gettext_lazy("application")),
        "allowances",
    )
    fieldsets = (
        (gettext_lazy("Who and what"), {"fields": ("ref", "standing", *readonly_fields[1:4], "pending_version")}),
        (gettext_lazy("Approval"), {"fields": ("approval", "approval_note", "requested_at")}),
        (
            gettext_lazy("Time"),
            {"fields": ("starts_at", "anchor", "invoiced_until", "cancel_at", "ended_at", "ended_reason")},
        ),
        (gettext_lazy("Hold"), {"fields": ("hold", "held_by", "held_at", "resumes_at")}),
        (gettext_lazy("Used"), {"fields": ("allowances",)}),
    )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """For the link from a plan to the subscriptions of all its versions."""
        return lookup == "version__plan__id__exact" or super().lookup_allowed(lookup, value, request)

    def waiting(self, _request: HttpRequest) -> int:
        return Subscription.objects.filter(approval=Subscription.Approval.WAITING, ended_at=None).count()

    @admin.display(description=gettext_lazy("state"))
    def standing(self, subscription: Subscription) -> str:
        return standing_badge(subscription)

    @admin.display(description=gettext_lazy("this period"))
    def allowances(self, subscription: Subscription) -> str:
        now = clock.now()
        current = Allowance.objects.filter(scope=f"sub:{subscription.pk}", period_start__lte=now, period_end__gt=now)
        currency = subscription.version.currency
        words = [
            f"{allowance.get_meter_display()}: {units(allowance.meter, allowance.used, currency)} / "
            f"{units(allowance.meter, allowance.limit, currency)}"
            for allowance in current
        ]
        return " · ".join(words) or NOTHING

    @staticmethod
    def _not_waiting(subscription: Subscription) -> str:
        waits = subscription.approval == Subscription.Approval.WAITING and not subscription.ended_at
        return "" if waits else _("does not wait for approval")

    @staticmethod
    def _not_running(subscription: Subscription) -> str:
        if subscription.approval != Subscription.Approval.GRANTED:
            return _("was not approved")
        return _("has ended") if subscription.ended_at else ""

    @verb(gettext_lazy("Approve"), icon="user-check", commits_itself=True)
    def approve(self, request: SignedInRequest, subscription: Subscription, *, reason: str) -> None:
        # The first invoice is charged between two transactions, so the operator's reason has an event of its own.
        subscriptions.approve(subscription, actor=request.user)
        _note(request, "subscription.approved_by_operator", subscription, reason)

    @approve.effects
    def approve_effects(self, subscription: Subscription) -> list[str]:
        version = subscription.version
        first = _("The first invoice of %(price)s is made today.") % {
            "price": cash(version.price_minor, version.currency)
        }
        return [
            _("%(team)s can call what %(plan)s covers within a second.")
            % {"team": subscription.team, "plan": version.plan},
            *([first] if version.price_minor else []),
        ]

    @approve.hindrance
    def approve_hindrance(self, subscription: Subscription) -> str:
        return self._not_waiting(subscription)

    @verb(gettext_lazy("Decline"), icon="x", final=True)
    def decline(self, request: SignedInRequest, subscription: Subscription, *, reason: str) -> None:
        subscriptions.decline(subscription, actor=request.user, note=reason)

    @decline.effects
    def decline_effects(self, _subscription: Subscription) -> list[str]:
        return [_("Nothing is charged."), _("The team reads your reason, and may ask again.")]

    @decline.hindrance
    def decline_hindrance(self, subscription: Subscription) -> str:
        return self._not_waiting(subscription)

    @verb(gettext_lazy("Pause"), icon="circle-pause")
    def pause(self, request: SignedInRequest, subscription: Subscription, *, reason: str) -> None:
        subscriptions.pause(subscription, by="publisher", actor=request.user, reason=reason)

    @pause.effects
    def pause_effects(self, _subscription: Subscription) -> list[str]:
        return [
            _("Its calls are refused within a second, until it is resumed here."),
            _("Periods that begin meanwhile are not billed."),
        ]

    @pause.hindrance
    def pause_hindrance(self, subscription: Subscription) -> str:
        return self._not_running(subscription) or (_("is held already") if subscription.hold else "")

    @verb(gettext_lazy("Resume"), icon="play")
    def resume(self, request: SignedInRequest, subscription: Subscription, *, reason: str) -> None:
        subscriptions.resume(subscription, by="publisher", actor=request.user, reason=reason)

    @resume.effects
    def resume_effects(self, _subscription: Subscription) -> list[str]:
        return [_("Its calls pass again within a second, if nothing else stands against them.")]

    @resume.hindrance
    def resume_hindrance(self, subscription: Subscription) -> str:
        return self._not_running(subscription) or ("" if subscription.hold else _("is not held"))

    @verb(gettext_lazy("Suspend for non-payment"), icon="banknote")
    def suspend(self, request: SignedInRequest, subscription: Subscription, *, reason: str) -> None:
        subscriptions.suspend(subscription, actor=request.user, reason=reason)

    @suspend.effects
    def suspend_effects(self, _subscription: Subscription) -> list[str]:
        return [_("Its calls are refused with 402 within a second, whatever grace is left.")]

    @suspend.hindrance
    def suspend_hindrance(self, subscription: Subscription) -> str:
        if reason := self.pause_hindrance(subscription):
            return reason
        return "" if subscription.invoices.unpaid().exists() else _("owes nothing")

    @verb(gettext_lazy("Cancel"), icon="calendar")
    def cancel(self, request: SignedInRequest, subscription: Subscription, *, reason: str) -> None:
        subscriptions.cancel(subscription, actor=request.user, reason=reason)

    @cancel.effects
    def cancel_effects(self, _subscription: Subscription) -> list[str]:
        return [
            _("It ends with the period that is paid; at once, if nothing was paid yet."),
            _("Until then the team can take that back."),
        ]

    @cancel.hindrance
    def cancel_hindrance(self, subscription: Subscription) -> str:
        if subscription.ended_at:
            return _("has ended")
        return _("is canceled already") if subscription.cancel_at else ""

    @verb(gettext_lazy("End at once"), icon="power", final=True)
    def end(self, request: SignedInRequest, subscription: Subscription, *, reason: str) -> None:
        subscriptions.cancel(subscription, actor=request.user, at_once=True, reason=reason)

    @end.effects
    def end_effects(self, _subscription: Subscription) -> list[str]:
        return [
            _("Its calls are refused with 402 within a second."),
            _("Nothing of what was paid goes back by itself."),
            _("The team can subscribe again."),
        ]

    @end.hindrance
    def end_hindrance(self, subscription: Subscription) -> str:
        return _("has ended") if subscription.ended_at else ""


def _note(request: SignedInRequest, action: str, row: Any, reason: str) -> None:
    """Why an operator did it, where the function that does it takes no reason."""
    address = request.META.get("REMOTE_ADDR")
    audit.record(team=row.team, actor=request.user, action=action, target=row, reason=reason, address=address)


def standing_badge(subscription: Subscription) -> str:
    """By what is stored, for lists; whether a call passes also depends on money, see the portal's page."""
    now = clock.now()
    if subscription.approval != Subscription.Approval.GRANTED:
        return badge(subscription.approval, subscription.get_approval_display())
    if subscription.ended_at and subscription.ended_at <= now:
        return badge("ended", subscription.get_ended_reason_display())
    if subscription.hold:
        return badge(subscription.hold, subscription.get_hold_display())
    if subscription.starts_at > now:
        return badge("open", _("Scheduled"))
    return badge("waiting", _("Canceling")) if subscription.cancel_at else badge("active", _("Active"))


# Allowances ----------------------------------------------------------------------------------------------------------
class LeaseInline(ReadOnlyInline):
    model = Lease
    fields = ("worker", number("outstanding", gettext_lazy("outstanding"), count))
    readonly_fields = fields


class CorrectionInline(ReadOnlyInline):
    model = Correction
    fields = (moment("at", gettext_lazy("when")), number("delta", gettext_lazy("change"), count), "reason")
    readonly_fields = fields


_SCOPES: dict[str, Any] = {"sub": Subscription, "team": Team, "app": Application, "key": ApiKey}


@admin.register(Allowance)
class AllowanceAdmin(BigTableAdmin[Allowance]):
    list_display = (
        "scope",
        "meter",
        "kind",
        "period",
        moment("period_start", gettext_lazy("from")),
        moment("period_end", gettext_lazy("until")),
        "used_of_limit",
        number("leased", gettext_lazy("held"), count),
        number("overrun", gettext_lazy("beyond"), count),
    )
    list_filter = ("meter", "kind", "period")
    search_fields = ("=scope",)
    inlines = (LeaseInline, CorrectionInline)
    fields = (
        "owner",
        "scope",
        "meter",
        "kind",
        "period",
        "period_start",
        "period_end",
        "limit",
        "wanted_limit",
        "used",
        "leased",
        "overrun",
    )
    readonly_fields = ("owner",)

    @admin.display(description=gettext_lazy("used"))
    def used_of_limit(self, allowance: Allowance) -> str:
        return figure(count(allowance.used), percent(allowance.used, allowance.limit) if allowance.limit else "")

    @admin.display(description=gettext_lazy("of"))
    def owner(self, allowance: Allowance) -> str:
        kind, _colon, number = allowance.scope.partition(":")
        model = _SCOPES.get(kind)
        return linked(model.objects.filter(pk=number).first()) if model and number.isdigit() else NOTHING


@admin.register(Lease)
class LeaseAdmin(ReadOnlyAdmin[Lease]):
    list_display = (
        "worker",
        neighbour("allowance", gettext_lazy("allowance")),
        number("outstanding", gettext_lazy("outstanding"), count),
    )
    list_select_related = ("allowance",)
    search_fields = ("=allowance__scope",)
    ordering = ("-id",)


@admin.register(Correction)
class CorrectionAdmin(ReadOnlyAdmin[Correction]):
    list_display = (
        moment("at", gettext_lazy("when")),
        neighbour("allowance", gettext_lazy("allowance")),
        number("delta", gettext_lazy("change"), count),
        prose("reason", gettext_lazy("reason")),
    )
    list_select_related = ("allowance",)
    search_fields = ("=allowance__scope", "reason")
    ordering = ("-id",)


@admin.register(Cap)
class CapAdmin(ReadOnlyAdmin[Cap]):
    """Set by teams in the portal, where the change reaches the units that workers hold."""

    list_display = (
        "ref",
        neighbour("team", gettext_lazy("team")),
        neighbour("application", gettext_lazy("application")),
        neighbour("api_key", gettext_lazy("key")),
        "meter",
        "period",
        "limit_said",
        moment("lifted_at", gettext_lazy("lifted")),
    )
    list_filter = ("meter", "period", ("lifted_at", admin.EmptyFieldListFilter))
    list_select_related = ("team", "application", "api_key")
    search_fields = ("ref", "team__name", "application__name")
    ordering = ("-id",)

    verbs = ("lift",)

    @verb(gettext_lazy("Lift"), icon="undo-2", final=True)
    def lift(self, request: SignedInRequest, cap: Cap, *, reason: str) -> None:
        caps.lift_cap(cap, actor=request.user)
        _note(request, "cap.lifted_by_operator", cap, reason)

    @lift.effects
    def lift_effects(self, cap: Cap) -> list[str]:
        return [
            _("The cap of %(limit)s no longer stops anything, within a second.")
            % {"limit": units(cap.meter, cap.limit, cap.team.currency)},
            _("Only the team can set it again."),
        ]

    @lift.hindrance
    def lift_hindrance(self, cap: Cap) -> str:
        return _("was lifted already") if cap.lifted_at else ""

    @admin.display(description=gettext_lazy("limit"), ordering="limit")
    def limit_said(self, cap: Cap) -> str:
        return figure(units(cap.meter, cap.limit, cap.team.currency))


# Payment -------------------------------------------------------------------------------------------------------------
@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin[PaymentMethod]):
    """Cards belong to teams: they are added, replaced and removed in the portal."""

    list_display = (
        "__str__",
        neighbour("team", gettext_lazy("team")),
        "gateway",
        "standing",
        "is_default",
        "expires",
        moment("created_at", gettext_lazy("added")),
    )
    list_filter = ("gateway", "brand", "is_default", ("refused_at", admin.EmptyFieldListFilter))
    list_select_related = ("team",)
    search_fields = ("ref", "last_four", "team__name")
    ordering = ("-id",)
    exclude = ("token",)
    neighbours = ((gettext_lazy("Attempts"), "billing.PaymentAttempt", "method__id__exact"),)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, method: PaymentMethod) -> str:
        if method.removed_at:
            return badge("removed", _("Removed"))
        return badge("refused", _("Refused")) if method.refused_at else badge("active", _("On file"))

    @admin.display(description=gettext_lazy("expires"))
    def expires(self, method: PaymentMethod) -> str:
        return figure(f"{method.exp_month:02}/{method.exp_year}")


class LateFilter(admin.SimpleListFilter):
    title = gettext_lazy("lateness")
    parameter_name = "late"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return [("1", _("Overdue or failed"))]

    def queryset(self, _request: HttpRequest, invoices: QuerySet[Any]) -> QuerySet[Any]:
        late = Q(due_at__lt=clock.now()) | Q(first_failed_at__isnull=False)
        return invoices.filter(late, state=Invoice.State.OPEN) if self.value() == "1" else invoices


class InvoiceLineInline(ReadOnlyInline):
    model = InvoiceLine
    fields = (
        "description",
        number("quantity", gettext_lazy("quantity"), count),
        number("amount_minor", gettext_lazy("amount"), cash, currency="invoice__currency"),
    )
    readonly_fields = fields


class PaymentAttemptInline(ReadOnlyInline):
    model = PaymentAttempt
    fields = (
        itself(gettext_lazy("attempt")),
        state("state", gettext_lazy("state")),
        "category",
        neighbour("method", gettext_lazy("method")),
        moment("started_at", gettext_lazy("started")),
        number("amount_minor", gettext_lazy("amount"), cash, currency="currency"),
    )
    readonly_fields = fields


class PaymentForm(ReasonForm):
    """What was seen on the account must be what is owed."""

    amount = forms.CharField(
        label=gettext_lazy("Amount received"),
        widget=forms.TextInput(attrs={"class": "input short", "inputmode": "decimal", "autocomplete": "off"}),
    )

    def clean_amount(self) -> int:
        invoice: Any = self.objects[0]
        amount = read_amount(self.cleaned_data["amount"], money.exponent(invoice.currency))
        if len(self.objects) > 1:
            raise ValidationError(_("Record the payment of one invoice at a time."))
        return amount


_TOTAL = number("total_minor", gettext_lazy("total"), cash, currency="currency")


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin[Invoice]):
    list_display = (
        "__str__",
        neighbour("team", gettext_lazy("team")),
        state("state", gettext_lazy("state")),
        "collection",
        moment("issued_at", gettext_lazy("issued")),
        moment("due_at", gettext_lazy("due")),
        moment("next_attempt_at", gettext_lazy("next attempt")),
        _TOTAL,
    )
    list_filter = ("state", LateFilter, "collection", "reason", "currency")
    list_select_related = ("team",)
    search_fields = ("=number", "ref", "team__name")
    ordering = ("-number",)
    team_path = "team"
    readonly_fields = (
        neighbour("team", gettext_lazy("team")),
        neighbour("subscription", gettext_lazy("subscription")),
        _TOTAL,
    )
    fieldsets = (
        (gettext_lazy("Facts"), {"fields": ("ref", "number", *readonly_fields, "state", "reason", "collection")}),
        (
            gettext_lazy("Time"),
            {
                "fields": (
                    "period_start",
                    "period_end",
                    "issued_at",
                    "due_at",
                    "paid_at",
                    "first_failed_at",
                    "next_attempt_at",
                )
            },
        ),
        (gettext_lazy("On the paper"), {"fields": ("buyer", "seller"), "classes": ("collapse",)}),
    )
    inlines = (InvoiceLineInline, PaymentAttemptInline)
    verbs = ("retry", "record_payment", "void")
    neighbours = ((gettext_lazy("Attempts"), "billing.PaymentAttempt", "invoice__id__exact"),)

    def waiting(self, _request: HttpRequest) -> int:
        late = Q(due_at__lt=clock.now()) | Q(first_failed_at__isnull=False)
        return Invoice.objects.unpaid().filter(late).count()

    @staticmethod
    def _not_open(invoice: Invoice) -> str:
        return "" if invoice.state == Invoice.State.OPEN else _("is not open")

    @verb(gettext_lazy("Charge now"), icon="rotate-cw", commits_itself=True)
    def retry(self, request: SignedInRequest, invoice: Invoice, *, reason: str) -> str:
        method = _default_method(invoice)
        if method is None:
            raise ValidationError(_("The team has no payment method that could be charged."))
        audit.record(
            team=invoice.team,
            actor=request.user,
            action="invoice.charge_asked",
            target=invoice,
            after={"method": method.ref},
            reason=reason,
            address=request.META.get("REMOTE_ADDR"),
        )
        attempt = invoicing.pay(invoice, method, actor=request.user)
        if attempt.state != PaymentAttempt.State.SUCCEEDED:
            words = {"state": attempt.get_state_display(), "why": attempt.get_category_display() or NOTHING}
            raise ValidationError(_("Not paid: %(state)s (%(why)s).") % words)
        return _("Invoice %(invoice)s is paid.") % {"invoice": invoice}

    @retry.effects
    def retry_effects(self, invoice: Invoice) -> list[str]:
        words = {
            "total": cash(invoice.total_minor, invoice.currency),
            "team": invoice.team,
            "method": _default_method(invoice),
        }
        return [
            _("%(total)s is asked from %(method)s of %(team)s now.") % words,
            _("If it is paid, refused calls pass again within a second."),
            _("If not, grace goes on from the first failure."),
        ]

    @retry.hindrance
    def retry_hindrance(self, invoice: Invoice) -> str:
        if reason := self._not_open(invoice):
            return reason
        return "" if _default_method(invoice) else _("has no payment method that could be charged")

    @verb(gettext_lazy("Record payment"), icon="banknote", final=True, form=PaymentForm)
    def record_payment(self, request: SignedInRequest, invoice: Invoice, *, amount: int, reason: str) -> str:
        invoicing.record_payment(invoice, amount, actor=request.user, note=reason)
        return _("Invoice %(invoice)s is paid.") % {"invoice": invoice}

    @record_payment.effects
    def record_payment_effects(self, invoice: Invoice) -> list[str]:
        return [
            _("The invoice over %(total)s is paid from now on.")
            % {"total": cash(invoice.total_minor, invoice.currency)},
            _("Nothing is charged: you saw the money on the account."),
            _("Refused calls pass again within a second."),
        ]

    @record_payment.hindrance
    def record_payment_hindrance(self, invoice: Invoice) -> str:
        return self._not_open(invoice)

    @verb(gettext_lazy("Void"), icon="circle-slash", final=True)
    def void(self, request: SignedInRequest, invoice: Invoice, *, reason: str) -> None:
        locked = invoicing.lock(invoice)
        if self._not_open(locked):
            raise ValidationError(_("This invoice is not open any more."))
        if locked.attempts.filter(state=PaymentAttempt.State.PENDING).exists():
            raise ValidationError(_("A payment of this invoice is under way."))
        invoicing.void(locked, actor=request.user, reason=reason)

    @void.effects
    def void_effects(self, invoice: Invoice) -> list[str]:
        return [
            _("%(team)s owes %(total)s no longer.")
            % {"team": invoice.team, "total": cash(invoice.total_minor, invoice.currency)},
            _("The number stays, and so does the invoice, marked as void."),
            _("Calls that were refused for it pass again within a second."),
        ]

    @void.hindrance
    def void_hindrance(self, invoice: Invoice) -> str:
        return self._not_open(invoice)


def _default_method(invoice: Invoice) -> PaymentMethod | None:
    return usable_default(PaymentMethod.objects.filter(team=invoice.team_id).on_file(), clock.now())


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(BigTableAdmin[PaymentAttempt]):
    list_display = (
        "ref",
        neighbour("invoice", gettext_lazy("invoice")),
        neighbour("invoice__team", gettext_lazy("team")),
        state("state", gettext_lazy("state")),
        "category",
        neighbour("method", gettext_lazy("method")),
        moment("started_at", gettext_lazy("started")),
        number("amount_minor", gettext_lazy("amount"), cash, currency="currency"),
    )
    list_filter = ("state", "category", "gateway")
    list_select_related = ("invoice__team", "method")
    search_fields = ("ref", "=invoice__number", "invoice__team__name")

"""Subscriptions: made by teams in the portal, changed here by verbs."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark import clock
from apipark.columns import itself, moment, neighbour, number, state
from apipark.model_admin import ReadOnlyAdmin, ReadOnlyInline
from apipark.templatetags.portal import NOTHING, cash
from apipark.verbs import verb
from billing import subscriptions
from billing.admin.wording import standing_badge, units
from billing.models import (
    Allowance,
    Invoice,
    Subscription,
)
from teams.signed_in import SignedInRequest, came_from


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
        subscriptions.approve(subscription, actor=request.user, reason=reason, address=came_from(request))

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

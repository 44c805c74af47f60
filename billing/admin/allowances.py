"""What is left: allowances, what workers hold of them, corrections, and caps that teams set themselves."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark.columns import figure, linked, moment, neighbour, number, prose
from apipark.model_admin import BigTableAdmin, ReadOnlyAdmin, ReadOnlyInline
from apipark.templatetags.portal import NOTHING, count, percent
from apipark.verbs import verb
from billing import caps
from billing.admin.wording import units
from billing.models import (
    Allowance,
    Cap,
    Correction,
    Lease,
    Subscription,
)
from teams.models import ApiKey, Application, Team
from teams.signed_in import SignedInRequest, came_from


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
        caps.lift_cap(cap, actor=request.user, reason=reason, address=came_from(request))

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

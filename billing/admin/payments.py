"""Payment methods, and what was tried with them."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark.columns import badge, figure, moment, neighbour, number, state
from apipark.model_admin import BigTableAdmin, ReadOnlyAdmin
from apipark.templatetags.portal import cash
from billing.models import (
    PaymentAttempt,
    PaymentMethod,
)


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

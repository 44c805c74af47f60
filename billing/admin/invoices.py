"""Invoices: charged, recorded as paid, voided."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark import clock, money
from apipark.amounts import read_amount
from apipark.columns import itself, moment, neighbour, number, state
from apipark.model_admin import ReadOnlyAdmin, ReadOnlyInline
from apipark.templatetags.portal import NOTHING, cash, count
from apipark.verbs import ReasonForm, verb
from billing import invoicing
from billing.contracts import usable_default
from billing.models import (
    Invoice,
    InvoiceLine,
    PaymentAttempt,
    PaymentMethod,
    PlanVersion,
)
from teams import audit
from teams.signed_in import SignedInRequest, came_from


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
        "payment",
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
        "payment",
    )
    fieldsets = (
        (gettext_lazy("Facts"), {"fields": ("ref", "number", *readonly_fields[:3], "state", "reason", "payment")}),
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

    @admin.display(description=gettext_lazy("payment"), ordering="collection")
    def payment(self, invoice: Invoice) -> str:
        return str(dict(PlanVersion.Collection.choices).get(invoice.collection, invoice.collection))

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
            address=came_from(request),
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

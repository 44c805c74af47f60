from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apipark import clock
from apipark.fields import RefField
from billing.models.plan import PlanVersion
from billing.models.subscription import Subscription
from teams.models import Person, Team


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))

    def on_file(self) -> Self:
        return self.filter(removed_at=None)


class PaymentMethod(models.Model):
    """A card (or its like) at a payment gateway. The number is there, never here."""

    ref = RefField("pm")
    team = models.ForeignKey(Team, models.PROTECT, related_name="payment_methods", verbose_name=_("team"))
    gateway = models.CharField(_("gateway"), max_length=10)
    # What the gateway knows it by.
    token = models.CharField(max_length=120, editable=False)
    brand = models.CharField(_("brand"), max_length=20)
    last_four = models.CharField(_("ends with"), max_length=4)
    exp_month = models.PositiveSmallIntegerField(_("expires, month"))
    exp_year = models.PositiveSmallIntegerField(_("expires, year"))
    is_default = models.BooleanField(_("default"), default=False)
    # Refused for good by its issuer (a hard decline): nothing is tried with it again.
    refused_at = models.DateTimeField(_("refused"), null=True, blank=True, editable=False)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("added"), default=clock.now, editable=False)

    objects = PaymentMethodQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment method")
        verbose_name_plural = _("payment methods")
        ordering = ["-is_default", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["team"], condition=Q(is_default=True, removed_at=None), name="billing_paymentmethod_one_default"
            )
        ]

    def __str__(self) -> str:
        return f"{self.brand} …{self.last_four}"


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))

    def unpaid(self) -> Self:
        return self.filter(state=Invoice.State.OPEN)


class Invoice(models.Model):
    """What a team owes for one period of one subscription (or a change of plan); immutable once it is open."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        PAID = "paid", _("Paid")
        VOID = "void", _("Void")
        UNCOLLECTIBLE = "uncollectible", _("Written off")

    class Reason(models.TextChoices):
        FIRST = "first", _("First period")
        PERIOD = "period", _("Period")
        CHANGE = "change", _("Change of plan")

    ref = RefField("inv")
    # Gapless.
    number = models.PositiveBigIntegerField(_("number"), unique=True, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="invoices", verbose_name=_("team"))
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="invoices", verbose_name=_("subscription")
    )
    # What it bills. Of a change of plan: what holds once it is paid.
    version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="+", verbose_name=_("plan"))
    reason = models.CharField(_("for"), max_length=6, choices=Reason)
    state = models.CharField(_("state"), max_length=13, choices=State, default=State.OPEN)
    collection = models.CharField(_("payment"), max_length=7)
    currency = models.CharField(_("currency"), max_length=3)
    total_minor = models.BigIntegerField(_("total"))
    period_start = models.DateTimeField(_("from"))
    period_end = models.DateTimeField(_("until"))
    issued_at = models.DateTimeField(_("issued"))
    due_at = models.DateTimeField(_("due"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    # Grace runs from here and is never extended by later failures.
    first_failed_at = models.DateTimeField(_("first failed"), null=True, blank=True)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    # Who is billed and who bills, as they were when it was issued.
    buyer = models.JSONField(_("buyer"), default=dict)
    seller = models.JSONField(_("seller"), default=dict)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="billing_invoice_not_negative"),
            models.UniqueConstraint(
                fields=["subscription", "period_start"],
                condition=~Q(reason="change"),
                name="billing_invoice_one_a_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number:06d}"


class InvoiceLine(models.Model):
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines", verbose_name=_("invoice"))
    description = models.CharField(_("description"), max_length=200)
    quantity = models.BigIntegerField(_("quantity"), default=1)
    # Exact value, and what it was rounded to, once.
    amount_nano = models.BigIntegerField(_("exact amount"))
    amount_minor = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        ordering = ["invoice", "id"]

    def __str__(self) -> str:
        return self.description


class InvoiceNumber(models.Model):
    """The last number given out: one row, locked while an invoice is issued, so that no number is missing."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    last = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="billing_invoicenumber_one_row")]

    def __str__(self) -> str:
        return str(self.last)


class PaymentAttempt(models.Model):
    """One try to collect an invoice, committed as pending before the gateway is asked; its ref is the idempotency key."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        SUCCEEDED = "succeeded", _("Succeeded")
        DECLINED = "declined", _("Declined")
        FAILED = "failed", _("Failed")

    class Category(models.TextChoices):
        NONE = "", "–"
        INSUFFICIENT_FUNDS = "insufficient_funds", _("Insufficient funds")
        ISSUER_DECLINED = "issuer_declined", _("Declined by the issuer")
        EXPIRED = "expired", _("Expired")
        OTHER = "other", _("Other")

    ref = RefField("pay")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="attempts", verbose_name=_("invoice"))
    # None for money that a person recorded (gateway manual).
    method = models.ForeignKey(
        PaymentMethod, models.PROTECT, null=True, blank=True, related_name="attempts", verbose_name=_("method")
    )
    gateway = models.CharField(_("gateway"), max_length=10)
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.PENDING)
    category = models.CharField(_("decline"), max_length=20, choices=Category, blank=True)
    # A hard decline stops the series until the method changes.
    hard = models.BooleanField(_("for good"), default=False)
    started_at = models.DateTimeField(_("started"), default=clock.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("payment attempt")
        verbose_name_plural = _("payment attempts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(state__in=["pending", "succeeded"]),
                name="billing_paymentattempt_one_open_or_done",
            ),
        ]

    def __str__(self) -> str:
        return self.ref

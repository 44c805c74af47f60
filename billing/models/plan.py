from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apipark import clock, money
from apipark.fields import RefField
from providers.models import AiModel, Service
from teams.models import Person, Team


class Interval(models.TextChoices):
    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")
    YEAR = "year", _("Year")


class Meter(models.TextChoices):
    CALLS = "calls", _("Calls")
    BYTES = "bytes", _("Data volume")
    TOKENS = "tokens", _("Tokens")
    SPEND = "spend", _("Spend")


class PlanQuerySet(models.QuerySet["Plan"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(services__in=Service.objects.visible_to(user)).distinct()

    def on_offer(self) -> Self:
        """Plans that can be subscribed to now."""
        return self.filter(versions__state=PlanVersion.State.PUBLISHED).distinct()


class Plan(models.Model):
    """What a publisher sells: a name over immutable versions."""

    ref = RefField("plan")
    publisher = models.ForeignKey(Team, models.PROTECT, related_name="plans", verbose_name=_("publisher"))
    slug = models.SlugField(_("short name"), max_length=40)
    name = models.CharField(_("name"), max_length=60)
    summary = models.CharField(_("summary"), max_length=160, blank=True)
    services = models.ManyToManyField(Service, related_name="plans", verbose_name=_("services"))
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = PlanQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["publisher", "slug"], name="billing_plan_slug_once")]

    def __str__(self) -> str:
        return self.name


class PlanVersion(models.Model):
    """Terms, immutable once published. A subscription pins one version; publishing the next touches nobody."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        RETIRED = "retired", _("No longer offered")

    class Collection(models.TextChoices):
        AUTO = "auto", _("Charge the payment method")
        INVOICE = "invoice", _("Send an invoice")

    ref = RefField("pver")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="versions", verbose_name=_("plan"))
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT, editable=False)
    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    price_minor = models.BigIntegerField(
        _("price"), default=0, help_text=_("In the currency's smallest unit, for one interval, in advance.")
    )
    interval = models.CharField(_("interval"), max_length=5, choices=Interval, default=Interval.MONTH)
    interval_count = models.PositiveSmallIntegerField(_("every"), default=1)
    collection = models.CharField(_("payment"), max_length=7, choices=Collection, default=Collection.AUTO)
    net_days = models.PositiveSmallIntegerField(
        _("days to pay"), default=14, help_text=_("Of an invoice that is sent.")
    )
    # Independent of the price: also a free plan may want a card on file.
    requires_method = models.BooleanField(_("needs a payment method"), default=False)
    grace_hours = models.PositiveIntegerField(
        _("grace, in hours"), null=True, blank=True, help_text=_("Empty: the site's.")
    )
    requests_per_minute = models.PositiveIntegerField(_("calls a minute"), null=True, blank=True)
    max_request_bytes = models.PositiveIntegerField(_("largest request, in bytes"), null=True, blank=True)
    call_price_nano = models.BigIntegerField(
        _("price of a call"), default=0, help_text=_("REST services; 1 = 0.000000001 of the currency.")
    )
    # Revenue of an AI call = its cost × this ÷ 1,000,000.
    cost_factor_ppm = models.PositiveIntegerField(
        _("price of tokens, as a factor of cost"),
        default=1_000_000,
        help_text=_("1000000 passes the cost on, 1200000 adds 20 %."),
    )
    ai_models = models.ManyToManyField(
        AiModel,
        related_name="+",
        blank=True,
        verbose_name=_("models"),
        help_text=_("None chosen: all models of its services."),
    )

    class Meta:
        verbose_name = _("plan version")
        verbose_name_plural = _("plan versions")
        ordering = ["plan", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="billing_planversion_number_once"),
            models.UniqueConstraint(
                fields=["plan"], condition=Q(state="published"), name="billing_planversion_one_on_offer"
            ),
            models.CheckConstraint(
                condition=Q(price_minor__gte=0, interval_count__gte=1), name="billing_planversion_price"
            ),
            models.CheckConstraint(
                condition=Q(call_price_nano__gte=0, call_price_nano__lt=money.NANO_BOUND),
                name="billing_planversion_call_price",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.number}"


class Limit(models.Model):
    """What one period of a plan includes of one meter. Spend is in nano of the plan's currency."""

    class Period(models.TextChoices):
        PLAN = "plan", _("The plan's interval")
        DAY = "day", _("Day")
        WEEK = "week", _("Week")
        MONTH = "month", _("Month")

    version = models.ForeignKey(PlanVersion, models.CASCADE, related_name="limits", verbose_name=_("plan version"))
    meter = models.CharField(_("meter"), max_length=6, choices=Meter)
    period = models.CharField(_("per"), max_length=5, choices=Period, default=Period.PLAN)
    included = models.BigIntegerField(_("included"))

    class Meta:
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        ordering = ["version", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "meter", "period"], name="billing_limit_once"),
            models.CheckConstraint(
                condition=Q(included__gte=0, included__lt=money.NANO_BOUND), name="billing_limit_bounds"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.included} {self.get_meter_display()} / {self.get_period_display()}"

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apipark import clock, money
from apipark.fields import RefField
from billing.models.plan import Meter, PlanVersion
from teams.models import ApiKey, Application, Person, Team


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))


class Subscription(models.Model):
    """A team's right to a plan's services. Only facts of time are stored; states are derived from them (standing.py)."""

    class Approval(models.TextChoices):
        GRANTED = "granted", _("Granted")
        WAITING = "waiting", _("Waits for the publisher")
        DECLINED = "declined", _("Declined by the publisher")

    class EndReason(models.TextChoices):
        CANCELED = "canceled", _("Canceled")
        UNPAID = "unpaid", _("Unpaid")
        EXPIRED = "expired", _("Expired")

    class Hold(models.TextChoices):
        NONE = "", "–"
        PAUSED = "paused", _("Paused")
        SUSPENDED_BILLING = "suspended_billing", _("Suspended for non-payment")

    class HeldBy(models.TextChoices):
        NOBODY = "", "–"
        CUSTOMER = "customer", _("Customer")
        PUBLISHER = "publisher", _("Publisher")
        SYSTEM = "system", _("System")

    ref = RefField("sub")
    team = models.ForeignKey(Team, models.PROTECT, related_name="subscriptions", verbose_name=_("team"))
    version = models.ForeignKey(PlanVersion, models.PROTECT, related_name="subscriptions", verbose_name=_("plan"))
    application = models.ForeignKey(
        Application,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="subscriptions",
        verbose_name=_("application"),
        help_text=_("Empty: all applications of the team."),
    )
    approval = models.CharField(_("approval"), max_length=8, choices=Approval, default=Approval.GRANTED)
    approval_note = models.CharField(_("reason"), max_length=200, blank=True)
    requested_at = models.DateTimeField(_("requested"), default=clock.now)
    starts_at = models.DateTimeField(_("starts"), default=clock.now)
    # Periods are counted from here: anchor + n × interval.
    anchor = models.DateTimeField(_("anchor"), default=clock.now)
    cancel_at = models.DateTimeField(_("cancels"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_reason = models.CharField(_("ended because"), max_length=8, choices=EndReason, blank=True)
    hold = models.CharField(_("hold"), max_length=20, choices=Hold, blank=True, default=Hold.NONE)
    held_by = models.CharField(_("held by"), max_length=10, choices=HeldBy, blank=True, default=HeldBy.NOBODY)
    held_at = models.DateTimeField(_("held since"), null=True, blank=True)
    resumes_at = models.DateTimeField(_("resumes"), null=True, blank=True)
    # Since when a required payment method is missing; None: it is there, or was missing from the start (then no grace).
    method_missing_since = models.DateTimeField(null=True, blank=True, editable=False)
    # A smaller plan from the end of the period on.
    pending_version = models.ForeignKey(
        PlanVersion, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("changes to")
    )
    # The instant of that change, so that it holds on time without a job.
    pending_from = models.DateTimeField(_("from"), null=True, blank=True, editable=False)
    # Start of the last period that has its invoice: the sweep goes on from there.
    invoiced_until = models.DateTimeField(_("invoiced until"), null=True, blank=True, editable=False)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["requested_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | ~Q(ended_reason=""), name="billing_subscription_end_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(pending_version=None, pending_from=None)
                | Q(pending_version__isnull=False, pending_from__isnull=False),
                name="billing_subscription_pending_has_date",
            ),
            models.CheckConstraint(
                condition=Q(hold="") | Q(held_at__isnull=False), name="billing_subscription_hold_has_date"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team} · {self.version}"


class CapQuerySet(models.QuerySet["Cap"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))


class Cap(models.Model):
    """A limit that a team sets itself: on all it does, on an application, or on one key."""

    class Period(models.TextChoices):
        DAY = "day", _("Day")
        WEEK = "week", _("Week")
        MONTH = "month", _("Month")
        TOTAL = "total", _("For good")

    ref = RefField("cap")
    team = models.ForeignKey(Team, models.PROTECT, related_name="caps", verbose_name=_("team"))
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, blank=True, related_name="caps", verbose_name=_("application")
    )
    api_key = models.ForeignKey(
        ApiKey, models.PROTECT, null=True, blank=True, related_name="caps", verbose_name=_("key")
    )
    meter = models.CharField(_("meter"), max_length=6, choices=Meter, default=Meter.SPEND)
    period = models.CharField(_("per"), max_length=5, choices=Period, default=Period.MONTH)
    # Nano of the team's currency for spend.
    limit = models.BigIntegerField(_("limit"))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = CapQuerySet.as_manager()

    class Meta:
        verbose_name = _("cap")
        verbose_name_plural = _("caps")
        ordering = ["team", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(limit__gte=0, limit__lt=money.NANO_BOUND), name="billing_cap_bounds"),
            models.CheckConstraint(condition=Q(application=None) | Q(api_key=None), name="billing_cap_one_scope"),
            models.UniqueConstraint(
                fields=["team", "application", "api_key", "meter", "period"],
                condition=Q(lifted_at=None),
                name="billing_cap_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_meter_display()} · {self.api_key or self.application or self.team}"

    @property
    def scope(self) -> str:
        """`key:90`, `app:31` or `team:7`, as allowances write it."""
        if self.api_key_id:
            return f"key:{self.api_key_id}"
        return f"app:{self.application_id}" if self.application_id else f"team:{self.team_id}"

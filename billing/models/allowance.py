from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apipark import clock, money
from billing.models.plan import Meter


class AllowanceQuerySet(models.QuerySet["Allowance"]):
    def fitting(self, units: int) -> Self:
        """Those in which `units` more still fit; without a limit they always do."""
        return self.alias(after=F("used") + F("leased") + units).filter(
            Q(limit__isnull=True) | Q(after__lte=F("limit"))
        )


class Allowance(models.Model):
    """A counter with a limit, for one period. In every committed state used + leased <= limit."""

    class Kind(models.TextChoices):
        INCLUDED = "included", _("Included in the plan")
        CAP = "cap", _("Cap")

    # sub:12 (a plan's limit), team:7, app:31, key:90 (caps).
    scope = models.CharField(_("scope"), max_length=24)
    meter = models.CharField(_("meter"), max_length=6, choices=Meter)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    # plan, day, week, month or total.
    period = models.CharField(_("per"), max_length=5)
    period_start = models.DateTimeField(_("from"))
    # 9999-12-31 for what never renews.
    period_end = models.DateTimeField(_("until"))
    limit = models.BigIntegerField(_("limit"), null=True)
    # Set while a lowered limit waits for units that are used or lent.
    wanted_limit = models.BigIntegerField(null=True, blank=True)
    used = models.BigIntegerField(_("used"), default=0)
    # Lent to workers: free there, reserved by running calls, or consumed but not yet shipped.
    leased = models.BigIntegerField(_("held"), default=0)
    # Used beyond what could be booked: counted and shown, never charged.
    overrun = models.BigIntegerField(_("beyond the limit"), default=0)

    objects = AllowanceQuerySet.as_manager()

    class Meta:
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")
        ordering = ["-period_start", "scope"]
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "meter", "kind", "period", "period_start"], name="billing_allowance_once"
            ),
            models.CheckConstraint(
                condition=Q(limit__isnull=True) | Q(limit__gte=F("used") + F("leased")),
                name="billing_allowance_never_over_limit",
            ),
            models.CheckConstraint(
                condition=Q(used__gte=0, leased__gte=0, overrun__gte=0), name="billing_allowance_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(used__lt=money.NANO_BOUND, leased__lt=money.NANO_BOUND), name="billing_allowance_bounds"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.meter} {self.period_start:%Y-%m-%d}"


class Lease(models.Model):
    """Units of an allowance that one worker holds. No lease ends by time: it goes when its worker is known to be dead."""

    # One process life, never reused.
    worker = models.UUIDField(_("worker"))
    allowance = models.ForeignKey(Allowance, models.CASCADE, related_name="leases", verbose_name=_("allowance"))
    outstanding = models.BigIntegerField(_("outstanding"), default=0)

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")
        constraints = [
            models.UniqueConstraint(fields=["worker", "allowance"], name="billing_lease_once"),
            models.CheckConstraint(condition=Q(outstanding__gte=0), name="billing_lease_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.outstanding} of {self.allowance_id}"


class Correction(models.Model):
    """A change of what an allowance has used that no call made: append only."""

    call = models.UUIDField(null=True, blank=True)
    allowance = models.ForeignKey(Allowance, models.PROTECT, related_name="corrections", verbose_name=_("allowance"))
    delta = models.BigIntegerField(_("change"))
    reason = models.CharField(_("reason"), max_length=200)
    at = models.DateTimeField(_("when"), default=clock.now)

    class Meta:
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.delta:+d}"

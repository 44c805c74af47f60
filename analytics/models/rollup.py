from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from teams.models import Person, Team


class CallRollupQuerySet(models.QuerySet["CallRollup"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user).values("pk"))


class CallRollup(models.Model):
    """Sums over the calls of one bucket of time with the same dimensions. Recomputed whole from the calls."""

    class Size(models.TextChoices):
        MINUTE = "minute", _("Minute")
        HOUR = "hour", _("Hour")
        DAY = "day", _("Day")

    size = models.CharField(_("bucket"), max_length=6, choices=Size)
    start = models.DateTimeField(_("from"))
    # Dimensions; 0 stands for none, so that the constraint sees it.
    team = models.BigIntegerField(_("team"))
    application = models.BigIntegerField(_("application"))
    api_key = models.BigIntegerField(_("key"))
    subscription = models.BigIntegerField(_("subscription"), default=0)
    service = models.BigIntegerField(_("service"), default=0)
    ai_model = models.BigIntegerField(_("model"), default=0)
    provider_key = models.BigIntegerField(_("provider key"), default=0)
    environment = models.CharField(_("environment"), max_length=4)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    # Counts.
    calls = models.BigIntegerField(_("calls"), default=0)
    status_2xx = models.BigIntegerField(default=0)
    status_3xx = models.BigIntegerField(default=0)
    status_4xx = models.BigIntegerField(_("4xx but 402 and 429"), default=0)
    status_402 = models.BigIntegerField(default=0)
    status_429 = models.BigIntegerField(default=0)
    status_5xx = models.BigIntegerField(default=0)
    refused_missing_payment = models.BigIntegerField(_("402, missing payment information"), default=0)
    refused_exceeded_limits = models.BigIntegerField(_("402, exceeded limits"), default=0)
    refused_payment_method = models.BigIntegerField(_("402, payment method"), default=0)
    # The caller left, or the answer was cut.
    incomplete = models.BigIntegerField(default=0)
    estimated = models.BigIntegerField(_("calls with estimated usage"), default=0)
    input_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    request_bytes = models.BigIntegerField(default=0)
    response_bytes = models.BigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    failed_cost_nano = models.BigIntegerField(_("cost of failed attempts"), default=0)
    # Calls whose cost is not known: their cost is not in the sum.
    cost_unknown = models.BigIntegerField(_("calls with unknown cost"), default=0)
    revenue_nano = models.BigIntegerField(default=0)
    # Counts per latency bucket (analytics/histograms.py), of calls that reached an upstream: adding lists adds histograms.
    latency = models.JSONField(default=list)

    objects = CallRollupQuerySet.as_manager()

    class Meta:
        verbose_name = _("roll-up")
        verbose_name_plural = _("roll-ups")
        ordering = ["-start"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "size",
                    "start",
                    "team",
                    "application",
                    "api_key",
                    "subscription",
                    "service",
                    "ai_model",
                    "provider_key",
                    "environment",
                    "currency",
                ],
                name="analytics_callrollup_once",
            )
        ]
        indexes = [models.Index(fields=["team", "size", "start"], name="analytics_callrollup_team")]

    def __str__(self) -> str:
        return f"{self.size} {self.start:%Y-%m-%d %H:%M}"

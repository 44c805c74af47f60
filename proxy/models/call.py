from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from apipark.ids import request_id
from teams.models import Environment, Person, Team


class CallQuerySet(models.QuerySet["Call"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user).values("pk"))


class Call(models.Model):
    """One call, admitted or refused. Plain integers for what it refers to: rows there are archived, never deleted."""

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("Answered")
        REFUSED = "refused", _("Refused by the gateway")
        NOT_SENT = "not_sent", _("Not sent")
        NO_ANSWER = "no_answer", _("No answer")
        CUT = "cut", _("Cut off by the upstream")
        CLIENT_GONE = "client_gone", _("Caller left")
        KEY_REFUSED = "key_refused", _("Our key was refused")
        GATEWAY_LOST = "gateway_lost", _("Gateway lost")

    class UsageSource(models.TextChoices):
        NONE = "", "–"
        PROVIDER = "provider", _("Reported")
        OWN = "own", _("Estimated")
        MIXED = "mixed", _("Partly estimated")

    # UUIDv7: its time is that of the admission.
    id = models.UUIDField(primary_key=True, editable=False)
    at = models.DateTimeField(_("when"))
    worker = models.UUIDField(_("worker"))
    team = models.BigIntegerField(_("team"))
    application = models.BigIntegerField(_("application"))
    api_key = models.BigIntegerField(_("key"))
    subscription = models.BigIntegerField(_("subscription"), null=True)
    plan_version = models.BigIntegerField(_("plan version"), null=True)
    service = models.BigIntegerField(_("service"), null=True)
    service_version = models.BigIntegerField(_("service version"), null=True)
    ai_model = models.BigIntegerField(_("model"), null=True)
    provider_key = models.BigIntegerField(_("provider key"), null=True)
    model_price = models.BigIntegerField(_("model price"), null=True)
    environment = models.CharField(_("environment"), max_length=4, choices=Environment)
    method = models.CharField(_("method"), max_length=10)
    path = models.CharField(_("path"), max_length=500)
    status = models.PositiveSmallIntegerField(_("status"))
    # Of the problem, when the gateway answered itself.
    slug = models.CharField(_("problem"), max_length=40, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome)
    upstream_status = models.PositiveSmallIntegerField(_("upstream's status"), null=True)
    streamed = models.BooleanField(_("streamed"), default=False)
    request_bytes = models.BigIntegerField(_("request"), default=0)
    response_bytes = models.BigIntegerField(_("answer"), default=0)
    input_tokens = models.BigIntegerField(_("input tokens"), default=0)
    cached_tokens = models.BigIntegerField(_("of these cached"), default=0)
    output_tokens = models.BigIntegerField(_("output tokens"), default=0)
    usage_source = models.CharField(_("usage"), max_length=8, choices=UsageSource, blank=True)
    # Counts by ledger class, without those that are 0; {} when no token was counted.
    usage = models.JSONField(_("usage by class"), default=dict)
    # What the provider asks for the attempt that answered; null is not known, never 0.
    cost_nano = models.BigIntegerField(_("cost"), null=True, default=0)
    # Of attempts that failed: the operator's cost alone.
    failed_cost_nano = models.BigIntegerField(_("cost of failed attempts"), default=0)
    revenue_nano = models.BigIntegerField(_("price"), default=0)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration"), default=0)
    # Until the first byte of the upstream's answer.
    first_byte_ms = models.PositiveIntegerField(_("first byte"), null=True)
    # [[allowance, charged, actual], …] for an admitted call; what was asked for ({"units": {meter: n}, …}) for a refused one.
    charges = models.JSONField(_("charges"), default=list)
    asked = models.JSONField(_("asked for"), default=dict)
    # In their order, where there was more than one or one failed: [{"provider", "model" and "key" (ids), "name" and "label"
    # (their names), "status", "at" (ms since the call began), "ms", "why" (an ErrorKind; "" answered), "said"}, …].
    attempts = models.JSONField(_("attempts"), default=list)
    # What translation lost or changed: {"dropped": […], "clamped": […], "emulated": […], "anomaly": "…"}.
    report = models.JSONField(_("translation"), default=dict)

    objects = CallQuerySet.as_manager()

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["team", "-id"], name="proxy_call_team"),
            models.Index(fields=["at"], name="proxy_call_at"),
        ]

    def __str__(self) -> str:
        return self.request_id

    @property
    def request_id(self) -> str:
        return request_id(self.id)

    @property
    def counts(self) -> dict[str, int]:
        """Usage by ledger class; of a call whose worker was killed only the estimates are known."""
        if self.usage:
            return {str(unit): int(number) for unit, number in self.usage.items()}
        fresh = self.input_tokens - self.cached_tokens
        found = {"input_text": fresh, "cache_read": self.cached_tokens, "output_text": self.output_tokens}
        return {unit: number for unit, number in found.items() if number}

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apipark import clock, money
from apipark.fields import RefField
from providers.models.provider import Provider


class AiModel(models.Model):
    """A model as callers name it, and how its provider names it."""

    class Kind(models.TextChoices):
        CHAT = "chat", _("Chat")
        EMBEDDING = "embedding", _("Embeddings")

    class State(models.TextChoices):
        ON = "on", _("On")
        OFF = "off", _("Off")

    ref = RefField("mdl")
    provider = models.ForeignKey(Provider, models.PROTECT, related_name="models", verbose_name=_("provider"))
    name = models.CharField(_("name"), max_length=120, unique=True, help_text=_("What callers write in “model”."))
    upstream_name = models.CharField(_("name at the provider"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.CHAT)
    context_tokens = models.PositiveIntegerField(_("context, in tokens"), null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(_("longest answer, in tokens"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ON, editable=False)
    state_reason = models.CharField(_("why"), max_length=200, blank=True, editable=False)
    state_since = models.DateTimeField(_("since"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("AI model")
        verbose_name_plural = _("AI models")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ModelPrice(models.Model):
    """What a model costs us from a date on. Never edited: a new price is a new row, and each call keeps the row's id."""

    model = models.ForeignKey(AiModel, models.PROTECT, related_name="prices", verbose_name=_("model"))
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    # Nano of the major unit per million tokens: $0.15 per million = 150_000_000.
    input_nano = models.BigIntegerField(_("input"))
    cached_input_nano = models.BigIntegerField(_("cached input"))
    output_nano = models.BigIntegerField(_("output"))
    effective_from = models.DateTimeField(_("from"), default=clock.now)

    class Meta:
        verbose_name = _("model price")
        verbose_name_plural = _("model prices")
        ordering = ["model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(fields=["model", "effective_from"], name="providers_modelprice_one_at_a_time"),
            models.CheckConstraint(
                condition=Q(input_nano__gte=0, cached_input_nano__gte=0, output_nano__gte=0)
                & Q(
                    input_nano__lt=money.NANO_BOUND,
                    cached_input_nano__lt=money.NANO_BOUND,
                    output_nano__lt=money.NANO_BOUND,
                ),
                name="providers_modelprice_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.effective_from:%Y-%m-%d}"

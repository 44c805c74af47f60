from django.db import models
from django.utils.translation import gettext_lazy as _

from apipark import clock
from apipark.fields import RefField


class Dialect(models.TextChoices):
    OPENAI = "openai", "OpenAI"


class Provider(models.Model):
    """Somebody who runs AI models behind one address."""

    class State(models.TextChoices):
        ON = "on", _("On")
        OFF = "off", _("Off")

    ref = RefField("prv")
    name = models.CharField(_("name"), max_length=60, unique=True)
    dialect = models.CharField(_("dialect"), max_length=20, choices=Dialect, default=Dialect.OPENAI)
    # Up to and with /v1: "https://api.openai.com/v1".
    base_url = models.CharField(
        _("address"),
        max_length=300,
        help_text=_(
            "With its version: https://api.openai.com/v1. Keys are bound to this host: changing it asks for new keys."
        ),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ON, editable=False)
    state_reason = models.CharField(_("why"), max_length=200, blank=True, editable=False)
    state_since = models.DateTimeField(_("since"), default=clock.now, editable=False)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = _("AI provider")
        verbose_name_plural = _("AI providers")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ProviderKey(models.Model):
    """A secret of ours at a provider, sealed; it opens only for this row and its provider's host."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        REFUSED = "refused", _("Refused by the provider")
        OFF = "off", _("Off")

    ref = RefField("pkey")
    provider = models.ForeignKey(Provider, models.PROTECT, related_name="keys", verbose_name=_("provider"))
    name = models.CharField(_("name"), max_length=60)
    sealed = models.TextField(editable=False)
    last_four = models.CharField(_("ends with"), max_length=4, editable=False)
    # Smaller is tried first.
    priority = models.PositiveSmallIntegerField(_("priority"), default=10)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE, editable=False)
    state_reason = models.CharField(_("why"), max_length=200, blank=True, editable=False)
    state_since = models.DateTimeField(_("since"), default=clock.now, editable=False)
    # What the last probe learned; see providers/probing.py. Empty until the first one of this secret.
    probed_at = models.DateTimeField(_("last test"), null=True, blank=True, editable=False)
    probe_trouble = models.CharField(_("trouble"), max_length=200, blank=True, editable=False)
    probe_models = models.PositiveIntegerField(_("models found"), null=True, blank=True, editable=False)
    probe_ms = models.PositiveIntegerField(_("took"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("provider key")
        verbose_name_plural = _("provider keys")
        ordering = ["provider", "priority", "id"]
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="providers_providerkey_name_once")]

    def __str__(self) -> str:
        return f"{self.provider} · {self.name} (…{self.last_four})"

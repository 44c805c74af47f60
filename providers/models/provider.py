from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apipark import clock
from apipark.fields import RefField


class Dialect(models.TextChoices):
    OPENAI = "openai", "OpenAI"
    RESPONSES = "responses", _("OpenAI Responses")
    ANTHROPIC = "anthropic", "Anthropic"
    GEMINI = "gemini", "Gemini"
    BEDROCK = "bedrock", "Bedrock Converse"
    COHERE = "cohere", "Cohere"
    OLLAMA = "ollama", "Ollama"


class Provider(models.Model):
    """Somebody who runs AI models. `dialect` and `base_url` are its first door; others are rows of Door."""

    class State(models.TextChoices):
        ON = "on", _("On")
        OFF = "off", _("Off")

    ref = RefField("prv")
    name = models.CharField(_("name"), max_length=60, unique=True)
    slug = models.SlugField(
        _("short name"),
        max_length=40,
        unique=True,
        help_text=_("Callers may write it before a model's name: {short name}/{model}."),
    )
    # A profile's id; see providers/vendors.py.
    vendor = models.CharField(_("vendor"), max_length=40, default="custom", editable=False)
    dialect = models.CharField(_("dialect"), max_length=20, choices=Dialect, default=Dialect.OPENAI)
    # What the vendor's form asked for (region, project), by name.
    options = models.JSONField(default=dict, blank=True, editable=False)
    # Where it differs from its profile: fields of dialects.profile.Profile.
    flags = models.JSONField(default=dict, blank=True, editable=False)
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


class Door(models.Model):
    """A further dialect that a provider speaks, at an address of its own."""

    provider = models.ForeignKey(Provider, models.CASCADE, related_name="doors", verbose_name=_("provider"))
    dialect = models.CharField(_("dialect"), max_length=20, choices=Dialect)
    base_url = models.CharField(_("address"), max_length=300)

    class Meta:
        verbose_name = _("further dialect")
        verbose_name_plural = _("further dialects")
        ordering = ["provider", "id"]
        constraints = [models.UniqueConstraint(fields=["provider", "dialect"], name="providers_door_dialect_once")]

    def __str__(self) -> str:
        return f"{self.provider} · {self.get_dialect_display()}"


class ProviderKey(models.Model):
    """A secret of ours at a provider, sealed; it opens only for this row and its provider's host."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        EXHAUSTED = "exhausted", _("No credit left")
        INVALID = "invalid", _("Refused by the provider")
        EXPIRED = "expired", _("Expired")
        DISABLED = "disabled", _("Disabled")

    ref = RefField("pkey")
    provider = models.ForeignKey(Provider, models.PROTECT, related_name="keys", verbose_name=_("provider"))
    name = models.CharField(_("name"), max_length=60)
    sealed = models.TextField(editable=False)
    last_four = models.CharField(_("ends with"), max_length=4, editable=False)
    # All usable keys of a smaller number come before any of a larger one; within one, by chance after their weights.
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=10, help_text=_("Keys with the smallest number are used first.")
    )
    weight = models.PositiveSmallIntegerField(
        _("weight"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("From 1 to 1000: its share among keys of the same priority."),
    )
    # Of this worker's calls; keeps a small account from its provider's limit.
    max_concurrent = models.PositiveSmallIntegerField(
        _("calls at once"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Per worker; empty: no limit."),
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
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
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="providers_providerkey_name_once"),
            models.CheckConstraint(
                condition=models.Q(weight__gte=1, weight__lte=1000), name="providers_providerkey_weight"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} · {self.name} (…{self.last_four})"


class WithheldModel(models.Model):
    """A model that a provider does not give to one of its keys: learned from a 403 or 404, ended by a test or by hand."""

    key = models.ForeignKey(ProviderKey, models.CASCADE, related_name="withheld", verbose_name=_("key"))
    model = models.ForeignKey("providers.AiModel", models.CASCADE, related_name="withheld", verbose_name=_("model"))
    reason = models.CharField(_("why"), max_length=200, blank=True)
    since = models.DateTimeField(_("since"), default=clock.now)

    class Meta:
        verbose_name = _("withheld model")
        verbose_name_plural = _("withheld models")
        constraints = [models.UniqueConstraint(fields=["key", "model"], name="providers_withheldmodel_once")]

    def __str__(self) -> str:
        return f"{self.key} · {self.model}"

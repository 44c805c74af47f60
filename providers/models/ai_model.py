from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apipark import clock, money
from apipark.fields import RefField
from providers.dialects.usage import CLASSES
from providers.models.provider import Provider


class AiModel(models.Model):
    """A model as callers name it, and how its provider names it.

    What is known of it may come from the provider, a seed or the operator; `own_fields` names what the operator has set,
    and no refresh touches that.
    """

    class Kind(models.TextChoices):
        CHAT = "chat", _("Chat")
        COMPLETION = "completion", _("Completion")
        EMBEDDING = "embedding", _("Embeddings")
        IMAGE = "image", _("Images")
        SPEECH = "speech", _("Speech")
        TRANSCRIPTION = "transcription", _("Transcription")
        MODERATION = "moderation", _("Moderation")
        RERANK = "rerank", _("Rerank")

    class State(models.TextChoices):
        ON = "on", _("On")
        OFF = "off", _("Off")

    class Sampling(models.TextChoices):
        YES = "yes", _("Taken")
        NO = "no", _("Refused")
        EFFORT_NONE = "effort-none", _("Only without reasoning")

    class Thinking(models.TextChoices):
        UNKNOWN = "", _("Not known, or none")
        BUDGET = "budget", _("By a budget of tokens")
        LEVEL = "level", _("By a level")
        ADAPTIVE = "adaptive", _("Adaptive")

    class ChatTools(models.TextChoices):
        YES = "yes", _("In chat")
        EFFORT_NONE = "effort-none", _("In chat, only without reasoning")
        RESPONSES_ONLY = "responses-only", _("Only in the Responses API")

    ref = RefField("mdl")
    provider = models.ForeignKey(Provider, models.PROTECT, related_name="models", verbose_name=_("provider"))
    name = models.CharField(_("name"), max_length=120, unique=True, help_text=_("What callers write in “model”."))
    upstream_name = models.CharField(_("name at the provider"), max_length=200)
    kind = models.CharField(_("kind"), max_length=14, choices=Kind, default=Kind.CHAT)
    context_tokens = models.PositiveIntegerField(_("context, in tokens"), null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(_("longest answer, in tokens"), null=True, blank=True)
    # Kinds such as "text", "image", "audio"; empty: not known, and then nothing is refused for it.
    inputs = models.JSONField(_("reads"), default=list, blank=True)
    outputs = models.JSONField(_("writes"), default=list, blank=True)
    tools = models.BooleanField(_("calls tools"), null=True, blank=True)
    json_schema = models.BooleanField(_("answers to a JSON schema"), null=True, blank=True)
    sampling = models.CharField(_("temperature and the like"), max_length=12, choices=Sampling, default=Sampling.YES)
    thinking = models.CharField(_("is told to think"), max_length=10, choices=Thinking, blank=True)
    efforts = models.JSONField(_("efforts"), default=list, blank=True)
    chat_tools = models.CharField(_("tools are taken"), max_length=16, choices=ChatTools, default=ChatTools.YES)
    deprecated_on = models.DateField(_("deprecated from"), null=True, blank=True)
    retires_on = models.DateField(_("withdrawn on"), null=True, blank=True)
    own_fields = models.JSONField(default=list, blank=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ON, editable=False)
    state_reason = models.CharField(_("why"), max_length=200, blank=True, editable=False)
    state_since = models.DateTimeField(_("since"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("AI model")
        verbose_name_plural = _("AI models")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "upstream_name", "kind"], name="providers_aimodel_once_per_provider"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ModelPrice(models.Model):
    """What a model costs us from a date on. Never edited: a new price is a new row, and each call keeps the row's id.

    Its amounts are rows of PriceRow. `effective_to` ends it without a successor; else the next one does.
    """

    class Source(models.TextChoices):
        OPERATOR = "operator", _("Operator")
        SEED = "seed", _("Price book")
        IMPORT = "import", _("Import")

    model = models.ForeignKey(AiModel, models.PROTECT, related_name="prices", verbose_name=_("model"))
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    effective_from = models.DateTimeField(_("from"), default=clock.now)
    effective_to = models.DateTimeField(_("until"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.OPERATOR, editable=False)
    # Of the seed or import: "genai-prices 0.2.3".
    source_version = models.CharField(_("edition"), max_length=60, blank=True, editable=False)
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("model price")
        verbose_name_plural = _("model prices")
        ordering = ["model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(fields=["model", "effective_from"], name="providers_modelprice_one_at_a_time"),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=models.F("effective_from")),
                name="providers_modelprice_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.effective_from:%Y-%m-%d}"

    def amounts(self) -> dict[str, int]:
        """Nano per million units by class, of the ordinary variant and the lowest tier. Wants `rows` prefetched."""
        rows = sorted(self.rows.all(), key=lambda row: row.from_input_tokens, reverse=True)
        return {row.unit: row.nano_per_million for row in rows if not row.variant}


def _known_unit(unit: str) -> None:
    if unit not in CLASSES:
        raise ValidationError(_("There is no class “%(unit)s” in the ledger."), params={"unit": unit})


class PriceRow(models.Model):
    """One amount of a price: $0.15 per million tokens of input = unit "input_text", 150_000_000."""

    price = models.ForeignKey(ModelPrice, models.CASCADE, related_name="rows", verbose_name=_("price"))
    # A class of the usage ledger.
    unit = models.CharField(_("class"), max_length=20, validators=[_known_unit])
    # Holds for calls with at least so much input.
    from_input_tokens = models.PositiveIntegerField(_("from input tokens"), default=0)
    # "batch", "priority", "flex"; empty is the ordinary one.
    variant = models.CharField(_("variant"), max_length=20, blank=True)
    nano_per_million = models.BigIntegerField(_("per million"))

    class Meta:
        verbose_name = _("price of a class")
        verbose_name_plural = _("prices of classes")
        ordering = ["price", "variant", "from_input_tokens", "unit"]
        constraints = [
            models.UniqueConstraint(
                fields=["price", "unit", "from_input_tokens", "variant"], name="providers_pricerow_once"
            ),
            models.CheckConstraint(
                condition=Q(nano_per_million__gte=0, nano_per_million__lt=money.NANO_BOUND),
                name="providers_pricerow_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.price} {self.unit}"


# Aliases and fallback -----------------------------------------------------------------------------------------------
class Alias(models.Model):
    """A stable public name such as “chat-default”, answered by the first of its targets that can.

    Whoever may call its first target may call it.
    """

    ref = RefField("als")
    name = models.CharField(_("name"), max_length=120, unique=True, help_text=_("What callers write in “model”."))
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = _("alias")
        verbose_name_plural = _("aliases")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if AiModel.objects.filter(name=self.name).exists():
            raise ValidationError({"name": _("A model has this name already.")})


# What a fallback may react to; the last two only where chosen, since they change what the answer means.
REACTIONS = ("capacity", "error", "timeout", "credentials", "context_length", "content_filter")


def default_reactions() -> list[str]:
    return list(REACTIONS[:4])


def _known_reactions(value: Any) -> None:
    unknown = [word for word in value if word not in REACTIONS] if isinstance(value, list) else ["?"]
    if unknown:
        raise ValidationError(_("Reactions are: %(words)s."), params={"words": ", ".join(REACTIONS)})


class FallbackTarget(models.Model):
    """Where a call goes next: of an alias (its first row is the target itself), or after any model of a service."""

    alias = models.ForeignKey(
        Alias, models.CASCADE, related_name="targets", null=True, blank=True, verbose_name=_("alias")
    )
    service = models.ForeignKey(
        "providers.Service",
        models.CASCADE,
        related_name="fallbacks",
        null=True,
        blank=True,
        verbose_name=_("service"),
    )
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    model = models.ForeignKey(AiModel, models.PROTECT, related_name="fallback_of", verbose_name=_("model"))
    # By what failure of the one before it is reached; of an alias's first row without meaning.
    reacts_to = models.JSONField(_("reacts to"), default=default_reactions, validators=[_known_reactions])

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering = ["alias", "service", "position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(alias__isnull=False, service__isnull=True) | Q(alias__isnull=True, service__isnull=False),
                name="providers_fallbacktarget_one_owner",
            ),
            models.UniqueConstraint(
                fields=["alias", "position"], condition=Q(alias__isnull=False), name="providers_fallback_alias_order"
            ),
            models.UniqueConstraint(
                fields=["service", "position"],
                condition=Q(service__isnull=False),
                name="providers_fallback_service_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alias or self.service} {self.position}: {self.model}"

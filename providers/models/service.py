from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apipark import clock
from apipark.fields import RefField
from providers.models.ai_model import AiModel
from teams.models import Person, Team


class ServiceQuerySet(models.QuerySet["Service"]):
    def visible_to(self, user: Person) -> Self:
        """Published services that are public, and all services of the person's own teams."""
        own = Q(team__in=Team.objects.visible_to(user))
        shown = Q(visibility=Service.Visibility.PUBLIC, versions__state__in=VersionState.callable())
        return self.filter(own | shown).distinct()

    def owned_by(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))


class Service(models.Model):
    """What a publisher offers: AI models under `/v1`, or a REST API under `/apis/{slug}`."""

    class Kind(models.TextChoices):
        AI = "ai", _("AI models")
        REST = "rest", _("REST API")

    class Visibility(models.TextChoices):
        PUBLIC = "public", _("Everybody")
        TEAM = "team", _("Own team only")

    class Approval(models.TextChoices):
        AUTOMATIC = "automatic", _("At once")
        MANUAL = "manual", _("After approval by the publisher")

    ref = RefField("svc")
    team = models.ForeignKey(Team, models.PROTECT, related_name="services", verbose_name=_("publisher"))
    slug = models.SlugField(
        _("short name"), max_length=40, unique=True, help_text=_("Part of its address: /apis/{short name}/")
    )
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=4, choices=Kind)
    summary = models.CharField(_("summary"), max_length=160, blank=True)
    description = models.TextField(_("description"), blank=True)
    category = models.CharField(_("category"), max_length=40, blank=True)
    visibility = models.CharField(_("visible to"), max_length=8, choices=Visibility, default=Visibility.PUBLIC)
    approval = models.CharField(_("subscriptions start"), max_length=10, choices=Approval, default=Approval.AUTOMATIC)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class VersionState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    PUBLISHED = "published", _("Published")
    DEPRECATED = "deprecated", _("Deprecated")
    RETIRED = "retired", _("Retired")

    @classmethod
    def callable(cls) -> list["VersionState"]:
        return [cls.PUBLISHED, cls.DEPRECATED]


class ServiceVersion(models.Model):
    """One state of a service's API. Immutable once published; at most one is published at a time."""

    ref = RefField("ver")
    service = models.ForeignKey(Service, models.PROTECT, related_name="versions", verbose_name=_("service"))
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(
        _("state"), max_length=10, choices=VersionState, default=VersionState.DRAFT, editable=False
    )
    # REST: where calls go. The path after /apis/{slug} is appended to it.
    upstream_url = models.CharField(_("upstream"), max_length=300, blank=True)
    # AI: what callers may name in "model".
    ai_models = models.ManyToManyField(AiModel, related_name="versions", blank=True, verbose_name=_("models"))
    # Refuse a call with a parameter that its model cannot take, instead of dropping it and saying so.
    strict = models.BooleanField(
        _("strict"),
        default=False,
        help_text=_("Refuses a call with a parameter that the model cannot take; else it is dropped and named."),
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)
    deprecated_at = models.DateTimeField(_("deprecated"), null=True, blank=True, editable=False)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("service version")
        verbose_name_plural = _("service versions")
        ordering = ["service", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["service", "number"], name="providers_version_number_once"),
            models.UniqueConstraint(
                fields=["service"],
                condition=Q(state=VersionState.PUBLISHED),
                name="providers_version_one_published",
                violation_error_message=_(
                    "Another version of this service is published: deprecate or retire it first."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.number}"

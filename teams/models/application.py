from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Count, Max, Q
from django.utils.translation import gettext_lazy as _

from apipark import clock
from apipark.fields import RefField
from teams.models.team import Person, Team


class Environment(models.TextChoices):
    LIVE = "live", _("Live")
    TEST = "test", _("Test")


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))

    def with_keys(self, now: datetime) -> Self:
        """`usable_keys`: how many work now; `last_used_at`: when the last of them was used."""
        works = (Q(keys__revoked_at=None) | Q(keys__revoked_at__gt=now)) & (
            Q(keys__expires_at=None) | Q(keys__expires_at__gt=now)
        )
        return self.annotate(usable_keys=Count("keys", filter=works), last_used_at=Max("keys__last_used_at"))


class Application(models.Model):
    """What calls the gateway: a team's program, with keys of its own."""

    ref = RefField("app")
    team = models.ForeignKey(Team, models.PROTECT, related_name="applications", verbose_name=_("team"))
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=200, blank=True)
    environment = models.CharField(_("environment"), max_length=4, choices=Environment, default=Environment.LIVE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)
    # Switched off: its keys answer 403 until it is switched on again.
    suspended_at = models.DateTimeField(_("switched off since"), null=True, blank=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                name="teams_application_name_once",
                violation_error_message=_("Your team has an application of this name."),
            )
        ]

    def __str__(self) -> str:
        return self.name

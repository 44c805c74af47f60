from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apipark import clock
from apipark.fields import RefField
from teams.models.application import Application
from teams.models.team import Person, Team


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(application__team__in=Team.objects.visible_to(user)).select_related("application")

    def usable(self, now: datetime) -> Self:
        return self.filter(Q(revoked_at=None) | Q(revoked_at__gt=now), Q(expires_at=None) | Q(expires_at__gt=now))


class ApiKey(models.Model):
    """A credential of an application. The secret itself is shown once and stored nowhere."""

    ref = RefField("key")
    application = models.ForeignKey(Application, models.PROTECT, related_name="keys", verbose_name=_("application"))
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    last_four = models.CharField(_("ends with"), max_length=4, editable=False)
    # Hex of the HMAC-SHA-256 of the whole key, and which pepper made it.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    pepper_id = models.PositiveSmallIntegerField(editable=False)
    # Networks (CIDR) the key may be used from; empty: any.
    networks = models.JSONField(_("addresses"), default=list, blank=True)
    # "billing:read" lets refusals name amounts of money.
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    # In the future while the key rests in the overlap of a rotation.
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    replaced_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaces", editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last_four})"

    @property
    def team_id(self) -> int:
        return self.application.team_id

    def state(self, now: datetime) -> str:
        """usable, retiring (rotated, in its overlap), expired or revoked."""
        if self.revoked_at:
            return "revoked" if self.revoked_at <= now else "retiring"
        return "expired" if self.expires_at and self.expires_at <= now else "usable"

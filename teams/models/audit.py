from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from teams.models.team import Person, Team


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))


class AuditEvent(models.Model):
    """Who changed what, when, from where: append only, chained by hashes, one chain per team and one for the site."""

    # A team's id as text, or "site".
    chain = models.CharField(max_length=20)
    number = models.PositiveBigIntegerField()
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("team"))
    at = models.DateTimeField(_("when"))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    # "system", or the address of the person at that time.
    actor_name = models.CharField(_("who"), max_length=254)
    # Dotted, object first: "key.rotated".
    action = models.CharField(_("what"), max_length=60)
    object_kind = models.CharField(max_length=40)
    object_ref = models.CharField(max_length=40)
    object_name = models.CharField(_("object"), max_length=160)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    address = models.GenericIPAddressField(_("from"), null=True, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["chain", "number"], name="teams_auditevent_chain_number")]
        indexes = [models.Index(fields=["team", "-id"], name="teams_auditevent_team")]

    def __str__(self) -> str:
        return f"{self.action} {self.object_name}"

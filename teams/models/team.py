"""Teams, and who belongs to them as what."""

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from apipark import clock
from apipark.fields import RefField
from teams.models.user import User

Person = User | AnonymousUser


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(memberships__user_id=user.pk) if user.pk else self.none()


class Team(models.Model):
    ref = RefField("team")
    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    contact_email = models.EmailField(
        _("contact"), blank=True, help_text=_("Where subscribers of this team's services write to.")
    )
    support_url = models.URLField(_("support page"), blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    country = models.CharField(_("country"), max_length=2, blank=True)
    legal_name = models.CharField(_("legal name"), max_length=120, blank=True)
    address = models.TextField(_("postal address"), blank=True)
    tax_id = models.CharField(_("tax id"), max_length=40, blank=True)
    # Members of the team see money in any case; this lets whoever holds a key see it too.
    show_billing_to_keys = models.BooleanField(_("show billing to keys"), default=False)
    suspended_at = models.DateTimeField(_("suspended since"), null=True, blank=True)
    suspended_reason = models.CharField(_("reason"), max_length=200, blank=True)
    grace_hours = models.PositiveIntegerField(
        _("grace, in hours"), null=True, blank=True, help_text=_("Empty: the plan's or the site's.")
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = TeamQuerySet.as_manager()

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    DEVELOPER = "developer", _("Developer")
    BILLING = "billing", _("Billing")
    VIEWER = "viewer", _("Viewer")


class MembershipQuerySet(models.QuerySet["Membership"]):
    def visible_to(self, user: Person) -> Self:
        return self.filter(team__in=Team.objects.visible_to(user))


class Membership(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships", verbose_name=_("team"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ["team", "created_at"]
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="teams_membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"

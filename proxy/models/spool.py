from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SpoolQuerySet(models.QuerySet["Spool"]):
    def living(self, now: datetime) -> Self:
        """Of workers that may take calls. A machine that never comes back leaves its spools open: they count no more
        when a worker there, without a database for so long, would have closed.
        """
        return self.filter(state=Spool.State.OPEN, heartbeat_at__gt=now - settings.GATEWAY_SNAPSHOT_LIFE)


class Spool(models.Model):
    """How far the spool of one worker (one process life) has been shipped."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    worker = models.UUIDField(_("worker"), unique=True)
    host = models.CharField(_("host"), max_length=100)
    started_at = models.DateTimeField(_("started"))
    heartbeat_at = models.DateTimeField(_("last shipped"))
    state = models.CharField(_("state"), max_length=6, choices=State, default=State.OPEN)
    # Position: everything before it is in the database.
    segment = models.PositiveIntegerField(_("segment"), default=0)
    offset = models.PositiveBigIntegerField(_("offset"), default=0)

    objects = SpoolQuerySet.as_manager()

    class Meta:
        verbose_name = _("spool")
        verbose_name_plural = _("spools")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return str(self.worker)


class DeadLetter(models.Model):
    """A spool record that could not be read or booked; its bytes are kept."""

    worker = models.UUIDField(_("worker"))
    segment = models.PositiveIntegerField(_("segment"))
    offset = models.PositiveBigIntegerField(_("offset"))
    record = models.BinaryField(_("record"))
    reason = models.CharField(_("reason"), max_length=200)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["worker", "segment", "offset"], name="proxy_deadletter_once")]

    def __str__(self) -> str:
        return f"{self.worker} {self.segment}:{self.offset}"


class TouchedMinute(models.Model):
    """A minute whose calls changed since it was last rolled up; written by the shipper, deleted by the roll-up."""

    minute = models.DateTimeField(primary_key=True)

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M}"

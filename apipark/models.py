"""The few tables that belong to no app."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Change(models.Model):
    """Something that workers hold in memory was changed: written in the transaction of the change, read by all workers."""

    kind = models.CharField(max_length=20)
    object_id = models.BigIntegerField()
    # The system's time, not the test clock's: readers look back over the last seconds.
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class TestClock(models.Model):
    """How far the test clock is ahead of the system's; one row, honoured only while the test payment gateway is on."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    offset_s = models.PositiveBigIntegerField(_("ahead by, in seconds"), default=0)

    class Meta:
        verbose_name = _("test clock")
        verbose_name_plural = _("test clock")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="apipark_testclock_one_row")]

    def __str__(self) -> str:
        return gettext("Test clock")


class Installation(models.Model):
    """Marks that the first-run data were written: one row, made in the transaction that seeds."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    seeded_at = models.DateTimeField()
    demo = models.BooleanField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="apipark_installation_one_row")]

    def __str__(self) -> str:
        return f"seeded {self.seeded_at:%Y-%m-%d}"

"""The test clock, while there is one."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark import clock
from apipark.console_home import span
from apipark.model_admin import KeptAdmin
from apipark.models import TestClock
from apipark.templatetags.portal import stamp
from apipark.verbs import ReasonForm, verb
from billing.tasks import sweep
from teams import audit
from teams.signed_in import SignedInRequest, came_from

_MOST_AT_ONCE: Final = timedelta(days=366)  # each period on the way gets its invoice


class MoveForm(ReasonForm):
    number = forms.IntegerField(
        label=gettext_lazy("Forward by"),
        min_value=1,
        max_value=_MOST_AT_ONCE // timedelta(hours=1),
        initial=1,
        widget=forms.NumberInput(attrs={"class": "input short"}),
    )
    unit = forms.ChoiceField(
        label=gettext_lazy("Of"),
        choices=[("hours", gettext_lazy("hours")), ("days", gettext_lazy("days"))],
        initial="days",
        widget=forms.RadioSelect,
    )

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or self.cleaned_data
        if {"number", "unit"} <= answers.keys():
            by = timedelta(**{answers["unit"]: answers["number"]})
            if by > _MOST_AT_ONCE:
                self.add_error("number", _("At most %(days)s days at once.") % {"days": _MOST_AT_ONCE.days})
        return answers


@admin.register(TestClock)
class TestClockAdmin(KeptAdmin[TestClock]):
    list_display = ("__str__", "ahead", "shows")
    fields = readonly_fields = ("ahead", "shows")
    verbs = ("move",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return settings.BILLING_TEST_GATEWAY and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: TestClock | None = None) -> bool:
        return settings.BILLING_TEST_GATEWAY and super().has_view_permission(request, obj)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: TestClock | None = None) -> bool:
        """It is moved by its verb."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[TestClock]:
        """There is one clock, also before it was moved for the first time."""
        if settings.BILLING_TEST_GATEWAY:
            TestClock.objects.get_or_create(pk=1)
        return super().get_queryset(request)

    @admin.display(description=gettext_lazy("ahead by"))
    def ahead(self, test_clock: TestClock) -> str:
        return span(timedelta(seconds=test_clock.offset_s)) if test_clock.offset_s else _("nothing")

    @admin.display(description=gettext_lazy("it shows"))
    def shows(self, _test_clock: TestClock) -> str:
        return stamp(clock.now())

    @verb(
        gettext_lazy("Move forward"),
        title=gettext_lazy("Move the test clock forward"),
        icon="fast-forward",
        final=True,
        form=MoveForm,
        commits_itself=True,
    )
    def move(self, request: SignedInRequest, test_clock: TestClock, *, number: int, unit: str, reason: str) -> str:
        if not settings.BILLING_TEST_GATEWAY:
            raise ValidationError(_("There is a test clock only while the test payment gateway is on."))
        before = clock.now()
        with transaction.atomic():
            now = clock.move(timedelta(**{unit: number}))
            audit.record(
                team=None,
                actor=request.user,
                action="clock.moved",
                target=test_clock,
                before={"now": before},
                after={"now": now},
                reason=reason,
                address=came_from(request),
            )
        # What the time on the way brings about is seen at once, not at the next sweep.
        sweep(now)
        return _("The test clock shows %(time)s.") % {"time": stamp(now)}

    @move.effects
    def move_effects(self, _test_clock: TestClock) -> list[str]:
        return [
            _("Renewals, trials, grace periods and expiries up to that moment happen, in order."),
            _("The clock never goes back."),
        ]

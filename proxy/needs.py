"""What of calls waits for the operator: spools that are not shipped, records that could not be booked."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apipark import clock
from apipark.needs import Asker, Need, Urgency, list_url
from apipark.templatetags.portal import duration
from proxy.models import DeadLetter, TouchedMinute

# Roll-ups run every 10 s; a minute that waits this long is waiting for something else.
_ROLL_UP_LATE: Final = timedelta(minutes=2)


def dead_letters() -> Iterator[Need]:
    count = DeadLetter.objects.count()
    newest = DeadLetter.objects.first()
    if newest:
        url = list_url(DeadLetter)
        words = ngettext("%(count)s record could not be booked", "%(count)s records could not be booked", count)
        yield Need(
            urgency=Urgency.LOSING,
            icon="inbox",
            title=words % {"count": count},
            detail=newest.reason,
            since=newest.at,
            url=url,
            act=_("Review"),
            act_url=url,
        )


def late_minutes() -> Iterator[Need]:
    """Minutes whose calls are in the database and not yet in the roll-ups."""
    lag = roll_up_lag()
    if lag > _ROLL_UP_LATE:
        yield Need(
            urgency=Urgency.SOON,
            icon="hourglass",
            title=_("Roll-ups lag by %(lag)s") % {"lag": duration(lag // timedelta(milliseconds=1))},
            detail=_("Usage pages show less than there was; no call is lost. See whether worker and beat answer."),
            since=None,
            url="#parts",
            act=_("See parts"),
            act_url="#parts",
        )


def roll_up_lag() -> timedelta:
    """Age of the oldest minute that waits for its roll-up."""
    oldest = TouchedMinute.objects.order_by("minute").values_list("minute", flat=True).first()
    return max(clock.now() - oldest, timedelta(0)) if oldest else timedelta(0)


ASKERS: Final = (Asker(dead_letters, "proxy.view_deadletter"), Asker(late_minutes, "proxy.view_call"))

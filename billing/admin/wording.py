"""Words that several lists of billing share."""

from django.utils.translation import gettext as _

from apipark import clock
from apipark.columns import badge
from apipark.templatetags.portal import short, spend
from billing.models import (
    Meter,
    Subscription,
)


def units(meter: str, value: int | None, currency: str = "") -> str:
    """Of a meter: spend is money, everything else is counted."""
    if value is None:
        return _("no limit")
    return spend(value, currency) if meter == Meter.SPEND and currency else short(value)


def standing_badge(subscription: Subscription) -> str:
    """By what is stored, for lists; whether a call passes also depends on money, see the portal's page."""
    now = clock.now()
    if subscription.approval != Subscription.Approval.GRANTED:
        return badge(subscription.approval, subscription.get_approval_display())
    if subscription.ended_at and subscription.ended_at <= now:
        return badge("ended", subscription.get_ended_reason_display())
    if subscription.hold:
        return badge(subscription.hold, subscription.get_hold_display())
    if subscription.starts_at > now:
        return badge("open", _("Scheduled"))
    return badge("waiting", _("Canceling")) if subscription.cancel_at else badge("active", _("Active"))

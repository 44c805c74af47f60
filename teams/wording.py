"""What an event of the audit says, in words: for people, beside the code that machines and filters know.

An event keeps plain JSON under short names. What is money, a time or a count is known from the name; a name or an action
that is not known here is shown as it is written, so that nothing of the record is ever hidden.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from apipark.templatetags.portal import NOTHING, cash, count, price, size, stamp
from teams.models import AuditEvent

ACTIONS: Final[Mapping[str, StrOrPromise]] = {
    "application.created": gettext_lazy("Application made"),
    "application.renamed": gettext_lazy("Application changed"),
    "application.resumed": gettext_lazy("Application switched on"),
    "application.suspended": gettext_lazy("Application switched off"),
    "cap.changed": gettext_lazy("Cap changed"),
    "cap.lifted": gettext_lazy("Cap lifted"),
    "cap.set": gettext_lazy("Cap set"),
    "clock.moved": gettext_lazy("Test clock moved"),
    "contact.written": gettext_lazy("Publisher asked for help"),
    "fix.asked": gettext_lazy("Colleagues asked to fix a refusal"),
    "invoice.charge_asked": gettext_lazy("Charge of an invoice asked for"),
    "invoice.issued": gettext_lazy("Invoice issued"),
    "invoice.paid": gettext_lazy("Invoice paid"),
    "invoice.voided": gettext_lazy("Invoice voided"),
    "key.issued": gettext_lazy("Key made"),
    "key.revoked": gettext_lazy("Key revoked"),
    "key.rotated": gettext_lazy("Key replaced"),
    "method.added": gettext_lazy("Payment method added"),
    "method.made_default": gettext_lazy("Payment method made the default"),
    "method.removed": gettext_lazy("Payment method removed"),
    "method.replaced": gettext_lazy("Payment method replaced"),
    "payment.declined": gettext_lazy("Payment declined"),
    "plan.published": gettext_lazy("Plan published"),
    "plan.retired": gettext_lazy("Plan taken off offer"),
    "providerkey.replaced": gettext_lazy("Provider key replaced"),
    "providerkey.tested": gettext_lazy("Provider key tested"),
    "subscription.approved": gettext_lazy("Subscription approved"),
    "subscription.canceled": gettext_lazy("Subscription canceled"),
    "subscription.change_asked": gettext_lazy("Change of plan asked for"),
    "subscription.change_withdrawn": gettext_lazy("Change of plan withdrawn"),
    "subscription.changed": gettext_lazy("Plan changed"),
    "subscription.declined": gettext_lazy("Subscription declined"),
    "subscription.ended": gettext_lazy("Subscription ended"),
    "subscription.kept": gettext_lazy("Cancellation taken back"),
    "subscription.paused": gettext_lazy("Subscription paused"),
    "subscription.requested": gettext_lazy("Subscription asked for"),
    "subscription.resumed": gettext_lazy("Subscription resumed"),
    "subscription.started": gettext_lazy("Subscribed"),
    "subscription.suspended": gettext_lazy("Subscription suspended for non-payment"),
    "subscription.suspended_billing": gettext_lazy("Subscription suspended for non-payment"),
    "team.details_changed": gettext_lazy("Billing details changed"),
    "team.resumed": gettext_lazy("Team resumed"),
    "team.suspended": gettext_lazy("Team suspended"),
    "user.changed": gettext_lazy("Account changed"),
    "version.deprecated": gettext_lazy("Version deprecated"),
    "version.published": gettext_lazy("Version published"),
    "version.retired": gettext_lazy("Version retired"),
}
FIELDS: Final[Mapping[str, StrOrPromise]] = {
    "address": gettext_lazy("Address"),
    "application": gettext_lazy("Application"),
    "category": gettext_lazy("Cause"),
    "contact_email": gettext_lazy("E-mail"),
    "country": gettext_lazy("Country"),
    "description": gettext_lazy("Description"),
    "environment": gettext_lazy("Environment"),
    "expires_at": gettext_lazy("Expires"),
    "hard": gettext_lazy("For good"),
    "language": gettext_lazy("Language"),
    "last_four": gettext_lazy("Ends with"),
    "legal_name": gettext_lazy("Legal name"),
    "limit": gettext_lazy("Limit"),
    "meter": gettext_lazy("Meter"),
    "method": gettext_lazy("Payment method"),
    "name": gettext_lazy("Name"),
    "networks": gettext_lazy("Addresses"),
    "now": gettext_lazy("Time"),
    "period": gettext_lazy("Per"),
    "plan": gettext_lazy("Plan"),
    "problem": gettext_lazy("Problem"),
    "reason": gettext_lazy("Reason"),
    "replaced_by": gettext_lazy("Replaced by"),
    "revoked_at": gettext_lazy("Works until"),
    "role": gettext_lazy("Role"),
    "scopes": gettext_lazy("Scopes"),
    "state": gettext_lazy("State"),
    "suspended_at": gettext_lazy("Off since"),
    "tax_id": gettext_lazy("Tax id"),
    "time_zone": gettext_lazy("Time zone"),
    "total_minor": gettext_lazy("Sum"),
    "verdict": gettext_lazy("Result"),
}


def what(event: AuditEvent) -> str:
    return str(ACTIONS.get(event.action, event.action))


def differences(event: AuditEvent) -> Iterator[str]:
    """“Limit: $25.00 → $50.00”, one for each fact that has a value before or after."""
    currency = _currency(event)
    for name in dict.fromkeys([*event.before, *event.after]):
        # Told by the amount, or by what the limit counts.
        if name == "currency" and "total_minor" in event.after:
            continue
        was = _told(name, event.before, currency)
        now = _told(name, event.after, currency)
        if was == now or name not in event.after:
            # Says of what the change is, and did not change itself.
            was, now = "", now or was
        if was or now:
            label = FIELDS.get(name, name)
            pattern = _("%(name)s: %(was)s → %(now)s") if was else _("%(name)s: %(now)s")
            yield pattern % {"name": label, "was": was, "now": now or NOTHING}


def _currency(event: AuditEvent) -> str:
    named = event.after.get("currency") or event.before.get("currency")
    return str(named or (event.team.currency if event.team else ""))


def _told(name: str, facts: Mapping[str, Any], currency: str) -> str:
    value = facts.get(name)
    if value in (None, "", []):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return _amount(name, value, str(facts.get("meter", "")), currency)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return stamp(moment) if (moment := _moment(name, value)) else str(value)


def _amount(name: str, value: int, meter: str, currency: str) -> str:
    if name.endswith("_minor"):
        return cash(value, currency)
    if name.endswith("_nano") or meter == "spend":
        return price(value, currency)
    return size(value) if meter == "bytes" else count(value)


def _moment(name: str, value: Any) -> datetime | None:
    if not (isinstance(value, str) and (name == "now" or name.endswith("_at"))):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None

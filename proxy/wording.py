"""The sentence of a refusal: which limit, how much, until when. In the active language; what may not be told is not given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils.dateformat import format as format_date
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from apipark.problems import ProblemType


@dataclass(frozen=True, slots=True)
class Told:
    """What a sentence may name."""

    members: Mapping[str, Any]
    plan: str
    service: str

    def day(self, name: str) -> str:
        """The instant of a member, in words; empty when it is not given."""
        text = self.members.get(name)
        return instant(text) if text else ""


Sentence = Callable[[Told], str]


def sentence(kind: ProblemType, told: Told, *, wait_s: int | None = None) -> str:
    special = _SENTENCES.get(kind.slug)
    text = special(told) if special else _(kind.meaning)
    if wait_s is None or kind.status not in {429, 503}:
        return text
    return f"{text} {ngettext('Try again in %(n)s second.', 'Try again in %(n)s seconds.', wait_s) % {'n': wait_s}}"


def instant(rfc3339: str) -> str:
    """`1 December 2026 at 00:00 UTC`."""
    at = parse(rfc3339)
    # Translators: a moment, "1 December 2026 at 00:00 UTC".
    return _("%(day)s at %(time)s UTC") % {"day": _day(at), "time": at.strftime("%H:%M")}


def parse(rfc3339: str) -> datetime:
    return datetime.fromisoformat(rfc3339).astimezone(UTC)


def number(value: int) -> str:
    return str(number_format(value, force_grouping=True))


def money(amount: str, currency: str) -> str:
    return f"{number_format(amount, force_grouping=True)} {currency}".rstrip()


def _day(at: datetime) -> str:
    # Translators: Django's format of a date, "1 December 2026".
    return format_date(at, _("j F Y"))


def _period(start: datetime, end: datetime) -> str:
    """`1–30 November 2026`; the end is not part of it."""
    last = end - timedelta(microseconds=1)
    if start.date() == last.date():
        return _day(start)
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day}–{_day(last)}"
    return f"{_day(start)} – {_day(last)}"


# Money first ----------------------------------------------------------------------------------------------------------
def _subscription_required(told: Told) -> str:
    if told.members.get("starts_at"):
        return _("The subscription begins on %(date)s.") % {"date": told.day("starts_at")}
    if told.service:
        return _("The application has no subscription to %(service)s. Any of its plans lets this call pass.") % {
            "service": told.service
        }
    return _("The application has no subscription that covers this call.")


def _method_missing(told: Told) -> str:
    return _("Plan %(plan)s needs a payment method on file, and the team has none.") % {"plan": told.plan}


def _details_incomplete(told: Told) -> str:
    missing = ", ".join(_(_DETAILS.get(name, name)) for name in told.members["missing"])
    return _("Billing details are missing: %(missing)s.") % {"missing": missing}


def _incomplete(told: Told) -> str:
    text = _("The first invoice of plan %(plan)s is not paid.") % {"plan": told.plan}
    return f"{text}{_owed(told)} " + _("It can be paid until %(date)s.") % {"date": told.day("expires_at")}


def _trial_ended(told: Told) -> str:
    if told.members["ended_because"] == "quota":
        text = _("The units of the trial were used on %(date)s.")
    else:
        text = _("The trial ended on %(date)s.")
    return text % {"date": told.day("trial_ended_at")}


def _ended(told: Told) -> str:
    texts = {
        "canceled": _("The subscription to plan %(plan)s was canceled and ended on %(date)s."),
        "unpaid": _("The subscription to plan %(plan)s ended on %(date)s because it was not paid."),
        "expired": _("The subscription to plan %(plan)s ended on %(date)s."),
    }
    return texts[told.members["reason"]] % {"plan": told.plan, "date": told.day("ended_at")}


def _paused(told: Told) -> str:
    text = _("The subscription to plan %(plan)s has been paused since %(date)s.") % {
        "plan": told.plan,
        "date": told.day("paused_at"),
    }
    resumes = told.day("resumes_at")
    return text + (" " + _("It resumes on %(date)s.") % {"date": resumes} if resumes else "")


def _upgrade(told: Told) -> str:
    if told.members["feature"] == "max_request_bytes":
        return _("The request is larger than plan %(plan)s allows.") % {"plan": told.plan}
    return _("Plan %(plan)s does not include %(feature)s.") % {"plan": told.plan, "feature": told.members["feature"]}


def _quota(told: Told) -> str:
    quota = told.members["quota"]
    taken = quota["used"] + quota["held"]
    start, end = parse(quota["period_start"]), parse(quota["resets_at"])
    words = {
        "limit": number(quota["limit"]),
        "used": number(taken),
        "requested": number(quota["requested"]),
        "metric": _(_METRICS[quota["metric"]]),
        "plan": told.plan,
        "period": _period(start, end),
        "date": instant(quota["resets_at"]),
    }
    if not quota["limit"]:
        text = _("Plan %(plan)s includes no %(metric)s.")
    elif quota["requested"] > quota["limit"]:
        text = _("This call needs %(requested)s %(metric)s; plan %(plan)s includes %(limit)s for a whole period.")
    elif taken >= quota["limit"]:
        text = _("All %(limit)s %(metric)s of plan %(plan)s for %(period)s are used. They reset on %(date)s.")
    else:
        text = _(
            "%(used)s of %(limit)s %(metric)s of plan %(plan)s for %(period)s are used, and this call needs %(requested)s. They reset on %(date)s."
        )
    fits = told.members.get("fits", {}).get("max_tokens")
    more = " " + _("It fits with max_tokens %(count)s.") % {"count": number(fits)} if fits else ""
    return text % words + more


def _cap(told: Told) -> str:
    cap = told.members["cap"]
    text = _(_CAPS[cap["scope"]])
    limit = cap.get("limit")
    if isinstance(limit, str):
        text += " " + _("The cap is %(amount)s.") % {"amount": money(limit, cap.get("currency", ""))}
    elif limit is not None:
        words = {"limit": number(limit), "metric": _(_METRICS[cap["metric"]])}
        text += " " + _("The cap is %(limit)s %(metric)s.") % words
    resets = cap.get("resets_at")
    return text + (" " + _("It resets on %(date)s.") % {"date": instant(resets)} if resets else "")


def _method_invalid(told: Told) -> str:
    texts = {
        "expired": (_("The payment method has expired."), _("The payment method expired on %(date)s.")),
        "removed": (
            _("The payment method that should pay was removed."),
            _("The payment method that should pay was removed on %(date)s."),
        ),
        "refused": (
            _("The bank refused the payment method for good."),
            _("The bank refused the payment method for good on %(date)s."),
        ),
    }
    undated, dated = texts[told.members["why"]]
    since = told.day("invalid_since")
    return (dated % {"date": since} if since else undated) + _owed(told)


def _declined(told: Told) -> str:
    category = told.members.get("decline_category")
    if category:
        text = _("The last payment was declined: %(reason)s.") % {
            "reason": _(_DECLINES.get(category, "another reason"))
        }
    else:
        text = _("The last payment was declined.")
    following = told.day("next_attempt_at")
    if following:
        more = _("The next try is on %(date)s.") % {"date": following}
    else:
        more = _("It is not tried again by itself.")
    return f"{text}{_owed(told)} {more}"


def _confirm(told: Told) -> str:
    return _("The bank wants the payment to be confirmed.") + _owed(told)


def _overdue(told: Told) -> str:
    text = _("An invoice is overdue; the time of grace ended on %(date)s.") % {"date": told.day("grace_ended_at")}
    return text + _owed(told)


def _disputed(told: Told) -> str:
    return _("A payment has been disputed since %(date)s.") % {"date": told.day("dispute_opened_at")}


def _suspended_billing(told: Told) -> str:
    since = told.day("since")
    text = (
        _("Suspended for non-payment since %(date)s.") % {"date": since} if since else _("Suspended for non-payment.")
    )
    return text + _owed(told)


def _owed(told: Told) -> str:
    owed = told.members.get("amount_due")
    if not owed:
        return ""
    return " " + _("%(amount)s are owed.") % {"amount": money(owed["amount"], owed["currency"])}


# Keys and access ------------------------------------------------------------------------------------------------------
def _conflict(told: Told) -> str:
    return _("Two different keys were sent, in %(sources)s.") % {"sources": ", ".join(told.members["sources"])}


def _missing(told: Told) -> str:
    return _("Send an API key in one of these headers: %(headers)s.") % {"headers": ", ".join(told.members["accepted"])}


def _expired(told: Told) -> str:
    return _("The API key expired on %(date)s.") % {"date": told.day("expired_at")}


def _revoked(told: Told) -> str:
    return _("The API key was revoked on %(date)s.") % {"date": told.day("revoked_at")}


def _address(told: Told) -> str:
    return _("The key may not be used from %(address)s.") % {"address": told.members["address"]}


def _pending(told: Told) -> str:
    asked = told.day("requested_at")
    if not asked:
        return _("The subscription waits for the publisher.")
    return _("The subscription was asked for on %(date)s and waits for the publisher.") % {"date": asked}


def _rejected(told: Told) -> str:
    text = _("The publisher has declined the subscription.")
    reason = told.members.get("reason")
    return f"{text} {reason}" if reason else text


def _application_off(told: Told) -> str:
    return _("The application has been switched off since %(date)s.") % {"date": told.day("since")}


def _account_off(told: Told) -> str:
    return _("The account has been suspended since %(date)s.") % {"date": told.day("since")}


# What was asked for ---------------------------------------------------------------------------------------------------
def _no_route(told: Told) -> str:
    return _("No service answers at this address.") + _guess(told)


def _no_model(told: Told) -> str:
    return _("There is no such model.") + _guess(told)


def _guess(told: Told) -> str:
    names = told.members.get("did_you_mean")
    return " " + _("Did you mean %(names)s?") % {"names": ", ".join(names)} if names else ""


def _retired(told: Told) -> str:
    text = _("This version of the service was retired.")
    successor = told.members.get("successor")
    return text + (" " + _("Use %(successor)s.") % {"successor": successor} if successor else "")


def _invalid(told: Told) -> str:
    return " ".join(f"{error['field']}: {error['message']}" for error in told.members["errors"])


def _too_large(told: Told) -> str:
    return _("The request is larger than %(limit)s bytes.") % {"limit": number(told.members["limit"])}


def _rate(told: Told) -> str:
    limit = told.members.get("limit")
    if limit is None:
        return _("Calls came faster than the plan allows.")
    return _("The plan allows %(limit)s calls a minute.") % {"limit": number(limit)}


def _held(told: Told) -> str:
    available, held = told.members.get("available"), told.members.get("held")
    if available is None or held is None:
        return _("What is left is reserved by calls that are still running.")
    return _("%(available)s %(metric)s are free and %(held)s are reserved by running calls; this call needs more.") % {
        "available": number(available),
        "held": number(held),
        "metric": _(_METRICS[told.members["meter"]]),
    }


def _no_price(told: Told) -> str:
    return _("The price of %(model)s is not set.") % {"model": told.members["model"]}


_METRICS: Final = {
    "calls": gettext_noop("calls"),
    "bytes": gettext_noop("bytes"),
    "tokens": gettext_noop("tokens"),
    "spend": gettext_noop("units of money"),
}
_CAPS: Final = {
    "team": gettext_noop("The cap of the team would be passed by this call."),
    "application": gettext_noop("The cap of the application would be passed by this call."),
    "key": gettext_noop("The cap of the key would be passed by this call."),
    "plan": gettext_noop("The cap of the plan would be passed by this call."),
}
_DETAILS: Final = {
    "address": gettext_noop("address"),
    "country": gettext_noop("country"),
    "tax_id": gettext_noop("tax number"),
    "legal_name": gettext_noop("legal name"),
    "email": gettext_noop("e-mail address"),
}
_DECLINES: Final = {
    "insufficient_funds": gettext_noop("insufficient funds"),
    "issuer_declined": gettext_noop("the issuer of the card said no"),
    "expired": gettext_noop("expired"),
    "other": gettext_noop("another reason"),
}
_SENTENCES: Final[dict[str, Sentence]] = {
    "subscription-required": _subscription_required,
    "payment-method-missing": _method_missing,
    "billing-details-incomplete": _details_incomplete,
    "subscription-incomplete": _incomplete,
    "trial-ended": _trial_ended,
    "subscription-ended": _ended,
    "subscription-paused": _paused,
    "plan-upgrade-required": _upgrade,
    "quota-exceeded": _quota,
    "spend-cap-reached": _cap,
    "payment-method-invalid": _method_invalid,
    "payment-declined": _declined,
    "payment-authentication-required": _confirm,
    "payment-overdue": _overdue,
    "payment-disputed": _disputed,
    "account-suspended-billing": _suspended_billing,
    "credentials-conflict": _conflict,
    "credentials-missing": _missing,
    "credentials-expired": _expired,
    "credentials-revoked": _revoked,
    "ip-not-allowed": _address,
    "approval-pending": _pending,
    "approval-rejected": _rejected,
    "application-suspended": _application_off,
    "account-suspended": _account_off,
    "route-not-found": _no_route,
    "model-not-found": _no_model,
    "version-retired": _retired,
    "request-invalid": _invalid,
    "request-too-large": _too_large,
    "rate-limit-exceeded": _rate,
    "allowance-held": _held,
    "pricing-unavailable": _no_price,
}

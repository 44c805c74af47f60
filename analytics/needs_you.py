"""What waits for a team's people: unpaid invoices, subscriptions that refuse calls, nearly used allowances, ending keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from apipark.templatetags.portal import ago, cash, day, percent
from billing import allowances
from billing.contracts import facts_of_team
from billing.models import Invoice
from billing.overview import Overview
from teams.models import ApiKey, Membership, Team
from teams.roles import Action, may

# Time enough to bring a new key to every place.
_KEY_NOTICE: Final = timedelta(days=14)
# What the team did itself, what is over, and what waits for somebody else: nothing to remind of.
_QUIET: Final = frozenset({"approval-pending", "approval-rejected", "subscription-ended", "subscription-paused"})


@dataclass(frozen=True, slots=True)
class Need:
    badge: str
    tone: str
    title: str
    text: str
    url: str
    act: str


def overviews(team: Team, now: datetime) -> list[Overview]:
    """Of all subscriptions that have not ended."""
    held = [Overview(one, facts, now) for one, facts in facts_of_team(team, now)]
    return [overview for overview in held if not overview.ended]


def of_member(membership: Membership, team: Team, held: Sequence[Overview], now: datetime) -> list[Need]:
    """The most urgent kind first; money only for those who see it."""
    needs: list[Need] = []
    if may(membership, Action.SEE_MONEY):
        needs += _invoices(team, now)
    needs += _refusals(held)
    needs += _allowances(held, now, sees_money=may(membership, Action.SEE_MONEY))
    needs += _keys(team, now)
    return needs


def _invoices(team: Team, now: datetime) -> Iterator[Need]:
    for invoice in Invoice.objects.unpaid().filter(team=team).select_related("version__plan"):
        late = invoice.first_failed_at is not None or invoice.due_at < now
        yield Need(
            badge=_("Overdue") if late else _("Open"),
            tone="bad" if late else "warn",
            title=_("Invoice %(number)s, %(sum)s")
            % {"number": invoice, "sum": cash(invoice.total_minor, invoice.currency)},
            text=_("For %(plan)s, due %(when)s.") % {"plan": invoice.version.plan, "when": day(invoice.due_at)},
            url=reverse("billing:invoice-detail", args=[invoice.ref]),
            act=_("See invoice"),
        )


def _refusals(held: Sequence[Overview]) -> Iterator[Need]:
    for overview in held:
        slug, plan = overview.refusal or overview.notice, overview.subscription.version.plan
        if not slug or slug in _QUIET:
            continue
        if overview.refusal:
            title = _("Calls of plan %(plan)s are refused") % {"plan": plan}
            text = _("%(state)s.") % {"state": overview.state}
        else:
            title = _("Calls of plan %(plan)s stop soon") % {"plan": plan}
            text = _("Grace ends %(when)s.") % {"when": ago(overview.grace_ends_at)}
        yield Need(
            badge=_("Refused") if overview.refusal else _("In grace"),
            tone="bad" if overview.refusal else "warn",
            title=title,
            text=text,
            url=reverse("billing:subscription-detail", args=[overview.subscription.ref]),
            act=_("See plan"),
        )


def _allowances(held: Sequence[Overview], now: datetime, *, sees_money: bool) -> Iterator[Need]:
    """A cap holds for several subscriptions and is told once."""
    told: set[str] = set()
    live = [one.subscription for one in held]
    used = allowances.of_subscriptions(live, now)
    for subscription in live:
        for each in allowances.seen_by(used[subscription.pk], sees_money=sees_money):
            if each.tone and each.title not in told:
                told |= {each.title} if each.is_cap else set()
                yield Need(
                    badge=percent(each.taken, each.limit or 1),
                    tone=each.tone,
                    title=_("%(meter)s of plan %(plan)s") % {"meter": each.title, "plan": subscription.version.plan},
                    text=_("%(used)s of %(limit)s; %(reset)s.")
                    % {"used": each.used_text, "limit": each.limit_text, "reset": each.reset},
                    url=reverse("billing:subscription-detail", args=[subscription.ref]),
                    act=_("See plan"),
                )


def _keys(team: Team, now: datetime) -> Iterator[Need]:
    ending = ApiKey.objects.usable(now).filter(
        application__team=team, revoked_at=None, expires_at__lt=now + _KEY_NOTICE
    )
    for key in ending.select_related("application").order_by("expires_at"):
        yield Need(
            badge=_("Ends %(when)s") % {"when": ago(key.expires_at)},
            tone="warn",
            title=_("Key %(key)s of %(application)s") % {"key": key.name, "application": key.application},
            text=_("Last used %(when)s.") % {"when": ago(key.last_used_at)}
            if key.last_used_at
            else _("It was never used."),
            url=reverse("teams:key-rotate", args=[key.ref]),
            act=_("Rotate key"),
        )

"""How much of its allowances a subscription has used, in the words of pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark.templatetags.portal import ago, count, day, percent, short, size, spend
from billing import leases
from billing.contracts import cap_spec, plan_specs, version_at
from billing.leases import AllowanceState
from billing.models import Cap, Meter, Subscription
from billing.periods import FOREVER
from billing.terms import AllowanceSpec

# From here on it is said in amber: there is still time to do something.
_WARN_PER_CENT: Final = 80
_PERIODS: Final = {
    "day": gettext_lazy("a day"),
    "week": gettext_lazy("a week"),
    "month": gettext_lazy("a month"),
    "total": gettext_lazy("for good"),
}
_CAPS: Final = {
    "team": gettext_lazy("cap of the team"),
    "application": gettext_lazy("cap of the application"),
    "key": gettext_lazy("cap of a key"),
}


@dataclass(frozen=True, slots=True)
class Used:
    """One allowance in its current period. `held` is lent to running calls and counts as used until they end."""

    title: str
    meter: str
    used: int
    held: int
    limit: int | None
    currency: str
    period_start: datetime
    period_end: datetime
    now: datetime
    is_cap: bool

    @property
    def taken(self) -> int:
        return self.used + self.held

    @property
    def per_cent(self) -> int:
        """Rounded down, so that 100 means all of it."""
        if self.limit is None:
            return 0
        return min(100, self.taken * 100 // self.limit) if self.limit else 100

    @property
    def tone(self) -> str:
        if self.limit is None or self.per_cent < _WARN_PER_CENT:
            return ""
        return "bad" if self.taken >= self.limit else "warn"

    @property
    def used_text(self) -> str:
        return self.text(self.taken)

    @property
    def limit_text(self) -> str:
        return "" if self.limit is None else self.text(self.limit)

    @property
    def note(self) -> str:
        if self.limit is None:
            return ""
        values = {"share": percent(self.taken, self.limit or 1), "left": self.text(max(self.limit - self.taken, 0))}
        words = _("%(share)s used, %(left)s left") % values if self.limit else _("nothing is included")
        return f"{words}, {_('of the used %(held)s held') % {'held': self.text(self.held)}}" if self.held else words

    @property
    def reset(self) -> str:
        if self.period_end >= FOREVER:
            return _("never resets")
        # A renewal within the day is told with its hour.
        near = (self.period_end - self.now).total_seconds() < 86_400
        return _("resets %(when)s") % {"when": ago(self.period_end) if near else day(self.period_end)}

    @property
    def pace(self) -> int | None:
        """How much of the period has passed, in per cent."""
        if self.period_end >= FOREVER:
            return None
        return int((self.now - self.period_start) * 100 / (self.period_end - self.period_start))

    def text(self, units: int) -> str:
        if self.meter == Meter.SPEND:
            return spend(units, self.currency)
        return {Meter.BYTES: size, Meter.TOKENS: short}.get(Meter(self.meter), count)(units)


def of_subscription(subscription: Subscription, now: datetime) -> list[Used]:
    """What its plan includes, then the caps that the team set itself."""
    return of_subscriptions([subscription], now)[subscription.pk]


def of_subscriptions(subscriptions: Sequence[Subscription], now: datetime) -> dict[int, list[Used]]:
    """By subscription, all of one team. Two queries when they were loaded by `contracts.with_terms`."""
    teams = {subscription.team_id for subscription in subscriptions}
    caps = [cap_spec(cap) for cap in Cap.objects.filter(team__in=teams, api_key=None, lifted_at=None)]
    specs: list[tuple[Subscription, AllowanceSpec]] = []
    for subscription in subscriptions:
        application = f"app:{subscription.application_id}"
        own = [spec for spec in caps if spec.cap_scope == "team" or spec.scope == application]
        specs += [(subscription, spec) for spec in (*plan_specs(subscription, *version_at(subscription, now)), *own)]
    used: dict[int, list[Used]] = {subscription.pk: [] for subscription in subscriptions}
    for (subscription, spec), state in zip(specs, leases.usage([spec for _of, spec in specs], now), strict=True):
        used[subscription.pk].append(of_spec(spec, state, version_at(subscription, now)[0].currency, now))
    return used


def seen_by(used: Sequence[Used], *, sees_money: bool) -> list[Used]:
    """Without amounts of money for those who may not see any."""
    return [each for each in used if sees_money or each.meter != Meter.SPEND]


def of_spec(spec: AllowanceSpec, state: AllowanceState, currency: str, now: datetime) -> Used:
    name = str(dict(Meter.choices)[spec.meter])
    if spec.period in _PERIODS:
        name = f"{name} {_PERIODS[spec.period]}"
    if spec.cap_scope in _CAPS:
        name = f"{name}, {_CAPS[spec.cap_scope]}"
    return Used(
        title=name,
        meter=spec.meter,
        used=state.used,
        held=state.leased,
        limit=state.limit,
        currency=currency,
        period_start=state.period_start,
        period_end=state.period_end,
        now=now,
        is_cap=spec.kind == "cap",
    )

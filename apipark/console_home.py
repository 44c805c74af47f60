"""What the console's home shows: what needs the operator, today's figures, the system's parts, the last changes.

Each app answers for its own needs; this only asks them. Figures come from the roll-ups, never from the calls.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from analytics.models import CallRollup
from apipark import clock, heartbeats
from apipark.needs import Asker, Need, Urgency, list_url
from apipark.templatetags.portal import NOTHING, count, duration, rate, size, spend
from billing import needs as billing_needs
from billing.models import Invoice
from providers import needs as providers_needs
from providers.models import Provider
from proxy import needs as proxy_needs
from proxy.models import Call
from teams import wording
from teams.models import AuditEvent

# Parts are told of to those who may look at what they do.
_PARTS_PERMISSION: Final = "proxy.view_call"
_AUDIT_EVENTS: Final = 8
# Beyond it usage pages and the portal's calls are visibly behind.
_SHIPPER_LATE_S: Final = 10.0
_WEEK: Final = timedelta(days=7)


def home(request: HttpRequest) -> dict[str, Any]:
    may = request.user.has_perm
    needs = [need for asker in _ASKERS if may(asker.permission) for need in asker.ask()]
    parts = list(_parts()) if may(_PARTS_PERMISSION) else None
    ahead = timedelta(microseconds=clock.offset_us())
    return {
        "needs": sorted(needs, key=lambda need: need.urgency),
        "figures": _figures(clock.now()) if may(_PARTS_PERMISSION) else [],
        "parts": parts,
        "silent": sum(part.state == "silent" for part in parts or ()),
        "audit": [(event, wording.what(event)) for event in AuditEvent.objects.all()[:_AUDIT_EVENTS]]
        if may("teams.view_auditevent")
        else None,
        "now": clock.now(),
        "ahead": span(ahead) if ahead else "",
        "clock_url": reverse("admin:apipark_testclock_changelist"),
    }


def span(time: timedelta) -> str:
    """Whole days and hours: 31 d 4 h."""
    hours = time // timedelta(hours=1)
    days = _("%(days)s d") % {"days": hours // 24} if hours >= 24 else ""
    return f"{days} {_('%(hours)s h') % {'hours': hours % 24}}".strip() if hours % 24 or not days else days


# Parts ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Part:
    name: str
    pid: int
    state: str
    says: str
    heard: str

    @property
    def state_word(self) -> str:
        return _("Silent") if self.state == "silent" else _("Answers")


def _parts() -> Iterator[Part]:
    lived = heartbeats.read_all(settings.HEARTBEAT_DIR)
    for beat in lived:
        says = ", ".join(_says(name, value) for name, value in beat.facts.items() if value not in ([], "", None))
        state = "silent" if beat.stale else "answers"
        yield Part(beat.name, beat.pid, state, says, _age(beat.age_s))
    for name in heartbeats_missing(lived):
        yield Part(name, 0, "silent", _("never heard of on this machine"), NOTHING)


def heartbeats_missing(lived: Sequence[heartbeats.Heartbeat]) -> list[str]:
    names = {beat.name for beat in lived}
    return [name for name in ("shipper", "worker", "beat") if name not in names]


def _says(name: str, value: object) -> str:
    match name, value:
        case "lag_s", int() | float():
            return _("%(time)s behind") % {"time": duration(int(value * 1000))}
        case "behind_bytes", int():
            return _("%(size)s to ship") % {"size": size(value)}
        case "spools", int():
            return ngettext("%(count)s spool", "%(count)s spools", value) % {"count": value}
        case _, list():
            return f"{name} {', '.join(map(str, value))}"
        case _:
            return f"{name} {value}"


def _age(age_s: float) -> str:
    if age_s == float("inf"):
        return _("before the last start")
    return _("%(time)s ago") % {"time": duration(int(age_s * 1000))}


def _silent_parts() -> Iterator[Need]:
    lived = heartbeats.read_all(settings.HEARTBEAT_DIR)
    for beat in lived:
        if beat.stale:
            yield _part_need(beat.name, _("last heard of %(age)s") % {"age": _age(beat.age_s)})
    for name in heartbeats_missing(lived):
        yield _part_need(name, _("never heard of on this machine"))


def _part_need(name: str, detail: str) -> Need:
    return Need(
        urgency=Urgency.LOSING,
        icon="server",
        title=_("%(part)s does not answer") % {"part": name},
        detail=detail,
        since=None,
        url="#parts",
        act=_("See parts"),
        act_url="#parts",
    )


def _late_shipper() -> Iterator[Need]:
    beat = heartbeats.read(settings.HEARTBEAT_DIR, "shipper")
    lag_s = float(beat.facts.get("lag_s", 0)) if beat else 0.0
    if lag_s > _SHIPPER_LATE_S:
        yield Need(
            urgency=Urgency.SOON,
            icon="hourglass",
            title=_("The shipper lags by %(lag)s") % {"lag": duration(int(lag_s * 1000))},
            detail=_("Calls are safe in the spool and appear late."),
            since=None,
            url="#parts",
            act=_("See parts"),
            act_url="#parts",
        )


_ASKERS: Final = (
    Asker(_silent_parts, _PARTS_PERMISSION),
    Asker(_late_shipper, _PARTS_PERMISSION),
    *providers_needs.ASKERS,
    *billing_needs.ASKERS,
    *proxy_needs.ASKERS,
)


# Figures -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Figure:
    label: str | Promise
    value: str
    change: str
    tone: str
    line: list[int]
    look: str
    url: str


def _figures(now: datetime) -> list[Figure]:
    """Today against the same hours a week ago, with the last 24 hours as a line."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = _sums(midnight, now)
    before = _sums(midnight - _WEEK, now - _WEEK)
    hours = _by_hour(now)
    calls = list_url(Call)

    def figure(
        label: str | Promise, field: str, value: str, look: str, url: str, *, good_is_up: bool | None = None
    ) -> Figure:
        change, tone = _change(today[field], before[field], good_is_up=good_is_up)
        return Figure(label, value, change, tone, [sums.get(field, 0) for sums in hours], look, url)

    return [
        figure(gettext_lazy("Calls"), "calls", count(today["calls"]), "c1", calls),
        figure(
            gettext_lazy("Errors"),
            "status_5xx",
            rate(today["status_5xx"], today["calls"]),
            "c-bad",
            f"{calls}?class=5",
            good_is_up=False,
        ),
        figure(
            gettext_lazy("Refused, 402"),
            "status_402",
            count(today["status_402"]),
            "c-warn",
            f"{calls}?class=402",
            good_is_up=False,
        ),
        figure(
            gettext_lazy("Cost at providers"),
            "cost_nano",
            _money(midnight, now, "cost_nano"),
            "c-quiet",
            list_url(Provider),
        ),
        figure(
            gettext_lazy("Revenue of usage"),
            "revenue_nano",
            _money(midnight, now, "revenue_nano"),
            "c1",
            list_url(Invoice),
            good_is_up=True,
        ),
    ]


_SUMMED: Final = ("calls", "status_5xx", "status_402", "cost_nano", "revenue_nano")


def _hours(start: datetime, end: datetime) -> QuerySet[CallRollup]:
    return CallRollup.objects.filter(size=CallRollup.Size.HOUR, start__gte=start, start__lt=end)


def _sums(start: datetime, end: datetime) -> dict[str, int]:
    found = _hours(start, end).aggregate(**{field: Sum(field) for field in _SUMMED})
    return {field: found[field] or 0 for field in _SUMMED}


def _by_hour(now: datetime) -> list[dict[str, int]]:
    """The last 24 hours in order; an hour without calls is empty."""
    last = now.replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=23)
    hours = {first + timedelta(hours=hour): dict.fromkeys(_SUMMED, 0) for hour in range(24)}
    for start, *sums in _hours(first, now).order_by().values_list("start").annotate(*(Sum(field) for field in _SUMMED)):
        hours[start] = dict(zip(_SUMMED, sums, strict=True))
    return list(hours.values())


def _money(start: datetime, end: datetime, field: str) -> str:
    """Each currency for itself: they are never added."""
    rows = _hours(start, end).exclude(currency="").order_by().values("currency").annotate(total=Sum(field))
    return " + ".join(spend(row["total"], row["currency"]) for row in rows.order_by("-total")) or NOTHING


def _change(now: int, before: int, *, good_is_up: bool | None) -> tuple[str, str]:
    if not before:
        return "", ""
    permille = (now - before) * 1000 // before
    tone = "" if good_is_up is None or abs(permille) < 50 else ("ok" if (permille > 0) == good_is_up else "warn")
    return f"{'+' if permille >= 0 else '−'}{abs(permille) // 10}.{abs(permille) % 10} %", tone

"""A call's way as bars on one axis of time: what the gateway did first, and whom it asked with what result.

Operators are told of keys and of a provider's own words; a team learns who was asked and how that ended, not what is
wrong with an account that is not its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apipark.templatetags.portal import status_tone
from providers.models import AiModel, ProviderKey
from proxy.models import Call

# The axis, in units of the drawing, and the narrowest bar that is still seen.
_AXIS: Final = 1000
_NARROWEST: Final = 6
_NEVER_SENT: Final = (Call.Outcome.REFUSED, Call.Outcome.NOT_SENT, Call.Outcome.GATEWAY_LOST)
_ENDINGS: Final[Mapping[str, str | Promise]] = {
    "": gettext_lazy("Answered"),
    "request": gettext_lazy("Refused the request"),
    "context_length": gettext_lazy("Too long for this model"),
    "content_filter": gettext_lazy("Stopped by its content filter"),
    "key": gettext_lazy("Refused our key"),
    "model": gettext_lazy("Model withheld from our key"),
    "money": gettext_lazy("No credit left there"),
    "rate": gettext_lazy("Asked to wait"),
    "again": gettext_lazy("Asked to be repeated"),
    "overloaded": gettext_lazy("Overloaded"),
    "server": gettext_lazy("Failed"),
    "timeout": gettext_lazy("No answer in time"),
    "interrupted": gettext_lazy("Broke off"),
}
_OF_OUR_ACCOUNT: Final = frozenset({"key", "model", "money"})
_TONES: Final[Mapping[str, str]] = {"": "ok", "rate": "warn", "again": "warn", "request": "", "context_length": ""}
_LOOKS: Final[Mapping[str, str]] = {"ok": "c1", "warn": "c-warn", "bad": "c-bad", "": "c-quiet"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line. `number` is that of an attempt, 0 for what is no attempt of its own; times are ms of the call's own."""

    name: str
    start_ms: int
    took_ms: int
    look: str
    number: int = 0
    model: str = ""
    key: str = ""
    # How it ended: words, tone of the kit, and the status that came (None: none came).
    ending: str = ""
    tone: str = ""
    status: int | None = None
    said: str = ""
    # Since the attempt before it ended.
    waited_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A step with its bar, in units of the drawing's axis."""

    step: Step
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    bars: Sequence[Bar]
    whole_ms: int
    attempts: int


def waterfall(call: Call, model: AiModel | None, key: ProviderKey | None, *, for_operator: bool) -> Waterfall:
    """`model` and `key` are those that answered. Without bars for what never went upstream."""
    if call.attempts:
        steps = list(_attempts(call, for_operator=for_operator))
    else:
        steps = list(_only_attempt(call, model, key, for_operator=for_operator))
    whole = max([call.duration_ms, 1, *(step.start_ms + step.took_ms for step in steps)])
    bars = [_bar(step, whole) for step in steps]
    return Waterfall(bars, whole, sum(step.number > 0 for step in steps))


def _bar(step: Step, whole: int) -> Bar:
    x = min(step.start_ms * _AXIS // whole, _AXIS - _NARROWEST)
    return Bar(step, x, max(min(step.took_ms * _AXIS // whole, _AXIS - x), _NARROWEST))


def _attempts(call: Call, *, for_operator: bool) -> Iterator[Step]:
    ended = call.attempts[0]["at"]
    yield Step(_("Gateway"), 0, ended, "c-quiet")
    for number, attempt in enumerate(call.attempts, start=1):
        why = attempt["why"]
        answered = not why
        ending, tone = _last_ending(call) if answered else _ending(why, for_operator=for_operator)
        yield Step(
            name=attempt["provider"],
            start_ms=attempt["at"],
            took_ms=attempt["ms"],
            look=_LOOKS[tone],
            number=number,
            model=attempt["name"],
            key=attempt["label"] if for_operator else "",
            ending=ending,
            tone=tone,
            status=attempt["status"],
            said=attempt["said"] if for_operator else "",
            waited_ms=None if number == 1 else max(attempt["at"] - ended, 0),
        )
        if answered:
            yield from _within(call, attempt["at"], attempt["at"] + attempt["ms"])
        ended = attempt["at"] + attempt["ms"]


def _only_attempt(call: Call, model: AiModel | None, key: ProviderKey | None, *, for_operator: bool) -> Iterator[Step]:
    """An attempt that was answered at once is not told of by itself: it is the whole call."""
    if call.first_byte_ms is None and call.outcome in _NEVER_SENT:
        return
    ending, tone = _last_ending(call)
    yield Step(
        name=model.provider.name if model else _("Upstream"),
        start_ms=0,
        took_ms=call.duration_ms,
        look=_LOOKS[tone],
        number=1,
        model=model.name if model else "",
        key=key.name if key and for_operator else "",
        ending=ending,
        tone=tone,
        status=call.upstream_status,
    )
    yield from _within(call, 0, call.duration_ms)


def _within(call: Call, start: int, end: int) -> Iterator[Step]:
    """The parts of the attempt that answered."""
    if call.first_byte_ms is None:
        return
    first = min(max(call.first_byte_ms, start), end)
    yield Step(_("To the first byte"), start, first - start, "c3")
    yield Step(_("Answer"), first, end - first, "c1")


def _ending(why: str, *, for_operator: bool) -> tuple[str, str]:
    if why in _OF_OUR_ACCOUNT and not for_operator:
        return _("Not available"), "bad"
    return str(_ENDINGS.get(why, why)), _TONES.get(why, "bad")


def _last_ending(call: Call) -> tuple[str, str]:
    """Of the attempt whose answer went to the caller, or part of it."""
    if call.outcome == Call.Outcome.ANSWERED:
        return str(_ENDINGS[""]), status_tone(call.upstream_status or call.status)
    return call.get_outcome_display(), "" if call.outcome == Call.Outcome.CLIENT_GONE else "bad"


# What was changed on the way ------------------------------------------------------------------------------------------
def changes(report: Mapping[str, Any]) -> list[tuple[str, Sequence[str]]]:
    """What a call lost or gained so that its model could take it: what was done, and to what."""
    clamped = [
        _("%(name)s became %(value)s") % {"name": name, "value": value} for name, value in report.get("clamped", ())
    ]
    found: list[tuple[str, Sequence[str]]] = [
        (_("Left out"), report.get("dropped", ())),
        (_("Changed"), clamped),
        (_("Done by the gateway"), report.get("emulated", ())),
        (_("Usage reported"), [report["anomaly"]] if report.get("anomaly") else ()),
    ]
    return [(done, names) for done, names in found if names]

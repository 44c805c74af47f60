"""Limits that a team sets itself, on all it does, on an application or on one key. They hold within a second."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from apipark import changes, clock
from billing import leases
from billing.contracts import cap_spec
from billing.models import Cap
from teams import audit
from teams.models import ApiKey, Application, Team, User


@transaction.atomic
def set_cap(
    team: Team,
    *,
    limit: int,
    actor: User,
    application: Application | None = None,
    api_key: ApiKey | None = None,
    meter: str = "spend",
    period: str = "month",
    address: str | None = None,
) -> Cap:
    """The cap of this scope, meter and period, new or changed. Usage counts from the moment the cap is set."""
    if application and application.team_id != team.pk:
        raise ValidationError(_("This application belongs to another team."))
    if api_key and api_key.application.team_id != team.pk:
        raise ValidationError(_("This key belongs to another team."))
    # NULLs differ from each other in a unique index: the lock makes two at once impossible.
    Team.objects.select_for_update().get(pk=team.pk)
    scope = {"application": application, "api_key": api_key}
    cap = Cap.objects.filter(team=team, meter=meter, period=period, lifted_at=None, **scope).first()
    if cap:
        return _change(cap, limit, actor, address)
    cap = Cap(team=team, meter=meter, period=period, limit=limit, **scope)
    cap.full_clean()
    cap.save()
    audit.record(team=team, actor=actor, action="cap.set", target=cap, after=_facts(cap), address=address)
    _hold(cap, limit)
    return cap


@transaction.atomic
def raise_cap(cap: Cap, limit: int, *, actor: User, address: str | None = None) -> Cap:
    locked = _live(cap)
    if limit <= locked.limit:
        raise ValidationError(_("The new cap must be higher than the present one."))
    return _change(locked, limit, actor, address)


@transaction.atomic
def lift_cap(cap: Cap, *, actor: User, reason: str = "", address: str | None = None) -> None:
    locked = _live(cap)
    locked.lifted_at = clock.now()
    locked.save(update_fields=["lifted_at"])
    audit.record(
        team=locked.team,
        actor=actor,
        action="cap.lifted",
        target=locked,
        before=_facts(locked),
        reason=reason,
        address=address,
    )
    _hold(locked, None)


def _change(cap: Cap, limit: int, actor: User, address: str | None) -> Cap:
    before = _facts(cap)
    cap.limit = limit
    cap.full_clean()
    cap.save(update_fields=["limit"])
    audit.record(
        team=cap.team,
        actor=actor,
        action="cap.changed",
        target=cap,
        before=before,
        after=_facts(cap),
        address=address,
    )
    _hold(cap, limit)
    return cap


def _facts(cap: Cap) -> dict[str, object]:
    """What its limit counts stands beside it: without, nobody could read the number."""
    return {"meter": cap.meter, "period": cap.period, "limit": cap.limit}


def _hold(cap: Cap, limit: int | None) -> None:
    leases.change_limit(cap_spec(cap), limit, now=clock.now())
    if cap.api_key_id:
        changes.announce("consumer", cap.api_key_id)
    elif cap.application_id:
        changes.announce("application", cap.application_id)
    else:
        changes.announce("team", cap.team_id)


def _live(cap: Cap) -> Cap:
    locked = (
        Cap.objects.select_for_update(of=("self",)).select_related("team").filter(pk=cap.pk, lifted_at=None).first()
    )
    if locked is None:
        raise ValidationError(_("This cap was lifted."))
    return locked

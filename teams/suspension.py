"""The operator stops a team: its calls are refused within a second, everything else of it stays."""

from django.db import transaction

from apipark import changes, clock
from teams import audit
from teams.models import Team, User


@transaction.atomic
def suspend(team: Team, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Repeating changes nothing."""
    team = Team.objects.select_for_update().get(pk=team.pk)
    if team.suspended_at:
        return
    team.suspended_at, team.suspended_reason = clock.now(), reason
    _save(team, actor=actor, action="team.suspended", reason=reason, address=address)


@transaction.atomic
def resume(team: Team, *, actor: User | None, reason: str, address: str | None = None) -> None:
    """Repeating changes nothing."""
    team = Team.objects.select_for_update().get(pk=team.pk)
    if not team.suspended_at:
        return
    team.suspended_at, team.suspended_reason = None, ""
    _save(team, actor=actor, action="team.resumed", reason=reason, address=address)


def _save(team: Team, *, actor: User | None, action: str, reason: str, address: str | None) -> None:
    team.save(update_fields=["suspended_at", "suspended_reason"])
    audit.record(
        team=team,
        actor=actor,
        action=action,
        target=team,
        after={"suspended_at": team.suspended_at},
        reason=reason,
        address=address,
    )
    changes.announce("team", team.pk)

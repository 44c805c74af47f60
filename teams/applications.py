"""Applications: created, renamed, switched off and on again. Each change is announced to the gateway's workers."""

from django.db import transaction

from apipark import changes, clock
from teams import audit
from teams.models import Application, Environment, Team, User


@transaction.atomic
def create(
    team: Team,
    *,
    name: str,
    actor: User | None,
    environment: str = Environment.LIVE,
    description: str = "",
    address: str | None = None,
) -> Application:
    """Raises ValidationError for a name that the team has already."""
    application = Application(team=team, name=name, description=description, environment=environment, created_by=actor)
    application.full_clean(exclude=["team", "created_by"], validate_constraints=False)
    application.validate_constraints()
    application.save(force_insert=True)
    audit.record(
        team=team,
        actor=actor,
        action="application.created",
        target=application,
        after={"name": name, "description": description, "environment": environment},
        address=address,
    )
    changes.announce("application", application.pk)
    return application


@transaction.atomic
def rename(
    application: Application, *, name: str, description: str, actor: User | None, address: str | None = None
) -> None:
    """Raises ValidationError for a name that the team has already."""
    application = _locked(application)
    before = {"name": application.name, "description": application.description}
    application.name, application.description = name, description
    application.full_clean()
    application.save(update_fields=["name", "description"])
    audit.record(
        team=application.team,
        actor=actor,
        action="application.renamed",
        target=application,
        before=before,
        after={"name": name, "description": description},
        address=address,
    )
    changes.announce("application", application.pk)


@transaction.atomic
def suspend(application: Application, *, actor: User | None, reason: str = "", address: str | None = None) -> None:
    """All its keys are refused within a second. Repeating changes nothing."""
    application = _locked(application)
    if application.suspended_at:
        return
    application.suspended_at = clock.now()
    _save_suspended(application, actor=actor, action="application.suspended", reason=reason, address=address)


@transaction.atomic
def resume(application: Application, *, actor: User | None, reason: str = "", address: str | None = None) -> None:
    application = _locked(application)
    if not application.suspended_at:
        return
    application.suspended_at = None
    _save_suspended(application, actor=actor, action="application.resumed", reason=reason, address=address)


def _locked(application: Application) -> Application:
    return Application.objects.select_for_update(of=("self",)).select_related("team").get(pk=application.pk)


def _save_suspended(
    application: Application, *, actor: User | None, action: str, reason: str, address: str | None
) -> None:
    application.save(update_fields=["suspended_at"])
    audit.record(
        team=application.team,
        actor=actor,
        action=action,
        target=application,
        after={"suspended_at": application.suspended_at},
        reason=reason,
        address=address,
    )
    changes.announce("application", application.pk)

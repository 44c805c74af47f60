"""The life of a service's version: draft or in review → published → deprecated → retired. Published and deprecated ones
can be called. At most one version of a service is published, so publishing the next deprecates the one before.
"""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from apipark import changes, clock
from providers.models import Service, ServiceVersion, VersionState
from teams import audit
from teams.models import User

_FROM = {
    VersionState.PUBLISHED: {VersionState.DRAFT, VersionState.IN_REVIEW},
    VersionState.DEPRECATED: {VersionState.PUBLISHED},
    VersionState.RETIRED: {VersionState.PUBLISHED, VersionState.DEPRECATED},
}


@transaction.atomic
def publish(version: ServiceVersion, *, actor: User | None, reason: str = "", address: str | None = None) -> None:
    """Raises ValidationError for a version that cannot be published: its state, or nothing behind it."""
    version = _locked(version)
    _check(version, VersionState.PUBLISHED)
    _check_content(version)
    for before in version.service.versions.filter(state=VersionState.PUBLISHED):
        _move(before, VersionState.DEPRECATED, actor=actor, reason=reason, address=address)
    _move(version, VersionState.PUBLISHED, actor=actor, reason=reason, address=address)


@transaction.atomic
def deprecate(version: ServiceVersion, *, actor: User | None, reason: str = "", address: str | None = None) -> None:
    """It can be called as before. Raises ValidationError unless it is published."""
    version = _locked(version)
    _check(version, VersionState.DEPRECATED)
    _move(version, VersionState.DEPRECATED, actor=actor, reason=reason, address=address)


@transaction.atomic
def retire(version: ServiceVersion, *, actor: User | None, reason: str = "", address: str | None = None) -> None:
    """Calls of it are refused with 410 within a second. Raises ValidationError for what was never published."""
    version = _locked(version)
    _check(version, VersionState.RETIRED)
    _move(version, VersionState.RETIRED, actor=actor, reason=reason, address=address)


def can_become(version: ServiceVersion, state: VersionState) -> bool:
    return version.state in _FROM[state]


def _locked(version: ServiceVersion) -> ServiceVersion:
    # The service's row is what two publications of one service wait for.
    Service.objects.select_for_update().get(pk=version.service_id)
    return ServiceVersion.objects.select_related("service__team").get(pk=version.pk)


def _check(version: ServiceVersion, state: VersionState) -> None:
    if not can_become(version, state):
        words = {"state": version.get_state_display()}
        raise ValidationError(_("This cannot be done with a version in the state “%(state)s”.") % words)


def _check_content(version: ServiceVersion) -> None:
    if version.service.kind == Service.Kind.REST and not version.upstream_url:
        raise ValidationError(_("It has no upstream address yet."))
    if version.service.kind == Service.Kind.AI and not version.ai_models.exists():
        raise ValidationError(_("It has no models yet."))


def _move(
    version: ServiceVersion, state: VersionState, *, actor: User | None, reason: str, address: str | None
) -> None:
    before, version.state = version.state, state
    setattr(version, f"{state}_at", clock.now())
    version.save(update_fields=["state", f"{state}_at"])
    audit.record(
        team=version.service.team,
        actor=actor,
        action=f"version.{state}",
        target=version,
        before={"state": before},
        after={"state": state},
        reason=reason,
        address=address,
    )
    changes.announce("catalogue")

"""Who a team is on its invoices."""

from collections.abc import Mapping

from django.db import transaction

from teams import audit
from teams.models import Team, User

_FIELDS = ("legal_name", "address", "country", "tax_id", "contact_email")


@transaction.atomic
def change(team: Team, details: Mapping[str, str], *, actor: User | None, address: str | None = None) -> None:
    """`details`: any of the fields that invoices print. Raises ValidationError."""
    locked = Team.objects.select_for_update().get(pk=team.pk)
    before = {name: getattr(locked, name) for name in _FIELDS if name in details}
    if before == details:
        return
    for name in before:
        setattr(locked, name, details[name])
    locked.full_clean()
    locked.save(update_fields=list(before))
    audit.record(
        team=locked,
        actor=actor,
        action="team.details_changed",
        target=locked,
        before=before,
        after=details,
        address=address,
    )

"""What people change about themselves."""

from django.db import transaction

from teams import audit
from teams.models import User


@transaction.atomic
def change(user: User, *, name: str, language: str, time_zone: str, address: str | None = None) -> None:
    """On the site's chain: a person belongs to no single team. Raises ValidationError."""
    before = {"name": user.name, "language": user.language, "time_zone": user.time_zone}
    user.name, user.language, user.time_zone = name, language, time_zone
    after = {"name": name, "language": language, "time_zone": time_zone}
    if before == after:
        return
    user.full_clean()
    user.save(update_fields=["name", "language", "time_zone"])
    audit.record(team=None, actor=user, action="user.changed", target=user, before=before, after=after, address=address)

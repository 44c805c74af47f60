"""Who changed what: an append-only chain of events per team, and one of the site for what belongs to no team.

Each event carries the hash of the one before it, so that a changed, removed or inserted row is found by `verify`. Written
in the transaction of the change. Several chains, because a single one would make PostgreSQL do all writes one by one.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction

from apipark import clock
from teams.models import AuditEvent, Team, User

SITE: Final = "site"
_START: Final = "0" * 64


@transaction.atomic
def record(
    *,
    team: Team | None,
    actor: User | None,
    action: str,
    target: models.Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    address: str | None = None,
) -> AuditEvent:
    """Append to the team's chain (None: the site's). `action` is dotted, object first; no actor means the system.

    Call it inside the transaction that makes the change. The chain stays locked until that ends.
    """
    chain = chain_of(team)
    _lock(chain)
    last = AuditEvent.objects.filter(chain=chain).order_by("-number").first()
    event = AuditEvent(
        chain=chain,
        number=last.number + 1 if last else 1,
        team=team,
        at=clock.now(),
        actor=actor,
        actor_name=actor.email if actor else "system",
        action=action,
        object_kind=target._meta.model_name or "",
        object_ref=getattr(target, "ref", str(target.pk)),
        object_name=str(target)[:160],
        before=_plain(before),
        after=_plain(after),
        reason=reason[:500],
        address=address,
        previous_hash=last.hash if last else _START,
    )
    event.hash = _hash(event)
    event.save(force_insert=True)
    return event


def chain_of(team: Team | None) -> str:
    return str(team.pk) if team else SITE


def verify(chain: str) -> int | None:
    """Number of the first event at which the chain is broken; None while it is whole."""
    previous = _START
    events = AuditEvent.objects.filter(chain=chain).order_by("number").iterator()
    for number, event in enumerate(events, start=1):
        if event.number != number or event.previous_hash != previous or event.hash != _hash(event):
            return number
        previous = event.hash
    return None


def _lock(chain: str) -> None:
    # Of two events that race only one may become the next. SQLite's transactions are one at a time anyway. An
    # advisory lock also serves a chain that is still empty, and does not stand in the way of rows that name the team.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit:{chain}"])


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """As the database gives it back, so that the hash is the same before and after."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values or {}), cls=DjangoJSONEncoder))
    return plain


def _hash(event: AuditEvent) -> str:
    fields = [
        event.previous_hash,
        event.chain,
        event.number,
        event.team_id,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.actor_id,
        event.actor_name,
        event.action,
        event.object_kind,
        event.object_ref,
        event.object_name,
        event.before,
        event.after,
        event.reason,
        event.address,
    ]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

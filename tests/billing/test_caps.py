"""Caps: set, raised, lifted; and what the gateway is told of them."""

from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from apipark import clock
from apipark.models import Change
from billing import caps, leases
from billing.contracts import cap_spec
from billing.models import Allowance, Cap
from teams.models import AuditEvent
from tests.teams.factories import ApiKeyFactory, ApplicationFactory, TeamFactory, UserFactory

pytestmark = pytest.mark.django_db


def spent(cap: Cap, need: int) -> object:
    return leases.acquire(uuid4(), [leases.Want(cap_spec(cap), need, 0)], now=clock.now(), live_workers=1)


def test_a_cap_holds_is_raised_and_lifted() -> None:
    team, actor = TeamFactory.create(), UserFactory.create()
    cap = caps.set_cap(team, limit=1_000, actor=actor)

    seen = [type(spent(cap, 1_001))]
    cap = caps.raise_cap(cap, 5_000, actor=actor)
    seen.append(type(spent(cap, 1_001)))
    caps.lift_cap(cap, actor=actor)

    assert seen == [leases.Exhausted, leases.Granted]
    assert Allowance.objects.get().limit is None
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == [
        "cap.set",
        "cap.changed",
        "cap.lifted",
    ]
    with pytest.raises(ValidationError, match="lifted"):
        caps.raise_cap(cap, 9_000, actor=actor)


def test_setting_a_cap_again_changes_it() -> None:
    team, actor = TeamFactory.create(), UserFactory.create()
    caps.set_cap(team, limit=1_000, actor=actor)

    caps.set_cap(team, limit=10, actor=actor)

    assert Cap.objects.get().limit == 10


def test_raise_is_up_only() -> None:
    cap = caps.set_cap(TeamFactory.create(), limit=1_000, actor=UserFactory.create())

    with pytest.raises(ValidationError, match="higher"):
        caps.raise_cap(cap, 1_000, actor=UserFactory.create())


def test_each_scope_tells_its_own_workers() -> None:
    key = ApiKeyFactory.create()
    team, actor = key.application.team, UserFactory.create()

    caps.set_cap(team, limit=1, actor=actor)
    caps.set_cap(team, limit=1, actor=actor, application=key.application)
    caps.set_cap(team, limit=1, actor=actor, api_key=key)

    told = set(Change.objects.exclude(kind="allowance").values_list("kind", "object_id"))
    assert told >= {("team", team.pk), ("application", key.application_id), ("consumer", key.pk)}
    assert set(Allowance.objects.values_list("scope", flat=True)) == {
        f"team:{team.pk}",
        f"app:{key.application_id}",
        f"key:{key.pk}",
    }


def test_scopes_of_another_team_are_refused() -> None:
    team, actor = TeamFactory.create(), UserFactory.create()

    with pytest.raises(ValidationError):
        caps.set_cap(team, limit=1, actor=actor, application=ApplicationFactory.create())
    with pytest.raises(ValidationError):
        caps.set_cap(team, limit=1, actor=actor, api_key=ApiKeyFactory.create())
    with pytest.raises(ValidationError):
        caps.set_cap(team, limit=-1, actor=actor)
    assert not Cap.objects.exists()

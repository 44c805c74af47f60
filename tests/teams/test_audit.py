from datetime import UTC, datetime

import pytest

from apipark import clock
from teams import audit
from teams.models import AuditEvent, Team
from tests.teams.factories import TeamFactory, UserFactory

pytestmark = pytest.mark.django_db


def some_events(team: Team, count: int = 3) -> None:
    for number in range(count):
        audit.record(
            team=team,
            actor=UserFactory.create(),
            action="team.renamed",
            target=team,
            before={"name": "ä", "at": clock.now()},
            after={"name": number},
            address="2001:db8::1",
        )


def test_chain_is_whole() -> None:
    team = TeamFactory.create()

    some_events(team)

    assert audit.verify(audit.chain_of(team)) is None
    assert list(AuditEvent.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]


def test_chains_of_teams_and_site_are_apart() -> None:
    team, other = TeamFactory.create(), TeamFactory.create()
    some_events(team, 2)
    some_events(other, 1)

    event = audit.record(team=None, actor=None, action="clock.moved", target=team)

    assert (event.chain, event.number, event.actor_name) == ("site", 1, "system")
    assert [audit.verify(chain) for chain in (str(team.pk), str(other.pk), "site")] == [None, None, None]


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "x"},
        {"after": {"name": 7}},
        {"actor_name": "eve"},
        {"at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"hash": "0" * 64},
    ],
)
def test_verify_finds_a_changed_event(change: dict[str, object]) -> None:
    team = TeamFactory.create()
    some_events(team)

    AuditEvent.objects.filter(number=2).update(**change)

    assert audit.verify(str(team.pk)) == 2


def test_verify_finds_a_missing_event() -> None:
    team = TeamFactory.create()
    some_events(team)

    AuditEvent.objects.filter(number=2).delete()

    assert audit.verify(str(team.pk)) == 2

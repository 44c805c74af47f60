import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apipark import money
from teams import audit, wording
from teams.models import AuditEvent
from tests.teams.factories import MembershipFactory, TeamFactory

pytestmark = pytest.mark.django_db
_ROOT = Path(__file__).resolve().parents[2]


def an_event(action: str = "cap.set", **facts: Any) -> AuditEvent:
    team = TeamFactory.create(currency="EUR")
    return audit.record(team=team, actor=None, action=action, target=team, **facts)


def told(**facts: Any) -> list[str]:
    return list(wording.differences(an_event(**facts)))


def test_money_is_told_in_its_currency() -> None:
    spend = {"meter": "spend", "period": "month"}

    assert told(before={**spend, "limit": 25 * money.NANO}, after={**spend, "limit": 50 * money.NANO}) == [
        "Meter: spend",
        "Per: month",
        "Limit: €25.00 → €50.00",
    ]
    assert told(after={"total_minor": 2900, "currency": "JPY"}) == ["Sum: ¥2,900"]
    assert told(after={"meter": "calls", "limit": 1_000_000}) == ["Meter: calls", "Limit: 1,000,000"]
    assert told(after={"meter": "bytes", "limit": 2_000_000}) == ["Meter: bytes", "Limit: 2 MB"]


def test_times_follow_the_readers_zone() -> None:
    with timezone.override("Europe/Berlin"):
        assert told(after={"expires_at": "2031-01-01T12:00:00Z"}) == ["Expires: 1 Jan 2031, 13:00:00"]
    assert told(after={"expires_at": "soon"}) == ["Expires: soon"]


def test_nothing_of_the_record_is_hidden() -> None:
    assert told(
        before={"revoked_at": None, "hard": True}, after={"networks": ["10.0.0.0/8", "::1"], "odd": {"a": 1}}
    ) == [
        "For good: yes",
        "Addresses: 10.0.0.0/8, ::1",
        "odd: {'a': 1}",
    ]
    assert wording.what(an_event("moon.landed")) == "moon.landed"


def test_every_action_has_words() -> None:
    sources = [path.read_text() for app in ("teams", "billing", "proxy") for path in (_ROOT / app).rglob("*.py")]
    written = {
        action
        for text in sources
        for action in re.findall(r'(?:action=|_write_down\(\w+, |(?:ASKED|WROTE): Final = )"([a-z]+\.[a-z_]+)"', text)
    }

    assert len(written) > 30
    assert written - set(wording.ACTIONS) == set()


def test_page_tells_changes_in_words(client: Client) -> None:
    membership = MembershipFactory.create(role="owner", team__currency="EUR")
    audit.record(
        team=membership.team,
        actor=membership.user,
        action="cap.set",
        target=membership.team,
        after={"meter": "spend", "period": "month", "limit": 25 * money.NANO},
    )
    client.force_login(membership.user)

    page = client.get(reverse("teams:audit-list")).content.decode()

    assert "Cap set" in page
    assert "Limit: €25.00" in page
    assert "25000000000" not in page

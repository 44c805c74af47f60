"""How many workers share a limit: those that live, not all that ever did."""

from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from apipark import clock
from proxy.models import Spool

pytestmark = pytest.mark.django_db


def a_spool(minutes_ago: float, state: str = Spool.State.OPEN) -> Spool:
    seen_at = clock.now() - timedelta(minutes=minutes_ago)
    return Spool.objects.create(worker=uuid4(), host="here", started_at=seen_at, heartbeat_at=seen_at, state=state)


def test_workers_of_a_machine_that_is_gone_count_no_more(settings: Settings) -> None:
    settings.GATEWAY_SNAPSHOT_LIFE = timedelta(minutes=15)
    here, shipper_restarts = a_spool(0), a_spool(14)
    a_spool(16)
    a_spool(0, Spool.State.CLOSED)

    assert set(Spool.objects.living(clock.now())) == {here, shipper_restarts}

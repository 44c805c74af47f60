from datetime import datetime
from uuid import uuid4

import factory
from factory.django import DjangoModelFactory

from analytics.models import CallRollup
from apipark import clock
from apipark.ids import new_call_id
from proxy.models import Call


def _us(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


class CallFactory(DjangoModelFactory[Call]):
    """A call that was answered; `team` and `application` are ids, as in the table."""

    class Meta:
        model = Call

    at = factory.LazyFunction(clock.now)
    id = factory.LazyAttribute(lambda call: new_call_id(_us(call.at)))
    worker = factory.LazyFunction(uuid4)
    team = 0
    application = 0
    api_key = 0
    environment = "live"
    method = "POST"
    path = "/v1/chat/completions"
    status = 200
    outcome = Call.Outcome.ANSWERED
    duration_ms = 812
    first_byte_ms = 640


class CallRollupFactory(DjangoModelFactory[CallRollup]):
    class Meta:
        model = CallRollup

    size = CallRollup.Size.HOUR
    application = 0
    api_key = 0
    environment = "live"

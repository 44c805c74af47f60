import time

from celery import shared_task
from django.conf import settings

from apipark import clock
from proxy import retention

# Beat sends it again after five minutes; a large backlog takes several turns.
_TURN_S = 60


@shared_task(name="proxy.tasks.prune")
def prune() -> None:
    end = time.monotonic() + _TURN_S
    retention.prune(clock.now(), settings.GATEWAY_CALL_RETENTION, until=lambda: time.monotonic() > end)

import time

from celery import shared_task

from apipark import clock
from providers import probing

# Other sweeps wait for the same two processes, and one more probe may begin just before the end.
_TURN_S = 20


@shared_task(name="providers.tasks.probe")
def probe() -> None:
    end = time.monotonic() + _TURN_S
    probing.sweep(clock.now(), until=lambda: time.monotonic() > end)

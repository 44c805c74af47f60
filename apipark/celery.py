"""The Celery app: sweeps that look for work, sent by beat. A message only says "look now"; nothing is lost with it.

Worker and beat show by heartbeat files that they live, and their children end with them: a worker that was killed
would leave its beat behind, and after the restart there were two.
"""

import os
import signal
from typing import Any

from celery import Celery, signals
from celery.beat import PersistentScheduler
from django.conf import settings

from apipark import heartbeats
from apipark.parent_death import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apipark.settings")

app = Celery("apipark")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_scheduler = "apipark.celery:HeartbeatScheduler"
app.conf.beat_max_loop_interval = 5  # a tick is beat's heartbeat, so it has to come well before it counts as stale
app.autodiscover_tasks()


class HeartbeatScheduler(PersistentScheduler):
    def tick(self, *args: Any, **options: Any) -> float:
        heartbeats.touch(settings.HEARTBEAT_DIR, "beat")
        return float(super().tick(*args, **options))


@signals.setup_logging.connect
def keep_logging(**_: object) -> None:
    """A receiver is enough to make Celery leave logging as Django's settings made it."""


@signals.worker_ready.connect
@signals.heartbeat_sent.connect
def touch_heartbeat(**_: object) -> None:
    heartbeats.touch(settings.HEARTBEAT_DIR, "worker")


@signals.worker_process_init.connect
@signals.beat_embedded_init.connect
def end_with_the_worker(**_: object) -> None:
    die_with_parent(os.getppid(), signal.SIGKILL)

from typing import Any

from django.conf import settings

from apipark.celery import app

SCHEDULE: dict[str, dict[str, Any]] = settings.CELERY_BEAT_SCHEDULE


def test_every_task_of_the_schedule_exists() -> None:
    app.loader.import_default_modules()

    scheduled = {entry["task"] for entry in SCHEDULE.values()}

    assert scheduled
    assert scheduled <= set(app.tasks)


def test_task_that_waits_too_long_is_not_done_twice() -> None:
    """Each expires when the next one is sent, so that a worker that was away finds one of each and no queue."""
    assert all(entry["options"]["expires"] == entry["schedule"] for entry in SCHEDULE.values())

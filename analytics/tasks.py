from celery import shared_task

from analytics import rollups


@shared_task(name="analytics.tasks.roll_up")
def roll_up() -> None:
    rollups.roll_up()

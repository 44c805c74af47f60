import signal
import socket
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apipark import heartbeats
from proxy.shipper import AlreadyRunning, Shipper, only_one


class Command(BaseCommand):
    help = "Carry the workers' spools into the database until stopped."

    def handle(self, *_args: Any, **_options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        try:
            with only_one(settings.DATA_DIR / "shipper.lock"):
                Shipper(settings.SPOOL_DIR, settings.HEARTBEAT_DIR, host=socket.gethostname()).run(stopping)
                heartbeats.remove(settings.HEARTBEAT_DIR, "shipper")
        except AlreadyRunning as error:
            raise CommandError(str(error)) from error

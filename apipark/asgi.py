"""The door: gateway paths to the proxy's slim handler, everything else to Django; start and end by `lifespan`."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apipark.settings")

from django.core.asgi import get_asgi_application

# Before anything that imports models.
django_application: Any = get_asgi_application()

import structlog

from apipark.parent_death import die_with_parent
from proxy.handler import is_gateway_path
from proxy.inbound import Message, Receive, Send
from proxy.worker import Worker

log = structlog.get_logger()


class Application:
    def __init__(self) -> None:
        self._worker: Worker | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and is_gateway_path(scope["path"]):
            assert self._worker is not None and self._worker.handler is not None  # noqa: S101, PT018 (started)
            await self._worker.handler(scope, receive, send)
        else:
            await django_application(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            die_with_parent(os.getppid())
            self._worker = Worker()
            await self._worker.start()
        except Exception as error:
            # Only this message keeps granian from serving without what should have been built.
            log.exception("worker_cannot_start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._worker.stop()
        await send({"type": "lifespan.shutdown.complete"})


application = Application()

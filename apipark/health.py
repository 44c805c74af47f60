"""Probes. `/healthz` asks only whether the loop turns. `/readyz` is 200 as long as calls can be served, with a list of
what is degraded: else one outage of the database would take every gateway out of rotation at once.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apipark import heartbeats
from apipark.changes import client_url

# On every machine that runs a gateway; worker and beat may live elsewhere, and count once they have lived here.
_BESIDE_EACH_GATEWAY: Final = "shipper"
_REDIS_DEADLINE_S: Final = 0.1
# Longer than a busy database takes for nothing, shorter than probes wait.
_DATABASE_DEADLINE_S: Final = 0.8


@dataclass(frozen=True, slots=True)
class Readiness:
    # Reasons why no call can be served; empty when calls can.
    closed: list[str]
    # `check=mode`
    degraded: list[str]

    @property
    def status(self) -> int:
        return 503 if self.closed else 200

    def as_json(self) -> dict[str, object]:
        return {"status": "closed" if self.closed else "ok", "closed": self.closed, "degraded": self.degraded}


def readiness(directory: Path, *, pid: int, database: bool, redis_answers: bool) -> Readiness:
    """Of the web worker `pid`. A worker that started with a database serves on from memory without it."""
    gateway = heartbeats.read(directory, f"web-{pid}")
    closed = list(gateway.facts.get("closed", [])) if gateway else []
    degraded = list(gateway.facts.get("degraded", [])) if gateway else []
    if not database:
        if gateway is None:
            closed.append("database=down")
        else:
            degraded.append("database=down")
    if not redis_answers:
        degraded.append("redis=down")
    degraded += _silent_parts(directory)
    return Readiness(closed, degraded)


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    found = readiness(
        settings.HEARTBEAT_DIR, pid=os.getpid(), database=_database.answers(), redis_answers=_redis_answers()
    )
    return JsonResponse(found.as_json(), status=found.status)


PROBES: Final = {"healthz": healthz, "readyz": readyz}


class ProbeMiddleware:
    """Answers before anything looks at the Host: an orchestrator asks by the address of a pod, which is none of
    ALLOWED_HOSTS. Nothing in these answers is made of it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info.removeprefix("/"))
        return probe(request) if probe else self._get_response(request)


def _silent_parts(directory: Path) -> Iterator[str]:
    lived = {heartbeat.name: heartbeat for heartbeat in heartbeats.read_all(directory)}
    if _BESIDE_EACH_GATEWAY not in lived:
        yield f"{_BESIDE_EACH_GATEWAY}=down"
    for name, heartbeat in lived.items():
        if heartbeat.stale and not name.startswith("web-"):
            yield f"{name}=down"


class DatabaseProbe:
    """Asks in a thread, since a server that hangs accepts a connection and never answers. One thread hangs at most."""

    def __init__(self, ask: Callable[[], bool], *, deadline_s: float) -> None:
        self._ask, self._deadline_s = ask, deadline_s
        self._lock = threading.Lock()
        self._answer: Future[bool] | None = None

    def answers(self) -> bool:
        with self._lock:
            answer = self._answer
            if answer is None or answer.done():
                self._answer = answer = Future()
                threading.Thread(target=self._fill, args=(answer,), name="readyz", daemon=True).start()
        try:
            return answer.result(self._deadline_s)
        except TimeoutError:
            return False

    def _fill(self, answer: "Future[bool]") -> None:
        answered = False
        try:
            answered = self._ask()
        finally:
            answer.set_result(answered)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    finally:
        connection.close()  # of this thread, which ends
    return True


_database = DatabaseProbe(_database_answers, deadline_s=_DATABASE_DEADLINE_S)


def _redis_answers() -> bool:
    client = redis.Redis.from_url(
        client_url(settings.REDIS_URL),
        socket_timeout=_REDIS_DEADLINE_S,
        socket_connect_timeout=_REDIS_DEADLINE_S,
        retry=None,
    )
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()

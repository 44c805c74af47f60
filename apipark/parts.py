"""Which parts there are, how each is started, and how it is asked whether it answers."""

import http.client
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import redis
from django.conf import settings

from apipark import heartbeats, valkey
from apipark.changes import client_url
from apipark.supervisor import Part

_PROBE_S: Final = 1.0
# Descriptors of a worker that are no client's connection: upstreams (as many again), database, spool, Redis.
_RESERVED_DESCRIPTORS: Final = 256
_MOST_CONNECTIONS: Final = 16384
_FEWEST_CONNECTIONS: Final = 256


def broker() -> Part:
    """Raises valkey.NoValkey."""
    return Part(
        name="valkey",
        argv=tuple(valkey.prepare(settings.DATA_DIR, settings.VALKEY_PASSWORD)),
        ready=lambda _pid: broker_answers(),
        stop_rank=2,
    )


def demo(port: int) -> Part:
    """Ends after the gateway, whose open calls it answers."""
    return Part(
        name="demo",
        argv=(sys.executable, "-m", "providers.demo", "--host", "127.0.0.1", "--port", str(port)),
        ready=lambda _pid: _answers("127.0.0.1", port, "/"),
        stop_rank=1,
    )


def shipper() -> Part:
    """Ends after the gateway, whose last records it ships."""
    argv = (sys.executable, "manage.py", "ship")
    return Part(name="shipper", argv=argv, ready=_lives("shipper"), stop_rank=1, forked=True)


def web(host: str, port: int, *, kill_after_s: int = 6) -> Part:
    return Part(
        name="web",
        argv=_granian(host, port, kill_after_s=kill_after_s),
        ready=lambda _pid: _answers(_reachable(host), port, "/readyz", wanted=200),
        forked=True,
    )


def worker() -> Part:
    """With beat inside. Told to quit at 5 s: until then it may finish the sweep it is in."""
    lives, beats = _lives("worker"), _lives("beat")
    return Part(
        name="worker",
        argv=(*_celery("worker", "--concurrency", "2", "--without-gossip", "--without-mingle"), "--beat"),
        ready=lambda pid: lives(pid) and beats(pid),
        quit_after_s=5.0,
        # Its broker goes with it, and without one even its quick ways to end may wait for ever. Tasks bear it.
        when_orphaned=signal.SIGKILL,
        forked=True,
    )


def command_of(role: str, host: str, port: int) -> tuple[str, ...]:
    """Of one part alone, in the foreground. It has the time to end that `GATEWAY_DRAIN` gives."""
    if role == "web":
        return _granian(host, port, kill_after_s=int(settings.GATEWAY_DRAIN.total_seconds()) + 4)
    if role == "shipper":
        return shipper().argv
    if role == "worker":
        return _celery("worker", "--without-gossip", "--without-mingle")
    return _celery("beat")


def broker_answers() -> bool:
    client = redis.Redis.from_url(
        client_url(settings.REDIS_URL), socket_timeout=_PROBE_S, socket_connect_timeout=_PROBE_S, retry=None
    )
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def _granian(host: str, port: int, *, kill_after_s: int) -> tuple[str, ...]:
    options = {
        "--interface": "asgi",
        "--runtime-mode": "st",
        "--http": "1",
        "--host": host,
        "--port": port,
        "--workers": settings.GATEWAY_WORKERS,
        "--respawn-interval": 0.1,
        "--workers-kill-timeout": kill_after_s,
        # It counts connections, idle ones too, and lets the rest wait without an answer: calls are shed by ourselves.
        "--backpressure": connections_of_a_worker(),
        # A client that sends its headers byte by byte holds a connection no longer than this, in milliseconds.
        "--http1-header-read-timeout": 10_000,
        "--http1-buffer-size": 65_536,
    }
    named = (text for name, value in options.items() for text in (name, str(value)))
    return (
        *(sys.executable, "-m", "granian", "--no-ws", "--respawn-failed-workers", "--no-access-log"),
        *named,
        "apipark.asgi:application",
    )


def connections_of_a_worker() -> int:
    """As many as descriptors allow, one to the client and one to the upstream each; the children inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _MOST_CONNECTIONS + _RESERVED_DESCRIPTORS
    if hard == resource.RLIM_INFINITY or hard > soft:
        soft = wanted if hard == resource.RLIM_INFINITY else max(soft, min(hard, wanted))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(_FEWEST_CONNECTIONS, min(_MOST_CONNECTIONS, (soft - _RESERVED_DESCRIPTORS) // 2))


def _celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "apipark.celery", *arguments, "--loglevel", settings.LOG_LEVEL)


def _lives(name: str) -> Callable[[int], bool]:
    """Its heartbeat is fresh and of this very process, or of one that it made."""

    def lives(pid: int) -> bool:
        heartbeat = heartbeats.read(settings.HEARTBEAT_DIR, name)
        if heartbeat is None or heartbeat.stale:
            return False
        try:
            return os.getsid(heartbeat.pid) == pid
        except (ProcessLookupError, PermissionError):
            return False

    return lives


def _reachable(host: str) -> str:
    """Where a listener on every address is found."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 (compared, not bound)


def _answers(host: str, port: int, path: str, *, wanted: int | None = None) -> bool:
    """With the status `wanted`, or with any."""
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE_S)
    try:
        connection.request("GET", path, headers={"Host": urlsplit(settings.PUBLIC_URL).netloc})
        return wanted in {None, connection.getresponse().status}
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def why_taken(host: str, port: int) -> str:
    """Why nothing can listen there, empty when it can. granian's sockets share a port without a word: asked before."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return f"--host {host} cannot be used: {error.strerror}"
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # Of connections that ended a minute ago nothing is in the way; a listener still is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return f"{host}:{port} cannot be listened on: {error.strerror}"
    return ""

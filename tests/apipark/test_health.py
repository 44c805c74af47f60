"""Probes: what closes the door, what is only worse than usual, and that nobody waits for what hangs."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apipark import heartbeats
from apipark.health import DatabaseProbe, readiness

PID = 4711


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Of a machine on which a gateway and its shipper live."""
    heartbeats.touch(tmp_path, f"web-{PID}", degraded=[], closed=[])
    heartbeats.touch(tmp_path, "shipper")
    return tmp_path


def _age(directory: Path, name: str, by_s: float) -> None:
    path = directory / f"{name}.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"monotonic_s": content["monotonic_s"] - by_s}))


def _found(directory: Path, *, database: bool = True, redis_answers: bool = True) -> tuple[int, list[str], list[str]]:
    found = readiness(directory, pid=PID, database=database, redis_answers=redis_answers)
    return found.status, found.closed, found.degraded


def test_ready_when_every_part_lives(parts: Path) -> None:
    assert _found(parts) == (200, [], [])


def test_without_database_or_redis_a_worker_that_has_started_serves_on(parts: Path) -> None:
    assert _found(parts, database=False, redis_answers=False) == (200, [], ["database=down", "redis=down"])


def test_without_database_a_worker_that_has_not_started_is_closed(parts: Path) -> None:
    heartbeats.remove(parts, f"web-{PID}")

    assert _found(parts, database=False) == (503, ["database=down"], [])


def test_what_the_worker_says_of_itself_is_passed_on(parts: Path) -> None:
    heartbeats.touch(parts, f"web-{PID}", degraded=["quota=lease"], closed=["draining"])

    assert _found(parts) == (503, ["draining"], ["quota=lease"])


def test_a_part_that_has_gone_silent_is_named_and_closes_nothing(parts: Path) -> None:
    heartbeats.touch(parts, "worker")
    _age(parts, "shipper", heartbeats.STALE_AFTER_S + 1)
    _age(parts, "worker", heartbeats.STALE_AFTER_S + 1)

    assert _found(parts) == (200, [], ["shipper=down", "worker=down"])


def test_a_machine_without_a_shipper_says_so(parts: Path) -> None:
    heartbeats.remove(parts, "shipper")

    assert _found(parts) == (200, [], ["shipper=down"])


def test_another_web_worker_that_is_gone_is_no_concern_of_this_one(parts: Path) -> None:
    heartbeats.touch(parts, "web-1", degraded=["quota=lease"], closed=["draining"])
    _age(parts, "web-1", heartbeats.STALE_AFTER_S + 1)

    assert _found(parts) == (200, [], [])


def test_nobody_waits_long_for_a_database_that_hangs() -> None:
    awake, threads = threading.Event(), set[int]()

    def ask() -> bool:
        threads.add(threading.get_ident())
        return awake.wait(10)

    probe = DatabaseProbe(ask, deadline_s=0.05)
    began = time.monotonic()

    hanging = [probe.answers(), probe.answers()]
    waited_s, hang = time.monotonic() - began, len(threads)
    awake.set()

    assert hanging == [False, False]
    assert waited_s < 1
    assert hang == 1  # not one for each probe
    assert probe.answers() is True


@pytest.mark.django_db
def test_the_pages_say_in_json_what_is_wrong(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.HEARTBEAT_DIR = tmp_path
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeats.touch(tmp_path, f"web-{os.getpid()}", degraded=[], closed=[])

    alive, ready = client.get(reverse("healthz")), client.get(reverse("readyz"))

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert ready.status_code == 200
    assert ready.json() == {"status": "ok", "closed": [], "degraded": ["redis=down", "shipper=down"]}
    assert "no-store" in ready["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["10.1.2.3:8000", "[fd00::7]", "", "no host at all", "api.example.com"])
def test_probes_are_answered_whatever_host_is_asked_for_and_nothing_else_is(
    client: Client, settings: Settings, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    pages = [reverse("healthz"), reverse("readyz"), reverse("account_login"), "/healthz/", "/unknown"]

    answers = [client.get(page, headers={"host": host}).status_code for page in pages]

    assert answers == ([200, 200, 200, 404, 404] if host == "api.example.com" else [200, 200, 400, 400, 400])


def test_probes_only_read(client: Client) -> None:
    assert [client.post(reverse(name)).status_code for name in ("healthz", "readyz")] == [405, 405]

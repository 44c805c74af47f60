"""A gateway of real processes: web workers, shipper, Celery and Valkey, started by the commands of the product."""

import contextlib
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.upstream import Upstream
from tests.gateway.client import Answer, request
from tests.gateway.ledgers import violations
from tests.journeys.installation import ROOT, Console, soon
from tests.postgres import Postgres, free_port

_START_S = 60
_STOP_S = 8
_CALM_S = 12.0
_NUMBERS = itertools.count(1)


class Story:
    """One team's key, service and plan; the calls of a test."""

    def __init__(self, gateway: "Gateway", made: dict[str, Any]) -> None:
        self._gateway = gateway
        self.name: str = made["name"]
        self.key: str = made["secret"]
        self.application: int = made["application"]
        self.limits: dict[str, int] = made["limits"]

    def call(self, what: str = "ordinary", key: str = "") -> bytes:
        return request("GET", f"/apis/{self.name}/{what}", key or self.key)

    def books(self) -> dict[str, Any]:
        found: dict[str, Any] = self._gateway.hands("books", application=self.application)
        return found

    def change(self, kind: str) -> None:
        self._gateway.hands("change", kind=kind, application=self.application)

    def at_upstream(self) -> list[str]:
        mine = f"/{self.name}/"
        return [each.call for each in list(self._gateway.upstream.journal) if each.target.startswith(mine)]

    def violations(self, answers: list[Answer], patience_s: float = _CALM_S) -> list[str]:
        """Of the three ledgers, as soon as there are none, or of what is left of them after a while."""
        found: list[str] = []

        def agree() -> bool:
            found[:] = violations(self.books(), self.at_upstream(), answers)
            return not found

        soon(agree, patience_s)
        return found


class Gateway:
    def __init__(
        self, folder: Path, upstream: Upstream, *, workers: int, postgres: Postgres | None, **environment: str
    ) -> None:
        self.folder, self.upstream, self.workers, self.postgres = folder, upstream, workers, postgres
        self.port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        password = secrets.token_hex(16)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))},
            "DATA_DIR": str(folder),
            "DATABASE_URL": postgres.url if postgres else f"sqlite:///{folder / 'apipark.sqlite3'}",
            "DJANGO_SETTINGS_MODULE": "tests.gateway.settings",
            "SECRET_KEY": secrets.token_hex(32),
            "KEY_PEPPERS": f"1:{secrets.token_hex(32)}",
            "MASTER_KEYS": f"1:{secrets.token_hex(32)}",
            "PUBLIC_URL": f"http://localhost:{self.port}",
            "BILLING_TEST_GATEWAY": "1",
            "GATEWAY_WORKERS": str(workers),
            "GATEWAY_ALLOWED_ADDRESSES": upstream.address,
            "GATEWAY_DRAIN": "2",
            "VALKEY_PASSWORD": password,
            "LOG_LEVEL": "WARNING",
            **environment,
        }
        self.hands = Console(self.environment, "tests.gateway.hands")

    @property
    def sqlite(self) -> Path:
        return self.folder / "apipark.sqlite3"

    def prepare(self) -> None:
        self.hands("migrate")
        self.hands("catalogue", upstream=self.upstream.address)
        self._commands: dict[str, list[str]] = self.hands("commands", port=self.port)

    def start(self, *names: str) -> None:
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as output:
                self._processes[name] = subprocess.Popen(
                    self._commands[name],
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )

    def wait_until_ready(self) -> None:
        assert soon(lambda: len(self.web_pids()) >= self.workers or self._dead(), _START_S), self.logs()
        assert not self._dead(), self.logs()
        assert soon(self._listens, _START_S), self.logs()

    def stop(self) -> None:
        with contextlib.suppress(AssertionError):
            self.hands.close()
        for name in ("web", "shipper", "worker", "valkey"):
            if name in self._processes:
                self._end(self._processes.pop(name), gently=name in {"web", "shipper"})

    def web_pids(self) -> list[int]:
        """Of workers whose heartbeat was seen within two seconds and that live."""
        found = []
        for path in (self.folder / "heartbeats").glob("web-*.json"):
            with contextlib.suppress(OSError, ValueError):
                content = json.loads(path.read_text())
                if time.monotonic() - content["monotonic_s"] < 2.5 and _lives(content["pid"]):
                    found.append(content["pid"])
        return found

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def runs(self, name: str) -> bool:
        return name in self._processes

    def kill(self, name: str) -> None:
        """The whole part, without warning."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self, name: str) -> None:
        """As its supervisor ends it."""
        self._end(self._processes.pop(name), gently=True)

    def story(self, limits: dict[str, int] | None = None, **terms: Any) -> Story:
        (made,) = self.stories(1, limits, **terms)
        return made

    def stories(self, count: int, limits: dict[str, int] | None = None, **terms: Any) -> list[Story]:
        made = []
        for _ in range(count):
            # Gateways share an upstream, and it tells them apart by this name.
            asked = {"name": f"story-{next(_NUMBERS)}", "upstream": self.upstream.address, "limits": limits or {}}
            made.append(Story(self, self.hands("story", **asked | terms)))
        # Every worker has read the new services by then.
        time.sleep(0.8)
        return made

    def logs(self) -> str:
        return "\n".join(f"{path.name}:\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _dead(self) -> bool:
        return any(process.poll() is not None for process in self._processes.values())

    @staticmethod
    def _end(process: "subprocess.Popen[bytes]", *, gently: bool) -> None:
        if gently:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def running(
    folder: Path,
    upstream: Upstream,
    *,
    workers: int,
    postgres: Postgres | None = None,
    parts: tuple[str, ...] = ("web", "shipper"),
    **environment: str,
) -> Iterator[Gateway]:
    gateway = Gateway(folder, upstream, workers=workers, postgres=postgres, **environment)
    try:
        gateway.prepare()
        gateway.start(*parts)
        gateway.wait_until_ready()
        yield gateway
    finally:
        gateway.stop()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

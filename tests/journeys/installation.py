"""One real installation, started by the command that people use, with demo provider, shipper, web and Celery."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Of the people that journeys make.
PASSWORD = "a-way-through-the-snow"
ROOT = Path(__file__).resolve().parents[2]
_START_S = 90
_STOP_S = 20
# Of the settings of the tests, which this process has in its environment.
_OURS = {
    "BILLING_TEST_GATEWAY",
    "DATABASE_URL",
    "DATA_DIR",
    "DJANGO_SETTINGS_MODULE",
    "KEY_PEPPERS",
    "MASTER_KEYS",
    "PUBLIC_URL",
    "SECRET_KEY",
}


class Console:
    """A process beside the web that does what an operator may do; see `tests/journeys/hands.py`."""

    def __init__(self, environment: dict[str, str], hands: str = "tests.journeys.hands") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", hands],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, verb: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the process has ended"}')
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


class Installation:
    def __init__(self, *, url: str, data_dir: Path, console: Console) -> None:
        self.url = url
        self.data_dir = data_dir
        self.console = console
        self.first_run: dict[str, Any] = json.loads((data_dir / "first-run.json").read_text())

    @property
    def demo(self) -> dict[str, Any]:
        demo: dict[str, Any] = self.first_run["demo"]
        return demo


@contextmanager
def running(data_dir: Path) -> Iterator[Installation]:
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    log = data_dir.with_suffix(".log")
    with log.open("w") as output:
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port), "--data-dir", str(data_dir)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(up, log)
        url = f"http://localhost:{port}"
        beside = {"DATA_DIR": str(data_dir), "PUBLIC_URL": url, "BILLING_TEST_GATEWAY": "1"}
        console = Console(environment | beside | {"DJANGO_SETTINGS_MODULE": "apipark.settings"})
        try:
            yield Installation(url=url, data_dir=data_dir, console=console)
        finally:
            console.close()
    finally:
        up.send_signal(signal.SIGTERM)
        try:
            up.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()
            raise


def _wait_until_ready(up: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while "ready in" not in log.read_text():
        assert up.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def soon(look: Callable[[], Any], patience_s: float = 5) -> Any:
    """What `look` finds as soon as it finds something; at last whatever it finds."""
    deadline = time.monotonic() + patience_s
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found

"""The command that people use, with real processes: it starts everything, mends what dies and leaves nothing behind.

One installation serves all these tests; whoever needs it and does not find it running starts it again on the same data.
"""

import http.client
import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.apipark.starting import ROOT, UP, environment, refusal
from tests.journeys.installation import soon
from tests.postgres import free_port

PARTS = ("demo", "shipper", "valkey", "web", "worker")
_READY_WITHIN_S = 90
_ENDS_WITHIN_S = 10

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc, which Linux alone has"),
]


class Up:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.port = data_dir, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._out = data_dir.with_suffix(".out")

    def ensure_running(self) -> "Up":
        if self._process is None:
            command = [*UP, "--port", str(self.port), "--data-dir", str(self.data_dir)]
            with self._out.open("wb") as output:
                self._process = subprocess.Popen(
                    command, cwd=ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT
                )
            assert soon(lambda: "ready in" in self.said() or self._process_ended(), _READY_WITHIN_S), self.said()
            assert not self._process_ended(), self.said()
        return self

    def end(self, number: signal.Signals) -> int:
        """Its exit code. Nothing waits for the parts here: they have to be gone by themselves."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(number)
        return process.wait(_ENDS_WITHIN_S)

    def said(self) -> str:
        return self._out.read_text()

    def says(self, text: str) -> bool:
        return bool(soon(lambda: text in self.said(), 40))

    def pids(self) -> set[int]:
        assert self._process is not None
        return {self._process.pid, *_descendants(self._process.pid)}

    def pid_of(self, part: str) -> int:
        """The main process of a part is a child of `up`."""
        assert self._process is not None
        (found,) = [pid for pid in _children(self._process.pid) if part in _name(pid)]
        return found

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return _get(self.port, path)

    def _process_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


def _get(port: int, path: str) -> tuple[int, dict[str, Any]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
        return answer.status, body


def _status(pid: int) -> str:
    """State and parent, empty when the process is gone. The name in between may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _lives(pid: int) -> bool:
    return _status(pid)[:1] not in {"", "Z", "X"}


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _children(parent: int) -> list[int]:
    return [pid for pid in _pids() if _status(pid).split(" ")[1:2] == [str(parent)]]


def _descendants(pid: int) -> list[int]:
    return [each for child in _children(pid) for each in (child, *_descendants(child))]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _name(pid: int) -> str:
    """A part of our own has its name as the process's, another program has it on its command line."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return name if name.startswith("apipark-") else _command(pid)


def _working_on(data_dir: Path) -> list[str]:
    """Processes that have the directory in their environment or on their command line."""
    return [_command(pid) for pid in _pids() if _lives(pid) and _names(pid, str(data_dir))]


def _names(pid: int, text: str) -> bool:
    try:
        found = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return text.encode() in found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    started = Up(tmp_path_factory.mktemp("up") / "data")
    try:
        yield started.ensure_running()
    finally:
        if started._process is not None:
            started.end(signal.SIGTERM)


def _paste(line: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """As a person does, with one addition: the status is told too."""
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    answer = folder / "answer"
    done = subprocess.run(
        ["bash", "-c", f"{line} -o {shlex.quote(str(answer))} -w '%{{http_code}}'"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    body: dict[str, Any] = json.loads(answer.read_text())
    return int(done.stdout), body


def test_the_banner_shows_where_to_go_and_two_calls_that_work_when_pasted(up: Up, tmp_path: Path) -> None:
    up.ensure_running()
    first_run = json.loads((up.data_dir / "first-run.json").read_text())
    operator, demo = first_run["operator"], first_run["demo"]

    said = up.said()
    passes, refused = [line.strip() for line in said.splitlines() if line.strip().startswith("curl ")]

    assert f"APIPark is ready: http://localhost:{up.port}\n" in said
    assert f"Operator: {operator['email']}  password: {operator['password']}" in said
    assert demo["api_key"] in passes
    assert demo["refused"]["api_key"] in refused
    status, body = _paste(passes, tmp_path)
    assert (status, body["object"]) == (200, "chat.completion")
    status, body = _paste(refused, tmp_path)
    assert (status, body["error"]["code"]) == (402, "subscription-required")


def test_what_the_first_run_made_is_written_down_for_its_owner_alone(up: Up) -> None:
    path = up.data_dir / "first-run.json"

    content = json.loads(path.read_text())

    assert {name: sorted(value) for name, value in content.items() if name != "base_url"} == {
        "operator": ["email", "password"],
        "demo": sorted(["team", "application", "api_key", "model", "email", "password", "refused"]),
    }
    assert content["base_url"] == f"http://localhost:{up.port}"
    assert sorted(content["demo"]["refused"]) == ["api_key", "application"]
    private = ("first-run.json", "secrets.env", "state.json")
    assert [oct((up.data_dir / name).stat().st_mode & 0o777) for name in private] == ["0o600"] * 3
    assert oct(up.data_dir.stat().st_mode & 0o777) == "0o700"


def test_each_part_that_is_killed_is_started_again(up: Up, tmp_path: Path) -> None:
    up.ensure_running()
    killed = {part: up.pid_of(part) for part in PARTS}

    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    for part in PARTS:
        assert up.says(f"{part} answers again"), up.said()
        assert f"{part} ended (SIGKILL) and is started again in 0.5 s" in up.said()
    assert {part: up.pid_of(part) for part in PARTS}.items() & killed.items() == set()
    assert soon(lambda: up.get("/readyz")[1] == {"status": "ok", "closed": [], "degraded": []}, 20), up.get("/readyz")
    passes = next(line.strip() for line in up.said().splitlines() if line.strip().startswith("curl "))
    assert _paste(passes, tmp_path)[0] == 200


def test_a_web_worker_that_is_killed_is_replaced(up: Up) -> None:
    up.ensure_running()
    (worker,) = _children(up.pid_of("web"))

    os.kill(worker, signal.SIGKILL)

    assert soon(lambda: not _lives(worker) and _answers(up), 20), up.said()


def _answers(up: Up) -> bool:
    try:
        return up.get("/healthz") == (200, {"status": "ok"})
    except (OSError, http.client.HTTPException):
        return False


def test_a_redis_that_hangs_is_named_and_closes_nothing(up: Up) -> None:
    valkey = up.ensure_running().pid_of("valkey")

    os.kill(valkey, signal.SIGSTOP)
    try:
        ready, alive = up.get("/readyz"), up.get("/healthz")
    finally:
        os.kill(valkey, signal.SIGCONT)

    assert ready == (200, {"status": "ok", "closed": [], "degraded": ["redis=down"]})
    assert alive == (200, {"status": "ok"})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_without_a_trace_and_comes_back_with_all_it_had(up: Up, tmp_path: Path, number: signal.Signals) -> None:
    up.ensure_running()
    before = {name: (up.data_dir / name).read_bytes() for name in ("first-run.json", "secrets.env", "state.json")}
    pids = up.pids()
    began = time.monotonic()

    code = up.end(number)

    assert len(pids) > len(PARTS)
    within_s = _ENDS_WITHIN_S - (time.monotonic() - began)
    assert soon(lambda: not any(map(_lives, pids)), within_s), [_name(pid) for pid in pids if _lives(pid)]
    assert _working_on(up.data_dir) == []
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    up.ensure_running()
    assert {name: (up.data_dir / name).read_bytes() for name in before} == before
    assert "preparing database" not in up.said()
    passes = next(line.strip() for line in up.said().splitlines() if line.strip().startswith("curl "))
    assert _paste(passes, tmp_path)[0] == 200


def test_a_second_up_on_the_same_data_is_refused(up: Up) -> None:
    running = up.ensure_running()._process
    assert running is not None

    line = refusal("--port", str(free_port()), "--data-dir", str(up.data_dir))

    assert line == f"another `manage.py up` (pid {running.pid}) runs on {up.data_dir}"


def test_a_role_waits_until_up_has_prepared_the_database(up: Up, tmp_path: Path) -> None:
    up.ensure_running()
    data_dir, port = tmp_path / "data", free_port()
    data_dir.mkdir()
    shutil.copy(up.data_dir / "secrets.env", data_dir)
    out = tmp_path / "out"
    with out.open("wb") as output:
        role = subprocess.Popen(
            [*UP, "--role", "web", "--port", str(port), "--data-dir", str(data_dir)],
            cwd=ROOT,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert soon(lambda: out.read_text() == "web waits until `manage.py up` has prepared the database\n", 30)
        with (
            closing(sqlite3.connect(up.data_dir / "apipark.sqlite3")) as prepared,
            closing(sqlite3.connect(data_dir / "apipark.sqlite3")) as empty,
        ):
            prepared.backup(empty)
        assert soon(lambda: _ready(port), 30), out.read_text()

        role.send_signal(signal.SIGTERM)

        assert role.wait(_ENDS_WITHIN_S) == 0
        assert _working_on(data_dir) == []
    finally:
        role.kill()
        role.wait()


def _ready(port: int) -> bool:
    try:
        return _get(port, "/readyz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False

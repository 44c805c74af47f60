"""A PostgreSQL of a test's own: made in a temporary folder, stopped, frozen and started again as the test likes."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries() -> Path | None:
    """Debian keeps them off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Postgres:
    def __init__(self, programs: Path, folder: Path, as_user: list[str]) -> None:
        self._programs, self._folder, self._as_user = programs, folder, as_user
        self._data = folder / "data"
        self._port = free_port()
        self._frozen: list[int] = []
        self.url = f"postgres://postgres@127.0.0.1:{self._port}/postgres"

    def create(self) -> None:
        self._run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")

    def start(self) -> None:
        # Four web workers, shipper, Celery and the tests' own hands, some of them with several threads.
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self._port} -c unix_socket_directories='' -c fsync=off"
            " -c max_connections=60"
        )
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """At once, with every connection; what was committed is there when it is started again."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def freeze(self) -> None:
        """It goes on accepting connections and answers none."""
        main = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(main, signal.SIGSTOP)
        self._frozen = [main, *_children(main)]
        for pid in self._frozen[1:]:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._frozen:
            os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def _run(self, program: str, *options: str) -> None:
        command: list[str | Path] = [*self._as_user, self._programs / program, "-D", self._data, *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder)


@contextmanager
def running() -> Iterator[Postgres]:
    """Skips the test when PostgreSQL is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # The server refuses to run as root, and pytest's own folders are closed to everybody else.
    other = _other_user() if os.geteuid() == 0 else ""
    as_user = ["runuser", "-u", other, "--"] if other else []
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if other:
        shutil.chown(folder, other)
    postgres = Postgres(programs, folder, as_user)
    try:
        postgres.create()
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.thaw()
            postgres.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> str:
    """Debian's package makes `postgres`; binaries from elsewhere come without a user."""
    known = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

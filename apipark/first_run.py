"""What must exist before Django reads its settings: the data directory, its lock, the secrets.

`up` makes them, every other command only reads them; then the settings are read once here, so that a wrong value is
one line instead of a traceback. A data directory that lost its secrets is refused: new ones would make every API key
and every sealed provider key worthless without a word.
"""

import argparse
import fcntl
import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Of the process, as near as it can be told.
BEGAN: Final = time.monotonic()
SETTINGS: Final = "apipark.settings"
REQUIRED: Final = ("SECRET_KEY", "KEY_PEPPERS", "MASTER_KEYS")
ROLES: Final = ("web", "shipper", "worker", "beat")
# Django's own, which need no settings of ours to answer.
_NO_SETTINGS: Final = ("help", "version", "--help", "-h", "--version")
_LOOPBACK: Final = "127.0.0.1"
# The browser is not kept waiting at Ctrl-C; what is cut off is settled all the same.
_DRAIN_S: Final = 4


class CannotStart(Exception):  # noqa: N818 (named after what happened)
    """One line for the person who started the command."""


@dataclass(frozen=True, slots=True)
class State:
    """`DATA_DIR/state.json`: what was chosen once and is kept over restarts."""

    demo: bool
    demo_port: int
    fingerprint: str = ""

    @classmethod
    def read(cls, data_dir: Path) -> "State | None":
        try:
            content = json.loads((data_dir / "state.json").read_text())
            return cls(bool(content["demo"]), int(content["demo_port"]), str(content["fingerprint"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise CannotStart(f"{data_dir / 'state.json'} cannot be read ({error}); remove it") from error

    def write(self, data_dir: Path) -> None:
        content = {"demo": self.demo, "demo_port": self.demo_port, "fingerprint": self.fingerprint}
        write_private(data_dir / "state.json", json.dumps(content, indent=2) + "\n")


class _OneLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotStart(message)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Of `manage.py up`; read twice, here before settings exist and by the command itself."""
    parser.add_argument("--host", default=_LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (default: %(default)s)")
    parser.add_argument("--data-dir", type=Path, help="everything that is kept (default: DATA_DIR, else ./var)")
    parser.add_argument("--workers", type=_workers, help="web processes (default: GATEWAY_WORKERS, else 1)")
    parser.add_argument("--no-demo", action="store_true", help="no demo provider, no test cards, no movable clock")
    parser.add_argument("--role", choices=ROLES, help="run this one part in the foreground, nothing else")


def prepare(argv: Sequence[str]) -> None:
    """Call before settings are read. Ends the process with one line on stderr and code 1 when it cannot start."""
    if os.environ.get("DJANGO_SETTINGS_MODULE") != SETTINGS:
        return  # tests and tools bring settings and secrets of their own
    command = argv[1] if len(argv) > 1 else "help"
    if command in _NO_SETTINGS or {"--help", "-h"} & set(argv):
        return
    try:
        if command == "up":
            _prepare_up(argv[2:])
        else:
            _require_secrets(data_dir_of(os.environ))
        _read_settings()
    except CannotStart as error:
        # A message of a library may have several lines.
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        sys.exit(1)


def data_dir_of(environ: Mapping[str, str]) -> Path:
    """As settings.py finds it."""
    return Path(environ.get("DATA_DIR") or Path(__file__).resolve().parent.parent / "var").resolve()


def write_private(path: Path, content: str) -> None:
    """Mode 0600 from its first byte on, and whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _prepare_up(arguments: Sequence[str]) -> None:
    parser = _OneLine(prog="manage.py up", add_help=False)
    add_options(parser)
    options, _ = parser.parse_known_args(arguments)  # the rest are Django's own
    if options.data_dir:
        os.environ["DATA_DIR"] = str(options.data_dir.resolve())
    data_dir = data_dir_of(os.environ)
    os.environ.setdefault("PUBLIC_URL", f"http://localhost:{options.port}")
    if options.workers:
        os.environ["GATEWAY_WORKERS"] = str(options.workers)
    if options.role:
        _require_secrets(data_dir)
        return
    try:
        _make_private(data_dir)
        _lock(data_dir)
        _make_secrets(data_dir)
        state = _state(data_dir, demo=not options.no_demo)
    except OSError as error:
        raise CannotStart(f"data directory {data_dir} cannot be used: {error.strerror}") from error
    _require_secrets(data_dir)
    os.environ.setdefault("GATEWAY_DRAIN", str(_DRAIN_S))
    if state.demo and not options.no_demo:
        os.environ.setdefault("BILLING_TEST_GATEWAY", "1")
        allowed = [os.environ.get("GATEWAY_ALLOWED_ADDRESSES", ""), f"{_LOOPBACK}:{state.demo_port}"]
        os.environ["GATEWAY_ALLOWED_ADDRESSES"] = ",".join(filter(None, allowed))


def _make_private(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if data_dir.stat().st_uid == os.getuid():
        data_dir.chmod(0o700)
    for name in ("logs", "spool", "heartbeats"):
        (data_dir / name).mkdir(mode=0o700, exist_ok=True)


def _lock(data_dir: Path) -> None:
    """One `up` per data directory. The descriptor stays open, so the kernel lets go of it however the process ends."""
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        raise CannotStart(f"another `manage.py up` (pid {holder}) runs on {data_dir}") from error
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _make_secrets(data_dir: Path) -> None:
    """Once. What the environment brings is not written down."""
    path = data_dir / "secrets.env"
    if path.exists():
        return
    missing = list(_missing(REQUIRED, os.environ))
    if missing and any((data_dir / name).exists() for name in ("apipark.sqlite3", "first-run.json")):
        raise CannotStart(f"{path} is gone, and what {data_dir} holds cannot be read without it: restore it")
    made = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "KEY_PEPPERS": f"1:{secrets.token_hex(32)}",
        "MASTER_KEYS": f"1:{secrets.token_hex(32)}",
        "VALKEY_PASSWORD": secrets.token_hex(24),
    }
    lines = [f"{name}={made[name]}" for name in _missing(made, os.environ)]
    heading = "# Made by the first run. Without this file no API key and no sealed secret can be read: back it up."
    write_private(path, "\n".join([heading, *lines, ""]))


def _require_secrets(data_dir: Path) -> None:
    path = data_dir / "secrets.env"
    try:
        written = path.read_text().splitlines() if path.exists() else []
    except OSError as error:
        raise CannotStart(f"{path} cannot be read: {error.strerror}") from error
    named = {line.partition("=")[0].strip().removeprefix("export ") for line in written}
    missing = [name for name in _missing(REQUIRED, os.environ) if name not in named]
    if missing:
        raise CannotStart(
            f"{', '.join(missing)} not set: start `manage.py up` once to make {path}, or set them in the environment"
        )


def _missing(names: Iterable[str], environ: Mapping[str, str]) -> Iterable[str]:
    return (name for name in names if name not in environ and f"{name}_FILE" not in environ)


def _state(data_dir: Path, *, demo: bool) -> State:
    """Whether this is a demo is settled by the first start: a later one without --no-demo brings no test cards in."""
    state = State.read(data_dir)
    if state is None:
        state = State(demo=demo, demo_port=_free_port())
        state.write(data_dir)
    return state


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _read_settings() -> None:
    try:
        _ = settings.SECRET_KEY  # the one that Django looks at only when it is asked for
    except (ImproperlyConfigured, ValueError, OSError) as error:
        raise CannotStart(f"wrong setting: {error}") from error


def _port(text: str) -> int:
    return _between(text, 1, 65535)


def _workers(text: str) -> int:
    return _between(text, 1, 256)


def _between(text: str, lowest: int, highest: int) -> int:
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest} to {highest}")
    return int(text)

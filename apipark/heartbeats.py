"""Parts show that they live: each touches a file of its own in `HEARTBEAT_DIR` every second or two.

The file is JSON: pid, the machine's monotonic time (one for all processes; a jump of the system's date ages nothing)
and a few facts of the part, such as its lag. Files stay when a part dies: an old one is a part that should live and
does not. Names: `web-{pid}`, `shipper`, `worker`, `beat`.

A web worker adds `degraded`, a list of `check=mode`, and `closed`, the reasons why it takes no calls.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# Parts touch their file each second or two: beyond this one it hangs or is gone.
STALE_AFTER_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    name: str
    pid: int
    age_s: float
    facts: dict[str, Any]

    @property
    def stale(self) -> bool:
        return self.age_s > STALE_AFTER_S


def touch(directory: Path, name: str, **facts: object) -> None:
    """Whole or not at all: written beside and renamed, so that a reader never meets half a file.

    Never raises for a disk that is full or broken: a part that cannot show that it lives goes on living.
    """
    content = json.dumps({"pid": os.getpid(), "monotonic_s": time.monotonic(), "facts": facts})
    path, beside = directory / f"{name}.json", directory / f".{name}.{os.getpid()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_text(content)
        beside.rename(path)
    except OSError:
        # On a full disk what is there can still be overwritten, or else a part that works would be ended as one that
        # hangs. JSON ends where it ends, so the rest of a longer one becomes blanks.
        with contextlib.suppress(OSError), path.open("r+") as file:
            file.write(content.ljust(path.stat().st_size))


def remove(directory: Path, name: str) -> None:
    """For a part that ends in order; repeating is harmless."""
    (directory / f"{name}.json").unlink(missing_ok=True)


def read(directory: Path, name: str) -> Heartbeat | None:
    return _parse(directory / f"{name}.json")


def read_all(directory: Path) -> list[Heartbeat]:
    """Of every part on this machine that ever lived, by name."""
    return list(_parsed(directory))


def _parsed(directory: Path) -> Iterator[Heartbeat]:
    for path in sorted(directory.glob("[!.]*.json")):
        heartbeat = _parse(path)
        if heartbeat is not None:
            yield heartbeat


def _parse(path: Path) -> Heartbeat | None:
    # A file may vanish between listing and reading, and a torn disk may hold anything.
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_text())
        age_s = time.monotonic() - float(content["monotonic_s"])
        # Before the last boot the clock stood higher: such a part is gone.
        return Heartbeat(path.stem, int(content["pid"]), age_s if age_s >= 0 else float("inf"), dict(content["facts"]))
    return None

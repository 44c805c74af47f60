"""A part's log file: appended to by the part itself, read along for lines that the person at the console must see."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

# A part that complains in a loop must not fill the disk that holds the spool. One older file is kept.
_LARGEST_BYTES: Final = 20 * 1024 * 1024
_READ_BYTES: Final = 64 * 1024
_LEVELS: Final = {"warning", "error", "critical"}
# granian's own lines, and the last one of a traceback.
_IMPORTANT_TEXT: Final = re.compile(
    r"^\[(?:WARNING|ERROR|CRITICAL)\]|^(?!\[)[\w.]+(?:Error|Exception|Refused|Failed): "
)
_SHOWN_FIELDS_TO_SKIP: Final = {"event", "level", "timestamp", "logger", "exception", "exc_info"}


@dataclass(slots=True)
class PartLog:
    path: Path
    # -1: not opened yet; what earlier runs wrote is no news.
    _offset: int = -1
    _rest: bytes = b""

    def open(self) -> BinaryIO:
        """For the part to append to."""
        self._rotate()
        file = self.path.open("ab")
        self.path.chmod(0o600)
        if self._offset < 0:
            self._offset = file.tell()
        return file

    def important_lines(self) -> Iterator[str]:
        for line in self._new_lines():
            shown = _shown(line)
            if shown:
                yield shown

    def last_line(self) -> str:
        """Empty when the part wrote nothing."""
        if not self.path.exists():
            return ""
        lines = self.path.read_text(errors="replace")[-_READ_BYTES:].split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _new_lines(self) -> list[str]:
        if self._offset < 0 or not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            new = file.read(_READ_BYTES)
        self._offset += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        self._rest = self._rest[-_READ_BYTES:]
        if self._offset > _LARGEST_BYTES:
            self._rotate()
        return [line.decode(errors="replace") for line in whole]

    def _rotate(self) -> None:
        """Copy and empty: the part keeps the file open, and appends wherever its end is."""
        if self.path.exists() and self.path.stat().st_size > _LARGEST_BYTES:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            self.path.write_bytes(b"")
            self._offset = 0


def _shown(line: str) -> str:
    """The line for a console, empty when it can wait in the file."""
    if not line.startswith("{"):
        return line if _IMPORTANT_TEXT.search(line) else ""
    try:
        event = json.loads(line)
    except ValueError:
        return ""
    if event.get("level") not in _LEVELS:
        return ""
    fields = [f"{name}={value}" for name, value in event.items() if name not in _SHOWN_FIELDS_TO_SKIP]
    reason = str(event.get("exception", "")).strip().rpartition("\n")[2]
    what = str(event.get("event", "")).partition("\n")[0]
    return " ".join(filter(None, [event["level"].upper(), what, *fields, reason]))

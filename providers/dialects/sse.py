"""Server-sent events as providers write them (WHATWG HTML, section 9.2.6), cut anywhere.

Lines end with LF, CRLF or CR; several data lines are one event; comments and unknown fields are skipped; a byte order mark
before the first line is skipped; a last event without its blank line counts. There is no limit for a line below that of
the answer.
"""

import re
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"
_END: Final = re.compile(rb"\r\n|\n|\r")


class Events:
    """`feed` and `close` give (event name, data) pairs; the name is empty where none was said."""

    __slots__ = ("_data", "_held", "_name", "_started")

    def __init__(self) -> None:
        self._held = b""
        self._name = b""
        self._data: list[bytes] = []
        self._started = False

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        data = self._held + chunk if self._held else chunk
        if not self._started:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._held = data
                return []
            self._started = True
            data = data.removeprefix(_BOM)
        if b"\r" not in data:
            lines = data.split(b"\n")
            self._held = lines.pop()
        else:
            # A CR at the very end may be the first half of CRLF.
            whole = data[:-1] if data.endswith(b"\r") else data
            lines = _END.split(whole)
            self._held = lines.pop() + data[len(whole) :]
        return self._lines(lines)

    def close(self) -> list[tuple[str, bytes]]:
        rest, self._held = self._held.rstrip(b"\r"), b""
        return self._lines([rest.removeprefix(_BOM), b""] if rest else [b""])

    def _lines(self, lines: list[bytes]) -> list[tuple[str, bytes]]:
        events = []
        for line in lines:
            if not line:
                if self._data:
                    events.append((self._name.decode("utf-8", "replace"), b"\n".join(self._data)))
                    self._data = []
                self._name = b""
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                self._data.append(b"")
            elif line.startswith(b"event:"):
                self._name = line[6:].strip()
        return events

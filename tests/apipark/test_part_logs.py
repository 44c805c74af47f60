"""What a part writes, and what of it reaches the console."""

from pathlib import Path

import pytest

from apipark import part_logs
from apipark.part_logs import PartLog


def _lines(log: PartLog, text: str) -> list[str]:
    with log.open() as file:
        file.write(text.encode())
    return list(log.important_lines())


@pytest.fixture
def log(tmp_path: Path) -> PartLog:
    return PartLog(tmp_path / "part.log")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"event": "invoice_paid", "level": "info"}', []),
        ('{"event": "spool_slow", "level": "warning", "timestamp": "x", "ms": 3}', ["WARNING spool_slow ms=3"]),
        ('{"event": "failed", "level": "error", "exception": "a\\nValueError: x"}', ["ERROR failed ValueError: x"]),
        ('{"event": "torn', []),
        ("[INFO] Listening at: http://127.0.0.1", []),
        ("[ERROR] Unexpected exit from worker-1", ["[ERROR] Unexpected exit from worker-1"]),
        ("django.db.utils.OperationalError: locked", ["django.db.utils.OperationalError: locked"]),
        ('  File "x.py", line 1', []),
    ],
)
def test_only_what_a_person_must_know_is_shown(log: PartLog, line: str, shown: list[str]) -> None:
    assert _lines(log, f"{line}\n") == shown


def test_each_line_is_shown_once_and_whole(log: PartLog) -> None:
    assert _lines(log, "[ERROR] one\n[ERROR] tw") == ["[ERROR] one"]
    assert _lines(log, "o\n") == ["[ERROR] two"]
    assert list(log.important_lines()) == []


def test_what_earlier_runs_wrote_is_no_news(log: PartLog) -> None:
    log.path.write_text("[ERROR] of yesterday\n")

    assert _lines(log, "[ERROR] of today\n") == ["[ERROR] of today"]
    assert log.last_line() == "[ERROR] of today"


def test_the_file_is_its_owners_and_does_not_grow_for_ever(log: PartLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_logs, "_LARGEST_BYTES", 100)

    shown = [line for number in range(50) for line in _lines(log, f"[ERROR] number {number}\n")]

    assert shown == [f"[ERROR] number {number}" for number in range(50)]
    assert log.path.stat().st_size < 200
    assert log.path.with_suffix(".log.1").stat().st_size < 200
    assert oct(log.path.stat().st_mode & 0o777) == "0o600"

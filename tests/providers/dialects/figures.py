"""What a run over the captured traffic came to: one line a check, counted by dialect or pair, after pytest's own summary."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

Record = Callable[[str, str], None]
_PROPERTY: Final = "captured traffic"


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Record:
    """Counts `what` came out well, for a dialect or a pair of them."""
    return lambda what, where: record_property(_PROPERTY, [what, where])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, [])]
    counted = Counter(tuple(value) for report in reports for name, value in report.user_properties if name == _PROPERTY)
    failed = [report for report in reports if report.failed and "test_corpus.py" in report.nodeid]
    if not counted and not failed:
        return
    terminalreporter.section(_PROPERTY)
    for what in sorted({what for what, _ in counted}):
        by_place = {where: number for (each, where), number in sorted(counted.items()) if each == what}
        places = ", ".join(f"{where} {number}" for where, number in by_place.items())
        terminalreporter.write_line(f"{what}: {sum(by_place.values())} ({places})")
    terminalreporter.write_line(f"failed: {len(failed)}")

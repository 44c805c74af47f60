"""Each trap of the field has a test named after it. Pure: no test here may touch the database."""

import re
from pathlib import Path
from typing import Final

from providers.dialects.registry import UPSTREAMS

# Requirements T1 to T35 that a pure codec can keep or break; T16, T28 and T34 are tested where calls run.
PURE: Final = frozenset(range(1, 36)) - {16, 28, 34}
# Those of one dialect alone.
OF_ONE: Final = {23: "ollama", 24: "cohere"}


def test_every_trap_has_a_test_named_after_it() -> None:
    """`test_t04_…` tests T4."""
    named = {
        int(number)
        for path in Path(__file__).parents[2].rglob("test_*.py")
        for number in re.findall(r"def test_t(\d\d)_", path.read_text(encoding="utf-8"))
    }

    wanted = {number for number in PURE if OF_ONE.get(number) in {None, *UPSTREAMS}}
    assert wanted - named == set()

"""The table of what pairs of dialects carry is what the code does. Pure: no test here may touch the database."""

import pytest

from providers.dialects import pairs
from providers.dialects.registry import CALLERS, UPSTREAMS
from tests.providers.dialects import goldens


def test_readme_holds_the_tables_of_the_code() -> None:
    """After a change that is meant: `python -m tests.providers.dialects.goldens`."""
    text = goldens.README.read_text(encoding="utf-8")

    assert goldens.readme(text) == text


@pytest.mark.parametrize("caller", sorted(CALLERS))
def test_callers_get_text_and_tools_through_every_upstream(caller: str) -> None:
    carried = pairs.table(caller)

    everywhere = dict.fromkeys(UPSTREAMS, "whole")
    assert carried["Text"] == carried["Tools"] == carried["Parallel calls and their results"] == everywhere


@pytest.mark.parametrize("caller", sorted(CALLERS))
def test_signed_reasoning_comes_back_to_whoever_signed_it(caller: str) -> None:
    carried = pairs.table(caller)[pairs.REPLAYED]

    assert set(carried.values()) <= {"whole", "unsaid"}
    assert carried.get("anthropic", "whole") == carried.get("gemini", "whole") == "whole"

"""What each pair of dialects makes of the fixtures is what was reviewed. Pure: no test here may touch the database."""

import pytest

from tests.providers.dialects import goldens


@pytest.mark.parametrize(("caller", "upstream"), list(goldens.pairs()))
def test_pair_makes_what_was_reviewed(caller: str, upstream: str) -> None:
    """After a change that is meant: `python -m tests.providers.dialects.goldens`, and read the difference."""
    folder = goldens.FOLDER / f"{caller}-{upstream}"
    # As bytes: line ends of streams are part of them.
    reviewed = {path.name: path.read_bytes().decode() for path in folder.glob("*.txt")}

    assert goldens.rendered(caller, upstream) == reviewed


def test_no_pair_is_kept_that_is_no_more() -> None:
    kept = {path.parent.name for path in goldens.FOLDER.glob("*/*.txt")}

    assert kept <= {f"{caller}-{upstream}" for caller, upstream in goldens.pairs()}

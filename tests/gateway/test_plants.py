"""The checks prove themselves: each planted bug is found by the same checks that find nothing without it."""

from collections.abc import Iterator

import pytest

from tests.fakes.upstream import Upstream
from tests.gateway import plants
from tests.gateway.client import Load, times
from tests.gateway.running import Gateway, running

pytestmark = pytest.mark.server
LIMIT = 200


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("planted") / "data"
    folder.mkdir()
    plants.path(folder).write_text("none")
    with running(folder, upstream, workers=3, PLANTS="1") as started:
        yield started


async def _violations(gateway: Gateway, plant: str, patience_s: float) -> list[str]:
    story = gateway.story({"calls": LIMIT})
    plants.path(gateway.folder).write_text(plant)
    load = Load(gateway.port, story.call())
    await load.run(32, times(2 * LIMIT))
    plants.path(gateway.folder).write_text("none")
    return story.violations(load.answers, patience_s)


@pytest.mark.parametrize(
    ("plant", "findings"),
    [
        ("check-then-act", [f" used of {LIMIT}"]),
        ("no-settlement", [" reached the upstream and has no row", " still leased"]),
        ("no-admission", [" reached the upstream and has no row", "dead letter: outcome without admission"]),
    ],
)
async def test_a_planted_bug_is_found(planted: Gateway, plant: str, findings: list[str]) -> None:
    found = await _violations(planted, plant, 1.5)

    for finding in findings:
        assert any(finding in each for each in found), found


async def test_without_a_plant_nothing_is_found(planted: Gateway) -> None:
    found = await _violations(planted, "none", 10)

    # Letters are the whole gateway's, and the plants' own.
    assert [each for each in found if not each.startswith("dead letter")] == []

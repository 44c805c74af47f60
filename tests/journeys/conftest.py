"""One installation for all journeys: they run one after another, since time moves for all of them.

Sweeps that need no server of their own stay apart from them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.installation import Console, Installation, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "installation" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.server)
            item.add_marker(pytest.mark.xdist_group("journeys"))


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("journeys") / "data") as installed:
        yield installed


@pytest.fixture(scope="session")
def console(installation: Installation) -> Console:
    return installation.console

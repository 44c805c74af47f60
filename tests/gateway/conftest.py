"""Gateways that tests share: four workers on each database, and one worker with short patience for single calls."""

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.fakes.upstream import Upstream
from tests.gateway.outcomes import BEHAVIOURS
from tests.gateway.running import Gateway, running
from tests.journeys.installation import soon

_PARTS = ("valkey", "shipper", "web")

# A test of one database says so: parametrize("four_workers", [ON_SQLITE], indirect=True).
ON_SQLITE = pytest.param("sqlite", marks=pytest.mark.server)
ON_POSTGRES = pytest.param("postgres", marks=[pytest.mark.server, pytest.mark.postgres])


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream(BEHAVIOURS) as listening:
        yield listening


@pytest.fixture(scope="session", params=[ON_SQLITE, ON_POSTGRES])
def four_workers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Gateway]:
    """With what runs beside them; Celery, which knows nothing of calls, on one of the databases."""
    folder = tmp_path_factory.mktemp("gateway") / "data"
    folder.mkdir()
    if request.param == "sqlite":
        with running(folder, upstream, workers=4, parts=(*_PARTS, "worker")) as started:
            yield started
        return
    with (
        postgres.running() as database,
        running(folder, upstream, workers=4, parts=_PARTS, postgres=database) as started,
    ):
        yield started


@pytest.fixture
def gateway(four_workers: Gateway) -> Gateway:
    """All four are there, and none that is dead counts as alive, whatever the test before did to them."""
    four_workers.wait_until_ready()
    assert soon(lambda: len(four_workers.hands("open_spools")) == four_workers.workers, 60)
    return four_workers


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Gateway]:
    """One worker that waits a second for an upstream."""
    folder = tmp_path_factory.mktemp("single") / "data"
    folder.mkdir()
    with running(folder, upstream, workers=1, GATEWAY_IDLE_TIMEOUT="1", GATEWAY_CONNECT_TIMEOUT="1") as started:
        yield started

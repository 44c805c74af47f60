"""Gateways that tests share: four workers on each database, and one worker with short patience for single calls."""

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.fakes.upstream import Upstream
from tests.gateway.outcomes import BEHAVIOURS
from tests.gateway.running import Gateway, running

_ALL = ("valkey", "shipper", "web", "worker")


_ON_SQLITE = pytest.param("sqlite", marks=pytest.mark.server)
_ON_POSTGRES = pytest.param("postgres", marks=[pytest.mark.server, pytest.mark.postgres])


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream(BEHAVIOURS) as listening:
        yield listening


@pytest.fixture(scope="session", params=[_ON_SQLITE, _ON_POSTGRES])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Gateway]:
    """Four workers, with everything that runs beside them."""
    folder = tmp_path_factory.mktemp("gateway") / "data"
    folder.mkdir()
    if request.param == "sqlite":
        with running(folder, upstream, workers=4, parts=_ALL) as started:
            yield started
        return
    with postgres.running() as database, running(folder, upstream, workers=4, parts=_ALL, postgres=database) as started:
        yield started


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Gateway]:
    """One worker that waits a second for an upstream."""
    folder = tmp_path_factory.mktemp("single") / "data"
    folder.mkdir()
    with running(folder, upstream, workers=1, GATEWAY_IDLE_TIMEOUT="1", GATEWAY_CONNECT_TIMEOUT="1") as started:
        yield started

"""One installation for all journeys: they run one after another, since time moves for all of them.

Sweeps that need no server of their own stay apart from them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.cases import Case, People
from tests.journeys.installation import PASSWORD, Console, Installation, running
from tests.journeys.portal import Person


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


@pytest.fixture(scope="session")
def people(installation: Installation) -> People:
    console, url = installation.console, installation.url
    for email, name in (("olga", "Olga Owner"), ("dev", "Dan Developer"), ("eve", "Eve Elsewhere")):
        console("person", email=f"{email}@example.org", name=name)
    console("team", name="Elsewhere", members={"eve@example.org": "owner"})
    # One team at least, so that they can sign in to one.
    console("team", name="Home", members={"olga@example.org": "owner", "dev@example.org": "developer"})
    # Only plans that cost something are left on offer: a developer may take free ones.
    for plan in ("starter", "weather-free"):
        console("withdraw", plan=plan)
    return People(*(Person(url).sign_in(f"{name}@example.org", PASSWORD) for name in ("olga", "dev", "eve")))


@pytest.fixture
def case(installation: Installation, people: People, request: pytest.FixtureRequest) -> Case:
    name = request.node.name.removeprefix("test_").replace("_", " ").title()[:40]
    members = {"olga@example.org": "owner", "dev@example.org": "developer"}
    return Case(installation, people, installation.console("team", name=name, members=members))


@pytest.fixture
def pro(console: Console, people: People) -> dict[str, str]:
    found: dict[str, str] = console("offered", plan="pro")
    return found

"""Fixtures that every test shares."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Model
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from apipark import clock
from teams.models import User
from tests.apipark.factories import one_of_each
from tests.grouping import ByInstallation
from tests.providers.dialects.figures import pytest_terminal_summary, record
from tests.teams.factories import UserFactory

__all__ = ["pytest_terminal_summary", "record"]

# How quick a machine is says nothing about the code, and this one may be running four gateways beside.
hypothesis_settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("steady")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByInstallation:
    return ByInstallation(config, log)


@pytest.fixture(autouse=True)
def _clock_of_this_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test clock stands where this test puts it. A test without a database does not look for its row."""
    with_database = request.node.get_closest_marker("django_db") or {"db", "transactional_db", "live_server"} & set(
        request.fixturenames
    )
    clock.forget()
    if not with_database:
        settings.BILLING_TEST_GATEWAY = False
        clock.refresh()
    yield
    settings.BILLING_TEST_GATEWAY = True
    clock.forget()


@pytest.fixture
def operator(client: Client) -> User:
    """Has signed in with `client`."""
    user = UserFactory.create(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def everything(operator: User) -> list[Model]:
    """A row of each model of the console, which `client` may see."""
    return one_of_each(operator)

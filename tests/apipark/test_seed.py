"""What the first start puts into the database, and into first-run.json."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import connection
from django.test import RequestFactory
from pytest_django import Settings

from apipark import installing
from apipark.models import Installation
from apipark.seed import seed
from billing.models import Subscription
from providers.models import Provider
from teams.models import AuditEvent, Team, User

pytestmark = pytest.mark.django_db
URL, DEMO = "http://localhost:8000", "http://127.0.0.1:4711"


def _seeded(*, demo: bool = True) -> dict[str, Any]:
    made = seed(demo=demo, demo_base_url=DEMO, public_url=URL)
    assert made is not None
    return made


def _rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
            counts[table] = cursor.fetchone()[0]
    return counts


def test_seeding_again_changes_nothing() -> None:
    _seeded()
    before = _rows()

    assert seed(demo=True, demo_base_url=DEMO, public_url=URL) is None

    assert _rows() == before
    assert Installation.objects.get().demo is True


def test_people_made_here_can_sign_in_at_once(settings: Settings) -> None:
    settings.PORTAL_OPERATOR_EMAIL = "ops@example.com"

    made = _seeded()

    request = RequestFactory().get("/")
    for who, staff in ((made["operator"], True), (made["demo"], False)):
        user = authenticate(request, email=who["email"], password=who["password"])
        assert isinstance(user, User)
        assert (user.is_staff, user.is_superuser) == (staff, staff)
    assert made["operator"]["email"] == "ops@example.com"


def test_one_application_of_the_demo_is_subscribed_and_the_other_is_not() -> None:
    demo = _seeded()["demo"]

    team = Team.objects.get(ref=demo["team"])
    assert {application.ref for application in team.applications.all()} == {
        demo["application"],
        demo["refused"]["application"],
    }
    (subscription,) = Subscription.objects.filter(team=team)
    assert subscription.application is not None
    assert subscription.application.ref == demo["application"]


def test_without_demo_there_is_an_operator_and_nothing_else() -> None:
    made = _seeded(demo=False)

    assert sorted(made) == ["base_url", "operator"]
    assert (User.objects.count(), Team.objects.count(), Provider.objects.count()) == (1, 0, 0)


def test_passwords_and_keys_differ_from_one_installation_to_the_next() -> None:
    one = _seeded()
    call_command("flush", interactive=False, verbosity=0)
    two = _seeded()

    def secrets_of(made: dict[str, Any]) -> set[str]:
        demo = made["demo"]
        return {made["operator"]["password"], demo["password"], demo["api_key"], demo["refused"]["api_key"]}

    assert secrets_of(one) & secrets_of(two) == set()
    assert len(secrets_of(one)) == 4


def test_what_was_made_is_written_for_its_owner_before_it_is_kept(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, URL

    installing.write_first_run_data(demo=True, demo_base_url=DEMO)
    written = (tmp_path / "first-run.json").read_bytes()
    installing.write_first_run_data(demo=True, demo_base_url=DEMO)

    assert (tmp_path / "first-run.json").read_bytes() == written
    assert oct((tmp_path / "first-run.json").stat().st_mode & 0o777) == "0o600"


def test_nothing_is_kept_whose_passwords_could_not_be_written(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "nowhere"

    with pytest.raises(FileNotFoundError):
        installing.write_first_run_data(demo=True, demo_base_url=DEMO)

    assert (Installation.objects.count(), User.objects.count(), AuditEvent.objects.count()) == (0, 0, 0)


def test_the_address_in_the_file_follows_the_installation(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.PUBLIC_URL = tmp_path, URL
    installing.write_first_run_data(demo=True, demo_base_url=DEMO)
    settings.PUBLIC_URL = "https://api.example.com"

    assert installing.first_run_data()["base_url"] == "https://api.example.com"

    assert json.loads((tmp_path / "first-run.json").read_text())["base_url"] == "https://api.example.com"


def test_a_file_that_somebody_removed_is_not_missed(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path

    assert installing.first_run_data() == {}


def test_an_installation_is_current_until_something_of_it_changes(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    known = installing.fingerprint()
    assert not installing.is_current(known)  # nothing is seeded, no static file is gathered
    _seeded()
    (tmp_path / "staticfiles.json").touch()

    assert installing.is_current(known)
    assert not installing.is_current("of another version")
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, settings.BASE_DIR / "templates"]
    assert not installing.is_current(known)

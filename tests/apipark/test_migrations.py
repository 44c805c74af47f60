"""Every migration runs on both databases; SQLite is what the other tests run on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with postgres.running() as started:
        yield started.url


@pytest.mark.postgres
def test_every_migration_runs_on_postgresql(postgres_url: str) -> None:
    environment = os.environ | {"DATABASE_URL": postgres_url, "DJANGO_SETTINGS_MODULE": "tests.settings"}

    for command in (["migrate", "-v0"], ["migrate", "--check"], ["createcachetable"]):
        done = subprocess.run(
            [sys.executable, "-m", "django", *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

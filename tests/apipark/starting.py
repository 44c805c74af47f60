"""`manage.py up` as a shell starts it, without the settings that tests have in their environment."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UP = [sys.executable, "manage.py", "up"]
_OURS = ("BILLING_TEST_GATEWAY", "DATABASE_URL", "DATA_DIR", "KEY_PEPPERS", "MASTER_KEYS", "PUBLIC_URL", "SECRET_KEY")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OURS}
    return kept | {"DJANGO_SETTINGS_MODULE": "apipark.settings"} | more


def refusal(*options: str, through: Sequence[str] = (), **variables: str) -> str:
    """The one line with which it does not start; `through` is a command that runs it."""
    done = subprocess.run(
        [*through, *UP, *options],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    return done.stderr.strip()

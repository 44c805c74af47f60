"""Bugs on purpose, put into the web process, so that the checks of `ledgers` can show that they would find them.

Which one is there is written in a file and read at each use, so that one gateway serves for all: `none`, `check-then-act`,
`no-settlement`, `no-admission`.
"""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings


def path(data_dir: Path) -> Path:
    return data_dir / "plant"


def planted(name: str) -> bool:
    return path(settings.DATA_DIR).read_text() == name


class Plants(AppConfig):
    name = "tests.gateway"
    label = "planted_bugs"

    def ready(self) -> None:
        from tests.gateway.planted_bugs import plant  # noqa: PLC0415 (models are there only now)

        plant()

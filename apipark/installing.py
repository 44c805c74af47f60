"""Bring database, static files and first-run data up to date; done again only when something of them changed."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from apipark.first_run import CannotStart, write_private
from apipark.models import Installation
from apipark.seed import seed


def fingerprint() -> str:
    """Of all that migrations, static files and tables follow from. Reads names, sizes and times, no contents."""
    digest = hashlib.sha256()
    for part in (str(settings.DATABASES["default"]), str(settings.STATIC_ROOT), *_sources()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def is_current(known: str) -> bool:
    """Nothing is to do: the same sources as at the last start, and what they made is still there."""
    return known == fingerprint() and (Path(settings.STATIC_ROOT) / "staticfiles.json").exists() and is_seeded()


def is_seeded() -> bool:
    return _has_table() and Installation.objects.exists()


def bring_up_to_date() -> None:
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    try:
        call_command("collectstatic", interactive=False, verbosity=0)
    except OSError as error:
        raise CannotStart(f"static files cannot be written to {settings.STATIC_ROOT}: {error.strerror}") from error


def write_first_run_data(*, demo: bool, demo_base_url: str) -> None:
    """Once. The file is written before the commit: the passwords in it are stored nowhere else."""
    path = settings.DATA_DIR / "first-run.json"
    with transaction.atomic():
        made = seed(demo=demo, demo_base_url=demo_base_url, public_url=settings.PUBLIC_URL)
        if made is not None:
            write_private(path, json.dumps(made, indent=2) + "\n")


def first_run_data() -> dict[str, Any]:
    """As written then, with today's address; empty when somebody removed the file, as one may."""
    path = settings.DATA_DIR / "first-run.json"
    if not path.exists():
        return {}
    data: dict[str, Any] = json.loads(path.read_text())
    if data.get("base_url") != settings.PUBLIC_URL:
        data["base_url"] = settings.PUBLIC_URL
        write_private(path, json.dumps(data, indent=2) + "\n")
    return data


def _has_table() -> bool:
    with connection.cursor() as cursor:
        table = Installation._meta.db_table
        return table in connection.introspection.table_names(cursor)


def _sources() -> Iterator[str]:
    """uv.lock stands for the packages, whose own migrations and static files change with their versions."""
    folders = [Path(config.path) / name for config in apps.get_app_configs() for name in ("migrations", "static")]
    for folder in [*folders, *map(Path, settings.STATICFILES_DIRS)]:
        if folder.is_relative_to(settings.BASE_DIR) and ".venv" not in folder.parts:
            yield from (_stamp(path) for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc")
    lock = settings.BASE_DIR / "uv.lock"
    if lock.exists():
        yield _stamp(lock)


def _stamp(path: Path) -> str:
    found = path.stat()
    return f"{path}:{found.st_size}:{found.st_mtime_ns}"

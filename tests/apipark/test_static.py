"""What the browser gets: third-party files as they were published, nothing from elsewhere, hashed names that hold together."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.template import Engine
from pytest_django import Settings

STATIC = Path(settings.BASE_DIR) / "static"
TEMPLATES = Path(settings.BASE_DIR) / "templates"
PAGES = sorted(TEMPLATES.rglob("*.html"))
MODULES = sorted((STATIC / "js").glob("*.js"))
OURS = [*PAGES, *sorted((STATIC / "css").glob("*.css")), *MODULES]


def test_third_party_files_are_the_published_ones() -> None:
    lines = (line.split("  ") for line in (STATIC / "SHA256SUMS").read_text().splitlines())
    listed = {name: digest for digest, name in lines}

    found = {
        path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("fonts", "vendor")
        for path in (STATIC / folder).rglob("*")
        if path.is_file()
    }

    assert found == listed


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_comes_from_another_host(path: Path) -> None:
    loaded = (
        r"""(?:src|href|action|poster|srcset)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import ["'](?:https?:)?//"""
    )

    assert re.findall(loaded, path.read_text()) == []
    assert (
        re.findall(r"""\b(?:fetch|import|EventSource|WebSocket)\(["'`](?:https?:|wss?:)?//""", path.read_text()) == []
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_templates_obey_the_strict_policy(path: Path) -> None:
    text = path.read_text()

    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", text) == []
    assert [
        tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag and "application/json" not in tag
    ] == []
    assert Engine.get_default().from_string(text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_import_nothing(path: Path) -> None:
    # Hashed names are not written into import statements.
    assert re.findall(r"^\s*(?:import|export)\b", path.read_text(), re.MULTILINE) == []


def test_hashed_names_hold_together(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = str(tmp_path)
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    }

    call_command("collectstatic", interactive=False, verbosity=0)

    names = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    components = tmp_path / names["css/components.css"]
    imported = re.findall(r"@import url\(\"(.+?)\"\)", components.read_text())
    fonts = re.findall(r"url\(\"(.+?)\"\)", (tmp_path / names["css/tokens.css"]).read_text())
    assert len(imported) == 1
    assert len(fonts) == 3
    for address in [*imported, *fonts]:
        assert re.search(r"\.[0-9a-f]{12}\.", address)
        assert (components.parent / address).is_file()

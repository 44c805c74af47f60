"""`.env.example` is what an operator reads: it names every variable of the settings, and the defaults they have."""

import ast
import os
import re
import runpy
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import ConnectionHandler
from psycopg.errors import ConnectionTimeout

from apipark.environment import Environment

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"#?([A-Z][A-Z_]+)=(.*)")
_NEEDED = {"SECRET_KEY": "s" * 50, "KEY_PEPPERS": "1:aa", "MASTER_KEYS": "1:bb"}


@dataclass(frozen=True)
class Described:
    name: str
    value: str
    words: str


def _described() -> Iterator[Described]:
    words: list[str] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        found = _VARIABLE.fullmatch(line)
        if found:
            yield Described(found[1], found[2], " ".join(words))
        if found or not line:
            words = []
        else:
            words.append(line.removeprefix("#").strip())


def _read_by_settings() -> list[str]:
    tree = ast.parse((ROOT / "apipark" / "settings.py").read_text())
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [str(ast.literal_eval(call.args[0])) for call in calls if re.fullmatch(r"env\.\w+", ast.unparse(call.func))]


def _settings(data_dir: Path, **environment: str) -> dict[str, Any]:
    """As a process with only these variables reads them."""
    before = dict(os.environ)
    read = {name for each in _read_by_settings() for name in (each, f"{each}_FILE")}
    try:
        for name in os.environ.keys() & read:
            del os.environ[name]
        os.environ |= _NEEDED | {"DATA_DIR": str(data_dir)} | environment
        found = runpy.run_path(str(ROOT / "apipark" / "settings.py"))
    finally:  # settings add what the first run wrote
        os.environ.clear()
        os.environ |= before
    return {name: value for name, value in found.items() if name.isupper()}


def test_the_example_names_exactly_the_variables_that_settings_read() -> None:
    described = [each.name for each in _described()]

    assert sorted(described) == sorted(_read_by_settings())


def test_each_variable_of_the_example_has_its_reason() -> None:
    assert [each.name for each in _described() if len(each.words) < 20] == []


def test_the_example_shows_the_defaults_that_settings_have(tmp_path: Path) -> None:
    shown = {each.name: each.value for each in _described() if "Default:" not in each.words}

    assert _settings(tmp_path, **shown) == _settings(tmp_path)


def test_the_examples_beside_a_described_default_can_be_used(tmp_path: Path) -> None:
    examples = {each.name: each.value for each in _described() if "Default:" in each.words and each.name != "DATA_DIR"}

    found = _settings(tmp_path, **examples)

    assert found["DATABASES"]["default"]["ENGINE"] == "django.db.backends.postgresql"
    assert found["ALLOWED_HOSTS"] == ["api.example.com"]
    assert found["SESSION_COOKIE_SECURE"] is True


def test_every_setting_of_ours_is_used() -> None:
    settings = (ROOT / "apipark" / "settings.py").read_text()
    ours = set(re.findall(r"^((?:GATEWAY|BILLING|PORTAL|SPOOL|HEARTBEAT)_\w+) =", settings, re.MULTILINE))
    sources = [path for app in _apps() for path in app.rglob("*.py") if path.name not in {"settings.py", "checks.py"}]
    used = {name for path in sources for name in re.findall(r"settings\.([A-Z_]+)", path.read_text())}

    assert ours - used == set()


def _apps() -> Iterator[Path]:
    return (ROOT / name for name in ("apipark", "teams", "providers", "billing", "proxy", "analytics"))


def test_no_folder_for_data_means_the_one_beside_the_program(tmp_path: Path) -> None:
    assert _settings(tmp_path, DATA_DIR="")["DATA_DIR"] == ROOT / "var"


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("postgres://db.example.com/apipark", {"connect_timeout": 7}),
        ("postgres://db.example.com/apipark?sslmode=require", {"connect_timeout": 7, "sslmode": "require"}),
        ("postgres://db.example.com/apipark?connect_timeout=4", {"connect_timeout": 4}),
    ],
)
def test_postgresql_is_waited_for_as_long_as_the_operator_says(
    tmp_path: Path, url: str, options: dict[str, Any]
) -> None:
    found = _settings(tmp_path, DATABASE_URL=url, DATABASE_CONNECT_TIMEOUT="7")

    assert found["DATABASES"]["default"]["OPTIONS"] == options


def test_postgresql_that_accepts_and_is_silent_is_given_up_soon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://apipark@127.0.0.1:{silent.getsockname()[1]}/apipark"
        connection = ConnectionHandler(_settings(tmp_path, DATABASE_URL=url)["DATABASES"])["default"]
        began = time.monotonic()

        with pytest.raises(ConnectionTimeout):
            connection.connect()

    assert time.monotonic() - began < 5


def test_a_secret_comes_from_a_file_without_the_newline_that_ends_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 50 + "\n")

    found = _settings(tmp_path, SECRET_KEY_FILE=str(tmp_path / "key"))

    assert found["SECRET_KEY"] == "k" * 50


def test_the_environment_wins_over_the_secrets_of_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("MASTER_KEYS=1:cc\nVALKEY_PASSWORD=made\n")

    found = _settings(tmp_path)

    assert (found["MASTER_KEYS"], found["VALKEY_PASSWORD"]) == (["1:bb"], "made")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("GATEWAY_WORKERS", "abc", "GATEWAY_WORKERS has a value that cannot be read"),
        ("GATEWAY_WORKERS", "", "GATEWAY_WORKERS has a value that cannot be read"),
        (
            "GATEWAY_WORKERS_FILE",
            "/nowhere/workers",
            "GATEWAY_WORKERS_FILE: No such file or directory: /nowhere/workers",
        ),
    ],
)
def test_a_value_that_cannot_be_read_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ImproperlyConfigured) as caught:
        Environment().int("GATEWAY_WORKERS")

    assert str(caught.value).startswith(message)

"""What is made before settings are read, and what is refused in one line."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from apipark import first_run
from apipark.first_run import CannotStart, State

_VARIABLES = (*first_run.REQUIRED, "BILLING_TEST_GATEWAY", "DATA_DIR", "GATEWAY_ALLOWED_ADDRESSES", "PUBLIC_URL")


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Of a shell in which nothing is set; the first run writes into it for the settings."""
    before = dict(os.environ)
    for name in (*_VARIABLES, "GATEWAY_DRAIN", "GATEWAY_WORKERS", "VALKEY_PASSWORD"):
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def _up(data_dir: Path, *arguments: str) -> None:
    first_run._prepare_up(["--data-dir", str(data_dir), *arguments])


def _mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_the_first_run_makes_a_private_folder_with_secrets(data_dir: Path) -> None:
    _up(data_dir)

    lines = (data_dir / "secrets.env").read_text().splitlines()
    assert [line.partition("=")[0] for line in lines[1:]] == [*first_run.REQUIRED, "VALKEY_PASSWORD"]
    assert all(len(line.partition("=")[2]) > 40 for line in lines[1:])
    assert (_mode(data_dir), _mode(data_dir / "secrets.env"), _mode(data_dir / "state.json")) == (
        "0o700",
        "0o600",
        "0o600",
    )
    assert {path.name for path in data_dir.iterdir() if path.is_dir()} == {"logs", "spool", "heartbeats"}


def test_secrets_are_made_once_and_for_each_installation(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        first_run._make_secrets(tmp_path / name)
        texts.append((tmp_path / name / "secrets.env").read_text())

    first_run._make_secrets(tmp_path / "one")

    assert (tmp_path / "one" / "secrets.env").read_text() == texts[0]
    assert set(texts[0].splitlines()[1:]) & set(texts[1].splitlines()[1:]) == set()


def test_a_secret_of_the_environment_is_not_written_down(data_dir: Path) -> None:
    os.environ["SECRET_KEY"] = "from-outside"
    os.environ["MASTER_KEYS_FILE"] = "/run/secrets/master"
    try:
        _up(data_dir)
    finally:
        del os.environ["MASTER_KEYS_FILE"]

    text = (data_dir / "secrets.env").read_text()
    assert re.findall(r"^\w+", text, re.MULTILINE) == ["KEY_PEPPERS", "VALKEY_PASSWORD"]
    assert "from-outside" not in text


@pytest.mark.parametrize("left", ["apipark.sqlite3", "first-run.json"])
def test_data_that_lost_its_secrets_is_not_given_new_ones(data_dir: Path, left: str) -> None:
    data_dir.mkdir()
    (data_dir / left).touch()

    with pytest.raises(CannotStart, match=r"secrets\.env is gone, and what .* holds cannot be read without it"):
        _up(data_dir)

    assert not (data_dir / "secrets.env").exists()


def test_one_up_for_each_folder(data_dir: Path) -> None:
    _up(data_dir)

    with pytest.raises(CannotStart, match=rf"another `manage.py up` \(pid {os.getpid()}\) runs on {data_dir}"):
        _up(data_dir)


def test_the_demo_brings_cards_and_its_address(data_dir: Path) -> None:
    os.environ["GATEWAY_ALLOWED_ADDRESSES"] = "10.0.0.7:8080"

    _up(data_dir, "--port", "8123", "--workers", "3")

    state = State.read(data_dir)
    assert state is not None
    assert state.demo
    assert {name: os.environ[name] for name in (*_VARIABLES[3:], "GATEWAY_DRAIN", "GATEWAY_WORKERS")} == {
        "BILLING_TEST_GATEWAY": "1",
        "DATA_DIR": str(data_dir),
        "GATEWAY_ALLOWED_ADDRESSES": f"10.0.0.7:8080,127.0.0.1:{state.demo_port}",
        "GATEWAY_DRAIN": "4",
        "GATEWAY_WORKERS": "3",
        "PUBLIC_URL": "http://localhost:8123",
    }


def test_what_the_environment_says_wins(data_dir: Path) -> None:
    os.environ |= {"PUBLIC_URL": "https://api.example.com", "GATEWAY_DRAIN": "9", "BILLING_TEST_GATEWAY": "0"}

    _up(data_dir)

    said = [os.environ[name] for name in ("PUBLIC_URL", "GATEWAY_DRAIN", "BILLING_TEST_GATEWAY")]
    assert said == ["https://api.example.com", "9", "0"]


def test_without_demo_there_are_no_cards(data_dir: Path) -> None:
    _up(data_dir, "--no-demo")

    assert "BILLING_TEST_GATEWAY" not in os.environ
    assert "GATEWAY_ALLOWED_ADDRESSES" not in os.environ


@pytest.mark.parametrize("first", [True, False])
def test_whether_it_is_a_demo_is_settled_by_the_first_start(data_dir: Path, *, first: bool) -> None:
    data_dir.mkdir()
    made = first_run._state(data_dir, demo=first)

    assert first_run._state(data_dir, demo=not first) == made
    assert made.demo is first


def test_a_real_installation_gets_no_cards_by_a_forgotten_option(data_dir: Path) -> None:
    data_dir.mkdir()
    first_run._state(data_dir, demo=False)

    _up(data_dir)

    assert "BILLING_TEST_GATEWAY" not in os.environ


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"demo": true, "demo_port": "x", "fingerprint": ""}'])
def test_a_broken_state_is_named(data_dir: Path, content: str) -> None:
    data_dir.mkdir()
    (data_dir / "state.json").write_text(content)

    with pytest.raises(CannotStart, match=r"state\.json cannot be read .*; remove it"):
        State.read(data_dir)


def test_state_is_read_as_it_was_written(data_dir: Path) -> None:
    data_dir.mkdir()
    state = State(demo=True, demo_port=4711, fingerprint="ab")

    state.write(data_dir)

    assert State.read(data_dir) == state
    assert State.read(data_dir / "elsewhere") is None


def test_a_role_needs_secrets_that_somebody_made(data_dir: Path) -> None:
    with pytest.raises(CannotStart, match=r"SECRET_KEY, KEY_PEPPERS, MASTER_KEYS not set: start `manage.py up` once"):
        _up(data_dir, "--role", "web")
    assert not data_dir.exists()

    _up(data_dir)
    _up(data_dir, "--role", "web")  # beside the one that holds the lock


def test_an_option_that_makes_no_sense_is_one_line() -> None:
    for arguments, line in (
        (["--port", "0"], "argument --port: '0' is not a number from 1 to 65535"),
        (["--workers", "-1"], "argument --workers: '-1' is not a number from 1 to 256"),
    ):
        with pytest.raises(CannotStart) as caught:
            first_run._prepare_up(arguments)
        assert str(caught.value) == line


def test_private_files_are_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)

    first_run.write_private(path, json.dumps({"new": True}))

    assert (path.read_text(), _mode(path)) == ('{"new": true}', "0o600")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]

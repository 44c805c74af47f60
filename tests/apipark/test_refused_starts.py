"""What keeps `manage.py up` from starting is one line on stderr and exit code 1."""

import os
import re
import socket
from pathlib import Path

import pytest

from tests.apipark.starting import refusal
from tests.postgres import free_port

pytestmark = pytest.mark.server

# Root may write where nobody may, unless that is taken from it.
_AS_ANYBODY = ("setpriv", "--bounding-set", "-dac_override") if os.geteuid() == 0 else ()


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        line = refusal("--port", str(port), "--data-dir", str(tmp_path))

    assert line == f"127.0.0.1:{port} cannot be listened on: Address already in use"


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        ([], {"DATABASE_URL": "nonsense"}, r"wrong setting: DATABASE_URL must begin with sqlite:/// or postgres://"),
        ([], {"GATEWAY_WORKERS": "abc"}, r"wrong setting: GATEWAY_WORKERS has a value that cannot be read: .*'abc'"),
        (["--workers", "abc"], {}, r"argument --workers: 'abc' is not a number from 1 to 256"),
        ([], {"SECRET_KEY": ""}, r"wrong setting: The SECRET_KEY setting must not be empty."),
        ([], {"PUBLIC_URL": "example.com"}, r"PUBLIC_URL must look like https://api.example.com, without a path."),
        ([], {"REDIS_URL": "redis://127.0.0.1:1"}, r"REDIS_URL names a Redis that does not answer"),
        ([], {"STATIC_ROOT": "/proc/static"}, r"static files cannot be written to /proc/static: .*"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path: Path, options: list[str], variables: dict[str, str], line: str) -> None:
    said = refusal("--port", str(free_port()), "--data-dir", str(tmp_path / "data"), *options, **variables)

    assert re.fullmatch(line, said), said


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    in_its_place = refusal("--data-dir", str(tmp_path / "file"))
    # Where even root can make nothing.
    in_proc = refusal("--data-dir", "/proc/apipark")

    assert in_its_place == f"data directory {tmp_path / 'file'} cannot be used: File exists"
    assert in_proc == "data directory /proc/apipark cannot be used: No such file or directory"


def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    line = refusal("--data-dir", str(tmp_path / "data"), through=_AS_ANYBODY)

    tmp_path.chmod(0o700)
    assert line == f"data directory {tmp_path / 'data'} cannot be used: Permission denied"

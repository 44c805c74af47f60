"""Files by which parts show that they live."""

import json
import os
import time
from pathlib import Path

import pytest

from apipark import heartbeats


def test_a_heartbeat_tells_who_lives_and_how(tmp_path: Path) -> None:
    heartbeats.touch(tmp_path / "new", "shipper", lag_s=3)

    found = heartbeats.read(tmp_path / "new", "shipper")

    assert found is not None
    assert (found.name, found.pid, found.facts, found.stale) == ("shipper", os.getpid(), {"lag_s": 3}, False)
    assert found.age_s < 5


def test_the_last_one_counts_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    heartbeats.touch(tmp_path, "beat", number=1)
    heartbeats.touch(tmp_path, "beat", number=2)

    assert [heartbeat.facts for heartbeat in heartbeats.read_all(tmp_path)] == [{"number": 2}]
    assert [path.name for path in tmp_path.iterdir()] == ["beat.json"]


@pytest.mark.parametrize(("age_s", "stale"), [(14, False), (16, True), (-100, True)])
def test_one_that_is_old_or_from_before_the_last_boot_is_stale(tmp_path: Path, age_s: float, *, stale: bool) -> None:
    content = {"pid": 1, "monotonic_s": time.monotonic() - age_s, "facts": {}}
    (tmp_path / "worker.json").write_text(json.dumps(content))

    found = heartbeats.read(tmp_path, "worker")

    assert found is not None
    assert found.stale is stale


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "monotonic_s": 1, "facts": {}}'])
def test_a_torn_file_is_no_heartbeat(tmp_path: Path, content: str) -> None:
    (tmp_path / "worker.json").write_text(content)
    heartbeats.touch(tmp_path, "beat")

    assert heartbeats.read(tmp_path, "worker") is None
    assert [heartbeat.name for heartbeat in heartbeats.read_all(tmp_path)] == ["beat"]


def test_a_part_that_ends_in_order_takes_its_heartbeat_along(tmp_path: Path) -> None:
    heartbeats.touch(tmp_path, "beat")

    heartbeats.remove(tmp_path, "beat")
    heartbeats.remove(tmp_path, "beat")

    assert heartbeats.read_all(tmp_path) == []


def test_a_full_disk_ages_nobody_and_fails_nobody(tmp_path: Path) -> None:
    old = {"pid": 1, "monotonic_s": time.monotonic() - 60, "facts": {"lag_s": 12.5, "spools": 3}}
    (tmp_path / "shipper.json").write_text(json.dumps(old))
    for name in ("shipper", "web-1"):
        (tmp_path / f".{name}.{os.getpid()}").symlink_to("/dev/full")

    heartbeats.touch(tmp_path, "shipper", lag_s=0)
    heartbeats.touch(tmp_path, "web-1")

    (found,) = heartbeats.read_all(tmp_path)
    assert (found.name, found.pid, found.facts, found.stale) == ("shipper", os.getpid(), {"lag_s": 0}, False)

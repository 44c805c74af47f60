"""How many calls a second the shipper carries into SQLite when a million are there already.

    uv run python benchmarks/shipper.py [--rows 1000000] [--seconds 20]

On one core, with its rests between commits, three allowances a call. Meanwhile another process on another core writes as
the portal does, every 50 ms, and times how long it waits. Everything happens in a folder of its own that is deleted again.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

GOAL = 12_000
PORTAL_GOAL_MS = 200
CHUNK = 10_000
_PORTAL_INTERVAL_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="calls that are there before")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to ship")
    parser.add_argument("--portal", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.portal:
        set_up()
        write_as_the_portal()
        return
    with tempfile.TemporaryDirectory(prefix="apipark-shipper-") as folder:
        os.environ["DATA_DIR"] = folder
        set_up()
        measure(options.rows, options.seconds, Path(folder))


def set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DATABASE_URL"] = f"sqlite:///{os.environ['DATA_DIR']}/apipark.sqlite3"
    import django  # noqa: PLC0415  # settings need the folder first

    django.setup()


def measure(rows: int, seconds: float, folder: Path) -> None:
    from django.core.management import call_command  # noqa: PLC0415

    from proxy.models import Call  # noqa: PLC0415
    from proxy.shipper import REST_S, Shipper  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    print(f"writing {rows:,} calls that are there before …", flush=True)
    fill(rows)
    prepared = int(GOAL * 1.6 * seconds)
    print(f"spooling {prepared:,} calls to ship …", flush=True)
    spool(folder / "spool", prepared)

    shipper = Shipper(folder / "spool", folder / "heartbeats", host="bench")
    stopping = threading.Event()
    cores = sorted(os.sched_getaffinity(0))
    portal = subprocess.Popen(
        [sys.executable, __file__, "--portal"], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert portal.stdin is not None
    os.sched_setaffinity(portal.pid, {cores[-1]})
    os.sched_setaffinity(0, {cores[0]})
    before, began, cpu = Call.objects.count(), time.perf_counter(), time.process_time()
    threading.Timer(seconds, stopping.set).start()
    while not stopping.is_set() and shipper.round(stopping):
        pass
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    stopping.set()
    waits, _ = portal.communicate()
    shipped = Call.objects.count() - before
    shipper.forget()
    rate = shipped / took
    print(f"shipped {shipped:,} calls in {took:.1f} s with {REST_S * 1000:.0f} ms of rest after each commit")
    print(f"{rate:,.0f} calls/s, {cpu / took:.0%} of one core: {rate / GOAL:.2f} of the {GOAL:,} to reach")
    print(f"portal writes meanwhile (flat out): {waits.strip()}")


def fill(rows: int) -> None:
    from django.db import transaction  # noqa: PLC0415

    from proxy.booking import Book  # noqa: PLC0415
    from proxy.shipper import insert_calls  # noqa: PLC0415

    start_us = 1_700_000_000_000_000
    for first in range(0, rows, CHUNK):
        book = Book(uuid4().hex)
        for number in range(first, min(first + CHUNK, rows)):
            admitted, outcome = records(start_us + number * 1000, (1, 2, 3))
            book.ended(admitted, outcome)
        with transaction.atomic():
            insert_calls(book.rows)


def spool(directory: Path, calls: int) -> None:
    """Closed clean, as by a worker that was stopped."""
    from apipark import clock  # noqa: PLC0415
    from billing.models import Allowance, Lease  # noqa: PLC0415
    from proxy.spool import Spool  # noqa: PLC0415

    worker = uuid4()
    now = clock.now()
    allowances = []
    for scope, meter, units in (("sub:12", "calls", 1), ("sub:12", "tokens", 120), ("sub:12", "spend", 1500)):
        row = Allowance.objects.create(
            scope=scope, meter=meter, kind="included", period="total", period_start=now, period_end=now,
            limit=10**12, leased=units * calls,
        )  # fmt: skip
        Lease.objects.create(worker=worker, allowance=row, outstanding=units * calls)
        allowances.append(row.pk)
    start_us = clock.now_us()
    spool = Spool.open(directory, worker, host="bench", fsync="off", segment_bytes=64 * 1024 * 1024, free_bytes=0)
    for number in range(calls):
        admitted, outcome = records(start_us + number * 83, (allowances[0], allowances[1], allowances[2]))
        spool.admitted(admitted)
        spool.outcome(outcome)
    spool.close()


def records(time_us: int, allowances: tuple[int, int, int]) -> Iterator[dict[str, object]]:
    from apipark.ids import new_call_id  # noqa: PLC0415

    call, number = new_call_id(time_us).hex, time_us // 1000
    yield {
        "k": "a", "id": call, "t": time_us, "team": number % 50, "app": number % 200, "key": number % 300, "sub": 12,
        "pv": 5, "svc": 3, "ver": 4, "model": 2, "pkey": 8, "price": 118, "env": "live", "m": "POST",
        "p": "/v1/chat/completions", "s": 0, "cur": "USD", "in": 300, "est": 75,
        "R": [[allowances[0], 1], [allowances[1], 120], [allowances[2], 1500]],
    }  # fmt: skip
    yield {
        "k": "o", "id": call, "st": 200, "ust": 200, "out": "answered", "slug": "", "ms": 812, "fb": 640, "in": 300,
        "by": 1200, "it": 70, "ct": 10, "ot": 40, "us": "provider", "cost": 1000, "rev": 1500,
        "C": [[allowances[0], 1, 1], [allowances[1], 120, 110], [allowances[2], 1500, 1500]],
    }  # fmt: skip


def write_as_the_portal() -> None:
    """One small transaction every 50 ms until the other side closes the pipe; prints how long they took."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from apipark.models import Change  # noqa: PLC0415

    over = threading.Event()
    threading.Thread(target=_until_closed, args=(over,), daemon=True).start()
    took_ms = []
    while not over.wait(_PORTAL_INTERVAL_S):
        began = time.perf_counter()
        Change.objects.create(kind="team", object_id=1, at=datetime.now(UTC))
        took_ms.append((time.perf_counter() - began) * 1000)
    if len(took_ms) > 1:
        p99 = statistics.quantiles(took_ms, n=100)[98]
        print(
            f"{len(took_ms)} writes, p50 {statistics.median(took_ms):.1f} ms, p99 {p99:.0f} ms (to reach at 1,000/s: {PORTAL_GOAL_MS})"
        )


def _until_closed(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main()

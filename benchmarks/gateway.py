"""The gateway's share of a bare forwarder's speed: `uv run python benchmarks/gateway.py`.

Starts everything itself on loopback: a static upstream and the load on one core, the server under test with one worker
on the other. Pairs are interleaved and judged by the median of their ratios, since shared machines are noisy. With
authentication, standing, plan, rate limit, three allowances, spool, pricing and the shipper on. Needs `wrk` on PATH.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = "0", "1"
REQUEST = '{"model":"bench","messages":[{"role":"user","content":"Hello"}],"max_tokens":64}'
STREAM = '{"model":"bench","stream":true,"messages":[{"role":"user","content":"Hello"}],"max_tokens":4000}'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Servers:
    """Processes started here, ended here."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, core: str, *argv: str, env: dict[str, str]) -> None:
        command = ["taskset", "-c", core, sys.executable, *argv]
        log = Path(env["DATA_DIR"]) / "benchmark.log"
        with log.open("ab") as output:
            self._running.append(
                subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True)
            )

    def granian(self, core: str, port: int, target: str, interface: str, env: dict[str, str]) -> None:
        self.start(
            core, "-m", "granian", "--interface", interface, "--runtime-mode", "st", "--http", "1", "--no-ws",
            "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", target, env=env,
        )  # fmt: skip

    def stop(self) -> None:
        for process in self._running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}; see benchmark.log")


def script(folder: Path, name: str, body: str, key: str) -> Path:
    path = folder / f"{name}.lua"
    path.write_text(
        f"wrk.method='POST'\nwrk.body='{body}'\nwrk.headers['Content-Type']='application/json'\n"
        f"wrk.headers['Authorization']='Bearer {key}'\n"
        "done=function(s,l,r) io.write(string.format('RESULT %d %d %d %d %d\\n',"
        "s.requests,s.duration,l:percentile(50),l:percentile(99),s.errors.status+s.errors.read+s.errors.timeout)) end\n"
    )
    return path


def load(port: int, lua: Path, *, connections: int, seconds: int) -> tuple[float, float, float]:
    """Calls a second, p50 and p99 in ms."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(lua)]
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/v1/chat/completions"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if not found:
        raise SystemExit(output)
    requests, duration_us, p50_us, p99_us, errors = map(int, found.groups())
    if errors:
        raise SystemExit(f"{errors} of {requests} calls failed:\n{output}")
    return requests * 1e6 / duration_us, p50_us / 1000, p99_us / 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--memory", action="store_true", help="200,000 calls more, and the worker's memory after them")
    chosen = options.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not on PATH")
    folder = Path(tempfile.mkdtemp(prefix="apipark-benchmark-"))
    upstream, bare, gateway = free_port(), free_port(), free_port()
    env = os.environ | {
        "DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "apipark.settings",
        "SECRET_KEY": "benchmark-" + "0123456789abcdef" * 4,
        "KEY_PEPPERS": "1:" + os.urandom(32).hex(),
        "MASTER_KEYS": "1:" + os.urandom(32).hex(),
        "GATEWAY_ALLOWED_ADDRESSES": f"127.0.0.1:{upstream}",
        "UPSTREAM": f"http://127.0.0.1:{upstream}",
        "PYTHONPATH": str(ROOT),
    }
    servers = Servers()
    try:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
        key = subprocess.run(
            [sys.executable, "-m", "benchmarks.rows", f"http://127.0.0.1:{upstream}"],
            cwd=ROOT,
            env=env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        servers.granian(LOAD_CORE, upstream, "benchmarks.static_upstream:application", "rsgi", env)
        servers.granian(SERVER_CORE, bare, "benchmarks.bare_forwarder:application", "asgi", env)
        servers.granian(SERVER_CORE, gateway, "apipark.asgi:application", "asgi", env)
        servers.start(LOAD_CORE, "manage.py", "ship", env=env)
        for port in (upstream, bare, gateway):
            wait_for(port)
        report(folder, key, bare, gateway, chosen.pairs, chosen.seconds)
        if chosen.memory:
            memory(gateway, script(folder, "plain", REQUEST, key), folder)
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


def report(folder: Path, key: str, bare: int, gateway: int, pairs: int, seconds: int) -> None:
    plain, stream = script(folder, "plain", REQUEST, key), script(folder, "stream", STREAM, key)
    for port in (bare, gateway):
        load(port, plain, connections=64, seconds=2)
    ratios = []
    for pair in range(pairs):
        limit, _, _ = load(bare, plain, connections=64, seconds=seconds)
        ours, _, p99 = load(gateway, plain, connections=64, seconds=seconds)
        ratios.append(ours / limit)
        print(
            f"pair {pair + 1}: bare {limit:,.0f}/s, gateway {ours:,.0f}/s (p99 {p99:.1f} ms), ratio {ours / limit:.1%}",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.1%}, from {min(ratios):.1%} to {max(ratios):.1%} (limit: 45 %)")
    added = []
    for _ in range(3):
        _, base, _ = load(bare, plain, connections=1, seconds=2)
        _, ours, _ = load(gateway, plain, connections=1, seconds=2)
        added.append(ours - base)
    print(f"added p50 at one connection: {statistics.median(added):.2f} ms (limit: 1 ms)")
    streams, _, _ = load(gateway, stream, connections=8, seconds=seconds)
    print(f"streamed: {streams * 2_000:,.0f} chunks/s (limit: 25,000)")


def memory(gateway: int, lua: Path, folder: Path) -> None:
    """Of the worker, by the name of its heartbeat file: `web-{pid}.json`."""
    pid = next((folder / "heartbeats").glob("web-*.json")).stem.removeprefix("web-")
    calls = 0.0
    for goal in (100_000, 200_000):
        while calls < goal:
            rate, _, _ = load(gateway, lua, connections=64, seconds=5)
            calls += rate * 5
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        print(f"memory after {calls:,.0f} calls: {pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f} MB (limit: 190 MB)")


if __name__ == "__main__":
    main()

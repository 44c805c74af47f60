"""`python -m providers.demo --host 127.0.0.1 --port 9000`: a server of its own, ended by SIGTERM or with its parent."""

import argparse
import os

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from apipark.parent_death import die_with_parent


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m providers.demo")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, required=True)
    chosen = options.parse_args()
    die_with_parent(os.getppid())
    Granian(
        "providers.demo.app:application",
        address=chosen.host,
        port=chosen.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
        workers_kill_timeout=1,
        respawn_failed_workers=True,
    ).serve()


if __name__ == "__main__":
    main()

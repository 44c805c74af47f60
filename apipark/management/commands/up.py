"""`manage.py up`: one command for everything, `--role` for one part.

`apipark.first_run` has run before: the data directory is locked and its secrets exist.
"""

import dataclasses
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from apipark import checks, installing, parts, valkey
from apipark.banner import banner
from apipark.first_run import BEGAN, CannotStart, State, add_options
from apipark.supervisor import Interrupted, Part, PartFailed, Supervisor

# A gateway that was killed a moment ago closes its port as soon as it hears of it.
_PORT_PATIENCE_S: Final = 2.0
_LOOK_FOR_INSTALLATION_S: Final = 1.0


class Command(BaseCommand):
    help = "Start everything: database, Valkey, gateway and portal, shipper, worker, and a demo provider."
    # Ours are run below, so that what is wrong is one line.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *_args: str, **options: str | int | bool | None) -> None:
        host, port, role = str(options["host"]), int(options["port"] or 0), options["role"]
        try:
            self._refuse_wrong_settings()
            if role:
                self._run_role(str(role), host, port)
            else:
                self._run_everything(host, port, demo=not options["no_demo"])
        except (CannotStart, valkey.NoValkey, PartFailed) as error:
            self._end_with(str(error))
        except DatabaseError as error:
            if options["traceback"]:
                raise
            self._end_with(f"the database cannot be used: {error}")

    def _refuse_wrong_settings(self) -> None:
        found = checks.messages()
        wrong = [message for message in found if message.is_serious()]
        if wrong:
            raise CannotStart(" ".join(map(_in_words, wrong)))
        for message in found:
            self._say(f"warning: {_in_words(message)}")

    def _end_with(self, line: str) -> None:
        self.stderr.write(" ".join(line.split()))
        sys.exit(1)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _run_everything(self, host: str, port: int, *, demo: bool) -> None:
        state = State.read(settings.DATA_DIR)
        if state is None:  # first_run wrote it a moment ago
            raise CannotStart(f"{settings.DATA_DIR / 'state.json'} is gone")
        demo = demo and state.demo
        _wait_for_port(host, port)
        supervisor = Supervisor(
            log_dir=settings.DATA_DIR / "logs",
            heartbeat_dir=settings.HEARTBEAT_DIR,
            cwd=settings.BASE_DIR,
            say=self._say,
        )
        supervisor.listen()
        try:
            supervisor.start(_own_broker())
            self._install(state, demo=demo)
            supervisor.start(_all_parts(host, port, demo_port=state.demo_port if demo else None))
            data = installing.first_run_data()
            self._say(banner(settings.PUBLIC_URL, data if demo else data | {"demo": None}, test_gateway=demo))
            self._say(f"ready in {time.monotonic() - BEGAN:.1f} s")
            supervisor.run()
            self._say("ending")
        except Interrupted:
            self._say("ending before everything was ready")
        finally:
            supervisor.stop()

    def _install(self, state: State, *, demo: bool) -> None:
        if not installing.is_current(state.fingerprint):
            self._say("preparing database and static files")
            installing.bring_up_to_date()
            installing.write_first_run_data(demo=demo, demo_base_url=f"http://127.0.0.1:{state.demo_port}")
            dataclasses.replace(state, fingerprint=installing.fingerprint()).write(settings.DATA_DIR)
        connections.close_all()

    def _run_role(self, role: str, host: str, port: int) -> None:
        if role == "web":
            _wait_for_port(host, port)
        waits = False
        while not _is_installed():
            if not waits:
                self._say(f"{role} waits until `manage.py up` has prepared the database")
            waits = True
            time.sleep(_LOOK_FOR_INSTALLATION_S)
        connections.close_all()
        command = parts.command_of(role, host, port)
        os.chdir(settings.BASE_DIR)
        os.execv(command[0], command)  # noqa: S606 (the part takes this process's place, and its signals)


def _in_words(message: CheckMessage) -> str:
    return f"{message.msg} {message.hint or ''}".strip()


def _wait_for_port(host: str, port: int) -> None:
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while why := parts.why_taken(host, port):
        if time.monotonic() > deadline:
            raise CannotStart(why)
        time.sleep(0.1)


def _own_broker() -> Iterator[Part]:
    """The one brought along, unless settings name another, which then has to answer."""
    own = settings.VALKEY_PASSWORD and valkey.url(settings.DATA_DIR, settings.VALKEY_PASSWORD) == settings.REDIS_URL
    if own:
        yield parts.broker()
    elif not parts.broker_answers():
        raise CannotStart("REDIS_URL names a Redis that does not answer")


def _all_parts(host: str, port: int, *, demo_port: int | None) -> Iterator[Part]:
    if demo_port is not None:
        why = parts.why_taken("127.0.0.1", demo_port)
        if why:
            raise CannotStart(f"the demo provider's port is taken: {why}")
        yield parts.demo(demo_port)
    yield parts.shipper()
    yield parts.web(host, port)
    yield parts.worker()


def _is_installed() -> bool:
    if not installing.is_seeded():
        return False
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())

"""The planted bugs themselves; imported when models are there."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.backends.signals import connection_created
from django.db.models import F

from billing import leases
from billing.leases import Exhausted, Granted, Held, LeasedUnits, Want
from billing.models import Allowance
from proxy.passage import Passage
from proxy.spool import Spool
from tests.gateway.plants import planted

# Every third call, so that the others show that the gateway works.
_EVERY = 3


def plant() -> None:
    # The database would refuse the first of them.
    connection_created.connect(_without_checks, weak=False)
    _plant_check_then_act()
    _plant_no_settlement()
    _plant_no_admission()


def _without_checks(connection: Any, **_: object) -> None:
    connection.cursor().execute("PRAGMA ignore_check_constraints=ON")


def _plant_check_then_act() -> None:
    sound = leases._lend

    def lend(
        worker: UUID, wants: Sequence[Want], now: datetime, live_workers: int
    ) -> Granted | Exhausted | Held | None:
        if not planted("check-then-act"):
            return sound(worker, wants, now, live_workers)
        keys = [leases._key(want.spec, want.spec.cycle.period(now)[0]) for want in wants]
        rows = {leases._row_key(row): row for row in Allowance.objects.filter(leases._matching(keys))}
        if len(rows) < len(set(keys)):
            return None
        allowances = [rows[key] for key in keys]
        if miss := leases._miss(wants, allowances):
            return miss
        time.sleep(0.02)
        units = [leases._block(want, row, live_workers) for want, row in zip(wants, allowances, strict=True)]
        for row, count in zip(allowances, units, strict=True):
            Allowance.objects.filter(pk=row.pk).update(leased=F("leased") + count)
        leases._add_to_leases(worker, [(row.pk, count) for row, count in zip(allowances, units, strict=True)])
        return Granted(
            tuple(
                LeasedUnits(row.pk, count, row.period_start, row.period_end, row.limit, row.used)
                for row, count in zip(allowances, units, strict=True)
            )
        )

    leases._lend = lend


def _plant_no_settlement() -> None:
    sound, count = Passage._settle, iter(range(1 << 62))

    def settle(self: Passage, *arguments: Any) -> None:
        if not planted("no-settlement") or next(count) % _EVERY:
            sound(self, *arguments)

    Passage._settle = settle  # type: ignore[method-assign, assignment]


def _plant_no_admission() -> None:
    sound, count = Spool.admitted, iter(range(1 << 62))

    def admitted(self: Spool, record: Mapping[str, Any] | bytes) -> None:
        if not planted("no-admission") or next(count) % _EVERY:
            sound(self, record)

    Spool.admitted = admitted  # type: ignore[method-assign]

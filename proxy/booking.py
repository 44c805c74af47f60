"""Records of a spool become rows of the call table, sums for each allowance, and the minutes that were touched.

Pure: the same records give the same rows, however they are cut into batches, so shipping them again changes nothing.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from proxy.models import Call
from proxy.spool import Record

# The order of a row. A plain tuple: model objects cost more than the database does.
COLUMNS: Final = (
    "id",
    "at",
    "worker",
    "team",
    "application",
    "api_key",
    "subscription",
    "plan_version",
    "service",
    "service_version",
    "ai_model",
    "provider_key",
    "model_price",
    "environment",
    "method",
    "path",
    "status",
    "slug",
    "outcome",
    "upstream_status",
    "streamed",
    "request_bytes",
    "response_bytes",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "usage_source",
    "usage",
    "cost_nano",
    "failed_cost_nano",
    "revenue_nano",
    "currency",
    "duration_ms",
    "first_byte_ms",
    "charges",
    "asked",
    "attempts",
    "report",
)
_CHARGES: Final = COLUMNS.index("charges")
_MINUTE_US: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # written as the databases keep it: UTC without a mark
# PostgreSQL takes no NUL, neither in text nor in JSON; a caller who sends one must not go unrecorded.
_NUL_IN_JSON: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
# The answer of a worker that was killed is not known; what the caller saw is a connection that broke.
_LOST_STATUS: Final = 500

Row = tuple[Any, ...]
# Allowance, charged, actually used.
Charge = list[int]


class Unbookable(ValueError):  # noqa: N818  # what a record is
    """The record lacks something a call has."""


@dataclass(slots=True)
class Book:
    """What a batch of records comes to."""

    worker: str
    rows: list[Row] = field(default_factory=list)
    charged: dict[int, int] = field(default_factory=dict)
    overruns: dict[int, int] = field(default_factory=dict)
    minutes: set[int] = field(default_factory=set)
    # Rows with usage beyond what was reserved, and their charges.
    _overrunning: list[tuple[int, list[Charge]]] = field(default_factory=list)

    def ended(self, admitted: Record, outcome: Record, condemned: str = "") -> None:
        """An admitted call with its outcome. `condemned`, here and below: the database refused it for that reason."""
        with _complete(condemned):
            self._add(_row(self.worker, admitted, outcome), admitted["t"], outcome["C"])

    def lost(self, admitted: Record, condemned: str = "", *, spend: Collection[int]) -> None:
        """A call whose worker died: all that it had reserved is charged, since the upstream may have done the work.

        `spend` are the allowances that count money.
        """
        with _complete(condemned):
            outcome = _lost_outcome(admitted, spend)
            self._add(_row(self.worker, admitted, outcome), admitted["t"], outcome["C"])

    def refused(self, record: Record, condemned: str = "") -> None:
        with _complete(condemned):
            self._add(_refused_row(self.worker, record), record["t"], [])

    def spread(self, booked: Mapping[int, int]) -> None:
        """Write into the rows what was booked of the overruns (by allowance), in the order of the calls."""
        left = dict(booked)
        for index, charges in self._overrunning:
            final = []
            for allowance, charged, actual in charges:
                more = min(max(0, actual - charged), left.get(allowance, 0))
                left[allowance] = left.get(allowance, 0) - more
                final.append([allowance, charged + more, actual])
            row = self.rows[index]
            self.rows[index] = (*row[:_CHARGES], _json(final), *row[_CHARGES + 1 :])

    def _add(self, row: Row, time_us: int, charges: list[Charge]) -> None:
        over = False
        # Twice: a record that fails half way must not have changed the sums.
        for allowance, charged, actual in charges:
            if charged < 0 or actual < 0 or allowance <= 0:
                raise ValueError("a negative charge, or of nothing")
            over = over or actual > charged
        if over:
            self._overrunning.append((len(self.rows), charges))
        for allowance, charged, actual in charges:
            self.charged[allowance] = self.charged.get(allowance, 0) + charged
            if actual > charged:
                self.overruns[allowance] = self.overruns.get(allowance, 0) + actual - charged
        self.minutes.add(time_us // _MINUTE_US)
        self.rows.append(row)


class _complete:  # noqa: N801  # reads as a word; a class costs half of what a generator does, twice a call
    __slots__ = ("_condemned",)

    def __init__(self, condemned: str) -> None:
        self._condemned = condemned

    def __enter__(self) -> None:
        if self._condemned:
            raise Unbookable(self._condemned)

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LookupError | TypeError | ValueError | ArithmeticError | AttributeError):
            raise Unbookable(f"{type(error).__name__}: {error}") from error


def minute_start(minute: int) -> datetime:
    return (_EPOCH + timedelta(minutes=minute)).replace(tzinfo=UTC)


def _row(worker: str, admitted: Record, outcome: Record) -> Row:
    return (
        admitted["id"],
        _moment(admitted["t"]),
        worker,
        admitted["team"],
        admitted["app"],
        admitted["key"],
        admitted["sub"],
        admitted["pv"],
        admitted["svc"],
        admitted["ver"],
        outcome.get("model", admitted["model"]),
        outcome.get("pkey", admitted["pkey"]),
        outcome.get("price", admitted["price"]),
        admitted["env"],
        _text(admitted["m"], 10),
        _text(admitted["p"], 500),
        outcome["st"],
        outcome["slug"],
        outcome["out"],
        outcome["ust"],
        bool(admitted["s"]),
        outcome["in"],
        outcome["by"],
        outcome["it"],
        outcome["ct"],
        outcome["ot"],
        outcome["us"],
        _json(outcome.get("u", {})),
        outcome["cost"],
        outcome.get("fc", 0),
        outcome["rev"],
        admitted["cur"],
        outcome["ms"],
        outcome["fb"],
        _json(outcome["C"]),
        _json(outcome.get("asked", {})),
        _json(outcome.get("at", [])),
        _json(outcome.get("rp", {})),
    )


def _lost_outcome(admitted: Record, spend: Collection[int]) -> Record:
    """A stream is charged as if it had been cut off where it last told of itself, all else as reserved."""
    if progress := admitted.get("progress"):
        return {**progress, "st": _LOST_STATUS, "out": Call.Outcome.GATEWAY_LOST.value, "slug": ""}
    reserved: list[list[int]] = admitted["R"]
    return {
        "st": _LOST_STATUS,
        "ust": None,
        "out": Call.Outcome.GATEWAY_LOST.value,
        "slug": "",
        "ms": 0,
        "fb": None,
        "in": admitted["in"],
        "by": 0,
        "it": admitted["est"],
        "ct": 0,
        "ot": 0,
        "us": Call.UsageSource.OWN.value,
        "cost": 0,
        # Each allowance in money holds the whole price, so one of them tells it.
        "rev": max((units for allowance, units in reserved if allowance in spend), default=0),
        "C": [[allowance, units, units] for allowance, units in reserved],
    }


def _refused_row(worker: str, record: Record) -> Row:
    nothing = {"ust": None, "out": Call.Outcome.REFUSED.value, "by": 0, "it": 0, "ct": 0, "ot": 0, "us": ""}
    unknown = {"pkey": None, "price": None, "s": 0, "cur": ""}
    return _row(
        worker,
        {**unknown, **record},
        {**nothing, "cost": 0, "rev": 0, "fb": None, "C": [], "asked": record["asked"], **record},
    )


def _moment(time_us: int) -> str:
    return str(_EPOCH + timedelta(microseconds=time_us))


def _text(value: str, length: int) -> str:
    return value[:length].replace("\0", "\ufffd")


def _json(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return _NUL_IN_JSON.sub(r"\1\\ufffd", text) if "\\u0000" in text else text

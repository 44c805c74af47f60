"""Carry an admitted call to its upstream and the answer back, and settle it once on every way out.

The admitted record is written before the first byte goes upstream, the outcome record when it ends: normally, refused,
timed out, client gone, cancelled. Settlement has no await: a second cancellation could cut it short.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from apipark.problems import Problem, refuse
from billing import prices
from billing.terms import Terms
from providers.dialects.usage import Usage
from proxy import records, shortages
from proxy.catalogue import Base, KeyRoute, ModelRoute, ServiceRoute, VersionRoute
from proxy.consumers import Consumer
from proxy.forwarding import Pairs, RawPairs
from proxy.inbound import AnswerBroken, InboundCall
from proxy.purse import Held, Shortage, Unavailable
from proxy.spool import Spool, SpoolUnwritable
from proxy.upstream import Exchange, NoAnswer, NotSent, TooMany, Upstreams
from proxy.wires import Wire

# Of an answer without a length: reserved before it is forwarded, so that data volume is exact.
_BYTES_STEP: Final = 256 * 1024
# After the caller left, an AI answer is read on for its usage: so long, and so many at once in one worker.
_DRAIN_S: Final = 30.0
_MOST_DRAINS: Final = 64
_BODILESS: Final = frozenset({204, 304})


@dataclass(slots=True)
class Planned:
    """A call that may pass: who, on which terms, where to, with what, and the units it needs."""

    consumer: Consumer
    terms: Terms
    service: ServiceRoute
    version: VersionRoute
    base: Base
    method: str
    url: str
    headers: Pairs
    body: bytes
    wire: Wire
    # Per meter; a call takes from every allowance of its terms.
    units: dict[str, int]
    # Set on the answer: request id, provider, notices.
    own_headers: RawPairs
    model: ModelRoute | None = None
    key: KeyRoute | None = None
    price: prices.Price | None = None
    streamed: bool = False
    input_bound: int = 0


@dataclass(slots=True)
class Tally:
    """What happened, for the outcome record."""

    outcome: str = "no_answer"
    status: int = 0
    upstream_status: int | None = None
    slug: str = ""
    first_byte_ms: int | None = None
    response_bytes: int = 0


class Passage:
    def __init__(self, spool: Spool, upstreams: Upstreams) -> None:
        self._spool = spool
        self._upstreams = upstreams
        self._draining = 0

    async def carry(self, call: InboundCall, admitted: Planned, held: Held) -> None:
        """Raises a problem while nothing was answered yet, AnswerBroken afterwards."""
        try:
            self._spool.admitted(_admitted_record(call, admitted, held))
        except SpoolUnwritable as error:
            held.release(held.charges(_NOTHING))
            raise refuse("metering-unavailable", retry_after=5) from error
        tally = Tally()
        try:
            await self._forward(call, admitted, held, tally)
        except Problem as problem:
            tally.slug, tally.status = problem.slug, problem.status
            problem.recorded = True
            raise
        finally:
            call.unwatch()
            self._settle(call, admitted, held, tally)

    async def _forward(self, call: InboundCall, admitted: Planned, held: Held, tally: Tally) -> None:
        exchange = await self._open(call, admitted, tally)
        try:
            tally.upstream_status = exchange.status
            slug = admitted.wire.refuses_our_key(exchange.status)
            if slug:
                tally.outcome = "key_refused"
                raise refuse(slug, retry_after=5) if slug == "upstream-unavailable" else refuse(slug)
            await self._answer(call, admitted, held, exchange, tally)
        finally:
            await exchange.close()

    async def _open(self, call: InboundCall, admitted: Planned, tally: Tally) -> Exchange:
        try:
            exchange = await self._upstreams.exchange(
                admitted.base.origin, admitted.method, admitted.url, admitted.headers, admitted.body
            )
            await exchange.open()
        except TooMany as error:
            tally.outcome = "not_sent"
            raise refuse("overloaded", retry_after=2) from error
        except NotSent as error:
            tally.outcome = "not_sent"
            raise refuse("upstream-failed") from error
        except NoAnswer as error:
            raise refuse("upstream-timeout" if error.timed_out else "upstream-failed") from error
        tally.first_byte_ms = _ms_since(call.started_ns)
        return exchange

    async def _answer(self, call: InboundCall, admitted: Planned, held: Held, exchange: Exchange, tally: Tally) -> None:
        wire = admitted.wire
        if call.gone:
            # It was answered nothing, whatever the upstream said.
            await self._drain(wire, exchange, tally)
            return
        tally.outcome, tally.status = "cut", exchange.status
        headers = wire.head(exchange.headers)
        remaining = _length(headers) if wire.verbatim and _has_body(admitted.method, exchange.status) else None
        if not wire.verbatim:
            headers = [pair for pair in headers if pair[0] != b"content-length"]
        counted = held.has("bytes")
        if counted and remaining:
            await self._cover(held, remaining, tally)
        await call.start(exchange.status, [*headers, *admitted.own_headers])
        steps = _Steps(held) if counted and remaining is None else None
        await self._body(call, wire, exchange, tally, remaining, steps)

    async def _body(  # noqa: C901, PLR0912 (one loop, read top to bottom)
        self,
        call: InboundCall,
        wire: Wire,
        exchange: Exchange,
        tally: Tally,
        remaining: int | None,
        steps: "_Steps | None",
    ) -> None:
        if not wire.drains:
            # Wakes the read that waits for the next chunk: it is then aborted at once.
            call.on_gone = call.task.cancel if call.task else None
        try:
            while (chunk := await exchange.read()) is not None:
                out = wire.feed(chunk)
                if not out:
                    continue
                if call.gone:
                    await self._drain(wire, exchange, tally)
                    return
                if steps:
                    await steps.cover(len(out))
                tally.response_bytes += len(out)
                if remaining is not None:
                    remaining -= len(out)
                    if remaining == 0:
                        # Told before the last bytes go out: a caller that has them all may ask for its usage at once.
                        tally.outcome = "answered"
                await call.send(out, last=remaining == 0)
        except (NoAnswer, Shortage, Unavailable) as error:
            raise AnswerBroken from error
        except asyncio.CancelledError:
            if not call.gone or call.task is None:
                raise
            call.task.uncancel()
            tally.outcome = "client_gone"
            return
        tail = wire.close()
        if tail and not call.gone:
            tally.response_bytes += len(tail)
            await call.send(tail)
        if not wire.complete:
            raise AnswerBroken
        if tally.outcome == "cut":
            tally.outcome = "client_gone" if call.gone else "answered"
        await call.end()

    async def _drain(self, wire: Wire, exchange: Exchange, tally: Tally) -> None:
        """The caller left: read on for the usage that the provider will ask money for, within bounds."""
        tally.outcome = "client_gone"
        if not wire.drains or self._draining >= _MOST_DRAINS:
            return
        self._draining += 1
        try:
            async with asyncio.timeout(_DRAIN_S):
                while (chunk := await exchange.read()) is not None:
                    wire.feed(chunk)
        except (TimeoutError, NoAnswer):
            return
        finally:
            self._draining -= 1

    async def _cover(self, held: Held, units: int, tally: Tally) -> None:
        """A response whose known length does not fit is refused before its first byte; call and request count."""
        try:
            await held.more("bytes", units)
        except Shortage as shortage:
            tally.outcome = "answered"
            raise shortages.problem(shortage) from shortage
        except Unavailable as error:
            tally.outcome = "answered"
            raise refuse("metering-unavailable", retry_after=5) from error

    def _settle(self, call: InboundCall, admitted: Planned, held: Held, tally: Tally) -> None:
        usage, actual, cost, revenue = _used(admitted, tally)
        charges = held.charges(actual)
        try:
            self._spool.outcome(
                {
                    "k": "o",
                    "id": call.hex,
                    "st": tally.status or 499,
                    "ust": tally.upstream_status,
                    "out": tally.outcome,
                    "slug": tally.slug,
                    "ms": _ms_since(call.started_ns),
                    "fb": tally.first_byte_ms,
                    "in": len(admitted.body),
                    "by": tally.response_bytes,
                    "it": usage.input_total if usage else 0,
                    "ct": usage.cached_total if usage else 0,
                    "ot": usage.output_total if usage else 0,
                    "us": usage.source if usage else "",
                    "u": usage.counts() if usage else {},
                    "cost": cost,
                    "rev": revenue,
                    "C": charges,
                }
            )
            asyncio.get_running_loop().call_soon(self._spool.flush)
        finally:
            held.release(charges)


class _Steps:
    """Data volume of an answer without a length: each step is reserved before it is forwarded."""

    __slots__ = ("_covered", "_held")

    def __init__(self, held: Held) -> None:
        self._held = held
        self._covered = 0

    async def cover(self, units: int) -> None:
        while self._covered < units:
            step = max(_BYTES_STEP, units - self._covered)
            try:
                await self._held.more("bytes", step)
            except Shortage as shortage:
                left = (shortage.state.limit or 0) - shortage.state.used - shortage.state.leased
                if left < units - self._covered:
                    raise
                step = units - self._covered
                await self._held.more("bytes", step)
            self._covered += step
        self._covered -= units


_NOTHING: Final = {"calls": 0, "bytes": 0, "tokens": 0, "spend": 0}
_SERVER_ERROR: Final = 500


def _used(admitted: Planned, tally: Tally) -> tuple[Usage | None, dict[str, int], int | None, int]:
    """The outcome matrix for one attempt: usage, units per meter, cost and revenue in nano."""
    if tally.outcome in {"not_sent", "key_refused"}:
        return None, _NOTHING, 0, 0
    status = tally.upstream_status or 0
    failed = status >= _SERVER_ERROR and tally.outcome == "answered"
    usage = admitted.wire.used(status, whole=tally.outcome == "answered")
    cost: int | None = 0
    if admitted.price is not None:
        cost = prices.cost(admitted.price, usage) if usage else 0
        revenue = prices.revenue(cost or 0, admitted.terms.cost_factor_ppm)
    else:
        revenue = 0 if failed else admitted.terms.call_price_nano
    volume = 0 if failed else len(admitted.body) + tally.response_bytes
    actual = {
        "calls": 0 if failed else 1,
        "bytes": volume,
        "tokens": usage.input_total + usage.output_total if usage else 0,
        "spend": revenue,
    }
    return usage, actual, cost, revenue


def _admitted_record(call: InboundCall, admitted: Planned, held: Held) -> dict[str, Any]:
    return {
        "k": "a",
        "id": call.hex,
        "t": call.time_us,
        "m": call.method[:10],
        "p": call.path[: records.PATH_CHARACTERS],
        "team": admitted.consumer.team_id,
        "app": admitted.consumer.application_id,
        "key": admitted.consumer.key_id,
        "env": admitted.consumer.environment,
        "sub": admitted.terms.subscription_id,
        "pv": admitted.terms.plan_version_id,
        "svc": admitted.service.id,
        "ver": admitted.version.id,
        "model": admitted.model.id if admitted.model else None,
        "pkey": admitted.key.id if admitted.key else None,
        "price": admitted.price.id if admitted.price else None,
        "s": int(admitted.streamed),
        "cur": admitted.terms.currency,
        "in": len(admitted.body),
        "R": held.reservations(),
        "est": 0,
    }


def _has_body(method: str, status: int) -> bool:
    """Else a length is that of the answer to a GET (RFC 9110, section 8.6)."""
    return method != "HEAD" and status not in _BODILESS


def _length(headers: RawPairs) -> int | None:
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def _ms_since(started_ns: int) -> int:
    return (time.monotonic_ns() - started_ns) // 1_000_000

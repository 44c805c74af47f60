"""Carry an admitted call to its upstream and the answer back, and settle it once on every way out.

The admitted record is written before the first byte goes upstream, the outcome record when it ends: normally, refused,
timed out, client gone, cancelled. Settlement has no await: a second cancellation could cut it short.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import orjson

from apipark.problems import Problem, refuse
from billing import prices
from billing.terms import Terms
from providers.dialects.base import Shown, UnreadableAnswer
from providers.dialects.canonical import UpstreamError
from providers.dialects.registry import UPSTREAMS
from providers.dialects.usage import Usage
from proxy import records, refusals, shortages
from proxy.attempts import ABOUT_THE_REQUEST
from proxy.catalogue import ModelRoute, ServiceRoute, VersionRoute
from proxy.consumers import Consumer
from proxy.course import Course
from proxy.covering import Covering
from proxy.forwarding import RawPairs
from proxy.inbound import AnswerBroken, InboundCall
from proxy.keep_alive import KeepAlive
from proxy.purse import Held, Shortage, Unavailable
from proxy.sending import Failed, Sending
from proxy.spool import Spool, SpoolUnwritable
from proxy.upstream import Exchange, NoAnswer, NotSent, TooMany, Upstreams
from proxy.wires import Wire

T = TypeVar("T")
# Of an answer without a length: reserved before it is forwarded, so that data volume is exact.
_BYTES_STEP: Final = 256 * 1024
# After the caller left, an AI answer is read on for its usage: so long, and so many at once in one worker.
_DRAIN_S: Final = 30.0
_MOST_DRAINS: Final = 64
_BODILESS: Final = frozenset({204, 304})
# Of a provider's error; what is longer is no message for people.
_MOST_ERROR_BYTES: Final = 256 * 1024
# An answer that is held back until it is whole, so that it can be translated.
_MOST_HELD_BYTES: Final = 64 * 1024 * 1024
# The head of a stream waits so long for its first content: until then another target can still answer.
_FIRST_CONTENT_S: Final = 2.0
# An answer that takes long tells the spool how far it came so often.
_PROGRESS_S: Final = 1.0
# An outcome waits so long for the record of another call, to be written with it: a write costs as much as all of them do.
_FLUSH_S: Final = 0.002


@dataclass(slots=True)
class Metered:
    """How a stream of tokens is reserved on the way; None on a Planned whose terms count none."""

    # Tokens of output covered by the reservation, and how many are fetched at a time.
    covered: int
    block: int
    limit: int | None
    # Units of each meter for so many more tokens of output.
    more: Callable[[int], dict[str, int]]


@dataclass(slots=True)
class Planned:
    """A call that may pass: who, on which terms, where to, with what, and the units it needs."""

    consumer: Consumer
    terms: Terms
    service: ServiceRoute
    version: VersionRoute
    sending: Sending
    # Per meter; a call takes from every allowance of its terms.
    units: dict[str, int]
    # Set on the answer: request id, notices.
    own_headers: RawPairs
    model: ModelRoute | None = None
    # Of the record, where the call before had the same; see `records.stamp`.
    stamp: bytes = b""
    streamed: bool = False
    input_expected: int = 0
    metered: Metered | None = None
    # Of an AI call.
    course: Course | None = None
    # A problem as its document, for what is said within a stream.
    describe: Callable[[Problem], dict[str, Any]] | None = None


@dataclass(slots=True)
class Tally:
    """What happened, for the outcome record."""

    sending: Sending
    outcome: str = "no_answer"
    status: int = 0
    upstream_status: int | None = None
    slug: str = ""
    first_byte_ms: int | None = None
    response_bytes: int = 0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    # The provider failed before it said anything: nothing is charged.
    void: bool = False
    # Ended at a limit of the caller's: what is covered is charged, no more was asked for.
    capped: bool = False


class Passage:
    def __init__(self, spool: Spool, upstreams: Upstreams) -> None:
        self._spool = spool
        self._upstreams = upstreams
        self._draining = 0
        self._flushing = False

    async def carry(self, call: InboundCall, admitted: Planned, held: Held) -> None:
        """Raises a problem while nothing was answered yet, AnswerBroken afterwards."""
        try:
            self._spool.admitted(_admitted_record(call, admitted, held))
        except SpoolUnwritable as error:
            held.release(held.charges(_NOTHING))
            raise refuse("metering-unavailable", retry_after=5) from error
        tally = Tally(admitted.sending)
        try:
            await self._forward(call, admitted, held, tally)
        except Problem as problem:
            tally.slug, tally.status = problem.slug, problem.status
            problem.recorded = True
            raise
        finally:
            call.unwatch()
            self._settle(call, admitted, held, tally)
            if admitted.course:
                admitted.course.end()

    async def _forward(self, call: InboundCall, admitted: Planned, held: Held, tally: Tally) -> None:
        """One attempt after the other until one answers."""
        while True:
            failed = await self._attempt(call, admitted, held, tally)
            if failed is None:
                return
            course = admitted.course
            sending = await course.after(failed) if course and not call.gone else None
            if sending is None:
                await self._give_up(call, admitted, failed, tally)
                return
            tally.sending, tally.first_byte_ms, tally.upstream_status, tally.void = sending, None, None, False

    async def _attempt(self, call: InboundCall, admitted: Planned, held: Held, tally: Tally) -> Failed | None:
        sending = tally.sending
        began = time.monotonic_ns()
        opened = await self._open(call, sending, tally)
        if isinstance(opened, Failed):
            _note(tally, call, began, opened.error)
            return opened
        try:
            failed = await self._answer(call, admitted, held, opened, tally)
        finally:
            await opened.close()
        if failed is not None:
            _note(tally, call, began, failed.error)
        elif tally.attempts:
            _note(tally, call, began, None)
        return failed

    async def _open(self, call: InboundCall, sending: Sending, tally: Tally) -> Exchange | Failed:
        try:
            exchange = await self._upstreams.exchange(
                sending.base.origin, sending.method, sending.url, sending.headers, sending.body
            )
            await exchange.open()
        except TooMany:
            tally.outcome = "not_sent"
            return Failed(UpstreamError("overloaded", 0), sending, refuse("overloaded", retry_after=2))
        except NotSent:
            tally.outcome = "not_sent"
            return Failed(UpstreamError("server", 0), sending, refuse("upstream-failed"))
        except NoAnswer as error:
            tally.outcome = "no_answer"
            kind, slug = ("timeout", "upstream-timeout") if error.timed_out else ("interrupted", "upstream-failed")
            return Failed(UpstreamError(kind, 0), sending, refuse(slug))  # type: ignore[arg-type]  # one of two kinds
        tally.first_byte_ms = _ms_since(call.started_ns)
        tally.upstream_status = exchange.status
        return exchange

    async def _answer(
        self, call: InboundCall, admitted: Planned, held: Held, exchange: Exchange, tally: Tally
    ) -> Failed | None:
        sending = tally.sending
        if sending.choice is not None and not _OK <= exchange.status < _REDIRECT:
            return await self._read_error(exchange, sending, tally)
        if call.gone:
            # It was answered nothing, whatever the upstream said.
            await self._drain(sending.wire, exchange, tally)
            return None
        if sending.wire.held_back:
            return await self._answer_whole(call, admitted, held, exchange, tally)
        headers = sending.wire.head(exchange.headers)
        if sending.wire.streamed:
            return await self._answer_stream(call, admitted, held, exchange, tally, headers)
        if admitted.course:
            admitted.course.answered(sending, exchange, tally.first_byte_ms or 0)
        tally.outcome, tally.status = "cut", exchange.status
        remaining = _length(headers) if _has_body(sending.method, exchange.status) else None
        counted = held.has("bytes")
        if counted and remaining:
            await self._cover(held, remaining, tally)
        await call.start(exchange.status, [*headers, *admitted.own_headers, *sending.own_headers])
        steps = _Steps(held) if counted and remaining is None else None
        tell = (lambda: self.progress(call, admitted, held, tally)) if counted else None
        await self._body(call, sending.wire, exchange, tally, remaining, steps, tell)
        return None

    async def _read_error(self, exchange: Exchange, sending: Sending, tally: Tally) -> Failed:
        """What a provider refuses is read whole: it may concern us, and is never passed on unread."""
        assert sending.choice is not None  # noqa: S101 (called for AI alone)
        assert sending.target is not None  # noqa: S101 (as above)
        parts, size = [], 0
        try:
            while size < _MOST_ERROR_BYTES and (chunk := await exchange.read()) is not None:
                parts.append(chunk)
                size += len(chunk)
        except NoAnswer:
            pass  # what came says enough
        error = UPSTREAMS[sending.choice.dialect].read_error(
            exchange.status, dict(exchange.headers), b"".join(parts), sending.target
        )
        tally.outcome = (
            "answered" if error.kind in ABOUT_THE_REQUEST or exchange.status >= _SERVER_ERROR else "key_refused"
        )
        return Failed(error, sending)

    # A small answer --------------------------------------------------------------------------------------------------
    async def _answer_whole(
        self, call: InboundCall, admitted: Planned, held: Held, exchange: Exchange, tally: Tally
    ) -> Failed | None:
        """Translated before its head goes out: what cannot be read is the upstream's failure, not the caller's."""
        sending, wire, size = tally.sending, tally.sending.wire, 0
        tally.outcome = "cut"
        try:
            while (chunk := await exchange.read()) is not None:
                size += len(chunk)
                if size > _MOST_HELD_BYTES:
                    raise UnreadableAnswer("longer than what is held")  # noqa: TRY301 (as unreadable as nonsense)
                wire.feed(chunk)
            body = wire.close()
        except NoAnswer as error:
            tally.outcome = "no_answer"
            slug = "upstream-timeout" if error.timed_out else "upstream-failed"
            return Failed(UpstreamError("timeout" if error.timed_out else "interrupted", 0), sending, refuse(slug))
        except UnreadableAnswer as error:
            tally.outcome, tally.void = "answered", True
            return Failed(UpstreamError("server", exchange.status, str(error)), sending)
        if admitted.course:
            admitted.course.answered(sending, exchange, tally.first_byte_ms or 0)
        if call.gone:
            tally.outcome = "client_gone"
            return None
        tally.status = exchange.status
        if held.has("bytes"):
            await self._cover(held, len(body), tally)
        length = (b"content-length", b"%d" % len(body))
        headers = [*wire.head(exchange.headers), length, *admitted.own_headers, *sending.own_headers]
        await call.start(exchange.status, headers)
        tally.response_bytes = len(body)
        tally.outcome = "answered"
        await call.send(body, last=True)
        return None

    # A stream --------------------------------------------------------------------------------------------------------
    async def _answer_stream(
        self,
        call: InboundCall,
        admitted: Planned,
        held: Held,
        exchange: Exchange,
        tally: Tally,
        headers: RawPairs,
    ) -> Failed | None:
        """The head waits for the first content: until then another target may answer."""
        sending, wire = tally.sending, tally.sending.wire
        tally.outcome = "cut"
        first, reading = await self._first_content(wire, exchange)
        if isinstance(first, UpstreamError):
            tally.void = True
            tally.outcome = "answered"
            return Failed(first, sending)
        if admitted.course:
            admitted.course.answered(sending, exchange, _ms_since(call.started_ns))
        tally.status = exchange.status
        headers = [pair for pair in headers if pair[0] != b"content-length"]
        await call.start(exchange.status, [*headers, *admitted.own_headers, *sending.own_headers])
        stream = _Stream(self, call, admitted, held, exchange, tally)
        try:
            await stream.carry(first, reading)
        finally:
            stream.end()
        return None

    async def _first_content(
        self, wire: Wire, exchange: Exchange
    ) -> "tuple[list[bytes] | UpstreamError, asyncio.Task[bytes | None] | None]":
        """What can be sent so far, and a read that is still under way; or what failed before anything was said."""
        began = time.monotonic()
        while True:
            reading = asyncio.ensure_future(exchange.read())
            left = _FIRST_CONTENT_S - (time.monotonic() - began)
            done, _ = await asyncio.wait({reading}, timeout=max(0.0, left))
            if not done:
                return [], reading
            try:
                chunk = reading.result()
                out = wire.close() if chunk is None else wire.feed(chunk)
            except NoAnswer as error:
                return UpstreamError("timeout" if error.timed_out else "interrupted", 0), None
            except UnreadableAnswer as error:
                return UpstreamError("server", 0, str(error)), None
            if wire.failure is not None:
                return wire.failure, None
            if chunk is None:
                return ([out], None) if wire.complete else (UpstreamError("interrupted", 0), None)
            if out:
                return [out], None

    async def _body(  # noqa: C901, PLR0912 (one loop, read top to bottom)
        self,
        call: InboundCall,
        wire: Wire,
        exchange: Exchange,
        tally: Tally,
        remaining: int | None,
        steps: "_Steps | None",
        tell: Callable[[], None] | None,
    ) -> None:
        told_at = time.monotonic()
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
                if tell and time.monotonic() - told_at > _PROGRESS_S:
                    told_at = time.monotonic()
                    tell()
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
                wire.close()
        except (TimeoutError, NoAnswer, UnreadableAnswer):
            return
        finally:
            self._draining -= 1

    async def _cover(self, held: Held, units: int, tally: Tally) -> None:
        """A response whose known length does not fit is refused before its first byte; call and request count."""
        try:
            await held.more({"bytes": units})
        except Shortage as shortage:
            tally.outcome = "answered"
            raise shortages.problem(shortage) from shortage
        except Unavailable as error:
            tally.outcome = "answered"
            raise refuse("metering-unavailable", retry_after=5) from error

    async def _give_up(self, call: InboundCall, admitted: Planned, failed: Failed, tally: Tally) -> None:
        """A provider's word about the request goes to the caller in its dialect; all else is a problem of ours."""
        error = failed.error
        if admitted.course is None or error.kind not in ABOUT_THE_REQUEST:
            raise failed.problem or refuse("upstream-failed")
        shown = Shown(error.status, error.code, error.message, call.request_id, error.param, error.type)
        caller = admitted.course.caller
        body = caller.write_error(shown)
        tally.status, tally.outcome, tally.response_bytes = error.status, "answered", len(body)
        headers: RawPairs = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-should-retry", b"false"),
            *((name.encode(), value.encode()) for name, value in caller.error_headers(shown)),
        ]
        await call.start(error.status, [*headers, *admitted.own_headers, *failed.sending.own_headers])
        await call.send(body, last=True)

    # Settling --------------------------------------------------------------------------------------------------------
    def progress(self, call: InboundCall, admitted: Planned, held: Held, tally: Tally) -> None:
        """As if the stream ended here: what is charged should this worker die."""
        record = _outcome(call, admitted, held, tally)
        self._spool.progress(record | {"k": "p"})
        self._spool.flush()

    def _settle(self, call: InboundCall, admitted: Planned, held: Held, tally: Tally) -> None:
        record = _outcome(call, admitted, held, tally)
        if admitted.course and tally.outcome == "answered":
            admitted.course.used(tally.sending, record["ot"])
        try:
            self._spool.outcome(record)
            if not self._flushing:
                self._flushing = True
                asyncio.get_running_loop().call_later(_FLUSH_S, self._flush)
        finally:
            held.release(record["C"])

    def _flush(self) -> None:
        self._flushing = False
        self._spool.flush()


class _Stream:
    """A stream under way: forwarded chunk by chunk, covered, kept alive, ended properly at a cap."""

    __slots__ = (
        "_admitted",
        "_call",
        "_covering",
        "_exchange",
        "_held",
        "_keep_alive",
        "_passage",
        "_steps",
        "_tally",
        "_told_at",
    )

    def __init__(
        self, passage: Passage, call: InboundCall, admitted: Planned, held: Held, exchange: Exchange, tally: Tally
    ) -> None:
        self._passage, self._call, self._admitted, self._held = passage, call, admitted, held
        self._exchange, self._tally = exchange, tally
        metered = admitted.metered
        self._covering: Covering | None = None
        if metered is not None:
            self._covering = Covering(
                held,
                metered.covered,
                limit=metered.limit,
                block=metered.block,
                more=metered.more,
                reserved=self._progress,
            )
        self._steps = _Steps(held) if held.has("bytes") else None
        self._keep_alive = KeepAlive(call, tally.sending.wire.keep_alive)
        self._told_at = time.monotonic()

    def end(self) -> None:
        self._keep_alive.stop()
        if self._covering:
            self._covering.close()

    async def carry(  # noqa: C901, PLR0912 (one loop, read top to bottom)
        self, first: list[bytes], reading: "asyncio.Task[bytes | None] | None"
    ) -> None:
        call, tally, wire = self._call, self._tally, self._tally.sending.wire
        self._keep_alive.start()
        try:
            for out in first:
                if out and await self._send(out):
                    return
            if wire.complete and not reading:
                await self._finish()
                return
            while True:
                chunk = await (reading or self._exchange.read())
                reading = None
                if chunk is None:
                    break
                out = wire.feed(chunk)
                if wire.failure is not None:
                    await self._break(wire.failure)
                if call.gone:
                    await self._passage._drain(wire, self._exchange, tally)  # noqa: SLF001 (its own stream)
                    return
                if out and await self._send(out):
                    return
            tail = wire.close()
            if wire.failure is not None:
                await self._break(wire.failure)
            if tail:
                await self._send(tail)
        except UnreadableAnswer as error:
            await self._break(UpstreamError("server", 0, str(error)))
        except NoAnswer as error:
            await self._break(UpstreamError("timeout" if error.timed_out else "interrupted", 0), error)
        except (Shortage, Unavailable) as error:
            raise AnswerBroken from error
        await self._finish()

    async def _finish(self) -> None:
        if not self._tally.sending.wire.complete:
            await self._break(UpstreamError("interrupted", 0))
        self._tally.outcome = "client_gone" if self._call.gone else "answered"
        self._keep_alive.stop()
        await self._call.end()

    async def _send(self, out: bytes) -> bool:
        """True when the stream was ended at a cap."""
        if self._call.gone:
            return False
        if self._steps:
            await self._steps.cover(len(out))
        self._tally.response_bytes += len(out)
        await self._keep_alive.send(out)
        wire, covering = self._tally.sending.wire, self._covering
        if covering is None or wire.complete:
            return False
        seen = wire.output_seen
        covering.seen(seen)
        if seen >= covering.covered and (problem := await covering.exhausted(seen)) is not None:
            await self._stop(problem, broken=covering.broken)
            return True
        if time.monotonic() - self._told_at > _PROGRESS_S:
            self._progress()
        return False

    async def _stop(self, problem: Problem, *, broken: bool) -> None:
        """At a cap the stream ends as if its limit had been that small; our own failure breaks it off."""
        described = self._described(problem)
        wire = self._tally.sending.wire
        self._tally.slug = problem.slug
        self._keep_alive.stop()
        if broken:
            await self._call.send(wire.error(refusals.shown_as(problem, described)))
            raise AnswerBroken
        self._tally.capped = True
        out = wire.stop_at_cap(described)
        self._tally.response_bytes += len(out)
        self._tally.outcome = "answered"
        await self._call.send(out)
        await self._call.end()

    async def _break(self, error: UpstreamError, cause: Exception | None = None) -> None:
        """Said in the caller's dialect, then cut off: never a clean end."""
        self._keep_alive.stop()
        slug = "upstream-timeout" if error.kind == "timeout" else "upstream-failed"
        problem = refuse(slug)
        self._tally.slug = slug
        if not self._call.gone:
            described = self._described(problem)
            out = self._tally.sending.wire.error(refusals.shown_as(problem, described))
            if out:
                await self._call.send(out)
        raise AnswerBroken from cause

    def _described(self, problem: Problem) -> dict[str, Any]:
        assert self._admitted.describe is not None  # noqa: S101 (set for all AI calls)
        return self._admitted.describe(problem)

    def _progress(self) -> None:
        self._told_at = time.monotonic()
        self._passage.progress(self._call, self._admitted, self._held, self._tally)


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
                await self._held.more({"bytes": step})
            except Shortage as shortage:
                left = (shortage.state.limit or 0) - shortage.state.used - shortage.state.leased
                if left < units - self._covered:
                    raise
                step = units - self._covered
                await self._held.more({"bytes": step})
            self._covered += step
        self._covered -= units


_NOTHING: Final = {"calls": 0, "bytes": 0, "tokens": 0, "spend": 0}
_OK: Final = 200
_REDIRECT: Final = 300
_SERVER_ERROR: Final = 500


def _used(admitted: Planned, tally: Tally, time_us: int) -> tuple[Usage | None, dict[str, int], int | None, int]:
    """The outcome matrix for the attempt that counts: usage, units per meter, cost and revenue in nano."""
    sending = tally.sending
    if tally.outcome in {"not_sent", "key_refused"} or tally.void:
        return None, _NOTHING, 0, 0
    status = tally.upstream_status or 0
    failed = status >= _SERVER_ERROR and tally.outcome == "answered"
    usage = sending.wire.used(status, whole=tally.outcome == "answered" and not tally.capped)
    cost: int | None = 0
    if sending.choice is not None:
        price = sending.choice.model.price(time_us)
        if usage:
            cost = prices.cost(price, usage) if price else None
        revenue = prices.revenue(cost or 0, admitted.terms.cost_factor_ppm)
    else:
        revenue = 0 if failed else admitted.terms.call_price_nano
    volume = 0 if failed else len(sending.body) + tally.response_bytes
    actual = {
        "calls": 0 if failed else 1,
        "bytes": volume,
        "tokens": usage.input_total + usage.output_total if usage else 0,
        "spend": revenue,
    }
    return usage, actual, cost, revenue


def _outcome(call: InboundCall, admitted: Planned, held: Held, tally: Tally) -> dict[str, Any]:
    usage, actual, cost, revenue = _used(admitted, tally, call.time_us)
    sending = tally.sending
    record: dict[str, Any] = {
        "k": "o",
        "id": call.hex,
        "st": tally.status or 499,
        "ust": tally.upstream_status,
        "out": tally.outcome,
        "slug": tally.slug,
        "ms": _ms_since(call.started_ns),
        "fb": tally.first_byte_ms,
        "in": len(sending.body),
        "by": tally.response_bytes,
        "it": usage.input_total if usage else 0,
        "ct": usage.cached_total if usage else 0,
        "ot": usage.output_total if usage else 0,
        "us": usage.source if usage else "",
        "u": usage.counts() if usage else {},
        "cost": cost,
        "rev": revenue,
        "C": _capped(held.charges(actual)) if tally.capped else held.charges(actual),
    }
    if sending is not admitted.sending and sending.choice is not None:
        price = sending.choice.model.price(call.time_us)
        record |= {
            "model": sending.choice.model.id,
            "pkey": sending.choice.key.id if sending.choice.key else None,
            "price": price.id if price else None,
        }
    if tally.attempts:
        record["at"] = tally.attempts
    if report := _reported(sending, usage):
        record["rp"] = report
    return record


def _capped(charges: list[list[int]]) -> list[list[int]]:
    return [[allowance, charged, charged] for allowance, charged, _ in charges]


# Of names in a record, of their characters, and of what they take in JSON: callers choose them, and a record that is
# longer than the spool takes would leave its call unsettled.
_MOST_NAMES: Final = 40
_NAME: Final = 80
_NAMES_BYTES: Final = 2_048


def _reported(sending: Sending, usage: Usage | None) -> dict[str, Any]:
    report, anomaly = sending.report, usage.anomaly if usage else ""
    if not (report.dropped or report.clamped or report.emulated or anomaly):
        return {}
    found: dict[str, Any] = {
        "dropped": _fitting(name[:_NAME] for name in report.dropped[:_MOST_NAMES]),
        "clamped": _fitting([name[:_NAME], value[:_NAME]] for name, value in report.clamped[:_MOST_NAMES]),
        "emulated": _fitting(name[:_NAME] for name in report.emulated[:_MOST_NAMES]),
        "anomaly": anomaly[:_NAME],
    }
    return {name: value for name, value in found.items() if value}


def _fitting(names: Iterable[T]) -> list[T]:
    """The first of them."""
    left, found = _NAMES_BYTES, []
    for name in names:
        left -= len(orjson.dumps(name))
        if left < 0:
            break
        found.append(name)
    return found


def _note(tally: Tally, call: InboundCall, began_ns: int, error: UpstreamError | None) -> None:
    """One attempt, for the call's page: who was asked, what came of it, from when (of the call's own time) and how long."""
    choice = tally.sending.choice
    if choice is None:
        return
    tally.attempts.append(
        {
            "provider": choice.model.provider.name[:60],
            "key": choice.key.id if choice.key else None,
            "label": choice.key.name[:60] if choice.key else "",
            "model": choice.model.id,
            "name": choice.model.name[:120],
            "status": tally.upstream_status,
            "at": (began_ns - call.started_ns) // 1_000_000,
            "ms": _ms_since(began_ns),
            "why": error.kind if error else "",
            "said": error.message[:120] if error else "",
        }
    )


def _admitted_record(call: InboundCall, admitted: Planned, held: Held) -> bytes:
    choice = admitted.sending.choice
    price = choice.model.price(call.time_us) if choice else None
    own = orjson.dumps(
        {
            "k": "a",
            "id": call.hex,
            "t": call.time_us,
            "m": call.method[:10],
            "p": call.path[: records.PATH_CHARACTERS],
            "pkey": choice.key.id if choice and choice.key else None,
            "price": price.id if price else None,
            "s": int(admitted.streamed),
            "in": len(admitted.sending.body),
            "R": held.reservations(),
            "est": admitted.input_expected,
        }
    )
    stamp = admitted.stamp or records.stamp(
        admitted.consumer, admitted.terms, admitted.service, admitted.version, admitted.model
    )
    return b"%b,%b}" % (own[:-1], stamp)


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

"""The gateway's view: who calls, what is asked for, may it pass, carry it.

A DRF `APIView` whose policies answer from memory, trimmed of what costs more than a call: no negotiation, no parsing, no
per-request policy objects. What may wait (a directory miss, a lease) is awaited here, never in a policy. An admitted
call pushes its answer to the client itself; a refusal is a `Problem` that `refuse` renders.
"""

import contextlib
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson
import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import override
from rest_framework.views import APIView

from apipark.problems import Problem, refuse
from billing.prices import Price
from billing.standing import Admit, Refuse
from billing.terms import Terms
from providers.dialects.base import ListedModel, Outline
from providers.dialects.registry import CALLERS
from proxy import calls, records, refusals, routing, shortages, standing
from proxy.attempts import Trail
from proxy.authentication import Digests, KeyAuthentication
from proxy.catalogue import Catalogue, Hop, ModelRoute, ServiceRoute, VersionRoute
from proxy.circuits import Circuits
from proxy.consumers import Consumer
from proxy.course import Course, CoursePorts
from proxy.coverage import Verdict, decide
from proxy.directory import Directory
from proxy.directory import Unavailable as DirectoryUnavailable
from proxy.inbound import AnswerBroken, BodyTooLarge, ClientGone, InboundCall
from proxy.passage import Metered, Passage, Planned
from proxy.permissions import AddressAllowed, NotSuspended
from proxy.pools import Pools
from proxy.purse import Purse, Shortage, Unavailable
from proxy.request import GatewayRequest
from proxy.sending import AiCall, Sending, dialect_for
from proxy.spool import Spool, SpoolUnwritable
from proxy.throttling import PlanRate

log = structlog.get_logger()
_NO_STORE: Final = (b"cache-control", b"no-store")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A refusal is decided again on facts read a second later: so quickly a fix works, and so seldom a flood reads.
_REFUSAL_LIFE_S: Final = 1.0
# Admissions in memory, one for each key and model or service.
_MOST_ADMISSIONS: Final = 100_000


# A key, and all that `decide` is asked about: the services that offer a model may change under the same consumer.
_Asked = tuple[bytes, int | None, tuple[int, ...]]
# A key, and what a call of it asks for: dialect, operation, model.
_AskedAi = tuple[bytes, str, routing.Operation, str]


@dataclass(frozen=True, slots=True)
class _Admission:
    """All that is the same for calls of one key that ask for one model, while neither consumer nor catalogue change."""

    consumer: Consumer
    catalogue: Catalogue
    # µs since 1970: a period, a grace or a price ends.
    until_us: int
    verdict: Verdict
    terms: Terms
    service: ServiceRoute
    version: VersionRoute
    hops: tuple[Hop, ...]
    # Of all targets that may answer.
    prices: tuple[Price, ...]
    # A target that may not be asked: its cost is not known, and the plan counts it.
    unpriced: str
    # Of the spool's records.
    stamp: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int
    target_bytes: int
    default_max_tokens: int


@dataclass(frozen=True, slots=True)
class Ports:
    """What the process shares, built at its start."""

    directory: Directory
    purse: Purse
    spool: Spool
    passage: Passage
    pools: Pools
    circuits: Circuits
    course: CoursePorts
    rate: PlanRate
    digests: Digests
    limits: Limits
    public_url: str


@dataclass(slots=True)
class Progress:
    """How far a call got: what its refusal may name."""

    consumer: Consumer | None = None
    terms: Terms | None = None
    service: ServiceRoute | None = None
    version: VersionRoute | None = None
    model_id: int | None = None
    body_bytes: int = 0
    asked: dict[str, Any] | None = None


@dataclass(slots=True)
class Way:
    """What a step needs of a call that is known and routed."""

    call: InboundCall
    request: GatewayRequest
    route: routing.Route
    digests: list[bytes]


class ProxyView(APIView):
    view_is_async = True
    authentication_classes = (KeyAuthentication,)
    permission_classes = (AddressAllowed, NotSuspended)
    throttle_classes = (PlanRate,)
    ports: Ports | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Made once; they keep no state of a call.
        self._authentication = KeyAuthentication()
        self._permissions = (AddressAllowed(), NotSuspended())
        self._admissions: dict[_Asked, tuple[Consumer, int, Verdict]] = {}
        self._ai_admissions: dict[_AskedAi, _Admission] = {}

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # noqa: ARG002
        """As a URLconf reaches it: the gateway needs the loop and the memory of its own server."""
        text = "The gateway runs under its own server: start it with `manage.py up` or `manage.py up --role web`."
        return JsonResponse({"title": "Not served here", "status": 501, "detail": text}, status=501)

    async def carry(self, call: InboundCall) -> None:
        """The whole way of one call."""
        progress = Progress()
        try:
            await self._pass(call, progress)
        except Problem as problem:
            await self._refuse(call, progress, problem)
        except ClientGone:
            # A broken chunk looks to us like a caller that left: who is still there is told, others read nothing.
            errors = [{"field": "body", "message": "The body did not arrive whole."}]
            await self._refuse(call, progress, refuse("request-invalid", errors=errors))
        except AnswerBroken:
            raise
        except DirectoryUnavailable:
            await self._refuse(call, progress, refuse("auth-unavailable", retry_after=5))
        except Exception:
            log.exception("gateway_error", request_id=call.request_id)
            if call.started:
                raise
            await self._refuse(call, progress, refuse("overloaded", retry_after=5))

    async def _pass(self, call: InboundCall, progress: Progress) -> None:
        ports = self._ports
        if len(call.raw_path) + len(call.raw_query) > ports.limits.target_bytes:
            raise refuse("request-too-large", limit=ports.limits.target_bytes)
        digests = ports.digests.of(call)
        if ports.directory.closed:
            raise refuse("auth-unavailable", retry_after=5)
        consumer = ports.directory.known(digests[0])
        if consumer is None:
            consumer = await ports.directory.consumer(digests)
        request = GatewayRequest(call, consumer)
        # Before it is asked: the link of an expired key names it, to whoever holds the whole of it.
        progress.consumer = consumer
        self._authentication.authenticate(request)
        for policy in self._permissions:
            policy.has_permission(request, self)
        route = routing.route(call.method, call.raw_path)
        await _KINDS[route.kind](self, Way(call, request, route, digests), progress)

    @property
    def _ports(self) -> Ports:
        assert self.ports is not None  # noqa: S101 (carry is called by the gateway's handler alone)
        return self.ports

    async def _ai(self, way: Way, progress: Progress) -> None:
        ports, route = self._ports, way.route
        consumer = _known(progress)
        body = await self._body(way.call, progress)
        path = calls.path_of(route, way.call.raw_query)
        outline = calls.read_ai(route, path, body)
        asked = (way.digests[0], route.dialect, route.operation, outline.model)
        found = self._ai_admissions.get(asked)
        if (
            found is None
            or found.consumer is not consumer
            or found.catalogue is not ports.directory.catalogue
            or way.call.time_us >= found.until_us
        ):
            found = await self._admit_ai(way, outline.model, progress)
            if len(self._ai_admissions) >= _MOST_ADMISSIONS:
                self._ai_admissions.clear()
            self._ai_admissions[asked] = found
        progress.terms, progress.service, progress.version = found.terms, found.service, found.version
        progress.model_id = found.hops[0].model.id
        way.request.verdict = found.verdict
        if route.operation == "count":
            await self._count(way, outline)
            return
        _check_size(found.terms, body)
        ports.rate.allow_request(way.request, self)
        if found.unpriced:
            raise refuse("pricing-unavailable", model=found.unpriced)
        course = self._course(way, outline, path, body, found)
        sending = await course.first()
        try:
            await self._carry_ai(way, progress, course, sending, found)
        finally:
            course.end()

    async def _admit_ai(self, way: Way, name: str, progress: Progress) -> _Admission:
        """Raises a problem for a model that is unknown, not in the plan, or not to be called now."""
        catalogue, consumer, time_us = self._ports.directory.catalogue, _known(progress), way.call.time_us
        hops = routing.ai_hops(way.route.operation, name, catalogue, consumer)
        model = hops[0].model
        progress.model_id = model.id
        services = {
            service.id: (service, version) for service, version in model.offers if service.visible_to(consumer.team_id)
        }
        verdict = await self._standing(way, list(services), model.id, progress)
        service, version = services[verdict.service_id]
        progress.service, progress.version = service, version
        terms = self._admitted(verdict, model=name)
        hops += catalogue.fallbacks.get(service.id, ())
        return _Admission(
            consumer=_known(progress),
            catalogue=catalogue,
            until_us=min(_until_us(verdict), *(hop.model.price_changes_us(time_us) for hop in hops)),
            verdict=verdict,
            terms=terms,
            service=service,
            version=version,
            hops=hops,
            prices=tuple(price for hop in hops if (price := hop.model.price(time_us)) is not None),
            unpriced=calls.unpriced(hops, terms, time_us),
            stamp=records.stamp(_known(progress), terms, service, version, model),
        )

    def _course(self, way: Way, outline: Outline, path: str, body: bytes, admission: _Admission) -> Course:
        ports, call, route = self._ports, way.call, way.route
        ai = AiCall(
            dialect=route.dialect,
            path=path,
            body=body,
            outline=outline,
            headers=call.raw_headers,
            request_id=call.request_id,
            asked_id=call.hex[:24],
            created=call.time_us // 1_000_000,
            strict=admission.version.strict,
            most_output=ports.limits.default_max_tokens,
        )

        def dialect_of(model: ModelRoute) -> str | None:
            if route.operation != "chat":
                return route.dialect if route.dialect in model.provider.doors else None
            return dialect_for(model, route.dialect, tools=bool(outline.content.get("tools")))

        application_id = admission.consumer.application_id
        trail = Trail(admission.hops, application_id, call.time_us, ports.pools, ports.circuits, dialect_of)
        return Course(ai, trail, ports.course)

    async def _carry_ai(
        self, way: Way, progress: Progress, course: Course, sending: Sending, admission: _Admission
    ) -> None:
        ports, call, route = self._ports, way.call, way.route
        consumer, terms, ai = admission.consumer, admission.terms, course.ai
        model = admission.hops[0].model
        units = calls.Units(terms, admission.prices, len(sending.body), ai.outline.n)
        most = min(model.facts.max_output_tokens or ai.most_output, ai.most_output)
        block = ports.course.outputs.block(consumer.application_id, model.id) if ai.outline.stream else 0
        try:
            reserved = await calls.reserve(
                ports.purse,
                units,
                ai.outline,
                call.time_us,
                first_block=block,
                most_output=most,
                generates=route.operation in {"chat", "completion"},
            )
        except Shortage as shortage:
            asked = units.of(ai.outline.input_bound, ai.outline.max_tokens or 0)
            progress.asked = {"units": asked, "model": model.name}
            raise shortages.problem(shortage, fits=calls.fits(units, ai.outline, shortage)) from shortage
        except Unavailable as error:
            raise refuse("metering-unavailable", retry_after=2) from error
        metered = None
        if ai.outline.stream and terms.counts_tokens:
            metered = Metered(reserved.covered, block, ai.outline.max_tokens, units.more)
        if reserved.limit is not None:
            ai.limit = reserved.limit
            sending = course.again(sending)
        planned = Planned(
            consumer=consumer,
            terms=terms,
            service=admission.service,
            version=admission.version,
            sending=sending,
            units={},
            own_headers=[_NO_STORE, *_notices(call, admission.verdict)],
            model=model,
            stamp=admission.stamp,
            streamed=ai.outline.stream,
            input_expected=ai.outline.input_expected,
            metered=metered,
            course=course,
            describe=lambda problem: self._described(call, progress, problem),
        )
        await ports.passage.carry(call, planned, reserved.held)

    def _described(self, call: InboundCall, progress: Progress, problem: Problem) -> dict[str, Any]:
        with override(refusals.language(call.headers.get(b"accept-language", b""))):
            return refusals.describe(
                problem, request_id=call.request_id, context=context(progress), public_url=self._ports.public_url
            )

    async def _count(self, way: Way, outline: Outline) -> None:
        """Costs nothing and reaches no plan's meter; an estimate, and says so."""
        body = CALLERS[way.route.dialect].write_count(outline.input_expected)
        await _send(way.call, body, (b"x-ai-estimated", b"input_tokens"))

    async def _rest(self, way: Way, progress: Progress) -> None:
        ports = self._ports
        consumer = _known(progress)
        target = routing.rest_target(way.route, ports.directory.catalogue, consumer)
        progress.service, progress.version = target.service, target.version
        verdict = await self._standing(way, [target.service.id], None, progress)
        terms = self._admitted(verdict)
        body = await self._body(way.call, progress)
        _check_size(terms, body)
        ports.rate.allow_request(way.request, self)
        planned = calls.plan_rest(way.call, consumer, terms, target, way.route, body)
        await self._carry(way.call, progress, planned, verdict)

    async def _standing(self, way: Way, service_ids: list[int], model_id: int | None, progress: Progress) -> Verdict:
        """Decided in memory; before it refuses, on facts that are at most a second old."""
        consumer, time_us = _known(progress), way.call.time_us
        # An admission holds until its own `until` or until anything of its consumer changed, which makes a new one.
        wanted = (way.digests[0], model_id, tuple(service_ids))
        known = self._admissions.get(wanted)
        if known is not None and known[0] is consumer:
            if time_us < known[1]:
                progress.terms, way.request.verdict = known[2].terms, known[2]
                return known[2]
            # A period or a grace is over: what holds from now on (a smaller plan, say) is read anew.
            consumer = await self._read_again(way, progress, time.monotonic())
        now = _EPOCH + timedelta(microseconds=time_us)
        verdict = decide(consumer, service_ids, model_id, now)
        self._remember(wanted, consumer, verdict)
        fresh = time.monotonic() - _REFUSAL_LIFE_S
        if (isinstance(verdict.answer, Refuse) or verdict.model_missing) and consumer.loaded_at < fresh:
            consumer = await self._read_again(way, progress, fresh)
            verdict = decide(consumer, service_ids, model_id, now)
            self._remember(wanted, consumer, verdict)
        progress.terms = verdict.terms
        way.request.verdict = verdict
        return verdict

    async def _read_again(self, way: Way, progress: Progress, not_before: float) -> Consumer:
        try:
            again = await self._ports.directory.consumer(way.digests, not_before=not_before)
        except DirectoryUnavailable as error:
            raise refuse("standing-unavailable", retry_after=5) from error
        if again is None:
            raise refuse("credentials-invalid")
        progress.consumer = again
        return again

    def _remember(self, wanted: _Asked, consumer: Consumer, verdict: Verdict) -> None:
        if isinstance(verdict.answer, Refuse) or verdict.model_missing:
            return
        if len(self._admissions) >= _MOST_ADMISSIONS:
            self._admissions.clear()
        self._admissions[wanted] = (consumer, _until_us(verdict), verdict)

    def _admitted(self, verdict: Verdict, model: str = "") -> Terms:
        if isinstance(verdict.answer, Refuse):
            raise refuse(verdict.answer.slug, **refusals.members_of(verdict.answer.members))
        assert verdict.terms is not None  # noqa: S101 (without a subscription `admit` always refuses)
        if verdict.model_missing:
            raise refuse("plan-upgrade-required", feature=model)
        return verdict.terms

    async def _body(self, call: InboundCall, progress: Progress) -> bytes:
        limit = self._ports.limits.body_bytes
        try:
            body = await call.body(limit)
        except BodyTooLarge as error:
            raise refuse("request-too-large", limit=error.limit) from error
        progress.body_bytes = len(body)
        return body

    async def _carry(self, call: InboundCall, progress: Progress, planned: Planned, verdict: Verdict) -> None:
        ports = self._ports
        terms = planned.terms
        wants = [(spec, planned.units[spec.meter]) for spec in terms.allowances]
        progress.asked = {"units": planned.units, "model": ""}
        try:
            held = await ports.purse.reserve(wants, call.time_us)
        except Shortage as shortage:
            raise shortages.problem(shortage) from shortage
        except Unavailable as error:
            raise refuse("metering-unavailable", retry_after=2) from error
        planned.own_headers += _notices(call, verdict)
        await ports.passage.carry(call, planned, held)

    async def _models(self, way: Way, progress: Progress) -> None:
        """In the dialect of the caller's headers (T33), and only what this key may call."""
        catalogue, consumer = self._ports.directory.catalogue, _known(progress)
        seen = {model.name: model for model in routing.visible_models(catalogue, consumer)}
        seen |= {
            alias.name: alias.hops[0].model
            for alias in catalogue.aliases.values()
            if alias.hops and alias.hops[0].model.name in seen
        }
        listed = [_listed(name, model) for name, model in sorted(seen.items())]
        dialect = way.route.dialect or routing.dialect_of(way.call.path, way.call.headers)
        codec = CALLERS[dialect if dialect != "responses" else "openai"]
        if not way.route.rest:
            await _send(way.call, codec.list_models(listed, parse_qs(way.call.raw_query.decode("latin-1"))))
            return
        wanted = unquote(way.route.rest.decode("latin-1"))
        found = next((model for model in listed if model.name == wanted), None)
        if found is None:
            raise refuse("model-not-found", did_you_mean=[])
        await _send(way.call, codec.one_model(found))

    async def _show_standing(self, way: Way, progress: Progress) -> None:
        """Of the service or model named in the query; else of the application's oldest subscription."""
        ports, consumer = self._ports, _known(progress)
        now = _EPOCH + timedelta(microseconds=way.call.time_us)
        services, model_id, model = _named(way.call, ports.directory.catalogue, consumer)
        verdict = await self._standing(way, services, model_id, progress)
        progress.service = next(
            (each for each in ports.directory.catalogue.services.values() if each.id == verdict.service_id), None
        )
        consumer = _known(progress)
        try:
            states = await ports.directory.usage(verdict.terms.allowances if verdict.terms else (), now)
        except DirectoryUnavailable as error:
            raise refuse("standing-unavailable", retry_after=5) from error
        seen = standing.outlook(verdict, states, now, may_see_money=consumer.may_see_money, model=model)
        described = None
        if seen.problem is not None:
            described = refusals.describe(
                seen.problem,
                request_id=way.call.request_id,
                context=context(progress),
                public_url=ports.public_url,
                recorded=False,
            )
        links = refusals.describe(
            refuse("subscription-required"),
            request_id=way.call.request_id,
            context=context(progress),
            public_url=ports.public_url,
        )["links"]
        await _answer(
            way.call,
            {
                "now": shortages.rfc3339(now),
                "would": "pass" if described is None else "refuse",
                "retry": "now" if described is None else described["retry"],
                "problem": described,
                "standing": seen.standing,
                "allowances": seen.allowances,
                "links": {"usage": links["usage"], "plans": links["plans"]},
            },
        )

    async def _refuse(self, call: InboundCall, progress: Progress, problem: Problem) -> None:
        if progress.consumer is not None and not call.started and problem.status != 401:
            self._record(call, progress, problem)
        if call.started:
            raise AnswerBroken from problem
        form = refusals.choose_form(call.path, call.headers, call.method)
        rendered = refusals.render(
            problem,
            request_id=call.request_id,
            context=context(progress),
            form=form,
            public_url=self._ports.public_url,
            now=_EPOCH + timedelta(microseconds=call.time_us),
            language=refusals.language(call.headers.get(b"accept-language", b"")),
            jitter=(call.id.int & 0xFFFF) / 0xFFFF,
        )
        await call.start(rendered.status, [*rendered.headers, (b"x-request-id", call.request_id.encode())])
        await call.send(b"" if call.method == "HEAD" else rendered.body, last=True)

    def _record(self, call: InboundCall, progress: Progress, problem: Problem) -> None:
        """Of an admitted call that failed the outcome is recorded already; a second record would count it twice."""
        if problem.recorded:
            return
        terms, service = progress.terms, progress.service
        record = {
            "k": "r",
            **records.where(call),
            **records.who(_known(progress)),
            "sub": terms.subscription_id if terms else None,
            "pv": terms.plan_version_id if terms else None,
            "svc": service.id if service else None,
            "ver": progress.version.id if progress.version else None,
            "model": progress.model_id,
            "st": problem.status,
            "slug": problem.slug,
            "in": progress.body_bytes,
            "ms": (time.monotonic_ns() - call.started_ns) // 1_000_000,
            "asked": progress.asked or {},
        }
        # What keeps the spool from being written is logged there.
        with contextlib.suppress(SpoolUnwritable):
            self._ports.spool.refused(record)


def context(progress: Progress) -> refusals.Context:
    consumer, terms, service = progress.consumer, progress.terms, progress.service
    invoice = terms.facts.open_invoice if terms else None
    return refusals.Context(
        team_ref=consumer.team_ref if consumer else "",
        application_ref=consumer.application_ref if consumer else "",
        key_ref=consumer.key_ref if consumer else "",
        service_slug=service.slug if service else "",
        service_ref=service.ref if service else "",
        subscription_ref=terms.subscription_ref if terms else "",
        plan_slug=terms.plan_slug if terms else "",
        plan_ref=terms.plan_ref if terms else "",
        plan_name=terms.plan_name if terms else "",
        plan_version=terms.plan_version if terms else 0,
        invoice_ref=invoice.ref if invoice else "",
        currency=terms.currency if terms else "",
        amount_due_minor=invoice.total_minor if invoice else 0,
        payment_declined=bool(invoice and invoice.last_declined),
        decline_category=invoice.decline_category if invoice else "",
        may_see_money=bool(consumer and consumer.may_see_money),
    )


def _known(progress: Progress) -> Consumer:
    assert progress.consumer is not None  # noqa: S101 (authenticated before)
    return progress.consumer


def _named(call: InboundCall, catalogue: Catalogue, consumer: Consumer) -> tuple[list[int], int | None, str]:
    """Services, model id and name that the query asks about. Raises 404 for what does not exist."""
    query = parse_qs(call.raw_query.decode("latin-1"))
    name = query.get("model", [""])[0]
    if name:
        operation: routing.Operation = "embeddings" if "embeddings" in query.get("path", [""])[0] else "chat"
        model = routing.ai_hops(operation, name, catalogue, consumer)[0].model
        return [service.id for service, _ in model.offers if service.visible_to(consumer.team_id)], model.id, name
    slug = query.get("service", [""])[0]
    if slug:
        service = catalogue.services.get(slug)
        if service is None or not service.visible_to(consumer.team_id):
            raise refuse("route-not-found", did_you_mean=[])
        return [service.id], None, ""
    return [service_id for terms in consumer.terms for service_id in sorted(terms.service_ids)], None, ""


def _check_size(terms: Terms, body: bytes) -> None:
    if terms.max_request_bytes is not None and len(body) > terms.max_request_bytes:
        raise refuse("plan-upgrade-required", feature="max_request_bytes")


def _notices(call: InboundCall, verdict: Verdict) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-request-id", call.request_id.encode())]
    answer = verdict.answer
    if isinstance(answer, Admit) and answer.notice and answer.grace_ends_at:
        ends = shortages.rfc3339(answer.grace_ends_at)
        headers.append((b"x-billing-notice", f'{answer.notice}; grace-ends="{ends}"'.encode()))
    return headers


def _listed(name: str, model: ModelRoute) -> ListedModel:
    facts = model.facts
    return ListedModel(name, model.provider.name, facts.context_tokens, facts.max_output_tokens, model.kind)


def _until_us(verdict: Verdict) -> int:
    until = verdict.answer.until if isinstance(verdict.answer, Admit) else None
    return sys.maxsize if until is None else (until - _EPOCH) // timedelta(microseconds=1)


async def _answer(call: InboundCall, content: dict[str, Any]) -> None:
    await _send(call, orjson.dumps(content))


async def _send(call: InboundCall, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        _NO_STORE,
        (b"x-request-id", call.request_id.encode()),
    ]
    await call.start(200, [*headers, *more])
    await call.send(body, last=True)


_Step = Callable[[ProxyView, Way, Progress], Awaitable[None]]
_KINDS: Final[dict[str, _Step]] = {
    "ai": ProxyView._ai,  # noqa: SLF001 (the view's own table)
    "rest": ProxyView._rest,  # noqa: SLF001
    "models": ProxyView._models,  # noqa: SLF001
    "standing": ProxyView._show_standing,  # noqa: SLF001
}

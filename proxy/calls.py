"""From what is asked for to what is sent: target, headers, body, and the units to reserve. No I/O."""

from typing import Final

from apipark.problems import refuse
from billing import prices
from billing.terms import Terms
from providers.dialects.canonical import BadRequest
from providers.dialects.openai import passthrough as openai
from providers.dialects.openai.passthrough import Asked
from proxy import forwarding, upstream
from proxy.catalogue import ServiceRoute, VersionRoute
from proxy.consumers import Consumer
from proxy.inbound import InboundCall
from proxy.passage import Planned
from proxy.purse import Shortage
from proxy.routing import AiTarget, RestTarget, Route
from proxy.wires import AiWire, RestWire

# Documents of a service must not act on the portal's origin: no scripts, no forms, no cookies.
_SANDBOX: Final = (b"content-security-policy", b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
_NO_STORE: Final = (b"cache-control", b"no-store")
_NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")


def fits(planned: Planned, shortage: Shortage) -> dict[str, int] | None:
    """What would fit instead: a smaller `max_tokens`, when the input at least does."""
    state = shortage.state
    if planned.model is None or shortage.spec.meter != "tokens" or state.limit is None:
        return None
    left = state.limit - state.used - state.leased - planned.input_bound
    return {"max_tokens": left} if left > 0 else None


def read_ai(route: Route, body: bytes) -> Asked:
    try:
        return openai.read_request(body, route.operation)
    except BadRequest as error:
        raise refuse(
            "request-invalid", errors=[{"field": error.pointer or "body", "message": error.message}]
        ) from error


def plan_ai(
    call: InboundCall,
    consumer: Consumer,
    terms: Terms,
    service: ServiceRoute,
    version: VersionRoute,
    target: AiTarget,
    asked: Asked,
    body: bytes,
    default_max_tokens: int,
) -> Planned:
    """Raises 503 for a model without price, key or address: never the caller's fault, never free."""
    model = target.model
    price = model.price(call.time_us)
    if price is None or price.currency != terms.currency:
        raise refuse("pricing-unavailable", model=model.name)
    door = model.provider.doors.get("openai")
    key = next((key for key in model.provider.keys if model.id not in key.withheld), None)
    if key is None or door is None:
        raise refuse("upstream-unavailable", retry_after=30)
    if key.secret is None:
        raise refuse("secrets-unavailable")
    metered = any(spec.meter in {"tokens", "spend"} for spec in terms.allowances)
    limit, set_by_us = _output_limit(target, asked, default_max_tokens, metered=metered)
    output_bound = limit * asked.n
    hide_usage = asked.stream and not asked.include_usage
    sent = openai.splice(
        body,
        model=model.upstream_name if model.upstream_name != asked.model else None,
        max_tokens=limit if set_by_us else None,
        include_usage=hide_usage,
    )
    own_headers = [*model.headers, _NO_STORE]
    if set_by_us:
        own_headers.append((b"x-ai-max-tokens", str(limit).encode()))
    spend = prices.dearest_revenue(
        prices.dearest(price, input_tokens=asked.input_bound, output_tokens=output_bound), terms.cost_factor_ppm
    )
    return Planned(
        consumer=consumer,
        terms=terms,
        service=service,
        version=version,
        base=door.base,
        method="POST",
        url=door.base.url + target.upstream_path,
        headers=[
            *forwarding.ai_request(call.raw_headers),
            ("authorization", f"Bearer {key.secret}"),
            ("accept-encoding", "identity"),
            ("x-gateway-call", f"{call.request_id}.1"),
        ],
        body=sent,
        wire=AiWire(asked, hide_usage=hide_usage),
        units={"calls": 1, "bytes": len(sent), "tokens": asked.input_bound + output_bound, "spend": spend},
        own_headers=own_headers,
        model=model,
        key=key,
        price=price,
        streamed=asked.stream,
        input_bound=asked.input_bound,
    )


def _output_limit(target: AiTarget, asked: Asked, default: int, *, metered: bool) -> tuple[int, bool]:
    """Tokens of output to reserve, and whether we set the limit because the caller named none."""
    if target.operation == "embeddings":
        return 0, False
    if asked.max_tokens is not None:
        return asked.max_tokens, False
    return min(target.model.facts.max_output_tokens or default, default), metered


def plan_rest(
    call: InboundCall, consumer: Consumer, terms: Terms, target: RestTarget, route: Route, body: bytes
) -> Planned:
    path = (target.base.path.encode() + route.rest).decode("latin-1") or "/"
    url = target.base.url + route.rest.decode("latin-1")
    if not upstream.unaltered(url, path):
        raise refuse(
            "request-invalid", errors=[{"field": "path", "message": "This path cannot be passed on unchanged."}]
        )
    if call.raw_query:
        url += "?" + call.raw_query.decode("latin-1")
    try:
        headers = forwarding.rest_request(call.raw_headers)
    except UnicodeDecodeError as error:
        raise refuse(
            "request-invalid",
            errors=[{"field": "headers", "message": "A header is not UTF-8 and cannot be passed on."}],
        ) from error
    names = {name for name, _ in headers}
    # The client library would add its own.
    headers += [(name, value) for name, value in _UNLESS_SENT if name not in names]
    return Planned(
        consumer=consumer,
        terms=terms,
        service=target.service,
        version=target.version,
        base=target.base,
        method=call.method,
        url=url,
        headers=[*headers, ("x-gateway-call", f"{call.request_id}.1")],
        body=body,
        wire=RestWire(),
        units={"calls": 1, "bytes": len(body), "tokens": 0, "spend": terms.call_price_nano},
        own_headers=[_SANDBOX, _NO_SNIFF],
    )


_UNLESS_SENT: Final = (("accept", "*/*"), ("user-agent", "APIPark"))

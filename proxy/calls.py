"""From what is asked for to what is sent: target, headers, body, and the units to reserve. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apipark.problems import refuse
from billing.prices import Price, dearest, dearest_revenue
from billing.terms import Terms
from providers.dialects.base import Outline
from providers.dialects.canonical import BadRequest
from providers.dialects.registry import CALLERS
from proxy import forwarding, upstream
from proxy.catalogue import Hop
from proxy.consumers import Consumer
from proxy.inbound import InboundCall
from proxy.passage import Planned
from proxy.purse import Held, Purse, Shortage, Unavailable
from proxy.routing import RestTarget, Route
from proxy.sending import Sending
from proxy.wires import RestWire

# Documents of a service must not act on the portal's origin: no scripts, no forms, no cookies.
_SANDBOX: Final = (b"content-security-policy", b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
_NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")


def path_of(route: Route, raw_query: bytes) -> str:
    """With its query where the dialect puts something there: `?alt=sse` tells how a stream of Gemini's is framed."""
    return f"{route.path}?{raw_query.decode('latin-1')}" if route.dialect == "gemini" else route.path


def read_ai(route: Route, path: str, body: bytes) -> Outline:
    try:
        return CALLERS[route.dialect].outline(path, body)
    except BadRequest as error:
        raise refuse(
            "request-invalid", errors=[{"field": error.pointer or "body", "message": error.message}]
        ) from error


def unpriced(hops: Sequence[Hop], terms: Terms, time_us: int) -> str:
    """The first target that may answer and has no price in the plan's currency, where the plan counts what it costs."""
    if not terms.counts_tokens:
        return ""
    for hop in hops:
        price = hop.model.price(time_us)
        if price is None or price.currency != terms.currency:
            return hop.model.name
    return ""


@dataclass(slots=True)
class Units:
    """What a call of so many tokens takes from each meter, at the dearest target that may answer."""

    terms: Terms
    prices: Sequence[Price]
    request_bytes: int
    choices: int

    def of(self, input_tokens: int, output_tokens: int) -> dict[str, int]:
        output, cost = output_tokens * self.choices, 0
        for price in self.prices:
            cost = max(cost, dearest(price, input_tokens=input_tokens, output_tokens=output))
        return {
            "calls": 1,
            "bytes": self.request_bytes,
            "tokens": input_tokens + output,
            "spend": dearest_revenue(cost, self.terms.cost_factor_ppm),
        }

    def more(self, output_tokens: int) -> dict[str, int]:
        units = self.of(0, output_tokens)
        return {"tokens": units["tokens"], "spend": units["spend"]}

    def output_within(self, meter: str, left: int, input_tokens: int) -> int:
        """The most tokens of output that fit into `left` of a meter."""
        rest = left - self.of(input_tokens, 0)[meter]
        each = self.of(0, 1_000_000)[meter]
        return rest * 1_000_000 // each if rest > 0 and each else 0


@dataclass(slots=True)
class Reserved:
    held: Held
    # Tokens of output that are covered, and what the provider is told to stop at (None: nothing).
    covered: int
    limit: int | None


# Less is no answer: a limit of ours is never set below.
_LEAST_OUTPUT: Final = 256


async def reserve(
    purse: Purse, units: Units, outline: Outline, time_us: int, *, first_block: int, most_output: int, generates: bool
) -> Reserved:
    """Raises Shortage or Unavailable.

    What the caller named is reserved whole, or refused with what fits; where it named nothing, what fits is set as the
    limit. A stream begins with a block and reserves on the way. Input is bounded by its bytes where that fits, else
    expected.
    """
    allowances = units.terms.allowances
    asked = outline.max_tokens
    wanted = 0 if not generates else asked if asked is not None else most_output
    output = min(wanted, first_block) if outline.stream else wanted
    flexible = generates and (outline.stream or asked is None)
    tokens = outline.input_bound
    for _ in range(4):  # smaller each time: by the input, then by the tightest of several allowances
        needed = units.of(tokens, output)
        try:
            held = await purse.reserve([(spec, needed[spec.meter]) for spec in allowances], time_us)
        except Shortage as shortage:
            smaller = _smaller(units, shortage, outline, output, flexible=flexible)
            if smaller is None or smaller == (tokens, output):
                raise
            tokens, output = smaller
        else:
            set_by_us = units.terms.counts_tokens and generates and asked is None and not outline.stream
            return Reserved(held, output, output if set_by_us else None)
    raise Unavailable("limits change faster than a reservation")


def _smaller(
    units: Units, shortage: Shortage, outline: Outline, output: int, *, flexible: bool
) -> tuple[int, int] | None:
    """Input and output that would fit; None when nothing does."""
    meter, state = shortage.spec.meter, shortage.state
    if meter not in {"tokens", "spend"} or state.limit is None:
        return None
    left = state.limit - state.used - state.leased
    for tokens in (outline.input_bound, outline.input_expected):
        fitting = min(output, units.output_within(meter, left, tokens)) if output else 0
        enough = min(output, _LEAST_OUTPUT) if flexible else output
        if fitting >= enough and units.of(tokens, fitting)[meter] <= left:
            return tokens, fitting
    return None


def fits(units: Units, outline: Outline, shortage: Shortage) -> dict[str, int] | None:
    """What would fit instead: a smaller `max_tokens`, when the input at least does."""
    state = shortage.state
    if shortage.spec.meter != "tokens" or state.limit is None or not outline.max_tokens:
        return None
    left = units.output_within("tokens", state.limit - state.used - state.leased, outline.input_expected)
    return {"max_tokens": left} if left > 0 else None


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
        sending=Sending(
            base=target.base,
            method=call.method,
            url=url,
            headers=[*headers, ("x-gateway-call", f"{call.request_id}.1")],
            body=body,
            wire=RestWire(),
        ),
        units={"calls": 1, "bytes": len(body), "tokens": 0, "spend": terms.call_price_nano},
        own_headers=[_SANDBOX, _NO_SNIFF],
    )


_UNLESS_SENT: Final = (("accept", "*/*"), ("user-agent", "APIPark"))

"""One request to one upstream, made of a caller's: passed on with a few splices, or translated. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from apipark.problems import Problem, refuse
from providers.dialects.base import Asked, Fetched, Given, Outgoing, Outline, Target
from providers.dialects.canonical import BadRequest, Chat, Report, UpstreamError
from providers.dialects.profile import credential
from providers.dialects.registry import CALLERS, UPSTREAMS
from proxy import forwarding
from proxy.attempts import Choice
from proxy.catalogue import Base, ModelRoute
from proxy.forwarding import Pairs, RawPairs
from proxy.wires import PassedWire, TranslatedAnswer, TranslatedStream, Wire

# Names in one header; the call's record has them all.
_MOST_NAMED = 30
_INSIST_ON_A_LIMIT = frozenset({"anthropic"})
# What may serve a call of a dialect that the provider does not speak itself, in the order of preference.
_CHAT_UPSTREAMS = ("openai", "anthropic", "gemini", "bedrock", "cohere", "ollama", "responses")


@dataclass(slots=True)
class Sending:
    base: Base
    method: str
    url: str
    headers: Pairs
    body: bytes
    wire: Wire
    choice: Choice | None = None
    target: Target | None = None
    report: Report = field(default_factory=Report)
    # The last so many headers were minted for it.
    minted: int = 0
    # Set on the answer: who answered, what was lost on the way.
    own_headers: RawPairs = field(default_factory=list)


@dataclass(slots=True)
class Failed:
    """An attempt that gave the caller nothing. `problem` where the failure is one without a provider's word."""

    error: UpstreamError
    sending: Sending
    problem: Problem | None = None


@dataclass(slots=True)
class AiCall:
    """What all attempts of one call share."""

    dialect: str
    # Of the caller, below /v1 or /v1beta.
    path: str
    body: bytes
    outline: Outline
    headers: RawPairs
    request_id: str
    asked_id: str
    created: int
    strict: bool
    # Output tokens that the provider is told to stop at, where the caller said nothing: by what is reserved, and for
    # dialects that insist on a limit.
    limit: int | None = None
    most_output: int = 0
    media: dict[str, Fetched] = field(default_factory=dict)
    signatures: Mapping[str, str] = field(default_factory=dict)
    _chat: Chat | None = None

    def chat(self) -> Chat:
        """Read once, when the first target needs a translation. Raises BadRequest."""
        if self._chat is None:
            self._chat = CALLERS[self.dialect].read_request(self.outline)
        return self._chat

    def limit_for(self, choice: Choice) -> int | None:
        """What to tell this target, when the caller named no limit (T2)."""
        if self.outline.max_tokens is not None:
            return None
        if self.limit is None and choice.dialect in _INSIST_ON_A_LIMIT:
            return choice.model.facts.max_output_tokens or self.most_output
        return self.limit


def dialect_for(model: ModelRoute, caller: str, *, tools: bool) -> str | None:
    """The caller's own where the provider speaks it; else the first that can carry a chat."""
    doors = model.provider.doors
    if caller == "openai" and tools and model.facts.chat_tools == "responses-only" and "responses" in doors:
        return "responses"
    if caller in doors:
        return caller
    return next((dialect for dialect in _CHAT_UPSTREAMS if dialect in doors and dialect in UPSTREAMS), None)


def prepare(ai: AiCall, choice: Choice, attempt: int) -> Sending:
    """Raises a problem (400) for what this target cannot carry."""
    target = choice.model.target
    try:
        if choice.dialect == ai.dialect:
            return _passed(ai, choice, target, attempt)
        return _translated(ai, choice, target, attempt)
    except BadRequest as error:
        raise refuse(
            "request-invalid", errors=[{"field": error.pointer or "body", "message": error.message}]
        ) from error


def _passed(ai: AiCall, choice: Choice, target: Target, attempt: int) -> Sending:
    codec, outline = CALLERS[ai.dialect], ai.outline
    name = choice.model.upstream_name
    limit = ai.limit_for(choice) if ai.dialect != "anthropic" else None
    body = codec.splice(
        ai.body, outline, model=name if name != outline.model else None, max_tokens=limit, target=target
    )
    outgoing = Outgoing(codec.passed_path(ai.path, outline, target), forwarding.ai_request(ai.headers), body, Report())
    return _sending(ai, choice, target, outgoing, PassedWire(codec, outline, target), attempt, limit)


def _translated(ai: AiCall, choice: Choice, target: Target, attempt: int) -> Sending:
    upstream, caller, outline = UPSTREAMS[choice.dialect], CALLERS[ai.dialect], ai.outline
    chat, limit = ai.chat(), ai.limit_for(choice)
    if limit is not None:
        chat = replace(chat, max_tokens=limit)
    outgoing = upstream.write_request(chat, target, Given(ai.media, ai.signatures))
    if ai.strict:
        _insist(chat, outgoing.report)
    asked = Asked(
        model=outline.model,
        id=ai.asked_id,
        created=ai.created,
        stream=outline.stream,
        array=outline.array,
        include_usage=outline.include_usage,
        input_estimate=outline.input_expected,
        chat=chat,
    )
    wire = (TranslatedStream if outline.stream else TranslatedAnswer)(upstream, caller, asked, outline, target)
    return _sending(ai, choice, target, outgoing, wire, attempt, limit)


def _insist(chat: Chat, report: Report) -> None:
    """A strict service refuses what others drop and name."""
    lost = [*report.dropped, *(name for name, _ in report.clamped)]
    if lost:
        raise BadRequest(f"/{chat.name_of(lost[0])}", f"The model cannot take “{lost[0]}”, and this service is strict.")


def _sending(
    ai: AiCall, choice: Choice, target: Target, outgoing: Outgoing, wire: Wire, attempt: int, limit: int | None
) -> Sending:
    own_headers = [*choice.model.headers]
    if limit is not None:
        own_headers.append((b"x-ai-max-tokens", b"%d" % limit))
    own_headers += _told(outgoing.report)
    return Sending(
        base=choice.door.base,
        method=outgoing.method,
        url=choice.door.base.url + outgoing.path,
        headers=[
            *outgoing.headers,
            *_unless(outgoing.headers, choice.door.headers),
            *_credentials(choice),
            ("accept-encoding", "identity"),
            ("x-gateway-call", f"{ai.request_id}.{attempt}"),
        ],
        body=outgoing.body,
        wire=wire,
        choice=choice,
        target=target,
        report=outgoing.report,
        own_headers=own_headers,
    )


def _unless(sent: Pairs, more: tuple[tuple[str, str], ...]) -> Sequence[tuple[str, str]]:
    if not more:
        return more
    names = {name for name, _ in sent}
    return [(name, value) for name, value in more if name not in names]


def _credentials(choice: Choice) -> Pairs:
    """Plain ones; what must be minted for each request or hour is set by credentials.py."""
    if choice.key is None or choice.key.secret is None:
        return []
    return credential(choice.door.auth, choice.key.secret)


def _told(report: Report) -> RawPairs:
    headers = []
    if report.dropped:
        headers.append((b"x-ai-dropped-params", _names(report.dropped)))
    if report.clamped:
        headers.append((b"x-ai-clamped-params", _names([f"{name}={value}" for name, value in report.clamped])))
    if report.emulated:
        headers.append((b"x-ai-emulated-params", _names(report.emulated)))
    return headers


def _names(names: list[str]) -> bytes:
    text = ", ".join(names[:_MOST_NAMED])
    return "".join(sign if " " <= sign <= "~" else "?" for sign in text).encode("ascii")

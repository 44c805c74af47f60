"""The surface of a dialect, and what is said to it. Pure: no I/O, clock, settings or randomness anywhere below this folder.

Callers speak OpenAI chat, Responses, Anthropic and Gemini (`CallerDialect`); upstreams speak all seven (`UpstreamDialect`). A
translated call is a reader of one and a writer of another with the canonical form between; pairs are never coded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from providers.dialects.canonical import Answer, Chat, Event, Report, UpstreamError
from providers.dialects.profile import ModelFacts, Profile
from providers.dialects.usage import Usage

Headers = list[tuple[str, str]]
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"


# Requests ------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Outline:
    """What the gateway has to know of a request before it is translated or passed on."""

    model: str
    stream: bool = False
    # Output tokens asked for; None when the caller left it to the model.
    max_tokens: int | None = None
    n: int = 1
    # A stream's usage chunk was asked for (OpenAI chat); other dialects always carry usage.
    include_usage: bool = False
    # No tokenizer makes more than one token of a byte.
    input_bound: int = 0
    input_expected: int = 0
    # Ids of state kept at a provider that the request names: a response before, a file, cached content.
    kept_ids: tuple[str, ...] = ()
    # The parsed body, for `read`.
    content: dict[str, Any] = field(default_factory=dict)
    # The stream shall be one JSON array, of type application/json (Gemini without `alt=sse`).
    array: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """A medium that the proxy fetched for a dialect without URLs; `data` is base64."""

    data: str
    media_type: str


@dataclass(slots=True)
class Target:
    """Where a request goes: the provider's profile, and what is known of the model there."""

    profile: Profile
    model: ModelFacts

    @property
    def takes_schemas(self) -> bool:
        """Whether answers can be held to a JSON schema; what is known of the model goes before what is of its provider."""
        known = self.model.json_schema
        return self.profile.json_schema if known is None else known


@dataclass(slots=True)
class Given:
    """What a writer needs besides the chat, all of it made elsewhere.

    `media` by URL; `signatures` by tool call id (kept for callers that cannot echo them).
    """

    media: Mapping[str, Fetched] = field(default_factory=dict)
    signatures: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Outgoing:
    """`path` is joined below the provider's base URL. Headers hold no credential."""

    path: str
    headers: Headers
    body: bytes
    report: Report
    method: str = "POST"


# Answers -------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Asked:
    """What the caller wants back, and what a writer may not make up itself."""

    # As the caller named it; every answer names it so.
    model: str
    # Of the answer, in no dialect's own form: 24 hex digits. Writers put their prefix before it.
    id: str
    # Seconds since 1970.
    created: int
    stream: bool = False
    include_usage: bool = False
    # Our own estimate, for Anthropic's message_start.
    input_estimate: int = 0
    # The request, where an answer repeats parts of it (Responses).
    chat: Chat | None = None
    # As Outline's.
    array: bool = False


@dataclass(slots=True)
class Shown:
    """An error as a caller shall see it. `problem` is our problem document, None for a provider's own refusal."""

    status: int
    code: str
    message: str
    request_id: str = ""
    param: str = ""
    # The provider's own word, where it has one.
    type: str = ""
    problem: dict[str, Any] | None = None
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as a list of models tells of it."""

    name: str
    provider: str
    context_tokens: int | None
    max_output_tokens: int | None
    kind: str


class StreamReader(Protocol):
    """Upstream bytes in, canonical events out. The result must not depend on where the chunks are cut.

    Usage is set to the last value seen of each field, never added. Without its terminal event a stream ends as
    Failed(interrupted) from `close`, even if the connection ended cleanly.
    """

    def feed(self, chunk: bytes) -> list[Event]: ...

    def close(self) -> list[Event]: ...


class StreamWriter(Protocol):
    """Canonical events in, bytes for the caller out. Starts once, ends once, writes nothing after the end."""

    def write(self, event: Event) -> bytes: ...

    def stop_at_cap(self, problem: dict[str, Any], usage: Usage) -> bytes:
        """Ends the stream properly, as if its limit of tokens had been that small, with the problem attached."""
        ...

    def error(self, shown: Shown) -> bytes:
        """What broke, so that the dialect's SDK raises it. The connection is then cut: never a clean end."""
        ...


class Meter(Protocol):
    """Reads usage beside the bytes of an answer that is passed through, and changes nothing but what it must hide."""

    @property
    def usage(self) -> Usage | None: ...

    @property
    def output_seen(self) -> int:
        """Tokens, by the rule of estimate.py: for answers without usage."""
        ...

    @property
    def complete(self) -> bool:
        """Whether what came is a whole answer."""
        ...

    @property
    def failed(self) -> bool:
        """The provider reported an error within the stream."""
        ...

    def feed(self, chunk: bytes) -> bytes: ...

    def close(self) -> bytes: ...

    def stop_at_cap(self, problem: dict[str, Any]) -> bytes:
        """As StreamWriter's; after it nothing more is fed. Usage is as counted so far."""
        ...

    def error(self, shown: Shown) -> bytes: ...


class UpstreamDialect(Protocol):
    @property
    def name(self) -> str: ...

    def wanted_media(self, chat: Chat, target: Target) -> list[str]:
        """URLs that must be fetched and given to `write_request`, since the upstream takes bytes only."""
        ...

    def write_request(self, chat: Chat, target: Target, given: Given) -> Outgoing:
        """Raises BadRequest for what cannot be carried without changing what the answer means."""
        ...

    def read_answer(self, body: bytes, target: Target) -> Answer:
        """Raises UnreadableAnswer."""
        ...

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes, target: Target) -> UpstreamError:
        """Header names are lower-case."""
        ...

    def stream_reader(self, target: Target) -> StreamReader: ...


class CallerDialect(UpstreamDialect, Protocol):
    @property
    def keep_alive(self) -> bytes:
        """Every 10 s without output (T27)."""
        ...

    def outline(self, path: str, body: bytes) -> Outline:
        """Cheap: what pass-through needs. Raises BadRequest. `path` is the caller's, below /v1 or /v1beta."""
        ...

    def read_request(self, outline: Outline) -> Chat:
        """The whole request. Raises BadRequest."""
        ...

    def write_answer(self, answer: Answer, asked: Asked) -> bytes:
        """Raises UnreadableAnswer for a call whose arguments the dialect cannot hold: they are no object (T5)."""
        ...

    def stream_writer(self, asked: Asked) -> StreamWriter: ...

    def splice(
        self, body: bytes, outline: Outline, *, model: str | None, max_tokens: int | None, target: Target
    ) -> bytes:
        """For pass-through: the body with these places changed and every other byte as it was."""
        ...

    def passed_path(self, path: str, outline: Outline, target: Target) -> str:
        """For pass-through: where the caller's request goes below the provider's base URL."""
        ...

    def answer_meter(self, target: Target) -> Meter: ...

    def stream_meter(self, outline: Outline, target: Target) -> Meter: ...

    def list_models(self, models: Sequence[ListedModel], query: Mapping[str, list[str]]) -> bytes:
        """All that this caller may call, by name; `query` may ask for a page. Raises BadRequest."""
        ...

    def one_model(self, model: ListedModel) -> bytes: ...

    def write_count(self, input_tokens: int) -> bytes:
        """The answer to a count of tokens; empty where the dialect has none."""
        ...

    def write_error(self, shown: Shown) -> bytes: ...

    def error_headers(self, shown: Shown) -> Headers: ...


class UnreadableAnswer(ValueError):  # noqa: N818 (named after what came)
    """Not an answer of this dialect."""

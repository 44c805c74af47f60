"""What a chat says, whatever its wire format: the one form between all dialects.

A reader turns a dialect's bytes into these values, a writer turns them into another's. Order is kept everywhere. What only
one dialect knows travels as `extras` or `Opaque`: its own writer puts it back as it was, every other writer reports it.
`spelling` is what says nothing more (a text where a list of one would do, a null, a default written out): its own writer
may look at it to write what it read, all others ignore it.
Values are plain and mutable, since a long conversation makes thousands of them; nobody changes one that it did not make.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from providers.dialects.usage import Usage

Extras = dict[str, Any]
Role = Literal["system", "user", "assistant", "tool"]
MediaKind = Literal["image", "audio", "video", "document"]


# Parts ---------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Text:
    text: str
    # cache_control, citations, annotations, a thought signature of Gemini's: by the name of the dialect that read it.
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class Media:
    """Bytes as base64 text in `data`, or their address in `url`, or a file kept at the provider in `file_id`.

    A document may also be plain text in `text`. `media_type` is empty where the caller did not say it.
    """

    kind: MediaKind
    media_type: str = ""
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    name: str | None = None
    # OpenAI's low, high, auto.
    detail: str | None = None
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class ToolCall:
    """`arguments` is JSON as text, never parsed: what is not JSON stays as it came. No arguments are "{}"."""

    id: str
    name: str
    arguments: str = "{}"
    # Gemini's thought signature, and which dialect and model made it; see signatures.py.
    signature: "Signature | None" = None
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class ToolResult:
    id: str
    # Of the tool; empty where the dialect does not say it (readers fill it in from the call with that id).
    name: str = ""
    parts: "list[Part]" = field(default_factory=list)
    is_error: bool = False
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class Thinking:
    """Reasoning that a model shows. `redacted` holds what it shows to nobody, to be sent back as it came."""

    text: str
    signature: "Signature | None" = None
    redacted: str | None = None
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class Refusal:
    text: str
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class Opaque:
    """A part that only `dialect` knows (a hosted tool's call or result, a compaction): its JSON as it came."""

    dialect: str
    kind: str
    content: Any
    spelling: Extras | None = None


Part = Text | Media | ToolCall | ToolResult | Thinking | Refusal | Opaque


@dataclass(slots=True)
class Signature:
    """Proof of reasoning that holds only for the dialect and model that made it. `model` is empty when not known."""

    dialect: str
    model: str
    text: str


# A request -----------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Turn:
    """Neighbouring turns may have one role: writers merge them where their dialect wants that.

    Results of tools stand in turns of role "tool", one or several in a turn.
    """

    role: Role
    parts: list[Part]
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class Tool:
    """A function of the caller's. `parameters` is JSON Schema, None when it takes none."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class HostedTool:
    """One that the provider of `dialect` runs itself; only that dialect can carry it."""

    dialect: str
    kind: str
    content: dict[str, Any]


@dataclass(slots=True)
class ToolChoice:
    """`named` asks for the tool `name`; `allowed` narrows to these names (Gemini, OpenAI's allowed_tools)."""

    mode: Literal["none", "auto", "required", "named"]
    name: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(slots=True)
class OutputFormat:
    """`schema` is JSON Schema and stands with kind "schema" alone."""

    kind: Literal["text", "json", "schema"]
    schema: dict[str, Any] | None = None
    name: str = ""
    description: str | None = None
    strict: bool | None = None
    extras: Extras | None = None
    spelling: Extras | None = None


@dataclass(slots=True)
class Reasoning:
    """`effort` is one of none, minimal, low, medium, high, xhigh, max; `budget` counts tokens, -1 leaves it to the model.

    `show`: whether the caller wants to see it: a summary or the text; None leaves it to the model.
    `adaptive`: Anthropic's "adaptive" thinking.
    """

    effort: str | None = None
    budget: int | None = None
    adaptive: bool = False
    show: bool | None = None
    extras: Extras | None = None
    spelling: Extras | None = None

    @property
    def off(self) -> bool:
        return self.effort == "none" or self.budget == 0


@dataclass(slots=True)
class Chat:
    """One request for a chat.

    `params` holds what is a plain value, by canonical name (see PARAMS); absent is not asked for. `extras` holds top-level
    members that only `dialect` knows, by their own names. `names` says how the caller named a parameter where that differs
    (a JSON pointer without its first slash: "generationConfig/maxOutputTokens").
    """

    dialect: str
    model: str
    turns: list[Turn] = field(default_factory=list)
    tools: list[Tool | HostedTool] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    # None: not said.
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    output: OutputFormat | None = None
    reasoning: Reasoning | None = None
    stream: bool = False
    # A stream's chunk of usage was asked for by name (OpenAI chat).
    include_usage: bool = False
    params: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    extras: Extras = field(default_factory=dict)
    spelling: Extras = field(default_factory=dict)

    def name_of(self, param: str) -> str:
        return self.names.get(param, param)


# Canonical names of plain parameters, with what happens when an upstream lacks one. Refused is what would change the answer
# or what a provider must keep: `stored` is an answer to be fetched later (`store` of a chat is for its own statistics),
# `prompt` a template kept there, `item_references` ids of items kept there, `cached_content` turns kept there (Gemini).
REFUSED: Final = frozenset({
    "n", "logprobs", "top_logprobs", "previous_response_id", "conversation", "background", "stored", "prompt",
    "item_references", "cached_content",
})  # fmt: skip
DROPPED: Final = frozenset({
    "temperature", "top_p", "top_k", "min_p", "seed", "frequency_penalty", "presence_penalty", "repetition_penalty",
    "logit_bias", "user", "safety_identifier", "metadata", "service_tier", "prediction", "verbosity", "store",
    "prompt_cache_key", "prompt_cache_retention", "modalities", "audio", "truncation", "include",
})  # fmt: skip
PARAMS: Final = REFUSED | DROPPED


# An answer -----------------------------------------------------------------------------------------------------------
StopReason = Literal["stop", "stop_sequence", "length", "tool_calls", "content_filter", "pause", "failed"]


@dataclass(slots=True)
class Stop:
    """`word` is the provider's own; `sequence` the stop sequence that was met, where the provider tells."""

    reason: StopReason
    word: str = ""
    sequence: str | None = None
    extras: Extras | None = None


@dataclass(slots=True)
class Choice:
    parts: list[Part]
    stop: Stop
    logprobs: Any = None
    extras: Extras | None = None


@dataclass(slots=True)
class Answer:
    """`dialect` is the one it was read from. `extras` as in Chat."""

    dialect: str
    id: str
    model: str
    choices: list[Choice]
    usage: Usage | None = None
    # Seconds since 1970, where the provider tells.
    created: int | None = None
    extras: Extras = field(default_factory=dict)


# A stream: one Start, then parts (PartStart, deltas, PartEnd; several may be open), then Stop for each choice and UsageSeen
# (in any order, usage also earlier), then End. Failed instead of End: the answer is not whole. `key` names a part, one
# counter per answer, ascending with PartStart and PartWhole.
# ---------------------------------------------------------------------------------------------------------------------
PartKind = Literal["text", "thinking", "refusal", "tool"]


@dataclass(slots=True)
class Start:
    id: str = ""
    model: str = ""
    created: int | None = None


@dataclass(slots=True)
class PartStart:
    """`id` and `name` of a tool's call, both known (readers hold it back until they are)."""

    key: int
    kind: PartKind
    id: str = ""
    name: str = ""
    choice: int = 0
    extras: Extras | None = None


@dataclass(slots=True)
class Delta:
    """More text of the part: what kind it is, its PartStart said. Of a tool's call: more of its arguments."""

    key: int
    text: str
    # Of this piece of text, as the provider gave them.
    logprobs: Any = None


@dataclass(slots=True)
class Signed:
    """The part's signature, whole (readers join pieces)."""

    key: int
    signature: Signature


@dataclass(slots=True)
class Annotated:
    """Citations and the like of a text, as `dialect` has them."""

    key: int
    dialect: str
    content: Any


@dataclass(slots=True)
class PartEnd:
    key: int


@dataclass(slots=True)
class PartWhole:
    """A part that comes in one piece: Media, Opaque, Thinking that is redacted."""

    key: int
    part: Part
    choice: int = 0


@dataclass(slots=True)
class UsageSeen:
    """The last value seen of each field; a later one replaces it whole."""

    usage: Usage


@dataclass(slots=True)
class Stopped:
    stop: Stop
    choice: int = 0


@dataclass(slots=True)
class Failed:
    """`interrupted`: it ended without its terminal event. Else the provider said what went wrong."""

    error: "UpstreamError"
    interrupted: bool = False


@dataclass(slots=True)
class Ping:
    pass


@dataclass(slots=True)
class End:
    pass


Event = Start | PartStart | Delta | Signed | Annotated | PartEnd | PartWhole | UsageSeen | Stopped | Failed | Ping | End


# What goes wrong -----------------------------------------------------------------------------------------------------
class BadRequest(ValueError):  # noqa: N818 (named after whose fault it is)
    """`pointer` names the member (RFC 6901) that cannot be read or carried."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer}: {message}" if pointer else message)
        self.pointer = pointer
        self.message = message


ErrorKind = Literal[
    "request",  # about the caller's request: passed on with its status
    "context_length",
    "content_filter",
    "key",  # our key is not known there, or may not do this at all
    "model",  # not for this key, or not in this region
    "money",  # no credit or quota left there
    "rate",
    "again",  # 408, 409, 425: once more, over another connection
    "overloaded",
    "server",
    "timeout",
    "interrupted",
]


@dataclass(slots=True)
class UpstreamError:
    """What a provider said. `message`, `code`, `type`, `param` are its own words, empty where it said none."""

    kind: ErrorKind
    status: int
    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""
    # What it asked to wait, already bounded; None when it named no time.
    retry_after_s: float | None = None


@dataclass(slots=True)
class Report:
    """What writing a request lost or changed; names as the caller wrote them (`Chat.name_of`)."""

    dropped: list[str] = field(default_factory=list)
    # (name, what it became)
    clamped: list[tuple[str, str]] = field(default_factory=list)
    emulated: list[str] = field(default_factory=list)
    # Those in `dropped`: a caller chooses how many they are.
    _known: set[str] = field(default_factory=set, repr=False, compare=False)

    def drop(self, name: str) -> None:
        if name not in self._known:
            self._known.add(name)
            self.dropped.append(name)

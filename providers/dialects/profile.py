"""A provider as data: which dialects it speaks where, how keys are shown, and where its OpenAI differs from OpenAI's.

The long tail of providers is rows of these values, not code. Limits that a vendor may change stand here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Auth = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "api-subscription-key", "sigv4", "google", "none"]
ToolId = Literal["any", "none", "alnum9", "word64"]


@dataclass(frozen=True, slots=True)
class Door:
    """One dialect of a provider. `base_url` contains the version and may hold {placeholders} that an operator fills."""

    dialect: str
    base_url: str
    auth: Auth = "bearer"
    # Sent with every request: anthropic-version and the like.
    headers: Mapping[str, str] = field(default_factory=dict)


def credential(auth: Auth, secret: str) -> list[tuple[str, str]]:
    """The header that shows a key; none for what has to be minted for each request or hour."""
    match auth:
        case "bearer":
            return [("authorization", f"Bearer {secret}")]
        case "x-api-key" | "api-key" | "x-goog-api-key" | "api-subscription-key":
            return [(auth, secret)]
        case "sigv4" | "google" | "none":
            return []


@dataclass(frozen=True, slots=True)
class Profile:
    """Flags speak of the dialect `openai` unless said otherwise; defaults are those of an unknown compatible server."""

    id: str
    name: str
    doors: tuple[Door, ...] = ()
    # Which rule turns its numbers into the ledger: a name in usage_rules.RULES; empty means the dialect's own.
    usage_rule: str = ""
    # Takes stream_options.include_usage.
    stream_options: bool = True
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    developer_role: bool = False
    # Content as a list of parts; else as one text.
    content_parts: bool = True
    strict_tools: bool = False
    tool_choices: frozenset[str] = frozenset({"none", "auto", "required", "named"})
    # The word for "required": Mistral says "any".
    required_word: str = "required"
    parallel_tools: bool = True
    json_schema: bool = False
    json_object: bool = True
    tool_id: ToolId = "any"
    # Takes `name` in messages.
    name_field: bool = False
    # Wants `reasoning_content` back on assistant turns with tool calls (T10).
    reasoning_echo: bool = False
    # Where else it takes reasoning back: reasoning_content, reasoning, reasoning_details, thinking (Mistral's parts),
    # extra_content (Google's signatures). A signature of the very model goes back in any case.
    reasoning_fields: frozenset[str] = frozenset()
    # Takes images and videos by their address; else their bytes only.
    media_urls: bool = True
    # How it takes documents; Mistral takes a `document_url`, which may be an address.
    document_part: Literal["file", "document_url"] = "file"
    seed_field: str = "seed"
    # Highest temperature; None: no limit known.
    max_temperature: float | None = 2.0
    max_stop: int | None = 4
    # Parameters it refuses, by canonical name: dropped and reported.
    refuses: frozenset[str] = frozenset()
    models_path: str = "/models"
    # Vertex: Claude by :rawPredict, Gemini below publishers/google/models.
    vertex: bool = False
    # Paths beyond chat that it serves: embeddings, images, speech, transcriptions, moderations, rerank, completions.
    beyond_chat: frozenset[str] = frozenset({"embeddings"})

    def door(self, dialect: str) -> Door | None:
        return next((door for door in self.doors if door.dialect == dialect), None)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model at its provider; None and empty are not known, and then nothing is refused for it."""

    # As the provider names it.
    name: str
    inputs: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    tools: bool | None = None
    json_schema: bool | None = None
    # False: temperature, top_p and the like are refused (T3); "effort-none": only without reasoning.
    sampling: Literal["yes", "no", "effort-none"] = "yes"
    # Effort words it takes; empty: not known. With () budgets are meant, see `thinking`.
    efforts: tuple[str, ...] = ()
    # How Anthropic's and Gemini's models are told to think.
    thinking: Literal["", "budget", "level", "adaptive"] = ""
    chat_tools: Literal["yes", "effort-none", "responses-only"] = "yes"
    # Gemini before 2.5: schemas in Google's subset of OpenAPI instead of JSON Schema (T18).
    openapi_schemas: bool = False


UNKNOWN: Final = Profile("custom", "Custom")

"""Captured traffic of providers, read from the folder that WIRE_CORPUS_DIR names; it is no part of this repository.

One JSON file is one exchange: the request, and the answer as JSON, as the text of a stream, or as base64.
"""

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson

from providers.dialects.base import Target
from providers.dialects.profile import ModelFacts, Profile

FOLDER: Final = os.environ.get("WIRE_CORPUS_DIR", "")
# Folder → the dialect it holds; what is not here is no chat.
DIALECTS: Final = {
    "openai-chat": "openai",
    "mistral-chat": "openai",
    "openai-responses": "responses",
    "anthropic-messages": "anthropic",
    "gemini": "gemini",
    "bedrock-converse": "bedrock",
    "cohere-v2": "cohere",
    "ollama": "ollama",
}
_ENDPOINTS: Final = frozenset({"chat", "responses", "messages", "generateContent", "converse"})
_PATHS: Final = {"openai": "chat/completions", "responses": "responses", "anthropic": "messages"}


@dataclass(frozen=True, slots=True)
class Exchange:
    id: str
    vendor: str
    dialect: str
    # Of the request, below the version; for the dialects that callers speak.
    path: str
    # As the provider names it.
    model: str
    request: dict[str, Any] | None
    status: int
    headers: dict[str, str]
    answer: bytes
    streamed: bool
    # Whether bytes are framed as the vendor framed them.
    framed: bool

    def __str__(self) -> str:
        return self.id

    @property
    def sent(self) -> bytes:
        assert self.request is not None
        return orjson.dumps(self.request)

    @property
    def failed(self) -> bool:
        return self.status >= 400

    def content(self) -> Any:
        """The answer as JSON."""
        return orjson.loads(self.answer)


def load() -> list[Exchange]:
    found = []
    for path in sorted(Path(FOLDER).glob("*/*.json")) if FOLDER else []:
        dialect = DIALECTS.get(path.parent.name)
        if dialect is None:
            continue
        captured = orjson.loads(path.read_bytes())
        # A compaction or a batch stands beside chats and is none.
        if captured["endpoint"] in _ENDPOINTS and captured["response"].get("headers") is not None:
            found.append(_exchange(f"{path.parent.name}/{path.stem}", dialect, captured))
    return found


def _exchange(name: str, dialect: str, captured: dict[str, Any]) -> Exchange:
    asked, answered = captured["request"] or {}, captured["response"]
    url, body = asked.get("url") or "", asked.get("body")
    path = unquote(urlsplit(url).path)
    return Exchange(
        id=name,
        vendor=captured["vendor"],
        dialect=dialect,
        path=_gemini_path(path) if dialect == "gemini" else _PATHS.get(dialect, ""),
        model=_model(path, body if isinstance(body, dict) else {}),
        request=body if isinstance(body, dict) else None,
        status=answered["status"],
        headers={name.lower(): value for name, value in answered["headers"].items()},
        answer=_answer(answered),
        streamed=("raw" in answered or "raw_b64" in answered) and answered["status"] < 400,
        framed=captured["source"]["fidelity"] == "exact",
    )


def _answer(answered: dict[str, Any]) -> bytes:
    if "body" in answered:
        return orjson.dumps(answered["body"])
    return base64.b64decode(answered["raw_b64"]) if "raw_b64" in answered else answered["raw"].encode()


def _gemini_path(path: str) -> str:
    return path[path.index("models/") :] if "models/" in path else ""


def _model(path: str, body: dict[str, Any]) -> str:
    in_path = re.search(r"/models?/([^/]+?)(?::[A-Za-z]+|/converse|/converse-stream)$", path)
    named = body.get("model")
    return in_path[1] if in_path else named if isinstance(named, str) else "unknown"


# How a vendor of the corpus counts, where it is not the way of its dialect: names in usage_rules.RULES.
_RULES: Final = {"xai": "xai", "google": "google", "perplexity": "perplexity"}
# Words of a vendor's own, without which its requests would not come back as they were.
_WORDS: Final[dict[str, dict[str, Any]]] = {
    "mistral": {"seed_field": "random_seed", "required_word": "any", "document_part": "document_url"},
}


def target(exchange: Exchange) -> Target:
    """The provider that was called: a profile that allows everything, so that nothing is lost to its limits."""
    rule, words = _RULES.get(exchange.vendor, ""), _WORDS.get(exchange.vendor, {})
    return permissive(exchange.model, exchange.request or {}, id=exchange.vendor, usage_rule=rule, **words)


def permissive(model: str, request: dict[str, Any], **changes: Any) -> Target:
    newer = "max_completion_tokens" in request
    everything: dict[str, Any] = {
        "id": "custom",
        "name": "Custom",
        "max_tokens_field": "max_completion_tokens" if newer else "max_tokens",
        "developer_role": True,
        "strict_tools": True,
        "json_schema": True,
        "name_field": True,
        "reasoning_fields": frozenset(
            {"reasoning_content", "reasoning", "reasoning_details", "thinking", "extra_content"}
        ),
        "max_temperature": None,
        "max_stop": None,
    }
    # Where a request must have a limit and its caller named none.
    return Target(Profile(**(everything | changes)), ModelFacts(model, max_output_tokens=64_000))

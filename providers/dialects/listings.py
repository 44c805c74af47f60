"""How each dialect lists a provider's models: where to ask, page by page, and what is said of each.

Pure. Vendors add to their lists what they like; what is not understood is left out, and nothing is guessed but the kind.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson

from providers.dialects.gemini import model_list as gemini
from providers.dialects.openai import listing as openai
from providers.dialects.profile import Door, Profile

# Above the widest list of a known aggregator at the sizes asked for.
MOST_PAGES: Final = 10
# Where a list has facts of a model, under the names of several vendors.
_CONTEXT: Final = (
    "context_length", "context_window", "max_context_length", "max_model_len", "max_input_tokens", "inputTokenLimit",
)  # fmt: skip
_OUTPUT: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens", "outputTokenLimit")
_MEDIA: Final = frozenset({"text", "image", "audio", "video", "document"})
# A column holds no more; nobody's model has.
_MOST_TOKENS: Final = 2**31 - 1
# A vendor's own word for what a model is for, to our kind.
_KINDS: Final[Mapping[str, str]] = {
    "chat": "chat", "language": "chat", "llm": "chat", "completion_chat": "chat", "generatecontent": "chat",
    "completion": "completion", "base": "completion", "generate": "completion",
    "embedding": "embedding", "embeddings": "embedding", "embed": "embedding", "embedcontent": "embedding",
    "image": "image", "predict": "image", "moderation": "moderation", "rerank": "rerank",
    "transcribe": "transcription", "transcription": "transcription", "audio": "speech", "speech": "speech",
}  # fmt: skip
# By the name, the first that fits: what no list says.
_NAMED: Final = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"rerank", "rerank"),
        (r"embed|\bbge\b|\be5-|voyage-(?!.*rerank)", "embedding"),
        (r"moderation|llama-guard|shieldgemma", "moderation"),
        (r"whisper|transcribe|\basr\b", "transcription"),
        (r"\btts\b|text-to-speech|speech-\d", "speech"),
        (r"dall-e|gpt-image|imagen|stable-diffusion|\bsdxl\b|\bflux\b|image-gen|seedream|kolors", "image"),
        (r"gpt-3\.5-turbo-instruct|davinci-002|babbage-002", "completion"),
    )
)


@dataclass(frozen=True, slots=True)
class Found:
    """A model in a provider's own list. None and empty are not known."""

    name: str
    kind: str = "chat"
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    tools: bool | None = None


@dataclass(frozen=True, slots=True)
class Page:
    models: tuple[Found, ...]
    # What to ask for next; empty at the end.
    token: str = ""


def listing_door(profile: Profile) -> Door | None:
    """The first door at which a list can be asked for. None where there is none: Bedrock and Vertex keep theirs at
    another host, behind credentials of another kind.
    """
    if profile.vertex:
        return None
    return next((door for door in profile.doors if door.dialect != "bedrock"), None)


def page_url(profile: Profile, door: Door, token: str = "") -> str:
    """`token` is that of the page before; empty for the first."""
    base, more = door.base_url.rstrip("/"), quote(token, safe="")
    match door.dialect:
        case "anthropic":
            return f"{base}/v1/models?limit=1000{f'&after_id={more}' if more else ''}"
        case "gemini":
            return f"{base}/models?pageSize=1000{f'&pageToken={more}' if more else ''}"
        case "cohere":
            # The list stayed at its first version.
            return f"{base.removesuffix('/v2')}/v1/models?page_size=1000{f'&page_token={more}' if more else ''}"
        case "ollama":
            return f"{base}/api/tags"
        case _:
            return f"{base}{profile.models_path}"


def read_page(door: Door, body: bytes) -> Page:
    """Raises ValueError for what is no list of models."""
    match door.dialect:
        case "gemini":
            models, token = gemini.read_models(body)
            return Page(tuple(_found(model["name"], model) for model in models), token)
        case "anthropic":
            content = openai.models(body)
            more = _mapping(orjson.loads(body)).get("has_more") is True and content
            return Page(tuple(_found(model["id"], model) for model in content), content[-1]["id"] if more else "")
        case "cohere" | "ollama":
            content, token = _native(body)
            return Page(tuple(_found(model["name"], model) for model in content), token)
        case _:
            return Page(tuple(_found(model["id"], model) for model in openai.models(body)))


def _native(body: bytes) -> tuple[list[dict[str, Any]], str]:
    """Cohere's and Ollama's: {"models": [{"name": …}]}."""
    content = _mapping(orjson.loads(body))
    listed, token = content.get("models"), content.get("next_page_token")
    if not isinstance(listed, list) or not all(_text(_mapping(model).get("name")) for model in listed):
        raise ValueError("no list of models")
    return listed, token if isinstance(token, str) else ""


def _found(name: str, said: Mapping[str, Any]) -> Found:
    shape, top = _mapping(said.get("architecture")), _mapping(said.get("top_provider"))
    capabilities = _mapping(said.get("capabilities"))
    takes = said.get("supported_parameters")
    calls = capabilities.get("function_calling")
    return Found(
        name=name,
        kind=kind_of(name, said),
        context_tokens=_number(said, _CONTEXT),
        max_output_tokens=_number(said, _OUTPUT) or _number(top, _OUTPUT),
        inputs=_media(said.get("input_modalities", shape.get("input_modalities"))),
        outputs=_media(said.get("output_modalities", shape.get("output_modalities"))),
        tools=calls if isinstance(calls, bool) else ("tools" in takes if isinstance(takes, list) else None),
    )


def kind_of(name: str, said: Mapping[str, Any]) -> str:
    """A name that speaks for itself, then the list's own word, then chat."""
    plain = name.lower()
    for pattern, kind in _NAMED:
        if pattern.search(plain):
            return kind
    return next((_KINDS[word] for word in _words(said) if word in _KINDS), "chat")


def _words(said: Mapping[str, Any]) -> list[str]:
    """In the order in which they are believed: a model that chats may do other things as well."""
    methods, endpoints = said.get("supportedGenerationMethods"), said.get("endpoints")
    words = [said.get("type"), *(methods if isinstance(methods, list) else [])]
    words += endpoints if isinstance(endpoints, list) else []
    words += [word for word, has in _mapping(said.get("capabilities")).items() if has is True]
    found = [word.lower() for word in words if isinstance(word, str)]
    return sorted(found, key=lambda word: _KINDS.get(word) != "chat")


def _number(said: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = said.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_TOKENS:
            return value
    return None


def _media(words: Any) -> tuple[str, ...]:
    named = (
        {"document" if word == "file" else word for word in words if isinstance(word, str)}
        if isinstance(words, list)
        else set()
    )
    return tuple(sorted(named & _MEDIA))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)

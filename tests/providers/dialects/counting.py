"""What the vendors themselves say that a captured answer used, stated again from their documentation.

Nothing here looks at usage_rules: these are the numbers that it is held against.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from providers.dialects.usage import Usage
from tests.providers.dialects import frames
from tests.providers.dialects.corpus import Exchange

Counts = dict[str, int]
# Vendors that leave reasoning out of completion_tokens, and hold it in total_tokens.
_REASONING_OUTSIDE: Final = frozenset({"xai", "google"})
# Classes that tests compare; other units are not stated by all.
COMPARED: Final = (
    "input_text", "input_audio", "input_image", "input_video", "input_tool", "cache_read", "cache_read_audio",
    "cache_read_image", "cache_write", "cache_write_long", "output_text", "output_reasoning", "output_audio",
    "output_image", "output_video",
)  # fmt: skip


def stated(exchange: Exchange) -> Counts | None:
    """By class of the ledger, without zeros; None where the vendor stated nothing."""
    objects = list(_json_of(exchange))
    if exchange.dialect == "ollama":
        last = objects[-1] if objects else {}
        return _without_zeros(
            {
                "input_text": last.get("prompt_eval_count", 0),
                "output_text": last.get("eval_count", 0),
            }
        )
    usage = _merged(objects)
    return None if usage is None else _without_zeros(_RULES[exchange.dialect](usage, exchange.vendor))


def compared(usage: Usage, dialect: str) -> Counts:
    counts = {name: number for name, number in usage.counts().items() if name in COMPARED}
    return merged(counts, dialect)


def merged(counts: Counts, dialect: str) -> Counts:
    """Cohere bills in totals alone; and whether a page of a document is text or an image, Gemini's details do not say."""
    if dialect == "cohere":
        ins = sum(number for name, number in counts.items() if not name.startswith("output"))
        return _without_zeros({"input": ins, "output": sum(counts.values()) - ins})
    if dialect == "gemini":
        folded: Counts = {}
        for name, number in counts.items():
            kind = name.replace("input_image", "input_text").replace("cache_read_image", "cache_read")
            folded[kind] = folded.get(kind, 0) + number
        return folded
    return counts


# The objects of usage, in the order in which they came ---------------------------------------------------------------
def _json_of(exchange: Exchange) -> Iterator[dict[str, Any]]:
    if not exchange.streamed:
        yield exchange.content()
    elif exchange.dialect == "bedrock":
        yield from (json.loads(payload) for _, payload in frames.read(exchange.answer))
    else:
        for line in exchange.answer.decode().splitlines():
            data = line.removeprefix("data:").strip()
            if data.startswith("{"):
                yield json.loads(data)


def _merged(objects: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The last value of each member that is not null."""
    found: dict[str, Any] | None = None
    for each in objects:
        for usage in _usages(each):
            found = (found or {}) | {name: value for name, value in usage.items() if value is not None}
    return found


def _usages(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for place in (
        content,
        content.get("message"),
        content.get("response"),
        content.get("delta"),
        content.get("x_groq"),
    ):
        if isinstance(place, dict):
            for name in ("usage", "usageMetadata"):
                if isinstance(place.get(name), dict):
                    yield place[name]


# How each vendor's members add up ------------------------------------------------------------------------------------
def _openai(usage: Mapping[str, Any], vendor: str) -> Counts:
    prompt, completion = usage["prompt_tokens"], usage.get("completion_tokens", 0)
    ins, outs = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    cached = ins.get("cached_tokens") or usage.get("num_cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0
    cached = min(cached or usage.get("cached_tokens") or 0, prompt)
    written = ins.get("cache_write_tokens") or usage.get("cache_creation_input_tokens") or 0
    reasoning = outs.get("reasoning_tokens") or 0
    if vendor in _REASONING_OUTSIDE:
        completion += usage["total_tokens"] - prompt - completion
        reasoning = completion - usage.get("completion_tokens", 0)
    if vendor == "perplexity":
        reasoning = usage.get("reasoning_tokens", 0)
        completion += reasoning
    reasoning = min(reasoning, completion)
    kinds = {f"input_{kind}": ins.get(f"{kind}_tokens") or 0 for kind in ("audio", "image", "video")}
    made = {f"output_{kind}": outs.get(f"{kind}_tokens") or 0 for kind in ("audio", "image")}
    return {
        "input_text": prompt - cached - written - sum(kinds.values()),
        "input_tool": usage.get("citation_tokens", 0),
        "cache_read": cached,
        "cache_write": written,
        "output_text": completion - reasoning - sum(made.values()),
        "output_reasoning": reasoning,
        **kinds,
        **made,
    }


def _responses(usage: Mapping[str, Any], vendor: str) -> Counts:
    ins, outs = _part(usage, "input_tokens_details"), _part(usage, "output_tokens_details")
    cached, written = ins.get("cached_tokens") or 0, ins.get("cache_write_tokens") or 0
    reasoning = outs.get("reasoning_tokens") or 0
    return {
        "input_text": usage["input_tokens"] - cached - written,
        "cache_read": cached,
        "cache_write": written,
        "output_text": usage["output_tokens"] - reasoning,
        "output_reasoning": reasoning,
    }


def _anthropic(usage: Mapping[str, Any], vendor: str) -> Counts:
    thinking = _part(usage, "output_tokens_details").get("thinking_tokens") or 0
    long = _part(usage, "cache_creation").get("ephemeral_1h_input_tokens") or 0
    return {
        "input_text": usage["input_tokens"],
        "cache_read": usage.get("cache_read_input_tokens", 0),
        "cache_write": usage.get("cache_creation_input_tokens", 0) - long,
        "cache_write_long": long,
        "output_text": usage["output_tokens"] - thinking,
        "output_reasoning": thinking,
    }


def _gemini(usage: Mapping[str, Any], vendor: str) -> Counts:
    prompt, cached = usage.get("promptTokenCount", 0), usage.get("cachedContentTokenCount", 0)
    candidates, thoughts = usage.get("candidatesTokenCount", 0), usage.get("thoughtsTokenCount", 0)
    tools = usage.get("toolUsePromptTokenCount", 0)
    if thoughts and prompt + candidates + tools == usage.get("totalTokenCount"):
        candidates -= thoughts
    of_prompt, of_cache = _modalities(usage, "promptTokensDetails"), _modalities(usage, "cacheTokensDetails")
    made = _modalities(usage, "candidatesTokensDetails")
    audio_in = of_prompt.get("AUDIO", 0) - of_cache.get("AUDIO", 0)
    video_in = of_prompt.get("VIDEO", 0) - of_cache.get("VIDEO", 0)
    outs = {f"output_{kind.lower()}": made.get(kind, 0) for kind in ("AUDIO", "IMAGE", "VIDEO")}
    return {
        "input_text": prompt - cached - audio_in - video_in,
        "input_audio": audio_in,
        "input_video": video_in,
        "input_tool": tools,
        "cache_read": cached - of_cache.get("AUDIO", 0),
        "cache_read_audio": of_cache.get("AUDIO", 0),
        "output_text": candidates - sum(outs.values()),
        "output_reasoning": thoughts,
        **outs,
    }


def _bedrock(usage: Mapping[str, Any], vendor: str) -> Counts:
    long = sum(each["inputTokens"] for each in usage.get("cacheDetails", []) if each["ttl"] == "1h")
    return {
        "input_text": usage["inputTokens"],
        "cache_read": usage.get("cacheReadInputTokens", 0),
        "cache_write": usage.get("cacheWriteInputTokens", 0) - long,
        "cache_write_long": long,
        "output_text": usage["outputTokens"],
    }


def _cohere(usage: Mapping[str, Any], vendor: str) -> Counts:
    billed = usage["billed_units"]
    return {"input": billed["input_tokens"], "output": billed["output_tokens"]}


_RULES: Final = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "bedrock": _bedrock,
    "cohere": _cohere,
}


def _part(usage: Mapping[str, Any], name: str) -> dict[str, Any]:
    return usage.get(name) or {}


def _modalities(usage: Mapping[str, Any], name: str) -> dict[str, int]:
    return {str(each["modality"]): each.get("tokenCount", 0) for each in usage.get(name) or []}


def _without_zeros(counts: Counts) -> Counts:
    return {name: number for name, number in counts.items() if number}

"""How each provider counts: its usage object to the ledger. The rule is chosen by the profile, never guessed.

A total wins over its details: what is above it is cut, and said. A number that is none (negative, fractional, absurd) is
taken as absent and said. An explicit 0 is 0.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from providers.dialects.profile import Profile
from providers.dialects.usage import Source, Usage, count

Rule = Callable[[Mapping[str, Any]], Usage | None]


def read(reported: Any, profile: Profile, dialect: str) -> Usage | None:
    """None when nothing usable was reported. `dialect` is the one the object was found in."""
    if not isinstance(reported, dict):
        return None
    rule = RULES.get(f"{dialect}:{profile.usage_rule}") or RULES[dialect]
    return rule(reported)


def openai(reported: Mapping[str, Any]) -> Usage | None:
    return inclusive(reported, "prompt_tokens", "completion_tokens")


def responses(reported: Mapping[str, Any]) -> Usage | None:
    """Reasoning is inside, with xAI too."""
    return inclusive(reported, "input_tokens", "output_tokens")


def reasoning_beside(reported: Mapping[str, Any]) -> Usage | None:
    """What the total holds beyond prompt and completion is reasoning (xAI; Gemini's OpenAI surface, which names none)."""
    total, prompt, completion = (count(reported.get(f"{name}_tokens")) for name in ("total", "prompt", "completion"))
    if prompt is None or completion is None:
        return openai(reported)
    named = count(_details(reported, "completion_tokens_details").get("reasoning_tokens")) or 0
    beside = named if total is None else max(0, total - prompt - completion)
    return inclusive(reported, "prompt_tokens", "completion_tokens", beside=beside)


def perplexity(reported: Mapping[str, Any]) -> Usage | None:
    """Reasoning and the text of citations are in no total, not even in `total_tokens`."""
    usage = inclusive(reported, "prompt_tokens", "completion_tokens")
    if usage is None:
        return None
    return usage.with_changes(
        input_tool=count(reported.get("citation_tokens")) or 0,
        output_reasoning=count(reported.get("reasoning_tokens")) or usage.output_reasoning,
        searches=count(reported.get("num_search_queries")) or usage.searches,
    )


def inclusive(reported: Mapping[str, Any], input_name: str, output_name: str, *, beside: int = 0) -> Usage | None:
    """Of OpenAI's kind: the two totals include what was cached and written, and all kinds of tokens in their details.

    `beside` is reasoning that stands beside the total of the output.
    """
    prompt = count(reported.get(input_name))
    if prompt is None:
        return None
    ins, outs = _details(reported, f"{input_name}_details"), _details(reported, f"{output_name}_details")
    completion = reported.get(output_name)
    if (
        not beside
        and type(completion) is int
        and reported.get("total_tokens") == prompt + completion >= prompt
        and not any(ins.values())
        and not any(outs.values())
        and reported.keys() <= _TOLD_PLAINLY
    ):
        # Nearly every call: two numbers, and nothing to share out.
        return Usage(input_text=prompt, output_text=completion, raw=dict(reported))
    anomalies: dict[str, None] = {}
    output = _part(reported, output_name, anomalies) + beside
    # The output is then counted by whoever has seen it.
    source: Source = "mixed" if anomalies else "provider"
    if prompt + output != _first(reported.get("total_tokens"), prompt + output):
        anomalies["the parts do not add up to the total"] = None
    cached, written, audio, image, video = _cut(
        prompt,
        [
            _first(ins.get("cached_tokens"), *(reported.get(name) for name in _CACHED)),
            _first(ins.get("cache_write_tokens"), reported.get("cache_creation_input_tokens")),
            *(_part(ins, name, anomalies) for name in ("audio_tokens", "image_tokens", "video_tokens")),
        ],
        anomalies,
    )
    lives = _details(ins, "cache_write_tokens_details")
    long = min(written, _first(lives.get("ttl_12h_tokens"), lives.get("ttl_12h")))
    reasoning, audio_out, image_out = _cut(
        output,
        [
            max(beside, _part(outs, "reasoning_tokens", anomalies)),
            *(_part(outs, name, anomalies) for name in ("audio_tokens", "image_tokens")),
        ],
        anomalies,
    )
    return Usage(
        input_text=prompt - cached - written - audio - image - video,
        input_audio=audio,
        input_image=image,
        input_video=video,
        cache_read=cached,
        cache_write=written - long,
        cache_write_long=long,
        output_text=output - reasoning - audio_out - image_out,
        output_reasoning=reasoning,
        output_audio=audio_out,
        output_image=image_out,
        # Mistral counts seconds of audio besides, OpenRouter the searches of its own tool.
        audio_ms=1000 * (count(reported.get("prompt_audio_seconds")) or 0),
        searches=count(_details(reported, "server_tool_use_details").get("web_search_requests")) or 0,
        source=source,
        anomaly="; ".join(anomalies),
        raw=dict(reported),
    )


def anthropic(reported: Mapping[str, Any]) -> Usage | None:
    """Input, cache reads and cache writes stand beside one another; output includes thinking."""
    anomalies: dict[str, None] = {}
    if count(reported.get("input_tokens")) is None and count(reported.get("output_tokens")) is None:
        return None
    fresh, read, output = (_part(reported, name, anomalies) for name in _ANTHROPIC_TOTALS)
    lives = _details(reported, "cache_creation")
    short, long = (_part(lives, f"ephemeral_{life}_input_tokens", anomalies) for life in ("5m", "1h"))
    written = _first(reported.get("cache_creation_input_tokens"), short + long)
    (long,) = _cut(written, [long], anomalies)
    details = _details(reported, "output_tokens_details")
    (thinking,) = _cut(output, [_part(details, "thinking_tokens", anomalies)], anomalies)
    return Usage(
        input_text=fresh,
        cache_read=read,
        cache_write=written - long,
        cache_write_long=long,
        output_text=output - thinking,
        output_reasoning=thinking,
        searches=_part(_details(reported, "server_tool_use"), "web_search_requests", anomalies),
        # A total that is none is then counted by whoever has seen it.
        source="mixed" if anomalies.keys() & {f"{name} is no count" for name in _ANTHROPIC_TOTALS} else "provider",
        anomaly="; ".join(anomalies),
        raw=dict(reported),
    )


_ANTHROPIC_TOTALS: Final = ("input_tokens", "cache_read_input_tokens", "output_tokens")


def gemini(reported: Mapping[str, Any]) -> Usage | None:
    """The prompt includes what was cached. Thoughts stand beside the candidates, unless the total holds them once only.

    Results of Google's own tools stand beside the prompt. Zeros are left out (ProtoJSON). Pages of documents count as text.
    """
    anomalies: dict[str, None] = {}
    total = count(reported.get("totalTokenCount"))
    if total is None and reported.get("promptTokenCount") is None:
        return None
    cached, candidates, thoughts, tool = (_part(reported, name, anomalies) for name in _GEMINI_BESIDE_PROMPT)
    prompt = _part(reported, "promptTokenCount", anomalies)
    if reported.get("promptTokenCount") is None:
        prompt = max(0, (total or 0) - candidates - thoughts - tool)
    source: Source = "mixed" if anomalies else "provider"
    made = candidates
    if thoughts and prompt + candidates + tool == total:
        (thoughts,) = _cut(candidates, [thoughts], anomalies)
        made -= thoughts
    if total not in {None, prompt + made + thoughts + tool}:
        anomalies["the parts do not add up to the total"] = None
    of_prompt, of_cache, of_made = (
        _modalities(reported, f"{name}TokensDetails") for name in ("prompt", "cache", "candidates")
    )
    (cached,) = _cut(prompt, [cached], anomalies)
    _cut(prompt, list(of_prompt.values()), anomalies)
    cached_audio, cached_image = _cut(cached, [of_cache.get(kind, 0) for kind in ("AUDIO", "IMAGE")], anomalies)
    # Without details of what was cached it is not known of which kind the rest is: then there is no contradiction.
    fresh = [max(0, of_prompt.get(kind, 0) - of_cache.get(kind, 0)) for kind in ("AUDIO", "IMAGE", "VIDEO")]
    audio, image, video = _cut(prompt - cached, fresh, {})
    audio_out, image_out, video_out = _cut(
        made, [of_made.get(kind, 0) for kind in ("AUDIO", "IMAGE", "VIDEO")], anomalies
    )
    return Usage(
        input_text=prompt - cached - audio - image - video,
        input_audio=audio,
        input_image=image,
        input_video=video,
        input_tool=tool,
        cache_read=cached - cached_audio - cached_image,
        cache_read_audio=cached_audio,
        cache_read_image=cached_image,
        output_text=made - audio_out - image_out - video_out,
        output_reasoning=thoughts,
        output_audio=audio_out,
        output_image=image_out,
        output_video=video_out,
        source=source,
        anomaly="; ".join(anomalies),
        raw=dict(reported),
    )


_GEMINI_BESIDE_PROMPT: Final = (
    "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount",
)  # fmt: skip
# By number, as `$alt=json;enum-encoding=int` writes them.
_MODALITIES: Final = ("", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")


def _modalities(reported: Mapping[str, Any], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    details = reported.get(name)
    for each in details if isinstance(details, list) else []:
        if isinstance(each, dict):
            kind = each.get("modality")
            if isinstance(kind, int) and 0 <= kind < len(_MODALITIES):
                kind = _MODALITIES[kind]
            found[str(kind)] = found.get(str(kind), 0) + (count(each.get("tokenCount")) or 0)
    return found


# Other names of the cached tokens: Mistral's, DeepSeek's, Moonshot's. They stand beside OpenAI's or instead: never both.
_TOLD_PLAINLY: Final = frozenset({
    "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
    "input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details",
})  # fmt: skip
_CACHED: Final = ("num_cached_tokens", "prompt_cache_hit_tokens", "cached_tokens")


def _first(*values: Any) -> int:
    return next((number for value in values if (number := count(value)) is not None), 0)


def _part(details: Mapping[str, Any], name: str, anomalies: dict[str, None]) -> int:
    """0 where it is absent, and where it is no count: then that is said."""
    value = details.get(name)
    if value is None:
        return 0
    number = count(value)
    if number is None:
        anomalies[f"{name} is no count"] = None
    return number or 0


def _cut(total: int, parts: list[int], anomalies: dict[str, None]) -> list[int]:
    """The parts, none above what the ones before it have left of the total."""
    left = total
    fitting = []
    for part in parts:
        fitting.append(min(part, left))
        left -= fitting[-1]
    if fitting != parts:
        anomalies["details above their total"] = None
    return fitting


def _details(reported: Mapping[str, Any], name: str) -> dict[str, Any]:
    details = reported.get(name)
    return details if isinstance(details, dict) else {}


# By dialect, and "dialect:rule" for a profile that counts otherwise.
RULES: Final[dict[str, Rule]] = {
    "openai": openai,
    "openai:xai": reasoning_beside,
    "openai:google": reasoning_beside,
    "openai:perplexity": perplexity,
    "responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
}

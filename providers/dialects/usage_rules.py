"""How each provider counts: its usage object to the ledger. The rule is chosen by the profile, never guessed.

A total wins over its details: what is above it is cut, and said. A number that is none (negative, fractional, absurd) is
taken as absent and said. An explicit 0 is 0.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from providers.dialects.profile import Profile
from providers.dialects.usage import Usage, count

Rule = Callable[[Mapping[str, Any]], Usage | None]


def read(reported: Any, profile: Profile, dialect: str) -> Usage | None:
    """None when nothing usable was reported. `dialect` is the one the object was found in."""
    if not isinstance(reported, dict):
        return None
    rule = RULES.get(f"{dialect}:{profile.usage_rule}") or RULES[dialect]
    return rule(reported)


def openai(reported: Mapping[str, Any]) -> Usage | None:
    """Prompt tokens include cached and audio ones, completion tokens include reasoning and audio."""
    prompt, completion = count(reported.get("prompt_tokens")), count(reported.get("completion_tokens"))
    if prompt is None:
        return None
    completion = 0 if completion is None else completion
    if "prompt_tokens_details" not in reported and "completion_tokens_details" not in reported:
        return Usage(input_text=prompt, output_text=completion)
    details_in = _details(reported, "prompt_tokens_details")
    details_out = _details(reported, "completion_tokens_details")
    cached, audio_in = count(details_in.get("cached_tokens")) or 0, count(details_in.get("audio_tokens")) or 0
    reasoning, audio_out = count(details_out.get("reasoning_tokens")) or 0, count(details_out.get("audio_tokens")) or 0
    cut_in, cut_out = cached + audio_in > prompt, reasoning + audio_out > completion
    cached = min(cached, prompt)
    audio_in = min(audio_in, prompt - cached)
    reasoning = min(reasoning, completion)
    audio_out = min(audio_out, completion - reasoning)
    return Usage(
        input_text=prompt - cached - audio_in,
        input_audio=audio_in,
        cache_read=cached,
        output_text=completion - reasoning - audio_out,
        output_reasoning=reasoning,
        output_audio=audio_out,
        anomaly="details above their total" if cut_in or cut_out else "",
    )


def _details(reported: Mapping[str, Any], name: str) -> dict[str, Any]:
    details = reported.get(name)
    return details if isinstance(details, dict) else {}


# By dialect, and "dialect:rule" for a profile that counts otherwise.
RULES: Final[dict[str, Rule]] = {"openai": openai}

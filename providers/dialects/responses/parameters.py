"""Plain parameters of a request: where each canonical name stands, and what is known to be taken there."""

from typing import Any, Final

from providers.dialects.base import Target
from providers.dialects.canonical import REFUSED, BadRequest, Chat, Report
from providers.dialects.responses.content import NAME

# Canonical name → members on the way to its place. `logprobs` is a word in `include`; `item_references` stand in `input`.
PLACES: Final[dict[str, tuple[str, ...]]] = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_logprobs": ("top_logprobs",),
    "service_tier": ("service_tier",),
    "metadata": ("metadata",),
    "user": ("user",),
    "safety_identifier": ("safety_identifier",),
    "prompt_cache_key": ("prompt_cache_key",),
    "prompt_cache_retention": ("prompt_cache_retention",),
    "verbosity": ("text", "verbosity"),
    "truncation": ("truncation",),
    "include": ("include",),
    "store": ("store",),
    "stored": ("store",),
    "background": ("background",),
    "previous_response_id": ("previous_response_id",),
    "conversation": ("conversation",),
    "prompt": ("prompt",),
}
LOGPROBS: Final = "message.output_text.logprobs"
ENCRYPTED: Final = "reasoning.encrypted_content"
# Other dialects have words of their own for it.
_TIERS: Final = frozenset({"auto", "default", "flex", "priority", "fast", "scale", "ultrafast"})
_SAMPLING: Final = frozenset({"temperature", "top_p"})


def write(chat: Chat, target: Target, report: Report, body: dict[str, Any]) -> None:
    """Puts them into `body`. Raises BadRequest for one without which the answer would mean something else."""
    for param, value in chat.params.items():
        name = chat.name_of(param)
        if param == "logprobs":
            if value:
                body.setdefault("include", []).append(LOGPROBS)
        elif param == "item_references" or (param == "n" and value == 1):
            continue
        elif param in PLACES and not _dropped(param, value, chat, target):
            _put(body, PLACES[param], _clamped(param, name, value, target, report))
        elif param in REFUSED:
            raise BadRequest(f"/{name}", f"“{name}” is not supported by the model “{target.model.name}”; leave it out.")
        else:
            report.drop(name)


def _dropped(param: str, value: Any, chat: Chat, target: Target) -> bool:
    if param in target.profile.refuses:
        return True
    if param in _SAMPLING and target.model.sampling != "yes":
        return target.model.sampling == "no" or chat.reasoning is None or not chat.reasoning.off
    return param == "service_tier" and chat.dialect != NAME and value not in _TIERS


def _clamped(param: str, name: str, value: Any, target: Target, report: Report) -> Any:
    highest = target.profile.max_temperature
    if param != "temperature" or highest is None or value <= highest:
        return value
    report.clamped.append((name, f"{highest:g}"))
    return highest


def _put(body: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    *way, last = place
    for step in way:
        body = body.setdefault(step, {})
    if last == "include":
        body.setdefault(last, []).extend(value)
    else:
        body[last] = value

"""Pass-through: the address, and places of a body changed in the caller's own spelling; every other byte stays as it came."""

import orjson

from providers.dialects.base import Outline, Target
from providers.dialects.bodies import replaced
from providers.dialects.gemini.generation import CONFIG
from providers.dialects.gemini.reading import GENERATE, called
from providers.dialects.gemini.writing import path_of


def splice(body: bytes, outline: Outline, *, model: str | None, max_tokens: int | None) -> bytes:
    """The model stands in the path; in the body only where the caller repeats it there."""
    changes: dict[tuple[str, ...], bytes] = {}
    told = outline.content.get("model")
    if model is not None and isinstance(told, str):
        changes["model",] = orjson.dumps(
            ("models/" if told.startswith("models/") else "") + model.removeprefix("models/")
        )
    if max_tokens is not None:
        config = "generation_config" if "generation_config" in outline.content else CONFIG
        inner = outline.content.get(config)
        limit = "max_output_tokens" if isinstance(inner, dict) and "max_output_tokens" in inner else "maxOutputTokens"
        changes[config, limit] = str(max_tokens).encode()
    return replaced(body, changes)


def passed_path(path: str, outline: Outline, target: Target) -> str:
    """The caller's verb, with the model as its provider names it. Of the query only the form of the stream goes along."""
    call = called(path)
    verb = call.verb if call is not None else GENERATE
    return path_of(target, verb) + ("?alt=sse" if outline.stream and not outline.array else "")

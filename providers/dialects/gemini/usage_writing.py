"""The ledger as Google shows it."""

from typing import Any

from providers.dialects.usage import Usage


def written_usage(usage: Usage) -> dict[str, Any]:
    """Zeros are left out, as ProtoJSON does, but for the totals. What was written to a cache is part of the prompt."""
    prompt = usage.input_total - usage.input_tool
    written: dict[str, Any] = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": usage.output_total - usage.output_reasoning,
        "totalTokenCount": usage.input_total + usage.output_total,
    }
    others = {
        "thoughtsTokenCount": usage.output_reasoning,
        "cachedContentTokenCount": usage.cached_total,
        "toolUsePromptTokenCount": usage.input_tool,
        "promptTokensDetails": _details(
            prompt,
            audio=usage.input_audio + usage.cache_read_audio,
            image=usage.input_image + usage.cache_read_image,
            video=usage.input_video,
        ),
        "cacheTokensDetails": _details(
            usage.cached_total, audio=usage.cache_read_audio, image=usage.cache_read_image, video=0
        ),
        "candidatesTokensDetails": _details(
            written["candidatesTokenCount"],
            audio=usage.output_audio,
            image=usage.output_image,
            video=usage.output_video,
        ),
    }
    return written | {name: value for name, value in others.items() if value}


def _details(total: int, *, audio: int, image: int, video: int) -> list[dict[str, Any]]:
    """Only where not all of it is text."""
    if not audio + image + video:
        return []
    kinds = {"TEXT": total - audio - image - video, "AUDIO": audio, "IMAGE": image, "VIDEO": video}
    return [{"modality": kind, "tokenCount": number} for kind, number in kinds.items() if number]

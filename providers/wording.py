"""Names of the classes of the usage ledger, in the order of the ledger."""

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CLASS_NAMES: Final[Mapping[str, Promise]] = {
    "input_text": _("Input"),
    "input_audio": _("Input, audio"),
    "input_image": _("Input, images"),
    "input_video": _("Input, video"),
    "input_tool": _("Input from the provider's tools"),
    "cache_read": _("Input read from a cache"),
    "cache_read_audio": _("Audio read from a cache"),
    "cache_read_image": _("Images read from a cache"),
    "cache_write": _("Input written to a cache"),
    "cache_write_long": _("Input written to a cache for longer"),
    "output_text": _("Output"),
    "output_reasoning": _("Reasoning"),
    "output_audio": _("Output, audio"),
    "output_image": _("Output, images"),
    "output_video": _("Output, video"),
    "characters": _("Characters"),
    "audio_ms": _("Audio, ms"),
    "images": _("Images"),
    "pages": _("Pages"),
    "searches": _("Searches"),
    "tool_runs": _("Runs of the provider's tools"),
}


def named_counts(usage: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names and counts of what a call used; `usage` is by class, without what is 0."""
    return [(str(name), usage[each]) for each, name in CLASS_NAMES.items() if usage.get(each)]

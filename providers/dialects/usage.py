"""The usage ledger: disjoint, non-negative counts. A token is in exactly one class; vendors' views are derived."""

from dataclasses import dataclass
from typing import Any, Final

# JSON numbers beyond this are not exact anywhere else.
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Usage:
    input_text: int = 0
    input_audio: int = 0
    cache_read: int = 0
    output_text: int = 0
    output_reasoning: int = 0
    output_audio: int = 0
    # What was wrong with the numbers reported, in words; empty when nothing was.
    anomaly: str = ""

    @property
    def input_total(self) -> int:
        return self.input_text + self.input_audio + self.cache_read

    @property
    def output_total(self) -> int:
        return self.output_text + self.output_reasoning + self.output_audio


def count(value: Any) -> int | None:
    """A reported number of tokens; None when it is absent or none (negative, fractional, absurd, a boolean)."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    return None

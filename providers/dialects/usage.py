"""The usage ledger: disjoint, non-negative counts. A token is in exactly one class; vendors' views are derived."""

from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, Final, Literal, Self

# JSON numbers beyond this are not exact anywhere else.
_LARGEST: Final = 2**53

Source = Literal["provider", "own", "mixed"]


# Not frozen: to fill a frozen one takes four times as long, with each answer.
@dataclass(slots=True)
class Usage:
    # Prompt tokens that were in no cache; of other kinds where the provider breaks them out.
    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    input_video: int = 0
    # Results of the provider's own tools, fed back to the model.
    input_tool: int = 0
    cache_read: int = 0
    cache_read_audio: int = 0
    cache_read_image: int = 0
    # Default life: 5 min at Anthropic, 30 min at OpenAI; long: 1 h and 12 h.
    cache_write: int = 0
    cache_write_long: int = 0
    output_text: int = 0
    output_reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    output_video: int = 0
    # Units that are not tokens.
    characters: int = 0
    audio_ms: int = 0
    images: int = 0
    pages: int = 0
    searches: int = 0
    tool_runs: int = 0
    # "provider": as reported; "own": estimated; "mixed": some of both.
    source: Source = "provider"
    # What was wrong with the numbers reported, in words; empty when nothing was.
    anomaly: str = ""
    # The provider's usage object as it came, for the record; never compared.
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)
    _counts: dict[str, int] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def input_total(self) -> int:
        return (
            self.input_text + self.input_audio + self.input_image + self.input_video + self.input_tool
            + self.cached_total + self.cache_write + self.cache_write_long
        )  # fmt: skip

    @property
    def cached_total(self) -> int:
        return self.cache_read + self.cache_read_audio + self.cache_read_image

    @property
    def output_total(self) -> int:
        return self.output_text + self.output_reasoning + self.output_audio + self.output_image + self.output_video

    def with_changes(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def counts(self) -> dict[str, int]:
        """What is not 0, by class. Worked out once: not to be changed."""
        if self._counts is None:
            self._counts = {name: number for name, number in zip(CLASSES, _NUMBERS(self), strict=True) if number}
        return self._counts


CLASSES: Final = tuple(each.name for each in fields(Usage) if each.type in {"int", int})
_NUMBERS: Final = attrgetter(*CLASSES)


def count(value: Any) -> int | None:
    """A reported number of tokens; None when it is absent or none (negative, fractional, absurd, a boolean)."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    return None

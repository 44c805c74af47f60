"""A request that is being written: what its writers share, and what they note for the report."""

from dataclasses import dataclass, field
from typing import Any, Final

from providers.dialects.base import Given, Target
from providers.dialects.canonical import BadRequest, Chat, Extras, Report

NAME: Final = "openai"


@dataclass(slots=True)
class Letter:
    chat: Chat
    target: Target
    given: Given
    report: Report = field(default_factory=Report)

    @property
    def own(self) -> bool:
        """Read in this dialect: what was kept of it is written back."""
        return self.chat.dialect == NAME

    @property
    def reasoning_taken(self) -> frozenset[str]:
        """Fields in which the provider takes reasoning back."""
        profile = self.target.profile
        return profile.reasoning_fields | {"reasoning_content"} if profile.reasoning_echo else profile.reasoning_fields

    def refusal(self, message: str, *, name: str = "messages") -> BadRequest:
        return BadRequest("/" + self.chat.name_of(name), message)

    def lose(self, extras: Extras | None) -> None:
        for name in extras or {}:
            self.report.drop(name)


def word(holder: Any, name: str) -> Any:
    """What this codec noted of a part or turn when it read it."""
    return (holder.spelling or {}).get(f"~{name}")

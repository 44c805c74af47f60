"""A request for an upstream while it is written: what it is made of, and what is lost on the way."""

from dataclasses import dataclass, field
from typing import Any, Final

from providers.dialects.anthropic.blocks import DIALECT
from providers.dialects.base import Given, Target
from providers.dialects.canonical import Chat, Extras, Report

# Anthropic counts the marks of a request, the automatic one at the top included.
_MOST_MARKS: Final = 4


@dataclass(slots=True)
class Draft:
    chat: Chat
    target: Target
    given: Given
    report: Report = field(default_factory=Report)
    # Blocks, tools and texts that carry a cache_control, in the order of the prompt.
    marked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def own(self) -> bool:
        """Whether the caller speaks this dialect too: its extras and spelling are then put back."""
        return self.chat.dialect == DIALECT

    def pointer(self, param: str) -> str:
        return f"/{self.chat.name_of(param)}"

    def add_members(self, written: dict[str, Any], extras: Extras | None, spelling: Extras | None) -> dict[str, Any]:
        """Only cache_control is understood from callers of any dialect."""
        if self.own:
            written.update(extras or {})
            written.update(spelling or {})
        else:
            for name, value in (extras or {}).items():
                if name == "cache_control" and isinstance(value, dict) and value.get("type") == "ephemeral":
                    written[name] = value
                else:
                    self.report.drop(name)
        if written.get("cache_control") is not None:
            self.marked.append(written)
        return written

    def as_it_came(self, content: dict[str, Any]) -> dict[str, Any]:
        """A block or tool of this dialect alone; a copy where a mark may have to go."""
        if content.get("cache_control") is None:
            return content
        copy = dict(content)
        self.marked.append(copy)
        return copy

    def keep_four_marks(self, body: dict[str, Any]) -> None:
        """The first covers tools and instructions, the last three the conversation, which grows at its end."""
        room = _MOST_MARKS - (body.get("cache_control") is not None)
        for block in self.marked[1 : len(self.marked) - room + 1]:
            del block["cache_control"]
            self.report.drop("cache_control")

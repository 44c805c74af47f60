"""What of a request did not reach the upstream, and whether the report says so.

Every text of a request that is long enough to be told from others must stand somewhere in what is sent, or in a fetched
medium, or belong to a name that the report holds. Short words (roles, modes) mean the same under another name.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from providers.dialects.base import Outgoing
from providers.dialects.canonical import Report

SHORTEST: Final = 12
# Words of the format itself, by the member that holds them.
_FORMAT: Final = {
    "type": {
        "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "redacted_thinking",
        "reasoning_text", "summary_text", "allowed_tools", "document_url",
    },
    # OpenAI calls it "default".
    "service_tier": {"standard_only"},
    # What comes back of reasoning is carried as far as it can be, asked for or not.
    "include": {"reasoning.encrypted_content"},
    # Said by asking for JSON.
    "responseMimeType": {"application/json"},
}  # fmt: skip
# A call's name for its result: two sides agree on it, nobody else reads it.
# Reasoning has many names; whatever it is called, one word in the report tells of it.
_REASONING: Final = frozenset({"thinking", "reasoning", "reasoning_content", "thought"})
_WITH_REASONING: Final = re.compile(r"reasoning|thinking|thought", re.IGNORECASE)
_TOOL_IDS: Final = frozenset({"id", "call_id", "tool_call_id", "tool_use_id", "toolUseId"})
Path = tuple[str, ...]


def unreported(request: Any, sent: Outgoing, fetched: list[str]) -> list[str]:
    """Pointers of texts that are gone without a word."""
    arrived = "\0".join([*(text for _, text in _texts(json.loads(sent.body))), unquote(sent.path)])
    names = list(_names(sent.report))
    return [
        "/" + "/".join(path)
        for path, text in _texts(request)
        if len(text) >= SHORTEST
        and text not in arrived
        and base64.b64encode(text.encode()).decode() not in arrived
        and text not in fetched
        and not _is_format(path, text)
        and not any(_covers(name, path, request) for name in names)
    ]


def _texts(content: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Leaves that are text; of text that is JSON its own leaves, of a data URL its data."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _texts(value, (*path, name))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from _texts(value, (*path, str(number)))
    elif isinstance(content, str):
        inner = _json(content)
        if isinstance(inner, dict | list):
            yield from _texts(inner, path)
        elif content.startswith("data:") and ";base64," in content:
            yield path, content.partition(";base64,")[0].removeprefix("data:")
            yield path, content.partition(";base64,")[2]
        else:
            yield path, content


def _json(text: str) -> Any:
    if text[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_format(path: Path, text: str) -> bool:
    name = next(segment for segment in reversed(path) if not segment.isdigit())
    return name in _TOOL_IDS or text in _FORMAT.get(name, ())


def _names(report: Report) -> Iterator[str]:
    yield from report.dropped
    yield from (name for name, _ in report.clamped)
    yield from report.emulated


def _covers(name: str, path: Path, request: Any) -> bool:
    """A name is a member's on the way to the text, or the type of an object on the way, or a pointer to one of them."""
    segments = [segment for segment in name.replace(".", "/").replace("[]", "").split("/") if segment]
    if not segments:
        return False
    within = [*path, *_types(request, path)]
    if segments[-1] in _REASONING and any(_WITH_REASONING.search(each) for each in within):
        return True
    return segments[-1] in within


def _types(request: Any, path: Path) -> Iterator[str]:
    at = request
    for segment in path:
        if isinstance(at, dict):
            if isinstance(at.get("type"), str):
                yield at["type"]
            at = at.get(segment)
        elif isinstance(at, list):
            at = at[int(segment)]
        else:  # within text that is JSON
            return

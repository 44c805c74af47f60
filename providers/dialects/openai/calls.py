"""Calls of tools, both ways: as their entries in `tool_calls`, or the one `function_call` of old."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from providers.dialects.canonical import BadRequest, Opaque, ToolCall
from providers.dialects.openai import reasoning
from providers.dialects.openai.letter import NAME
from providers.dialects.openai.members import left, named, optional, remember, required, spelt

_READ: Final = frozenset({"id", "type", "function", "index", "extra_content"})


@dataclass(slots=True)
class Calls:
    """Names by id of the calls so far; and ids made for calls without one, in the order of their results."""

    # Of the answer, where calls of one answer are read.
    seed: str = ""
    names: dict[str, str] = field(default_factory=dict)
    unnamed: list[str] = field(default_factory=list)

    def made_id(self, name: str) -> str:
        """A call without an id (the old `function_call`, Google's surface) gets one that does not change."""
        made = made_call_id(self.seed, str(len(self.names)), name)
        self.unnamed.append(made)
        return made


def made_call_id(*of: str) -> str:
    return "call_" + hashlib.sha256("\0".join(of).encode("utf-8", "surrogatepass")).hexdigest()[:24]


# Reading -------------------------------------------------------------------------------------------------------------
def read_call(entry: Any, pointer: str, calls: Calls) -> ToolCall | Opaque:
    if not isinstance(entry, dict):
        raise BadRequest(pointer, "Each call of a tool must be an object.")
    call_id = optional(entry, "id", str, pointer)
    if (kind := entry.get("type") or "function") != "function":
        calls.names[call_id or ""] = ""
        return Opaque(NAME, str(kind), entry, spelling={"~in": "tool_calls"})
    call = read_function(required(entry, "function", dict, pointer), f"{pointer}/function", calls, call_id)
    call.signature = reasoning.call_signature(entry)
    extras, spelling = left(entry, _READ)
    if extras:
        call.extras = {**extras, **(call.extras or {})}
    kept = {name: entry[name] for name in ("index", "extra_content") if entry.get(name) is not None}
    if "type" not in entry:
        kept["~untyped"] = True
    call.spelling = {**(spelling or {}), **kept, **(call.spelling or {})}
    return call


def read_function(function: dict[str, Any], pointer: str, calls: Calls, call_id: str | None) -> ToolCall:
    name = named(function, pointer)
    raw = function.get("arguments")
    if isinstance(raw, dict):
        arguments = orjson.dumps(raw).decode()
    else:
        arguments = optional(function, "arguments", str, pointer) or ""
    call = ToolCall(call_id or calls.made_id(name), name, arguments if arguments.strip() else "{}")
    calls.names[call.id] = name
    extras, spelling = left(function, {"name", "arguments"})
    call.extras = {"function": extras} if extras else None
    call.spelling = {"function": spelling} if spelling else None
    if raw != arguments or raw != call.arguments:
        call.spelling = remember(call.spelling, arguments=raw)
    if not call_id:
        call.spelling = remember(call.spelling, unnamed=True)
    return call


# Writing -------------------------------------------------------------------------------------------------------------
def written(call: ToolCall, call_id: str, signature: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if signature is not None:
        entry["extra_content"] = {"google": {"thought_signature": signature}}
    return entry


def respelt(entry: dict[str, Any], call: ToolCall) -> dict[str, Any]:
    """`entry` as it stood where the call was read in this dialect; its signature as far as the entry has one."""
    spelling = call.spelling or {}
    if "~arguments" in spelling:
        entry["function"]["arguments"] = spelling["~arguments"]
        if spelling["~arguments"] is None:
            del entry["function"]["arguments"]
    for name, member in (("~unnamed", "id"), ("~untyped", "type")):
        if name in spelling:
            del entry[member]
    kept = {name: value for name, value in spelling.items() if name != "extra_content" or name in entry}
    return spelt(entry, call.extras, kept)

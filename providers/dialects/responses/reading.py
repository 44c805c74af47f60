"""A request of the Responses API as a chat.

Strict about what is needed, tolerant of the rest: what is not known stays in `extras`, and how things were written in
`spelling`, so that the same request can be written again.
"""

from typing import Any, Final, Literal

from providers.dialects.base import Outline
from providers.dialects.canonical import (
    BadRequest,
    Chat,
    HostedTool,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from providers.dialects.responses.content import NAME, member, optional, split
from providers.dialects.responses.items import kind_of, read_item
from providers.dialects.responses.parameters import ENCRYPTED, LOGPROBS
from providers.dialects.usage import count

_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
# Where the caller's name differs from the canonical one.
_NAMES: Final = {
    "max_tokens": "max_output_tokens",
    "parallel_tools": "parallel_tool_calls",
    "verbosity": "text/verbosity",
    "output": "text/format",
    "messages": "input",
    "stored": "store",
    "logprobs": "include",
}
# Plain parameters by their own name; each has the canonical one too.
_TEXTS: Final = frozenset(
    {"user", "safety_identifier", "service_tier", "prompt_cache_key", "prompt_cache_retention", "truncation"}
)
_NUMBERS: Final = frozenset({"temperature", "top_p"})
_ANYTHING: Final = frozenset({"previous_response_id", "conversation", "prompt"})
# What asks for nothing, though it is written.
_NOTHING: Final[dict[str, Any]] = {"stream": False, "background": False, "truncation": "disabled"}
# Read by name, or nothing that an answer depends on (obfuscation is padding against listeners).
_READ: Final = frozenset(
    {"model", "input", "instructions", "stream", "max_output_tokens", "tools", "tool_choice", "parallel_tool_calls"}
    | {"text", "reasoning", "include", "store", "background", "top_logprobs", "metadata", "stream_options"}
    | _TEXTS | _NUMBERS | _ANYTHING
)  # fmt: skip


def read_request(outline: Outline) -> Chat:
    """Raises BadRequest."""
    content = outline.content
    chat = Chat(NAME, outline.model, max_tokens=outline.max_tokens, stream=outline.stream, names=dict(_NAMES))
    members: dict[str, Any] = {name: value for name, value in content.items() if value is None}
    chat.spelling = {"members": members}
    _read_input(content, chat)
    _read_tools(content, chat)
    _read_text(content, chat)
    _read_reasoning(content, chat)
    _read_parameters(content, chat)
    members.update({name: value for name, value in _NOTHING.items() if content.get(name) == value})
    if isinstance(content.get("stream_options"), dict):
        members["stream_options"] = content["stream_options"]
    chat.extras.update({name: value for name, value in content.items() if name not in _READ and value is not None})
    return chat


# The conversation ----------------------------------------------------------------------------------------------------
def _read_input(content: dict[str, Any], chat: Chat) -> None:
    instructions = optional(content, "instructions", str, "")
    if instructions is not None:
        chat.turns.append(Turn("system", [Text(instructions)], spelling={"instructions": True}))
    given = content.get("input")
    if given is None:
        chat.spelling["input"] = "absent"
    elif isinstance(given, str):
        chat.spelling["input"] = "text"
        chat.turns.append(Turn("user", [Text(given)]))
    else:
        _read_items(given, chat)


def _read_items(items: list[Any], chat: Chat) -> None:
    """Items of the model that follow each other are one turn, and so are results: other dialects have them so."""
    calls: dict[str, str] = {}
    references: list[str] = []
    mergeable: Turn | None = None
    for number, item in enumerate(items):
        parts = read_item(item, number, f"/input/{number}")
        role = _role(item, parts, f"/input/{number}")
        for part in parts:
            if isinstance(part, ToolResult):
                part.name = part.name or calls.get(part.id, "")
            elif isinstance(part, Opaque) and part.kind == "item_reference":
                references.append(str(item.get("id")))
                chat.names.setdefault("item_references", f"input/{number}")
            elif isinstance(part, ToolCall):
                calls[part.id] = part.name
        if mergeable is not None and mergeable.role == role:
            mergeable.parts.extend(parts)
            continue
        turn = Turn(role, parts)
        chat.turns.append(turn)
        mergeable = turn if role in {"assistant", "tool"} else None
    if references:
        chat.params["item_references"] = references


def _role(item: dict[str, Any], parts: list[Part], pointer: str) -> Role:
    if isinstance(parts[0], ToolResult):
        return "tool"
    kind, role = kind_of(item), item.get("role")
    if kind != "message":
        return "tool" if kind.endswith(("_output", "_approval_response")) else "assistant"
    if not isinstance(role, str) or role not in _ROLES:
        raise BadRequest(f"{pointer}/role", "“role” must be user, assistant, system or developer.")
    return _ROLES[role]


# Tools ---------------------------------------------------------------------------------------------------------------
_MODES: Final[dict[str, Literal["none", "auto", "required"]]] = {"none": "none", "auto": "auto", "required": "required"}
_TOOL: Final = frozenset({"type", "name", "description", "parameters", "strict"})


def _read_tools(content: dict[str, Any], chat: Chat) -> None:
    tools = optional(content, "tools", list, "")
    if tools == []:
        chat.spelling["members"]["tools"] = tools
    chat.tools = [_tool(tool, f"/tools/{number}") for number, tool in enumerate(tools or [])]
    chat.parallel_tools = optional(content, "parallel_tool_calls", bool, "")
    choice = content.get("tool_choice")
    if choice is not None:
        chat.tool_choice = _choice(choice)
        if chat.tool_choice is None:
            chat.extras["tool_choice"] = choice


def _tool(tool: Any, pointer: str) -> Tool | HostedTool:
    if not isinstance(tool, dict):
        raise BadRequest(pointer, "A tool must be an object with a “type”.")
    kind = member(tool, "type", str, pointer)
    if kind != "function":
        return HostedTool(NAME, kind, tool)
    extras, spelling = split(tool, _TOOL)
    return Tool(
        name=member(tool, "name", str, pointer),
        description=optional(tool, "description", str, pointer),
        parameters=optional(tool, "parameters", dict, pointer),
        strict=optional(tool, "strict", bool, pointer),
        extras=extras,
        spelling=spelling,
    )


def _choice(choice: Any) -> ToolChoice | None:
    """None for the choice of a hosted tool."""
    if isinstance(choice, str):
        if choice in _MODES:
            return ToolChoice(_MODES[choice])
        raise BadRequest("/tool_choice", "“tool_choice” must be none, auto, required, or an object that names a tool.")
    if not isinstance(choice, dict) or not isinstance(choice.get("type"), str):
        raise BadRequest("/tool_choice", "“tool_choice” must be none, auto, required, or an object that names a tool.")
    if choice["type"] == "function" and choice.keys() == {"type", "name"}:
        return ToolChoice("named", member(choice, "name", str, "/tool_choice"))
    if choice["type"] == "allowed_tools" and choice.keys() == {"type", "mode", "tools"}:
        return _allowed(choice)
    return None


def _allowed(choice: dict[str, Any]) -> ToolChoice | None:
    mode, tools = choice["mode"], choice["tools"]
    if mode not in ("auto", "required") or not isinstance(tools, list) or not tools:
        return None
    names = [
        tool["name"]
        for tool in tools
        if isinstance(tool, dict) and tool.keys() == {"type", "name"} and tool["type"] == "function"
    ]
    if len(names) != len(tools) or not all(isinstance(name, str) for name in names):
        return None
    return ToolChoice(mode, allowed=tuple(names))


# The form of the answer, and reasoning -------------------------------------------------------------------------------
_FORMAT: Final = frozenset({"type", "name", "schema", "description", "strict"})
_KINDS: Final = {"text": "text", "json_object": "json", "json_schema": "schema"}
_THINKING: Final = frozenset({"effort", "summary", "generate_summary"})


def _read_text(content: dict[str, Any], chat: Chat) -> None:
    text = optional(content, "text", dict, "")
    if text is None:
        return
    verbosity = optional(text, "verbosity", str, "/text")
    if verbosity is not None:
        chat.params["verbosity"] = verbosity
    found = optional(text, "format", dict, "/text")
    if found is not None:
        chat.output = _format(found)
    nulls = {name: value for name, value in text.items() if value is None}
    if nulls or not text:
        chat.spelling["members"]["text"] = nulls
    unknown = {name: value for name, value in text.items() if name not in ("format", "verbosity", *nulls)}
    if unknown:
        chat.extras["text"] = unknown


def _format(found: dict[str, Any]) -> OutputFormat:
    kind = found.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadRequest("/text/format/type", "“type” must be text, json_object or json_schema.")
    extras, spelling = split(found, _FORMAT)
    if kind != "json_schema":
        return OutputFormat("json" if kind == "json_object" else "text", extras=extras, spelling=spelling)
    return OutputFormat(
        "schema",
        schema=member(found, "schema", dict, "/text/format"),
        name=member(found, "name", str, "/text/format"),
        description=optional(found, "description", str, "/text/format"),
        strict=optional(found, "strict", bool, "/text/format"),
        extras=extras,
        spelling=spelling,
    )


def _read_reasoning(content: dict[str, Any], chat: Chat) -> None:
    found = optional(content, "reasoning", dict, "")
    if found is None:
        return
    extras, spelling = split(found, _THINKING)
    shown = {name: found[name] for name in ("summary", "generate_summary") if found.get(name) is not None}
    chat.reasoning = Reasoning(
        effort=optional(found, "effort", str, "/reasoning"),
        show=True if shown else None,
        extras=extras,
        spelling={**(spelling or {}), **shown},
    )
    if not found:
        chat.spelling["members"]["reasoning"] = {}


# Parameters ----------------------------------------------------------------------------------------------------------
def _read_parameters(content: dict[str, Any], chat: Chat) -> None:
    for name, value in content.items():
        if value is None:
            continue
        if name in _NUMBERS:
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise BadRequest(f"/{name}", f"“{name}” must be a number.")
            chat.params[name] = value
        elif name in _TEXTS and value != _NOTHING.get(name):
            chat.params[name] = member(content, name, str, "")
        elif name in _ANYTHING:
            chat.params[name] = value
    _read_kept(content, chat)
    _read_logprobs(content, chat)
    metadata = optional(content, "metadata", dict, "")
    if metadata:
        chat.params["metadata"] = metadata
    elif metadata is not None:
        chat.spelling["members"]["metadata"] = metadata


def _read_kept(content: dict[str, Any], chat: Chat) -> None:
    """What the provider shall keep. Left out, `store` would be true there; a bridged answer says that it was not."""
    store = optional(content, "store", bool, "")
    if store is not None:
        chat.params["stored" if store else "store"] = store
    if optional(content, "background", bool, ""):
        chat.params["background"] = True


def _read_logprobs(content: dict[str, Any], chat: Chat) -> None:
    include = optional(content, "include", list, "")
    if include is not None:
        chat.spelling["members"]["include"] = include
        if LOGPROBS in include:
            chat.params["logprobs"] = True
        # Reasoning that can be carried comes back in any case.
        rest = [word for word in include if word not in (LOGPROBS, ENCRYPTED)]
        if rest:
            chat.params["include"] = rest
    if content.get("top_logprobs") is not None:
        number = count(content["top_logprobs"])
        if number is None:
            raise BadRequest("/top_logprobs", "“top_logprobs” must be a whole number.")
        if number:
            chat.params["top_logprobs"] = number
        else:
            chat.spelling["members"]["top_logprobs"] = 0

"""`tools` and `tool_choice` of a caller."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from providers.dialects.anthropic.blocks import DIALECT, rest_of
from providers.dialects.canonical import BadRequest, Extras, HostedTool, Tool, ToolChoice

# The schema of a tool that takes nothing, as it is written here; others leave `properties` away.
NO_INPUT: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_TOOL: Final = frozenset({"name", "description", "input_schema", "strict"})
_CHOICE: Final = frozenset({"type", "name", "disable_parallel_tool_use"})
_MODES: Final[Mapping[str, Literal["none", "auto", "required", "named"]]] = {
    "none": "none",
    "auto": "auto",
    "any": "required",
    "tool": "named",
}


def read_tools(value: Any) -> list[Tool | HostedTool]:
    """Raises BadRequest. A tool with a type of its own is Anthropic's, whoever runs it."""
    if not isinstance(value, list):
        raise BadRequest("/tools", "“tools” must be a list.")
    return [_tool(tool, f"/tools/{number}") for number, tool in enumerate(value)]


def _tool(tool: Any, at: str) -> Tool | HostedTool:
    if not isinstance(tool, dict):
        raise BadRequest(at, "A tool must be an object.")
    kind = tool.get("type")
    if kind not in (None, "custom"):
        if not isinstance(kind, str):
            raise BadRequest(f"{at}/type", "“type” must be a text.")
        return HostedTool(DIALECT, kind, tool)
    name, description, schema, strict = (
        tool.get(member) for member in ("name", "description", "input_schema", "strict")
    )
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{at}/name", "A tool must have a name.")
    if not isinstance(schema, dict):
        raise BadRequest(f"{at}/input_schema", "“input_schema” must be an object: the JSON Schema of the tool's input.")
    if description is not None and not isinstance(description, str):
        raise BadRequest(f"{at}/description", "“description” must be a text.")
    if strict is not None and not isinstance(strict, bool):
        raise BadRequest(f"{at}/strict", "“strict” must be true or false.")
    known = _TOOL - {member for member in ("description", "strict") if tool.get(member) is None}
    extras, spelling = rest_of({member: tool[member] for member in tool if member != "type"}, known)
    if "type" in tool:
        spelling = (spelling or {}) | {"type": kind}
    if schema in ({"type": "object"}, NO_INPUT):
        spelling = (spelling or {}) | {"input_schema": schema}
        return Tool(name, description, None, strict, extras, spelling)
    return Tool(name, description, schema, strict, extras, spelling)


def read_tool_choice(value: Any) -> tuple[ToolChoice, bool | None, Extras | None]:
    """The choice, whether calls may be parallel, and what is not known. Raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest("/tool_choice", "“tool_choice” must be an object.")
    kind, single = value.get("type"), value.get("disable_parallel_tool_use")
    mode = _MODES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        raise BadRequest("/tool_choice/type", "“type” must be “auto”, “any”, “tool” or “none”.")
    if single is not None and not isinstance(single, bool):
        raise BadRequest("/tool_choice/disable_parallel_tool_use", "It must be true or false.")
    name = value.get("name", "")
    if mode == "named" and (not isinstance(name, str) or not name):
        raise BadRequest("/tool_choice/name", "“name” must name a tool.")
    known = _CHOICE if mode == "named" else _CHOICE - {"name"}
    return (
        ToolChoice(mode, name if mode == "named" else ""),
        None if single is None else not single,
        rest_of(value, known)[0],
    )

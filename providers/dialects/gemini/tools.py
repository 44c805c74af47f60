"""Tools: functions of the caller's as canonical tools, Google's own as hosted ones; and which of them may be called.

One object of `tools` may hold several functions and tools of Google's at once; `spelling` remembers which stood together.
"""

from typing import Any, Final

from providers.dialects.base import Target
from providers.dialects.canonical import BadRequest, Chat, HostedTool, Report, Tool, ToolChoice
from providers.dialects.gemini.parts import NAME, split
from providers.dialects.gemini.schemas import from_google, to_google

_DECLARATION: Final = frozenset({"name", "description", "parametersJsonSchema", "parameters"})
_MODES: Final = {"AUTO": "auto", "ANY": "required", "NONE": "none"}
# Functions in the object, whether a tool of Google's follows them, and a list of functions that held none.
Group = tuple[int, bool, dict[str, Any]]
_WORDS: Final = {"auto": "AUTO", "required": "ANY", "named": "ANY", "none": "NONE"}


# Reading -------------------------------------------------------------------------------------------------------------
def read_tools(content: dict[str, Any], chat: Chat) -> None:
    """Raises BadRequest."""
    groups: list[Group] = []
    for number, group in enumerate(objects_in(content, "tools")):
        before = len(chat.tools)
        functions = group.get("functionDeclarations")
        for at, declaration in enumerate(functions if isinstance(functions, list) else []):
            chat.tools.append(_declared(declaration, f"/tools/{number}/functionDeclarations/{at}"))
        declared = len(chat.tools) - before
        hosted = {name: value for name, value in group.items() if name != "functionDeclarations"}
        if hosted:
            chat.tools.append(HostedTool(NAME, next(iter(hosted)), hosted))
        empty = {"functionDeclarations": functions} if "functionDeclarations" in group and not declared else {}
        groups.append((declared, bool(hosted), empty))
    if content.get("tools") is not None:
        chat.spelling["tools"] = groups
    _read_choice(content, chat)


def objects_in(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects; one alone may stand without its list, as Google's servers take it."""
    value = content.get(name)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise BadRequest(f"/{name}/{number}" if isinstance(value, list) else f"/{name}", "It must be an object.")
    return items


def _declared(declaration: Any, pointer: str) -> Tool:
    name = declaration.get("name") if isinstance(declaration, dict) else None
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{pointer}/name", "A function must have a name.")
    description, schema = declaration.get("description"), declaration.get("parametersJsonSchema")
    if description is not None and not isinstance(description, str):
        raise BadRequest(f"{pointer}/description", "“description” must be a text.")
    tool = Tool(name, description)
    tool.extras, tool.spelling = split(declaration, _DECLARATION)
    if isinstance(schema, dict):
        tool.parameters = schema
    elif isinstance(declaration.get("parameters"), dict):
        tool.parameters = from_google(declaration["parameters"])
        tool.spelling = {**(tool.spelling or {}), "parameters": declaration["parameters"]}
    elif schema is not None or declaration.get("parameters") is not None:
        raise BadRequest(f"{pointer}/parameters", "The parameters of a function must be a schema, an object.")
    return tool


def _read_choice(content: dict[str, Any], chat: Chat) -> None:
    config = content.get("toolConfig")
    if config is None:
        return
    calling = config.get("functionCallingConfig") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(calling, dict | None):
        raise BadRequest("/toolConfig", "“toolConfig” and “functionCallingConfig” must be objects.")
    for name, value in config.items():
        if name != "functionCallingConfig":
            chat.extras[f"toolConfig/{name}"] = value
    if calling is None:
        return
    chat.names["tool_choice"] = "toolConfig/functionCallingConfig"
    chat.tool_choice = _choice(calling)
    chat.spelling["choice"] = chat.tool_choice, calling


def _choice(calling: dict[str, Any]) -> ToolChoice | None:
    """VALIDATED is AUTO with calls that fit their schemas, as they do everywhere else."""
    mode, names = calling.get("mode"), calling.get("allowedFunctionNames")
    allowed = tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
    if mode == "ANY" and len(allowed) == 1:
        return ToolChoice("named", allowed[0])
    if mode == "VALIDATED":
        return ToolChoice("auto", allowed=allowed)
    known = _MODES.get(mode) if isinstance(mode, str) else None
    return ToolChoice(known, allowed=allowed) if known else None  # type: ignore[arg-type]  # one of the words


# Writing -------------------------------------------------------------------------------------------------------------
def write_tools(chat: Chat, target: Target, report: Report, body: dict[str, Any]) -> None:
    """Raises BadRequest."""
    if chat.tools and target.model.tools is False:
        raise BadRequest("/tools", f"The model “{target.model.name}” takes no tools; leave them out.")
    own = chat.dialect == NAME
    written = [_written(tool, number, target, report, own=own) for number, tool in enumerate(chat.tools)]
    grouped = _grouped(chat, written)
    if grouped is not None:
        body["tools"] = grouped
    _write_choice(chat, target, body)
    if chat.parallel_tools is False and not own:
        report.drop(chat.name_of("parallel_tool_calls"))


def _write_choice(chat: Chat, target: Target, body: dict[str, Any]) -> None:
    choice = chat.tool_choice
    read, spelt = chat.spelling.get("choice", (None, None)) if chat.dialect == NAME else (None, None)
    if spelt is not None and read is choice:
        body["toolConfig"] = {"functionCallingConfig": spelt}
    elif choice is not None and chat.tools:
        if choice.mode in target.profile.tool_choices:
            body["toolConfig"] = {"functionCallingConfig": _written_choice(choice)}
        elif choice.mode == "none":
            # Withheld, no tool can be called (T7).
            del body["tools"]
        elif choice.mode != "auto":
            raise BadRequest(
                f"/{chat.name_of('tool_choice')}",
                f"The model “{target.model.name}” cannot be made to call a tool; leave this out.",
            )


def _written(tool: Tool | HostedTool, number: int, target: Target, report: Report, *, own: bool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        if tool.dialect == NAME:
            return tool.content
        raise BadRequest(
            f"/tools/{number}", f"The tool “{tool.kind}” is run by another provider; this model has none like it."
        )
    declaration: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    if own:
        if tool.parameters is not None and "parameters" not in (tool.spelling or {}):
            declaration["parametersJsonSchema"] = tool.parameters
        return {**declaration, **(tool.spelling or {}), **(tool.extras or {})}
    for name in [*(["strict"] if tool.strict else []), *(tool.extras or {})]:
        report.drop(name)
    return {**declaration, **_parameters(tool.parameters, number, target, report)}


def _parameters(schema: dict[str, Any] | None, number: int, target: Target, report: Report) -> dict[str, Any]:
    if schema is None:
        return {}
    if not target.model.openapi_schemas:
        return {"parametersJsonSchema": schema}
    if schema.get("type") == "object" and not schema.get("properties"):
        # An object without properties is refused there; no parameters say the same.
        return {}
    return {"parameters": to_google(schema, f"/tools/{number}", report)}


def _grouped(chat: Chat, written: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """As they stood together, while they are the same ones; else all functions in one object."""
    groups: list[Group] | None = chat.spelling.get("tools") if chat.dialect == NAME else None
    if groups is not None and sum(declared + hosted for declared, hosted, _ in groups) == len(written):
        rest = iter(written)
        result = []
        for declared, hosted, empty in groups:
            functions = [next(rest) for _ in range(declared)]
            result.append(
                {**({"functionDeclarations": functions} if functions else empty), **(next(rest) if hosted else {})}
            )
        return result
    functions = [each for each, tool in zip(written, chat.tools, strict=True) if isinstance(tool, Tool)]
    others = [each for each, tool in zip(written, chat.tools, strict=True) if isinstance(tool, HostedTool)]
    return [*([{"functionDeclarations": functions}] if functions else []), *others] or None


def _written_choice(choice: ToolChoice) -> dict[str, Any]:
    calling: dict[str, Any] = {"mode": _WORDS[choice.mode]}
    names = [choice.name] if choice.mode == "named" else list(choice.allowed)
    if names and choice.mode == "auto":
        # Only these two modes take names.
        calling["mode"] = "VALIDATED"
    if names and choice.mode != "none":
        calling["allowedFunctionNames"] = names
    return calling

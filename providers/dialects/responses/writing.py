"""A chat as a request of the Responses API.

What came in this dialect goes out as it came. What came in another is stateless: nothing is kept at the provider, and
reasoning comes back encrypted, so that the caller can carry it.
"""

from typing import Any, Final

import orjson

from providers.dialects.base import EVENT_STREAM, JSON, Given, Outgoing, Target
from providers.dialects.canonical import (
    BadRequest,
    Chat,
    HostedTool,
    Media,
    OutputFormat,
    Report,
    Tool,
    ToolChoice,
    ToolResult,
)
from providers.dialects.responses import parameters, reasoning
from providers.dialects.responses.content import NAME
from providers.dialects.responses.input_writing import InputWriter

PATH: Final = "/responses"


def wanted_media(chat: Chat, target: Target) -> list[str]:
    """Addresses of media, where the provider takes bytes only (T20)."""
    if target.profile.media_urls:
        return []
    parts = [part for turn in chat.turns for part in turn.parts]
    inner = [part for result in parts if isinstance(result, ToolResult) for part in result.parts]
    urls = {part.url: None for part in [*parts, *inner] if isinstance(part, Media) and part.url is not None}
    return list(urls)


def write_request(chat: Chat, target: Target, given: Given) -> Outgoing:
    """Raises BadRequest."""
    report = Report()
    own = chat.dialect == NAME
    body: dict[str, Any] = {"model": target.model.name}
    InputWriter(chat, target, given, report).write(body)
    _write_tools(chat, target, report, body)
    _write_limit(chat, target, report, body)
    if chat.stop:
        raise BadRequest(f"/{chat.name_of('stop')}", "This model takes no stop sequences; leave them out.")
    if chat.output is not None:
        _write_format(chat, chat.output, target, report, body)
    if thinking := reasoning.write(chat, target, report):
        body["reasoning"] = thinking
    parameters.write(chat, target, report, body)
    if chat.stream:
        body["stream"] = True
    if own:
        _restore(chat, body)
    else:
        body.setdefault("store", False)
        # Models that do not reason refuse it.
        if chat.reasoning is not None and not chat.reasoning.off:
            body.setdefault("include", []).append(parameters.ENCRYPTED)
        for name in chat.extras:
            report.drop(name)
    headers = [("content-type", JSON), ("accept", EVENT_STREAM if chat.stream else JSON)]
    return Outgoing(PATH, headers, orjson.dumps(body), report)


def _write_limit(chat: Chat, target: Target, report: Report, body: dict[str, Any]) -> None:
    limit, most = chat.max_tokens, target.model.max_output_tokens
    if limit is not None and most is not None and limit > most:
        report.clamped.append((chat.name_of("max_tokens"), str(most)))
        limit = most
    if limit is not None:
        body["max_output_tokens"] = limit


def _restore(chat: Chat, body: dict[str, Any]) -> None:
    """What this dialect's reader kept: members that only it knows, and how it was written."""
    for name, value in [*chat.extras.items(), *chat.spelling.get("members", {}).items()]:
        inner = body.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            inner.update(value)
        elif name not in body or name == "include":
            body[name] = value


# Tools ---------------------------------------------------------------------------------------------------------------
def _write_tools(chat: Chat, target: Target, report: Report, body: dict[str, Any]) -> None:
    choice = chat.tool_choice
    own = chat.dialect == NAME
    if choice is not None and choice.mode == "none" and "none" not in target.profile.tool_choices:
        # Withheld, no tool can be called (T7).
        return
    if not chat.tools and not own:
        return
    if chat.tools and target.model.tools is False:
        raise BadRequest(
            f"/{chat.name_of('tools')}", f"The model “{target.model.name}” takes no tools; leave them out."
        )
    if chat.tools:
        body["tools"] = [_tool(tool, f"/{chat.name_of('tools')}", report, own=own) for tool in chat.tools]
    if choice is not None:
        _write_choice(chat, choice, target, body)
    if chat.parallel_tools is not None:
        if target.profile.parallel_tools:
            body["parallel_tool_calls"] = chat.parallel_tools
        elif not chat.parallel_tools:
            report.drop(chat.name_of("parallel_tools"))


def _tool(tool: Tool | HostedTool, pointer: str, report: Report, *, own: bool) -> dict[str, Any]:
    if isinstance(tool, HostedTool):
        if tool.dialect == NAME:
            return tool.content
        raise BadRequest(pointer, f"The tool “{tool.kind}” is run by another provider; this model has none like it.")
    written: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    if own:
        if tool.parameters is not None:
            written["parameters"] = tool.parameters
        if tool.strict is not None:
            written["strict"] = tool.strict
        return {**written, **(tool.spelling or {}), **(tool.extras or {})}
    # Must be said, where null is a tool that takes none.
    written["parameters"] = None if tool.parameters is None else _object_schema(tool.parameters)
    # Left out, it would be true here, and false in every other dialect.
    written["strict"] = bool(tool.strict)
    for name in tool.extras or {}:
        report.drop(name)
    return written


def _object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAI refuses an object without `properties`, which others allow."""
    if schema.get("type", "object") == "object" and "properties" not in schema:
        return {"type": "object", **schema, "properties": {}}
    return schema


def _write_choice(chat: Chat, choice: ToolChoice, target: Target, body: dict[str, Any]) -> None:
    if choice.mode not in target.profile.tool_choices:
        if choice.mode == "auto":
            return
        name = chat.name_of("tool_choice")
        raise BadRequest(
            f"/{name}", f"The model “{target.model.name}” cannot be made to call a tool; leave “{name}” out."
        )
    body["tool_choice"] = written_choice(choice)


def written_choice(choice: ToolChoice) -> Any:
    if choice.allowed:
        return {
            "type": "allowed_tools",
            "mode": choice.mode,
            "tools": [{"type": "function", "name": name} for name in choice.allowed],
        }
    return {"type": "function", "name": choice.name} if choice.mode == "named" else choice.mode


# The form of the answer ----------------------------------------------------------------------------------------------
def _write_format(chat: Chat, output: OutputFormat, target: Target, report: Report, body: dict[str, Any]) -> None:
    own = chat.dialect == NAME
    if output.kind == "schema" and target.model.json_schema is False:
        raise BadRequest(
            f"/{chat.name_of('output')}",
            f"The model “{target.model.name}” cannot hold itself to a JSON schema; leave it out.",
        )
    body["text"] = {"format": written_format(output, own=own)}
    if not own:
        for name in output.extras or {}:
            report.drop(name)


def written_format(output: OutputFormat, *, own: bool) -> dict[str, Any]:
    if output.kind != "schema":
        written: dict[str, Any] = {"type": "json_object" if output.kind == "json" else "text"}
    else:
        written = {
            "type": "json_schema",
            "name": output.name if own else output.name or "answer",
            "schema": output.schema or {},
        }
        if output.description is not None:
            written["description"] = output.description
        if output.strict is not None:
            written["strict"] = output.strict
    return {**written, **(output.spelling or {}), **(output.extras or {})} if own else written

"""A caller's request, whole: its JSON to a chat. What is not known here is kept in extras and refused by nobody.

`Chat.names` holds the caller's own words where a member has several: its limit, its effort, its seed.
"""

from typing import Any, Final

from providers.dialects.base import Outline
from providers.dialects.canonical import (
    BadRequest,
    Chat,
    HostedTool,
    OutputFormat,
    Reasoning,
    Tool,
    ToolCall,
    ToolChoice,
)
from providers.dialects.openai.letter import NAME
from providers.dialects.openai.members import left, named, optional, remember, required
from providers.dialects.openai.messages import read_messages
from providers.dialects.openai.reasoning import TEXT_FIELDS

# Member → canonical name and kind.
PARAMS: Final[dict[str, tuple[str, type]]] = {
    "temperature": ("temperature", float),
    "top_p": ("top_p", float),
    "top_k": ("top_k", int),
    "min_p": ("min_p", float),
    "seed": ("seed", int),
    "random_seed": ("seed", int),
    "frequency_penalty": ("frequency_penalty", float),
    "presence_penalty": ("presence_penalty", float),
    "repetition_penalty": ("repetition_penalty", float),
    "logit_bias": ("logit_bias", dict),
    "user": ("user", str),
    "safety_identifier": ("safety_identifier", str),
    "metadata": ("metadata", dict),
    "service_tier": ("service_tier", str),
    "prediction": ("prediction", dict),
    "verbosity": ("verbosity", str),
    "store": ("store", bool),
    "prompt_cache_key": ("prompt_cache_key", str),
    "prompt_cache_retention": ("prompt_cache_retention", str),
    "modalities": ("modalities", list),
    "audio": ("audio", dict),
    "n": ("n", int),
    "logprobs": ("logprobs", bool),
    "top_logprobs": ("top_logprobs", int),
}
_READ: Final = frozenset({
    *PARAMS, "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop", "tools",
    "tool_choice", "parallel_tool_calls", "functions", "function_call", "response_format", "reasoning_effort",
    "reasoning",
})  # fmt: skip
# What asks for nothing: no other dialect has to refuse or report it.
_NEUTRAL: Final = {"n": 1, "logprobs": False, "top_logprobs": 0, "frequency_penalty": 0, "presence_penalty": 0}
EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def read(outline: Outline) -> Chat:
    """Raises BadRequest. What `outlines.outline` refuses is not looked at again."""
    content = outline.content
    extras, spelling = left(content, _READ)
    chat = Chat(NAME, outline.model, stream=outline.stream, include_usage=outline.include_usage)
    chat.extras, chat.spelling = extras or {}, spelling or {}
    chat.turns = read_messages(content["messages"])
    chat.parallel_tools = optional(content, "parallel_tool_calls", bool, "")
    chat.names["parallel_tools"] = "parallel_tool_calls"
    _read_stream(content, chat)
    _read_limit(content, chat)
    _read_stop(content, chat)
    _read_tools(content, chat)
    _read_choice(content, chat)
    _read_output(content, chat)
    _read_reasoning(content, chat)
    for name, (param, kind) in PARAMS.items():
        value = optional(content, name, kind, "")
        if value is None or value in ("", [], {}):
            continue
        if name in _NEUTRAL and value == _NEUTRAL[name]:
            chat.spelling[name] = value
            continue
        chat.params[param] = value
        if name != param:
            chat.names[param] = name
    return chat


def _read_stream(content: dict[str, Any], chat: Chat) -> None:
    if content.get("stream") is False:
        chat.spelling["stream"] = False
    options = content.get("stream_options")
    if not chat.stream and options is not None:
        chat.spelling["stream_options"] = options
    elif options:
        # How chunks are padded is between OpenAI and its reader.
        chat.spelling["stream_options"] = {name: value for name, value in options.items() if name != "include_usage"}


def _read_limit(content: dict[str, Any], chat: Chat) -> None:
    """The newer name wins; the older one beside it is kept for who takes it."""
    newer, older = content.get("max_completion_tokens"), content.get("max_tokens")
    chat.max_tokens = newer or older
    if newer:
        chat.names["max_tokens"] = "max_completion_tokens"
        if older:
            chat.spelling["max_tokens"] = older


def _read_stop(content: dict[str, Any], chat: Chat) -> None:
    stop = content.get("stop")
    if isinstance(stop, str):
        chat.stop = [stop] if stop else []
        chat.spelling["~stop"] = "text"
    elif stop is not None:
        if not isinstance(stop, list) or not all(isinstance(each, str) for each in stop):
            raise BadRequest("/stop", "“stop” must be a text or a list of texts.")
        chat.stop = list(stop)


def _read_tools(content: dict[str, Any], chat: Chat) -> None:
    for number, tool in enumerate(optional(content, "tools", list, "") or []):
        pointer = f"/tools/{number}"
        if not isinstance(tool, dict):
            raise BadRequest(pointer, "Each tool must be an object.")
        kind = optional(tool, "type", str, pointer) or "function"
        if kind != "function":
            chat.tools.append(HostedTool(NAME, kind, tool))
            continue
        read_tool = _function(required(tool, "function", dict, pointer), f"{pointer}/function")
        extras, spelling = left(tool, {"type", "function"})
        read_tool.extras = {**(extras or {}), **(read_tool.extras or {})} or None
        untyped = {} if "type" in tool else {"~untyped": True}
        read_tool.spelling = {**(spelling or {}), **(read_tool.spelling or {}), **untyped} or None
        chat.tools.append(read_tool)
    functions = optional(content, "functions", list, "") or []
    if functions and not chat.tools:
        chat.spelling["~functions"] = True
        chat.names["tools"] = "functions"
        for number, function in enumerate(functions):
            if not isinstance(function, dict):
                raise BadRequest(f"/functions/{number}", "Each function must be an object.")
            chat.tools.append(_function(function, f"/functions/{number}"))


def _function(function: dict[str, Any], pointer: str) -> Tool:
    """What is left of the inner object is kept below `function`."""
    extras, spelling = left(function, {"name", "description", "parameters", "strict"})
    return Tool(
        named(function, pointer),
        optional(function, "description", str, pointer),
        optional(function, "parameters", dict, pointer),
        optional(function, "strict", bool, pointer),
        {"function": extras} if extras else None,
        {"function": spelling} if spelling else None,
    )


def _read_choice(content: dict[str, Any], chat: Chat) -> None:
    old = "~functions" in chat.spelling
    name = "function_call" if old else "tool_choice"
    choice = content.get(name)
    if choice is None:
        return
    chat.names["tool_choice"] = name
    if isinstance(choice, str) and choice in _MODES:
        chat.tool_choice = _MODES[choice]
        if choice == "any":
            chat.spelling["~required"] = choice
        return
    match choice:
        case {"name": str(tool)} if old:
            chat.tool_choice = ToolChoice("named", tool)
        case {"type": "function", "function": {"name": str(tool)}}:
            chat.tool_choice = ToolChoice("named", tool)
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(tools)}}:
            chat.tool_choice = ToolChoice(mode, allowed=_allowed(tools))
        case {"type": "custom"}:
            chat.extras[name] = choice
        case _:
            raise BadRequest(
                f"/{name}", f"“{name}” must be none, auto or required, or an object that names a function."
            )


_MODES: Final = {
    "none": ToolChoice("none"),
    "auto": ToolChoice("auto"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),
}


def _allowed(tools: list[Any]) -> tuple[str, ...]:
    names = []
    for number, tool in enumerate(tools):
        match tool:
            case {"type": "function", "function": {"name": str(name)}}:
                names.append(name)
            case _:
                pointer = f"/tool_choice/allowed_tools/tools/{number}"
                raise BadRequest(pointer, "Each allowed tool must name a function: {type, function: {name}}.")
    return tuple(names)


def _read_output(content: dict[str, Any], chat: Chat) -> None:
    given = optional(content, "response_format", dict, "")
    if given is None:
        return
    chat.names["output"] = "response_format"
    kind = required(given, "type", str, "/response_format")
    if kind == "json_schema":
        chat.output = _schema(given)
    elif kind in {"text", "json_object"}:
        chat.output = OutputFormat("text" if kind == "text" else "json")
        chat.output.extras, chat.output.spelling = left(given, {"type"})
    else:
        # A grammar, as only some servers take it.
        chat.extras["response_format"] = given


def _schema(given: dict[str, Any]) -> OutputFormat:
    pointer = "/response_format/json_schema"
    inner = required(given, "json_schema", dict, "/response_format")
    extras, spelling = left(inner, {"name", "schema", "description", "strict"})
    return OutputFormat(
        "schema",
        required(inner, "schema", dict, pointer),
        optional(inner, "name", str, pointer) or "",
        optional(inner, "description", str, pointer),
        optional(inner, "strict", bool, pointer),
        {"json_schema": extras} if extras else None,
        {"json_schema": spelling} if spelling else None,
    )


def _read_reasoning(content: dict[str, Any], chat: Chat) -> None:
    """`reasoning_effort`, or the object `reasoning` as OpenRouter has it."""
    effort = optional(content, "reasoning_effort", str, "")
    given = optional(content, "reasoning", dict, "")
    if effort in EFFORTS:
        chat.reasoning = Reasoning(effort)
        chat.names["reasoning"] = "reasoning_effort"
    elif effort:
        chat.extras["reasoning_effort"] = effort
    if given and chat.reasoning is None:
        chat.reasoning = _openrouters(given)
    elif given:
        chat.extras["reasoning"] = given
    names = (*TEXT_FIELDS, "reasoning_details")
    field = next((name for message in content["messages"] for name in names if message.get(name)), None)
    if field:
        chat.names["thinking"] = field
    if any(isinstance(part, ToolCall) and part.signature for turn in chat.turns for part in turn.parts):
        chat.names["signature"] = "thought_signature"


def _openrouters(given: dict[str, Any]) -> Reasoning:
    pointer = "/reasoning"
    effort, budget = optional(given, "effort", str, pointer), optional(given, "max_tokens", int, pointer)
    if budget is not None and budget < 0:
        raise BadRequest(f"{pointer}/max_tokens", "“max_tokens” must not be negative.")
    hidden, enabled = optional(given, "exclude", bool, pointer), optional(given, "enabled", bool, pointer)
    if effort is not None and effort not in EFFORTS:
        raise BadRequest(f"{pointer}/effort", f"“effort” must be one of {', '.join(EFFORTS)}.")
    read_effort = "none" if enabled is False and effort is None else effort
    extras, spelling = left(given, {"effort", "max_tokens", "exclude", "enabled"})
    return Reasoning(
        read_effort,
        budget,
        show=None if hidden is None else not hidden,
        extras=extras,
        spelling=remember(spelling, object={name: given[name] for name in ("effort", "enabled") if name in given}),
    )

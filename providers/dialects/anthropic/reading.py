"""A caller's request, read: its outline for pass-through, the whole of it for translation.

Strict about what is needed, tolerant of the unknown: a member of a later version of the API travels in `extras`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from providers.dialects.anthropic.blocks import DIALECT, rest_of
from providers.dialects.anthropic.counting import expected_input, kept_ids, media_in
from providers.dialects.anthropic.tool_reading import read_tool_choice, read_tools
from providers.dialects.anthropic.turns import read_messages, read_system
from providers.dialects.base import Outline
from providers.dialects.bodies import read_object
from providers.dialects.canonical import BadRequest, Chat, OutputFormat, Reasoning
from providers.dialects.estimate import PER_IMAGE, PER_MESSAGE
from providers.dialects.usage import count

# Where a caller finds what this dialect names otherwise.
_NAMES: Final[Mapping[str, str]] = {
    "stop": "stop_sequences",
    "user": "metadata/user_id",
    "parallel_tools": "tool_choice/disable_parallel_tool_use",
    "reasoning": "output_config/effort",
    "output": "output_config/format",
}
_OUTLINED: Final = frozenset({"model", "max_tokens", "stream", "messages"})
_THINKING: Final = frozenset({"type", "budget_tokens", "display"})
_FORMAT: Final = frozenset({"type", "schema"})
# What may be a format's name elsewhere; here it is the schema's title.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHOWN: Final[Mapping[Any, bool]] = {"summarized": True, "omitted": False}
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
# Canonical words for its own; others stay extras.
TIERS: Final[Mapping[str, str]] = {"auto": "auto", "standard_only": "default"}


def outline(path: str, body: bytes) -> Outline:
    """Of `/messages`, and of `/messages/count_tokens`, which takes the same without `max_tokens`. Raises BadRequest."""
    content = read_object(body)
    model, messages = content.get("model"), content.get("messages")
    if not isinstance(model, str) or not model:
        raise BadRequest("/model", "“model” must name a model.")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("/messages", "“messages” must be a list with at least one message.")
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise BadRequest(f"/messages/{number}", "Each message must be an object.")
    counting = path.partition("?")[0].rstrip("/").endswith("count_tokens")
    stream = content.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise BadRequest("/stream", "“stream” must be true or false.")
    media = media_in(content)
    return Outline(
        model=model,
        stream=bool(stream) and not counting,
        max_tokens=None if counting else _max_tokens(content),
        input_bound=len(body) + PER_MESSAGE * len(messages) + PER_IMAGE * len(media),
        input_expected=expected_input(body, len(messages), media),
        kept_ids=kept_ids(content),
        content=content,
    )


def _max_tokens(content: Mapping[str, Any]) -> int | None:
    """0 asks for nothing but a warm cache; None is filled in by the gateway (T2)."""
    asked = content.get("max_tokens")
    if asked is None:
        return None
    number = count(asked)
    if number is None:
        raise BadRequest("/max_tokens", "“max_tokens” must be a whole number, 0 or greater.")
    return number


def read_request(outline: Outline) -> Chat:
    """Raises BadRequest."""
    chat = Chat(DIALECT, outline.model, max_tokens=outline.max_tokens, stream=outline.stream, names=dict(_NAMES))
    for name, value in outline.content.items():
        reader = _MEMBERS.get(name)
        if value is None:
            chat.spelling[name] = None
        elif reader is not None:
            reader(chat, value)
        elif name not in _OUTLINED:
            chat.extras[name] = value
    if outline.content.get("stream") is False:
        chat.spelling["stream"] = False
    return chat


def _messages(chat: Chat, value: Any) -> None:
    chat.turns.extend(read_messages(value))


def _system(chat: Chat, value: Any) -> None:
    turn = read_system(value)
    if turn is None:
        chat.spelling["system"] = value
    else:
        chat.turns.insert(0, turn)


def _tools(chat: Chat, value: Any) -> None:
    chat.tools = read_tools(value)
    if not chat.tools:
        chat.spelling["tools"] = value


def _tool_choice(chat: Chat, value: Any) -> None:
    chat.tool_choice, chat.parallel_tools, extras = read_tool_choice(value)
    if extras:
        chat.extras["tool_choice"] = extras


def _stop(chat: Chat, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadRequest("/stop_sequences", "“stop_sequences” must be a list of texts.")
    chat.stop = list(value)
    if not value:
        chat.spelling["stop_sequences"] = value


def _metadata(chat: Chat, value: Any) -> None:
    members = dict(_object(value, "metadata"))
    user = members.pop("user_id", None)
    if isinstance(user, str):
        chat.params["user"] = user
    elif user is not None:
        raise BadRequest("/metadata/user_id", "“user_id” must be a text.")
    elif "user_id" in value or not value:
        chat.spelling["metadata"] = {name: value[name] for name in value if name == "user_id"}
    if members:
        chat.extras["metadata"] = members


def _tier(chat: Chat, value: Any) -> None:
    if isinstance(value, str) and value in TIERS:
        chat.params["service_tier"] = TIERS[value]
    else:
        chat.extras["service_tier"] = value


def _thinking(chat: Chat, value: Any) -> None:
    members = _object(value, "thinking")
    kind, budget, shown = members.get("type"), members.get("budget_tokens"), members.get("display")
    if not isinstance(kind, str):
        raise BadRequest("/thinking/type", "“type” must be “enabled”, “adaptive” or “disabled”.")
    reasoning = _reasoning(chat)
    chat.names["reasoning"] = "thinking"
    if kind == "enabled":
        reasoning.budget = count(budget)
        if not reasoning.budget:
            raise BadRequest("/thinking/budget_tokens", "“budget_tokens” must be a whole number greater than 0.")
    elif kind == "disabled":
        reasoning.budget = 0
    elif kind == "adaptive":
        reasoning.adaptive = True
    else:
        reasoning.extras = dict(members)
        return
    known = _THINKING if kind == "enabled" else _THINKING - {"budget_tokens"}
    reasoning.show = _SHOWN.get(shown) if isinstance(shown, str) else None
    known = known if reasoning.show is not None else known - {"display"}
    reasoning.extras, reasoning.spelling = rest_of(members, known)


def _output_config(chat: Chat, value: Any) -> None:
    members = dict(_object(value, "output_config"))
    effort = members.get("effort")
    if isinstance(effort, str) and effort in EFFORTS:
        _reasoning(chat).effort = members.pop("effort")
    if isinstance(members.get("format"), dict):
        _output_format(chat, members.pop("format"), "output_config/format")
    extras, spelling = rest_of(members, frozenset())
    if extras:
        chat.extras["output_config"] = extras
    if spelling or not value:
        chat.spelling["output_config"] = spelling or {}


def _old_format(chat: Chat, value: Any) -> None:
    """Its place before `output_config`, still taken with a beta header."""
    _output_format(chat, _object(value, "output_format"), "output_format")


def _output_format(chat: Chat, members: dict[str, Any], name: str) -> None:
    if chat.output is not None:
        raise BadRequest("/output_format", "Give the format once, in “output_config”.")
    schema = members.get("schema")
    if members.get("type") != "json_schema":
        raise BadRequest(f"/{name}/type", "“type” must be “json_schema”.")
    if not isinstance(schema, dict):
        raise BadRequest(f"/{name}/schema", "“schema” must be an object.")
    extras, spelling = rest_of(members, _FORMAT)
    title = schema.get("title")
    title = title if isinstance(title, str) and _NAME.fullmatch(title) else ""
    schema = {member: value for member, value in schema.items() if member != "title"} if title else schema
    chat.output = OutputFormat("schema", schema, title, strict=True, extras=extras, spelling=spelling)
    chat.names["output"] = name


def _sampling(name: str) -> Callable[[Chat, Any], None]:
    def read(chat: Chat, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRequest(f"/{name}", f"“{name}” must be a number.")
        chat.params[name] = value

    return read


def _reasoning(chat: Chat) -> Reasoning:
    if chat.reasoning is None:
        chat.reasoning = Reasoning()
    return chat.reasoning


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"/{name}", f"“{name}” must be an object.")
    return value


_MEMBERS: Final[Mapping[str, Callable[[Chat, Any], None]]] = {
    "messages": _messages,
    "system": _system,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "stop_sequences": _stop,
    "metadata": _metadata,
    "service_tier": _tier,
    "thinking": _thinking,
    "output_config": _output_config,
    "output_format": _old_format,
    "temperature": _sampling("temperature"),
    "top_p": _sampling("top_p"),
    "top_k": _sampling("top_k"),
}

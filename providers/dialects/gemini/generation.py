"""`generationConfig` and what else asks for a way of answering: parameters, the form of the answer, thinking.

One table leads both ways between canonical names and Google's; what is in no table is kept for this dialect alone.
"""

import re
from typing import Any, Final

from providers.dialects.canonical import BadRequest, Chat, OutputFormat, Reasoning
from providers.dialects.gemini.schemas import from_google
from providers.dialects.usage import count

CONFIG: Final = "generationConfig"
# Canonical name → member of generationConfig.
PLACES: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "modalities": "responseModalities",
}
_CANONICAL: Final = {place: name for name, place in PLACES.items()}
_WHOLE: Final = frozenset({"topK", "seed", "candidateCount", "logprobs"})
_OUTPUT: Final = ("responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema")
# What other dialects take as the name of a schema.
_SCHEMA_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_config(content: dict[str, Any], chat: Chat) -> None:
    """Raises BadRequest."""
    config = content.get(CONFIG)
    if config is None:
        return
    if not isinstance(config, dict):
        raise BadRequest(f"/{CONFIG}", f"“{CONFIG}” must be an object.")
    if not config:
        chat.spelling["empty config"] = True
    for name, value in config.items():
        if value is None:
            _keep(chat, name, value)
        elif name not in _OUTPUT:
            _read_member(name, value, chat)
    _read_output(config, chat)


def _read_member(name: str, value: Any, chat: Chat) -> None:
    pointer = f"{CONFIG}/{name}"
    if name in _CANONICAL:
        _read_param(name, value, chat)
    elif name == "maxOutputTokens":
        chat.max_tokens = positive(value, f"/{pointer}")
        chat.names["max_tokens"] = pointer
    elif name == "stopSequences":
        chat.stop = _texts(value, f"/{pointer}")
        chat.names["stop"] = pointer
        if not chat.stop:
            _keep(chat, name, value)
    elif name == "thinkingConfig":
        chat.reasoning = _reasoning(value, f"/{pointer}")
        chat.names["reasoning"] = pointer
    else:
        chat.extras[pointer] = value


def _keep(chat: Chat, name: str, value: Any) -> None:
    chat.spelling.setdefault("config", {})[name] = value


def positive(value: Any, pointer: str) -> int:
    number = count(int(value) if isinstance(value, float) and value.is_integer() else value)
    if not number:
        raise BadRequest(pointer, "It must be a whole number greater than 0.")
    return number


def _read_param(name: str, value: Any, chat: Chat) -> None:
    param, pointer = _CANONICAL[name], f"/{CONFIG}/{name}"
    if name == "responseModalities":
        read: Any = [word.lower() for word in _texts(value, pointer)]
        if [word.upper() for word in read] != value:
            _keep(chat, name, value)
    elif name == "responseLogprobs":
        if not isinstance(value, bool):
            raise BadRequest(pointer, "It must be true or false.")
        read = value
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(pointer, "It must be a number.")
    else:
        read = int(value) if name in _WHOLE and isinstance(value, float) and value.is_integer() else value
    if read is False or read == [] or (name == "candidateCount" and read == 1):
        # Says what holds anyway, and must not be refused for it.
        _keep(chat, name, value)
        return
    chat.params[param] = read
    chat.names[param] = f"{CONFIG}/{name}"


def _texts(value: Any, pointer: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadRequest(pointer, "It must be a list of texts.")
    return list(value)


# The form of the answer ----------------------------------------------------------------------------------------------
def _read_output(config: dict[str, Any], chat: Chat) -> None:
    spelt = {name: config[name] for name in _OUTPUT if config.get(name) is not None}
    if not spelt:
        return
    media_type = spelt.get("responseMimeType")
    if media_type not in (None, "application/json", "text/plain"):
        # text/x.enum answers with a bare word of the schema's enum, which nobody else does.
        chat.extras.update({f"{CONFIG}/{name}": value for name, value in spelt.items()})
        return
    schema = _schema(spelt)
    if schema is not None:
        chat.output = _named(schema)
    else:
        chat.output = OutputFormat("json" if media_type == "application/json" else "text")
    chat.names["response_format"] = f"{CONFIG}/{next(reversed(spelt))}"
    chat.output.spelling = spelt


def _schema(spelt: dict[str, Any]) -> dict[str, Any] | None:
    for name in ("responseJsonSchema", "_responseJsonSchema", "responseSchema"):
        schema = spelt.get(name)
        if schema is None:
            continue
        if not isinstance(schema, dict):
            raise BadRequest(f"/{CONFIG}/{name}", "A schema must be an object.")
        return from_google(schema) if name == "responseSchema" else schema
    return None


def _named(schema: dict[str, Any]) -> OutputFormat:
    """The title is what other dialects call the name, where it is fit to be one."""
    title = schema.get("title")
    if isinstance(title, str) and _SCHEMA_NAME.fullmatch(title):
        return OutputFormat("schema", {name: value for name, value in schema.items() if name != "title"}, title)
    return OutputFormat("schema", schema)


# Thinking ------------------------------------------------------------------------------------------------------------
def _reasoning(config: Any, pointer: str) -> Reasoning:
    if not isinstance(config, dict):
        raise BadRequest(pointer, "“thinkingConfig” must be an object.")
    budget, level, show = config.get("thinkingBudget"), config.get("thinkingLevel"), config.get("includeThoughts")
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int) or budget < -1):
        raise BadRequest(f"{pointer}/thinkingBudget", "It must be a number of tokens, 0 or -1.")
    if level is not None and not isinstance(level, str):
        raise BadRequest(f"{pointer}/thinkingLevel", "It must be a word, such as LOW or HIGH.")
    known = level.lower() if level and level != "THINKING_LEVEL_UNSPECIFIED" else None
    return Reasoning(effort=known, budget=budget, show=show if isinstance(show, bool) else None, spelling=dict(config))

"""A chat as a request of Gemini's, at Google's own address or at Vertex's."""

from typing import Any, Final
from urllib.parse import quote

import orjson

from providers.dialects.base import JSON, Given, Outgoing, Target
from providers.dialects.canonical import REFUSED, BadRequest, Chat, Media, OutputFormat, Report, ToolResult, Turn
from providers.dialects.gemini import spelling
from providers.dialects.gemini.generation import CONFIG, PLACES
from providers.dialects.gemini.media import is_googles
from providers.dialects.gemini.part_writing import PartWriter, Written
from providers.dialects.gemini.parts import NAME
from providers.dialects.gemini.reading import GENERATE, STREAM
from providers.dialects.gemini.schemas import to_google
from providers.dialects.gemini.thinking import write_thinking
from providers.dialects.gemini.tools import write_tools

_SAMPLING: Final = frozenset({"temperature", "top_p", "top_k"})
# Top-level members with a canonical name, which no other dialect means in the same way.
_OWN: Final = {"service_tier": "serviceTier", "store": "store", "cached_content": "cachedContent"}


def path_of(target: Target, verb: str) -> str:
    """Below the base URL, which at Vertex may end in the publisher's models or before them."""
    name = target.model.name
    if target.profile.vertex:
        door = target.profile.door(NAME)
        whole = door is not None and door.base_url.rstrip("/").endswith("/models")
        before = "" if whole else "/publishers/google/models"
        return f"{before}/{quote(name.removeprefix('models/'), safe='/@')}:{verb}"
    before = "" if name.startswith(("models/", "tunedModels/")) else "models/"
    return f"/{before}{quote(name, safe='/@')}:{verb}"


def wanted_media(chat: Chat) -> list[str]:
    """Addresses that Google does not open itself (T20), each once. Its own callers know what it takes."""
    if chat.dialect == NAME:
        return []
    found: dict[str, None] = {}
    for turn in chat.turns:
        for part in turn.parts:
            for each in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(each, Media) and each.url and each.data is None and not is_googles(each.url):
                    found[each.url] = None
    return list(found)


def write_request(chat: Chat, target: Target, given: Given) -> Outgoing:
    """Raises BadRequest."""
    report = Report()
    body = write_body(chat, target, given, report)
    verb = f"{STREAM}?alt=sse" if chat.stream else GENERATE
    return Outgoing(path_of(target, verb), [("content-type", JSON)], orjson.dumps(body), report)


def write_body(chat: Chat, target: Target, given: Given, report: Report) -> Written:
    body: Written = {}
    _write_turns(chat, PartWriter(chat, target, given, report), report, body)
    write_tools(chat, target, report, body)
    config: Written = {}
    _write_params(chat, target, report, config, body)
    _write_limits(chat, target, report, config)
    if chat.output is not None:
        _write_output(chat, chat.output, target, report, config)
    write_thinking(chat, target, report, config)
    if config:
        body[CONFIG] = config
    if chat.dialect != NAME:
        for name in chat.extras:
            report.drop(name)
        return body
    _restore(chat, target, body)
    restored: Written = spelling.as_spelt(body, chat.spelling.get("names", {}))
    return restored


def _restore(chat: Chat, target: Target, body: Written) -> None:
    """What this dialect's reader kept."""
    if "empty config" in chat.spelling or "config" in chat.spelling:
        body.setdefault(CONFIG, {}).update(chat.spelling.get("config", {}))
    for name, value in chat.extras.items():
        holder, _, inner = spelling.camel(name).rpartition("/")
        (body.setdefault(holder, {}) if holder else body)[inner] = value
    body.update(dict.fromkeys(name for name in chat.spelling.get("nulls", ()) if name not in body))
    if "model" in chat.spelling:
        body["model"] = chat.spelling["model"] + target.model.name.removeprefix("models/")


# Turns ---------------------------------------------------------------------------------------------------------------
def _write_turns(chat: Chat, writer: PartWriter, report: Report, body: Written) -> None:
    """Neighbours of one role are one content; this dialect's own stay as they were."""
    own = chat.dialect == NAME
    contents: list[Written] = []
    system: Written = {}
    for turn in chat.turns:
        if not own:
            for name in turn.extras or {}:
                report.drop(name)
        parts = writer.written(turn.parts)
        if not parts:
            continue
        if turn.role == "system":
            system.setdefault("parts", []).extend(parts)
            system.update({**(turn.spelling or {}), **(turn.extras or {})} if own else {})
            continue
        role = "model" if turn.role == "assistant" else "user"
        if contents and _joins(contents[-1], role, turn, own=own):
            contents[-1]["parts"].extend(parts)
        else:
            contents.append(_content(turn, role, parts, own=own))
    if system and not contents:
        # Google wants something to answer.
        report.emulated.append("system")
        contents, system = [{"role": "user", "parts": system["parts"]}], {}
    body["contents"] = contents
    if system:
        body["systemInstruction"] = system


def _joins(last: Written, role: str, turn: Turn, *, own: bool) -> bool:
    if own and turn.spelling is not None:
        return "joined" in turn.spelling
    return bool(last.get("role", "user") == role)


def _content(turn: Turn, role: str, parts: list[Written], *, own: bool) -> Written:
    content: Written = {"role": role, "parts": parts}
    if not own:
        return content
    spelt = (turn.spelling or {}).get("role", role)
    if spelt == "":
        del content["role"]
    else:
        content["role"] = spelt
    return {**content, **(turn.extras or {})}


# Parameters ----------------------------------------------------------------------------------------------------------
def _write_params(chat: Chat, target: Target, report: Report, config: Written, body: Written) -> None:
    """Raises BadRequest for what would change the answer if it were left out."""
    for param, value in chat.params.items():
        name = chat.name_of(param)
        if chat.dialect == NAME and param in _OWN:
            body[_OWN[param]] = value
        elif param in PLACES and param not in target.profile.refuses and not _unsampled(param, chat, target):
            config[PLACES[param]] = _valued(param, value, target, report, name)
        elif param == "n" and value == 1:
            continue
        elif param in REFUSED:
            raise BadRequest(f"/{name}", f"The model “{target.model.name}” does not take “{name}”; leave it out.")
        else:
            report.drop(name)


def _unsampled(param: str, chat: Chat, target: Target) -> bool:
    """T3"""
    sampling = target.model.sampling
    thinks = chat.reasoning is None or not chat.reasoning.off
    return param in _SAMPLING and (sampling == "no" or (sampling == "effort-none" and thinks))


def _valued(param: str, value: Any, target: Target, report: Report, name: str) -> Any:
    if param == "modalities" and isinstance(value, list):
        return [word.upper() if isinstance(word, str) else word for word in value]
    highest = target.profile.max_temperature
    if param == "temperature" and highest is not None and value > highest:
        report.clamped.append((name, f"{highest:g}"))
        return highest
    return value


def _write_limits(chat: Chat, target: Target, report: Report, config: Written) -> None:
    if chat.max_tokens is not None:
        most = target.model.max_output_tokens
        config["maxOutputTokens"] = chat.max_tokens if most is None else min(chat.max_tokens, most)
        if config["maxOutputTokens"] < chat.max_tokens:
            report.clamped.append((chat.name_of("max_tokens"), str(most)))
    if not chat.stop:
        return
    most = target.profile.max_stop
    if most is not None and len(chat.stop) > most:
        raise BadRequest(
            f"/{chat.name_of('stop')}", f"The model “{target.model.name}” takes at most {most} stop sequences."
        )
    config["stopSequences"] = chat.stop


def _write_output(chat: Chat, output: OutputFormat, target: Target, report: Report, config: Written) -> None:
    if chat.dialect == NAME and output.spelling is not None:
        config.update(output.spelling)
        return
    for name in output.extras or {}:
        report.drop(name)
    if output.kind == "text":
        return
    config["responseMimeType"] = "application/json"
    if output.kind != "schema" or output.schema is None:
        return
    pointer = f"/{chat.name_of('response_format')}"
    if target.model.json_schema is False:
        raise BadRequest(pointer, f"The model “{target.model.name}” cannot hold itself to a JSON schema; leave it out.")
    schema = _named(output, output.schema, report)
    if target.model.openapi_schemas:
        config["responseSchema"] = to_google(schema, pointer, report)
    else:
        config["responseJsonSchema"] = schema


def _named(output: OutputFormat, schema: dict[str, Any], report: Report) -> dict[str, Any]:
    """Name and description have no place but in the schema."""
    said = {name: value for name, value in (("title", output.name), ("description", output.description)) if value}
    for name, value in said.items():
        if schema.get(name, value) != value:
            report.drop("name" if name == "title" else name)
    return {**said, **schema}

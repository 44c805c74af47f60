"""Requests of Gemini's callers: the address that names model and verb, what pass-through needs, and the whole chat."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson

from providers.dialects import estimate
from providers.dialects.base import Outline
from providers.dialects.bodies import read_object
from providers.dialects.canonical import BadRequest, Chat, Part, Role, Thinking, ToolResult, Turn
from providers.dialects.gemini import spelling
from providers.dialects.gemini.generation import CONFIG, positive, read_config
from providers.dialects.gemini.media import kept_id
from providers.dialects.gemini.parts import NAME, Calls, read_part
from providers.dialects.gemini.tools import objects_in, read_tools

GENERATE: Final = "generateContent"
STREAM: Final = "streamGenerateContent"
COUNT: Final = "countTokens"
VERBS: Final = frozenset({GENERATE, STREAM, COUNT, "embedContent", "batchEmbedContents"})
_ROLES: Final = {"user": "user", "model": "assistant", "function": "user", "tool": "user"}
# Read by name here; every other member is this dialect's own.
_KNOWN: Final = frozenset({"contents", "systemInstruction", "tools", "toolConfig", CONFIG, "model"})
# Top-level members with a canonical name.
_PARAMS: Final[dict[str, tuple[str, type, str]]] = {
    "serviceTier": ("service_tier", str, "a text"),
    "store": ("store", bool, "true or false"),
    "cachedContent": ("cached_content", str, "a text"),
}


# The address ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Called:
    model: str
    verb: str
    # A stream is one JSON array, unless its query says `alt=sse`.
    array: bool = False


def called(path: str) -> Called | None:
    """What a path below /v1 or /v1beta asks of which model; None for one that is not of this kind.

    As in the URL: percent-encoded, with a question mark and its query, even an empty one; without the mark a stream is taken
    as one of events. Ids hold slashes and colons, so it is split at the last colon.
    """
    address, mark, query = path.partition("?")
    model, colon, verb = unquote(address).lstrip("/").rpartition(":")
    if not colon or verb not in VERBS or not model.startswith(("models/", "tunedModels/")):
        return None
    model = model.removeprefix("models/")
    array = verb == STREAM and bool(mark) and "sse" not in parse_qs(query).get("alt", ())
    return Called(model, verb, array) if model else None


# What pass-through needs ---------------------------------------------------------------------------------------------
def outline(path: str, body: bytes) -> Outline:
    """Raises BadRequest. A request to count tokens may hold a whole request, which is then the content."""
    call = called(path)
    if call is None:
        raise BadRequest("", "The path must name a model and what to do: models/{model}:generateContent.")
    content = read_object(body)
    if call.verb == COUNT:
        content = _counted(content)
    contents = content.get("contents")
    if not isinstance(contents, dict | list) or not contents:
        raise BadRequest("/contents", "“contents” must be a list with at least one content.")
    config = spelling.member(content, CONFIG, "generation_config")
    if config is not None and not isinstance(config, dict):
        raise BadRequest(f"/{CONFIG}", f"“{CONFIG}” must be an object.")
    limit = spelling.member(config or {}, "maxOutputTokens", "max_output_tokens")
    number = spelling.member(config or {}, "candidateCount", "candidate_count")
    text, media = _apart(content, body)
    tokens = sum(_tokens_of(medium) for medium in media)
    messages = estimate.PER_MESSAGE * (len(contents) if isinstance(contents, list) else 1)
    return Outline(
        model=call.model,
        stream=call.verb == STREAM,
        max_tokens=None if limit is None else positive(limit, f"/{CONFIG}/maxOutputTokens"),
        n=1 if number is None else positive(number, f"/{CONFIG}/candidateCount"),
        include_usage=True,
        input_bound=len(text) + messages + tokens,
        input_expected=estimate.tokens_of(text) + messages + tokens,
        kept_ids=_kept_ids(content, media),
        content=content,
        array=call.array,
    )


def _counted(content: dict[str, Any]) -> dict[str, Any]:
    inner = spelling.member(content, "generateContentRequest", "generate_content_request")
    if inner is not None and not isinstance(inner, dict):
        raise BadRequest("/generateContentRequest", "“generateContentRequest” must be an object.")
    return content if inner is None else inner


def _apart(content: dict[str, Any], body: bytes) -> tuple[bytes, list[dict[str, Any]]]:
    """The text of a request, and its media, whose bytes say nothing of what they cost."""
    if not any(name in body for name in (b"inlineData", b"inline_data", b"fileData", b"file_data")):
        return body, []
    media: list[dict[str, Any]] = []
    return orjson.dumps(_without_media(content, media)), media


def _without_media(content: Any, media: list[dict[str, Any]]) -> Any:
    if isinstance(content, list):
        return [_without_media(item, media) for item in content]
    if not isinstance(content, dict):
        return content
    rest = {}
    for name, value in content.items():
        if name in _MEDIA and isinstance(value, dict):
            media.append(value)
        else:
            rest[name] = _without_media(value, media)
    return rest


_MEDIA: Final = frozenset({"inlineData", "inline_data", "fileData", "file_data"})


def _kept_ids(content: dict[str, Any], media: list[dict[str, Any]]) -> tuple[str, ...]:
    """As Google names them: cachedContents/…, files/…"""
    uris = [medium.get("fileUri", medium.get("file_uri")) for medium in media]
    named = [spelling.member(content, "cachedContent", "cached_content"), *(kept_id(uri) for uri in uris)]
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name))


def _tokens_of(medium: dict[str, Any]) -> int:
    """Sound is seldom below 2,000 bytes a second, a page of a document seldom below some thousand bytes."""
    data, type_ = medium.get("data"), medium.get("mimeType", medium.get("mime_type"))
    seconds = len(data) * 3 // 4 // 2_000 if isinstance(data, str) else 0
    if isinstance(type_, str) and type_.startswith("audio/"):
        return estimate.PER_AUDIO_SECOND * (1 + seconds)
    return max(estimate.PER_IMAGE, estimate.PER_AUDIO_SECOND * seconds)


# The whole chat ------------------------------------------------------------------------------------------------------
def read_request(asked: Outline) -> Chat:
    """Raises BadRequest, with the pointer as the caller spelt it."""
    names: dict[str, str] = {}
    try:
        return _chat(asked, spelling.in_camel(asked.content, names), names)
    except BadRequest as error:
        raise BadRequest(spelling.pointer_as_spelt(error.pointer, names), error.message) from error


def _chat(asked: Outline, content: dict[str, Any], names: dict[str, str]) -> Chat:
    chat = Chat(NAME, asked.model, stream=asked.stream, include_usage=True)
    chat.names = {"messages": "contents", "signature": "thoughtSignature", "thinking": "thought"}
    _read_system(content, chat)
    calls = Calls()
    for number, item in enumerate(objects_in(content, "contents")):
        _read_content(item, f"/contents/{number}", chat, calls)
    read_tools(content, chat)
    read_config(content, chat)
    for name, value in content.items():
        if value is None:
            chat.spelling.setdefault("nulls", []).append(name)
        elif name in _PARAMS:
            _read_param(name, value, chat)
        elif name not in _KNOWN:
            chat.extras[name] = value
    if isinstance(content.get("model"), str):
        chat.spelling["model"] = "models/" if content["model"].startswith("models/") else ""
    if names:
        chat.spelling["names"] = names
        chat.names = {param: spelling.pointer_as_spelt(name, names) for param, name in chat.names.items()}
        chat.extras = {spelling.pointer_as_spelt(name, names): value for name, value in chat.extras.items()}
    return chat


def _read_param(name: str, value: Any, chat: Chat) -> None:
    param, kind, words = _PARAMS[name]
    if not isinstance(value, kind):
        raise BadRequest(f"/{name}", f"“{name}” must be {words}.")
    chat.params[param] = value
    chat.names[param] = name


def _read_system(content: dict[str, Any], chat: Chat) -> None:
    system = content.get("systemInstruction")
    if system is None:
        return
    if not isinstance(system, dict):
        raise BadRequest("/systemInstruction", "“systemInstruction” must be an object with “parts”.")
    parts = _parts(system, "/systemInstruction", Calls())
    role = {"role": system["role"]} if "role" in system else {}
    if parts:
        chat.turns.append(Turn("system", parts, _rest(system), role))


def _read_content(item: dict[str, Any], pointer: str, chat: Chat, calls: Calls) -> None:
    """One content is one turn, or several where results of functions stand among other parts.

    `spelling` says of each whether it belongs to the content of the turn before it.
    """
    spelt = item.get("role")
    role = _ROLES.get(spelt) if isinstance(spelt, str) else "user" if spelt is None else None
    if role is None:
        raise BadRequest(f"{pointer}/role", "The role must be “user” or “model”.")
    turn: Turn | None = None
    for part in _parts(item, pointer, calls):
        mine: Role = "tool" if isinstance(part, ToolResult) else "assistant" if role == "assistant" else "user"
        if turn is None:
            usual = spelt == ("model" if mine == "assistant" else "user")
            turn = Turn(mine, [], _rest(item), {} if usual else {"role": spelt if "role" in item else ""})
            chat.turns.append(turn)
        elif turn.role != mine:
            turn = Turn(mine, [], spelling={"joined": True})
            chat.turns.append(turn)
        if isinstance(part, Thinking):
            _join_pieces(part, turn.parts)
        turn.parts.append(part)


def _join_pieces(thought: Thinking, before: list[Part]) -> None:
    """Another vendor's proof is of the whole thought, which a stream told in pieces, the proof as the last of them."""
    signature = thought.signature
    if signature is None or signature.dialect == NAME or thought.text or thought.redacted is not None:
        return
    pieces: list[str] = []
    while before and isinstance(last := before[-1], Thinking) and last.signature is None and last.redacted is None:
        pieces.append(last.text)
        before.pop()
    thought.text = "".join(reversed(pieces))


def _parts(item: dict[str, Any], pointer: str, calls: Calls) -> list[Part]:
    """Of a content; one alone may stand without its list."""
    value = item.get("parts")
    if isinstance(value, list):
        return [
            part for number, each in enumerate(value) for part in read_part(each, f"{pointer}/parts/{number}", calls)
        ]
    if value is None or isinstance(value, dict):
        return [] if value is None else read_part(value, f"{pointer}/parts", calls)
    raise BadRequest(f"{pointer}/parts", "“parts” must be a list.")


def _rest(item: dict[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in item.items() if name not in {"role", "parts"}} or None

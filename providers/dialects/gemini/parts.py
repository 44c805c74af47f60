"""Parts of a content, read. What is not canonical stays with its part, or is the part (Opaque).

A thought's signature may stand on any part that follows the thoughts. That of a call stays with it; that of a text becomes
an empty Thinking before the text, which is how other dialects can carry it, and is put back on what follows it.
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import orjson

from providers.dialects import signatures
from providers.dialects.canonical import (
    BadRequest,
    Extras,
    Opaque,
    Part,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from providers.dialects.gemini.media import media_of
from providers.dialects.gemini.results import read_result

NAME: Final = "gemini"
# Of ids that this dialect's reader made where none was given; its writer leaves them out again.
_MADE: Final = "gcall_"
# Stands for a signature that nobody has (ai.google.dev/gemini-api/docs/thought-signatures).
PLACEHOLDER: Final = "skip_thought_signature_validator"
# Before the text of a foreign signature that is no proof but a whole thought which its maker shows to nobody.
REDACTED: Final = "redacted:"
_TEXT: Final = frozenset({"text", "thought", "thoughtSignature"})
_CALL: Final = frozenset({"functionCall", "thoughtSignature"})
_CALL_INNER: Final = frozenset({"id", "name", "args"})
_RESULT: Final = frozenset({"functionResponse"})
_MEDIUM: Final = frozenset({"inlineData", "fileData"})


class Calls:
    """Ids of calls: made up where none came, by place and name, so that the same history gives the same ids.

    Results without an id belong to the first call of that name which has none yet.
    """

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = 0
        self._names: dict[str, str] = {}
        self._waiting: dict[str, deque[str]] = {}
        self._answered: set[str] = set()

    def call(self, given: Any, name: str) -> str:
        self._count += 1
        tool_id = given if isinstance(given, str) and given else self._made(name)
        self._names[tool_id] = name
        self._waiting.setdefault(name, deque()).append(tool_id)
        return tool_id

    def result(self, given: Any, name: Any) -> tuple[str, str]:
        """Id and name of the call that is answered; no name where neither is known."""
        named = name if isinstance(name, str) else ""
        known = given if isinstance(given, str) else ""
        tool_id = known or self._first_waiting(named) or self._made(named)
        self._answered.add(tool_id)
        return tool_id, named or self._names.get(tool_id, "")

    def _first_waiting(self, name: str) -> str:
        waiting = self._waiting.get(name)
        while waiting and waiting[0] in self._answered:
            waiting.popleft()
        return waiting[0] if waiting else ""

    def _made(self, name: str) -> str:
        return (
            _MADE
            + hashlib.sha256(f"{self._seed}/{self._count}/{name}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
        )


def is_made(tool_id: str) -> bool:
    return tool_id.startswith(_MADE)


def read_part(part: Any, pointer: str, calls: Calls, *, model: str = "") -> list[Part]:
    """`model`: which one wrote it, where that is known. Raises BadRequest."""
    if not isinstance(part, dict):
        raise BadRequest(pointer, "A part must be an object, such as {“text”: “…”}.")
    text = part.get("text")
    if isinstance(text, str):
        return _text(part, text, pointer, model)
    if part.get("functionCall") is not None:
        return [_call(part, pointer, calls, model)]
    if part.get("functionResponse") is not None:
        return [_result(part, pointer, calls)]
    medium = media_of(part, pointer)
    if medium is not None:
        rest, nulls = split(part, _MEDIUM)
        medium.extras = {**(rest or {}), **(medium.extras or {})} or None
        medium.spelling = {**(nulls or {}), **(medium.spelling or {})} or None
        return [medium]
    if text is not None:
        raise BadRequest(f"{pointer}/text", "“text” must be a text.")
    return [Opaque(NAME, next((name for name in part if name != "thoughtSignature"), "part"), part)]


def _text(part: dict[str, Any], text: str, pointer: str, model: str) -> list[Part]:
    if len(part) == 1:
        return [Text(text)]
    signature = _signature(part, pointer, model)
    extras, spelling = split(part, _TEXT)
    if part.get("thought") is True:
        if text or signature is None:
            return [Thinking(text, signature, extras=extras, spelling=spelling)]
        return [_proof(signature, extras, {**(spelling or {}), "alone": "thought"})]
    if "thought" in part:
        spelling = {**(spelling or {}), "thought": part["thought"]}
    if signature is None:
        return [Text(text, extras, spelling)]
    if not text:
        return [_proof(signature, extras, {**(spelling or {}), "alone": "text"})]
    return [_proof(signature, None, None), Text(text, extras, spelling)]


def _proof(signature: Signature, extras: Extras | None, spelling: Extras | None) -> Thinking:
    """A thought of which only its signature is here."""
    if signature.dialect != NAME and signature.text.startswith(REDACTED):
        hidden = Signature(signature.dialect, signature.model, "")
        return Thinking("", hidden, signature.text.removeprefix(REDACTED), extras, spelling)
    return Thinking("", signature, extras=extras, spelling=spelling)


def _call(part: dict[str, Any], pointer: str, calls: Calls, model: str) -> ToolCall:
    call = part["functionCall"]
    if not isinstance(call, dict):
        raise BadRequest(f"{pointer}/functionCall", "“functionCall” must be an object.")
    name, arguments = call.get("name"), call.get("args")
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{pointer}/functionCall/name", "A call must name its function.")
    if arguments is not None and not isinstance(arguments, dict):
        raise BadRequest(f"{pointer}/functionCall/args", "“args” must be an object.")
    extras, spelling = split(part, _CALL)
    if part.get("thoughtSignature") == PLACEHOLDER:
        spelling = {**(spelling or {}), "thoughtSignature": PLACEHOLDER}
    inner, nulls = split(call, _CALL_INNER)
    if inner:
        extras = {**(extras or {}), "functionCall": inner}
    if nulls:
        spelling = {**(spelling or {}), "functionCall": nulls}
    if arguments is None:
        spelling = {**(spelling or {}), "args": None}
    return ToolCall(
        calls.call(call.get("id"), name),
        name,
        orjson.dumps(arguments).decode() if arguments else "{}",
        _signature(part, pointer, model),
        extras,
        spelling,
    )


def _result(part: dict[str, Any], pointer: str, calls: Calls) -> ToolResult:
    response = part["functionResponse"]
    if not isinstance(response, dict):
        raise BadRequest(f"{pointer}/functionResponse", "“functionResponse” must be an object.")
    result = read_result(response, f"{pointer}/functionResponse")
    result.id, result.name = calls.result(response.get("id"), response.get("name"))
    if not result.name:
        raise BadRequest(f"{pointer}/functionResponse/name", "A result must name the function whose call it answers.")
    extras, spelling = split(part, _RESULT)
    if result.extras:
        extras = {**(extras or {}), "functionResponse": result.extras}
    bare = {} if response.get("id") else {"bare": True}
    if spelling or bare:
        result.spelling = {**(spelling or {}), **bare, **(result.spelling or {})}
    result.extras = extras
    return result


def _signature(part: Mapping[str, Any], pointer: str, model: str) -> Signature | None:
    text = part.get("thoughtSignature")
    if text is None or text in ("", PLACEHOLDER):
        return None
    if not isinstance(text, str):
        raise BadRequest(f"{pointer}/thoughtSignature", "“thoughtSignature” must be base64 as a text.")
    signature = signatures.unwrapped(text, NAME)
    return Signature(NAME, model, text) if signature.dialect == NAME and not signature.model else signature


def split(found: dict[str, Any], known: frozenset[str]) -> tuple[Extras | None, Extras | None]:
    """What of an object is not canonical: what says something, and what does not (null)."""
    extras: Extras | None = None
    spelling: Extras | None = None
    for name, value in found.items():
        if value is None:
            spelling = spelling or {}
            spelling[name] = value
        elif name not in known:
            extras = extras or {}
            extras[name] = value
    return extras, spelling

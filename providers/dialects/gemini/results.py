"""Results of functions: an object for Google, parts for everybody else.

Google's words for what a function gave are the members `output` and `error`; other objects are results themselves.
"""

from typing import Any, Final

import orjson

from providers.dialects.canonical import BadRequest, Part, Text, ToolResult
from providers.dialects.gemini.media import media_of

_KNOWN: Final = frozenset({"id", "name", "response", "parts"})


def read_result(response: dict[str, Any], pointer: str) -> ToolResult:
    """Of a `functionResponse`; id and name are filled in by who knows the calls. Raises BadRequest."""
    content = response.get("response")
    if content is not None and not isinstance(content, dict):
        raise BadRequest(f"{pointer}/response", "“response” must be an object.")
    result = ToolResult("", parts=[])
    result.extras = {
        name: value for name, value in response.items() if name not in _KNOWN and value is not None
    } or None
    empty = {name: value for name, value in response.items() if value is None or (name == "parts" and value == [])}
    result.spelling = {"functionResponse": empty} if empty else None
    text, result.is_error = _text_of(content or {})
    result.parts.append(Text(text))
    parts = response.get("parts")
    if not isinstance(parts, list | None):
        raise BadRequest(f"{pointer}/parts", "“parts” must be a list.")
    for number, part in enumerate(parts or ()):
        result.parts.append(_medium(part, f"{pointer}/parts/{number}"))
    if content is None:
        result.spelling = {**(result.spelling or {}), "response": None}
    return result


def _medium(part: Any, pointer: str) -> Part:
    medium = media_of(part, pointer) if isinstance(part, dict) else None
    if medium is None:
        raise BadRequest(pointer, "A part of a result must hold “inlineData” or “fileData”.")
    return medium


def _text_of(content: dict[str, Any]) -> tuple[str, bool]:
    """Text, and whether it tells of an error. `object_of` leads back to the same object."""
    if len(content) == 1:
        name, value = next(iter(content.items()))
        if name in {"output", "error"} and isinstance(value, str) and object_in(value) is None:
            return value, name == "error"
        if name == "error" and isinstance(value, dict):
            return _dumped(value), True
    return _dumped(content), False


def object_of(result: ToolResult) -> dict[str, Any]:
    """All texts of a result as one object."""
    text = "".join(part.text for part in result.parts if isinstance(part, Text))
    content = object_in(text)
    if result.is_error:
        return {"error": text if content is None else content}
    return {"output": text} if content is None else content


def object_in(text: str) -> dict[str, Any] | None:
    """JSON that is an object; None for anything else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _dumped(content: dict[str, Any]) -> str:
    return orjson.dumps(content).decode()

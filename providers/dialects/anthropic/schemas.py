"""JSON Schema as Anthropic's strict output and strict tools take it (T19).

Each object is closed; what is not supported leaves the schema and stands in the description instead, where the model still
reads it. A schema that is valid there already stays as it is.
"""

from typing import Any, Final

import orjson

_KEPT: Final = frozenset({
    "type", "enum", "const", "title", "description", "default", "format", "$ref", "$defs", "definitions", "anyOf", "allOf",
    "oneOf", "properties", "required", "items", "additionalProperties", "minItems",
})  # fmt: skip
_FORMATS: Final = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
_MAPS: Final = ("properties", "$defs", "definitions")
_LISTS: Final = ("anyOf", "allOf")


def strict(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The schema, and the keywords that it lost, each once and in order."""
    lost: dict[str, None] = {}
    return _closed(schema, lost), list(lost)


def _closed(schema: dict[str, Any], lost: dict[str, None]) -> dict[str, Any]:
    removed = {name: value for name, value in schema.items() if not _supported(name, value)}
    kept = {name: value for name, value in schema.items() if name not in removed}
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
        lost["oneOf"] = None
    for name, value in kept.items():
        if name in _MAPS and isinstance(value, dict):
            kept[name] = {key: _inner(inner, lost) for key, inner in value.items()}
        elif name in _LISTS and isinstance(value, list):
            kept[name] = [_inner(inner, lost) for inner in value]
        elif name == "items":
            kept[name] = _inner(value, lost)
    if kept.pop("additionalProperties", None):
        lost["additionalProperties"] = None
    if _is_object(kept):
        kept["additionalProperties"] = False
    if removed:
        lost.update(dict.fromkeys(removed))
        told = ", ".join(f"{name}: {orjson.dumps(value).decode()}" for name, value in removed.items())
        described = kept.get("description")
        kept["description"] = f"{described}\n\n{{{told}}}" if isinstance(described, str) else f"{{{told}}}"
    return kept


def _supported(name: str, value: Any) -> bool:
    if name == "format":
        return value in _FORMATS
    return value in (0, 1) if name == "minItems" else name in _KEPT


def _inner(schema: Any, lost: dict[str, None]) -> Any:
    return _closed(schema, lost) if isinstance(schema, dict) else schema


def _is_object(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return (
        kind == "object" or (isinstance(kind, list) and "object" in kind) or (kind is None and "properties" in schema)
    )

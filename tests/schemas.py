"""What of JSON Schema (2020-12) the schemas of problems use."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
_KNOWN = {"$schema", "type", "required", "properties", "items", "enum", "const", "format", "pattern", "minimum"}


def violations(value: Any, schema: Mapping[str, Any], at: str = "$") -> list[str]:
    """Where a value breaks the schema; empty when it is valid. Fails on a keyword that it does not know."""
    assert set(schema) <= _KNOWN, f"unknown keywords: {set(schema) - _KNOWN}"
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else list(wanted or _TYPES)
    if not any(
        isinstance(value, _TYPES[name])
        and not (name == "integer" and value in (True, False) and isinstance(value, bool))
        for name in names
    ):
        return [f"{at}: {value!r} is no {wanted}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if isinstance(value, int) and value < schema.get("minimum", value):
        found.append(f"{at}: {value} is too small")
    if isinstance(value, str):
        found += _text(value, schema, at)
    if isinstance(value, list) and "items" in schema:
        found += [each for i, item in enumerate(value) for each in violations(item, schema["items"], f"{at}[{i}]")]
    if isinstance(value, dict):
        found += [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                found += violations(value[name], inner, f"{at}.{name}")
    return found


def _text(value: str, schema: Mapping[str, Any], at: str) -> list[str]:
    found = []
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not match {schema['pattern']}")
    if schema.get("format") == "date-time":
        try:
            datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            found.append(f"{at}: {value!r} is no date-time")
    if schema.get("format") == "uri" and not re.match(r"https?://[^\s]+$", value):
        found.append(f"{at}: {value!r} is no absolute URL")
    return found

"""JSON Schema and Google's own Schema, a subset of OpenAPI 3.0 that models before Gemini 2.5 know alone.

Towards Google (T18): references are resolved, `const` becomes `enum`, lists of types become `nullable` or `anyOf`, what it does
not know is left out and told.
"""

from typing import Any, Final

from providers.dialects.canonical import BadRequest, Report
from providers.dialects.gemini.spelling import camel

Schema = dict[str, Any]
# A schema that refers to itself has no end when its references are resolved.
_DEEPEST: Final = 32
# References that fan out would make a short schema endless in another way.
_MOST: Final = 10_000
_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object"})
# By number, as enum-encoding=int writes them.
_NUMBERED: Final = ("", "string", "number", "integer", "boolean", "array", "object", "null")
_FORMATS: Final = frozenset({"enum", "date-time", "float", "double", "int32", "int64"})
_PLAIN: Final = frozenset({
    "title", "description", "default", "example", "nullable", "required", "propertyOrdering", "pattern", "minimum", "maximum",
    "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
})  # fmt: skip
_COUNTS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})


# Towards Google ------------------------------------------------------------------------------------------------------
def to_google(schema: Schema, pointer: str, report: Report) -> Schema:
    """`pointer` is where the caller has it. Raises BadRequest for references without a target or an end."""
    return _Writer(schema, pointer, report).written(schema, 0)


class _Writer:
    def __init__(self, root: Schema, pointer: str, report: Report) -> None:
        self._root = root
        self._pointer = pointer
        self._report = report
        self._count = 0

    def written(self, schema: Any, depth: int) -> Schema:
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST:
            raise BadRequest(
                self._pointer,
                f"The schema refers to itself, or without its references is deeper than {_DEEPEST} levels or larger than "
                f"{_MOST:,} parts; this model takes none of these.",
            )
        if not isinstance(schema, dict):
            # true and false: anything, and nothing.
            return {}
        if "$ref" in schema:
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            return self.written({**self._target(schema["$ref"]), **rest}, depth + 1)
        if "allOf" in schema:
            return self.written(self._joined(schema), depth + 1)
        result: Schema = {}
        for name, value in schema.items():
            self._put(result, name, value, depth)
        return result

    def _put(self, result: Schema, name: str, value: Any, depth: int) -> None:
        if name in _PLAIN:
            result.setdefault(name, value)
        elif name == "type":
            _put_type(result, value)
        elif name in {"enum", "const"}:
            self._put_enum(result, value if name == "enum" and isinstance(value, list) else [value])
        elif name == "format" and isinstance(value, str) and value in _FORMATS:
            result["format"] = value
        elif name == "properties" and isinstance(value, dict):
            result["properties"] = {each: self.written(inner, depth + 1) for each, inner in value.items()}
        elif name == "items":
            result["items"] = self.written(value, depth + 1)
        elif name in {"anyOf", "oneOf"} and isinstance(value, list):
            self._put_choices(result, [self.written(each, depth + 1) for each in value])
        elif name not in {"$defs", "definitions"}:
            self._report.drop(name)

    def _put_choices(self, result: Schema, choices: list[Schema]) -> None:
        """One of the choices may be null alone, which Google says otherwise."""
        real = [choice for choice in choices if choice != {"nullable": True}]
        if len(real) < len(choices):
            result["nullable"] = True
        if len(real) == 1:
            for name, value in real[0].items():
                result.setdefault(name, value)
        elif real:
            result["anyOf"] = real

    def _put_enum(self, result: Schema, values: list[Any]) -> None:
        words = [value for value in values if isinstance(value, str)]
        if None in values:
            result["nullable"] = True
        if len(words) + (None in values) < len(values):
            # It takes words alone.
            self._report.drop("enum")
        elif words:
            result.setdefault("type", "STRING")
            result["enum"] = words

    def _joined(self, schema: Schema) -> Schema:
        """All of several schemas as one, as far as their members do not collide."""
        result = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema["allOf"] if isinstance(schema["allOf"], list) else []:
            if not isinstance(part, dict):
                continue
            resolved = {**self._target(part["$ref"]), **part} if "$ref" in part else part
            for name, value in resolved.items():
                mine = result.get(name)
                if name == "properties" and isinstance(mine, dict) and isinstance(value, dict):
                    result[name] = {**value, **mine}
                elif name == "required" and isinstance(mine, list) and isinstance(value, list):
                    result[name] = [*mine, *(each for each in value if each not in mine)]
                elif name != "$ref":
                    result.setdefault(name, value)
        return result

    def _target(self, reference: Any) -> Schema:
        """Within the schema itself (RFC 6901)."""
        at: Any = self._root
        for segment in str(reference).removeprefix("#").split("/")[1:]:
            name = segment.replace("~1", "/").replace("~0", "~")
            at = at.get(name) if isinstance(at, dict) else None
        if not str(reference).startswith("#") or not isinstance(at, dict):
            raise BadRequest(self._pointer, f"The schema refers to “{reference}”, which is not in it.")
        return at


def _put_type(result: Schema, value: Any) -> None:
    words = value if isinstance(value, list) else [value]
    real = [word.upper() for word in words if isinstance(word, str) and word.lower() in _TYPES]
    if "null" in words:
        result["nullable"] = True
    if len(real) == 1:
        result["type"] = real[0]
    elif real:
        result["anyOf"] = [{"type": word} for word in real]


# From Google ---------------------------------------------------------------------------------------------------------
# Vertex has these without their sign.
_SAME: Final = {"defs": "$defs", "ref": "$ref"}


def from_google(schema: Any) -> Schema:
    """JSON Schema of what Google takes; members may be in snake_case, numbers of items texts (ProtoJSON's int64)."""
    if not isinstance(schema, dict):
        return {}
    result: Schema = {}
    for spelt, value in schema.items():
        if value is not None:
            _read_keyword(result, camel(spelt), value)
    _put_order(result, schema.get("propertyOrdering", schema.get("property_ordering")))
    return _nullable(result) if schema.get("nullable") is True else result


def _read_keyword(result: Schema, name: str, value: Any) -> None:
    if name == "type":
        if word := _type_word(value):
            result["type"] = word
    elif name in {"properties", "defs"} and isinstance(value, dict):
        result[_SAME.get(name, name)] = {each: from_google(inner) for each, inner in value.items()}
    elif name in {"items", "additionalProperties"} and isinstance(value, dict):
        result[name] = from_google(value)
    elif name == "anyOf" and isinstance(value, list):
        result["anyOf"] = [from_google(each) for each in value]
    elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
        result[name] = int(value)
    elif name == "example":
        result["examples"] = [value]
    elif name not in {"nullable", "propertyOrdering"} and (name, value) != ("format", "enum"):
        result[_SAME.get(name, name)] = value


def _type_word(value: Any) -> str:
    if isinstance(value, int) and 0 <= value < len(_NUMBERED):
        return _NUMBERED[value]
    word = value.lower() if isinstance(value, str) else ""
    return word if word in _TYPES or word == "null" else ""


def _put_order(result: Schema, order: Any) -> None:
    """JSON Schema has no word for the order of properties but their own."""
    properties = result.get("properties")
    if isinstance(order, list) and isinstance(properties, dict):
        first = [name for name in order if isinstance(name, str) and name in properties]
        result["properties"] = {name: properties[name] for name in [*first, *properties]}


def _nullable(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"].append({"type": "null"})
    return schema

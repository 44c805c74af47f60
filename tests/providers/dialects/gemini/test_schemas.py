"""T18: JSON Schema and Google's own Schema. Pure: no test here may touch the database."""

from typing import Any

import pytest

from providers.dialects.canonical import BadRequest, Report
from providers.dialects.gemini.schemas import from_google, to_google


def _written(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    report = Report()
    return to_google(schema, "/tools/0", report), report.dropped


@pytest.mark.parametrize(
    ("schema", "google"),
    [
        ({"type": "string"}, {"type": "STRING"}),
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"type": "string", "enum": ["a", None]}, {"type": "STRING", "nullable": True, "enum": ["a"]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"nullable": True, "type": "STRING"}),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
        ({"type": "array", "items": {"type": "boolean"}}, {"type": "ARRAY", "items": {"type": "BOOLEAN"}}),
        ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
        ({"type": "object", "properties": {"a": True}}, {"type": "OBJECT", "properties": {"a": {}}}),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                    {"required": ["b"]},
                ]
            },
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a", "b"]},
        ),
    ],
)
def test_t18_keywords_are_said_in_googles_words(schema: dict[str, Any], google: dict[str, Any]) -> None:
    assert _written(schema) == (google, [])


def test_t18_references_are_resolved() -> None:
    schema = {
        "type": "object",
        "properties": {"home": {"$ref": "#/$defs/Place", "description": "Where"}, "away": {"$ref": "#/$defs/a~1b"}},
        "$defs": {"Place": {"type": "object", "properties": {"city": {"type": "string"}}}, "a/b": {"type": "string"}},
    }

    assert _written(schema) == (
        {
            "type": "OBJECT",
            "properties": {
                "home": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "description": "Where"},
                "away": {"type": "STRING"},
            },
        },
        [],
    )


def test_t18_what_google_does_not_know_is_left_out_and_told() -> None:
    schema = {
        "$schema": "x",
        "type": "object",
        "additionalProperties": False,
        "properties": {"at": {"type": "string", "format": "email"}},
    }

    assert _written(schema) == (
        {"type": "OBJECT", "properties": {"at": {"type": "STRING"}}},
        ["$schema", "additionalProperties", "format"],
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://schemas.example/x"},
        {"allOf": [{"$ref": "#"}]},
    ],
)
def test_t18_references_without_a_target_or_an_end_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as raised:
        _written(schema)

    assert raised.value.pointer == "/tools/0"


def test_t18_references_that_fan_out_are_refused_soon() -> None:
    defs = {
        f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}}
        for n in range(25)
    }

    with pytest.raises(BadRequest, match="larger than"):
        _written({"$ref": "#/$defs/d0", "$defs": {**defs, "d25": {"type": "string"}}})


@pytest.mark.parametrize(
    ("google", "schema"),
    [
        ({"type": "STRING", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": 6, "properties": {"a": {"type": 1}}}, {"type": "object", "properties": {"a": {"type": "string"}}}),
        ({"type": "STRING", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        (
            {"type": "array", "min_items": "2", "items": {"type": "number"}},
            {"type": "array", "minItems": 2, "items": {"type": "number"}},
        ),
        (
            {"properties": {"a": {}, "b": {}}, "propertyOrdering": ["b", "a"]},
            {"properties": {"b": {}, "a": {}}},
        ),
        ({"any_of": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "TYPE_UNSPECIFIED", "example": 1, "title": None}, {"examples": [1]}),
        ("nonsense", {}),
    ],
)
def test_googles_schema_becomes_json_schema(google: Any, schema: dict[str, Any]) -> None:
    assert from_google(google) == schema
    assert list(from_google(google).get("properties", {})) == list(schema.get("properties", {}))

"""Schemas that clients give: what is understood, what fits, and what they may cost."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest

from agentgate_server.tools.provided import schema as module
from agentgate_server.tools.provided.schema import ArgumentSchema, SchemaError


def problem(schema: dict[str, Any], args: dict[str, Any]) -> str:
    return ArgumentSchema(schema).problem(args)


def of(value: Any) -> dict[str, Any]:
    """A schema for an object with one member x, which must be there."""
    return {"type": "object", "properties": {"x": value}, "required": ["x"]}


def test_an_empty_schema_takes_anything() -> None:
    assert problem({}, {"anything": [{"goes": None}]}) == ""


FITS: list[tuple[Any, list[Any], list[Any]]] = [
    ({"type": "string"}, ["", "a"], [1, None, True, [], {}]),
    ({"type": "integer"}, [1, -5, 2.0, 10**400], [1.5, "1", True, None]),
    ({"type": "number"}, [1, 1.5], ["1", False]),
    ({"type": "boolean"}, [True, False], [0, 1, "true"]),
    ({"type": "null"}, [None], [0, ""]),
    ({"type": ["string", "null"]}, ["a", None], [1]),
    ({"type": "array", "items": {"type": "integer"}}, [[], [1, 2]], [[1, "2"], {}]),
    ({"type": "array", "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3]]),
    ({"enum": ["on", "off", 1]}, ["on", 1, 1.0], ["ON", True, None]),
    ({"enum": [[1, {"a": 2}]]}, [[1, {"a": 2.0}]], [[1, {"a": True}], [1], [1, {"b": 2}], {}]),
    ({"const": None}, [None], [0]),
    ({"minimum": 1, "maximum": 3}, [1, 3, "text"], [0, 3.1]),
    ({"exclusiveMinimum": 1, "exclusiveMaximum": 3}, [2], [1, 3]),
    ({"minLength": 1, "maxLength": 2}, ["a", "ab", 777], ["", "abc"]),
    ({"pattern": "^[a-z]+$"}, ["abc", 5, "ABC", ""], []),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [1]),
    ({"oneOf": [{"minimum": 1}, {"minimum": 5}]}, [2], [7, 0]),
    ({"$ref": "#/$defs/room"}, ["hall"], ["moon", 1]),
    (True, [1, None], []),
    (False, [], [1, None]),
    (
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
        [{}, {"a": "b"}],
        [{"a": 1}, {"b": 1}],
    ),
    ({"additionalProperties": {"type": "integer"}}, [{"a": 1}], [{"a": "b"}]),
    ({"description": "notes", "default": 1, "format": "date", "title": "x"}, [1, "a"], []),
]


@pytest.mark.parametrize(("inner", "good", "bad"), FITS)
def test_what_fits_fits_and_nothing_else(inner: Any, good: list[Any], bad: list[Any]) -> None:
    schema = of(inner) | {"$defs": {"room": {"enum": ["hall", "kitchen"]}}}
    for value in good:
        assert problem(schema, {"x": value}) == "", value
    for value in bad:
        assert problem(schema, {"x": value}), value


@pytest.mark.parametrize(
    ("schema", "args", "text"),
    [
        (of({}), {}, "missing argument 'x'"),
        (of({"type": "string"}), {"x": 1}, "argument 'x': expected string, got integer"),
        (of({"enum": ["a", "b"]}), {"x": "c"}, "argument 'x': expected one of 'a', 'b'"),
        (
            of({"type": "array", "items": {"properties": {"y": {"type": "null"}}}}),
            {"x": [{}, {"y": 0}]},
            "argument 'x[1].y': expected null, got integer",
        ),
        (
            {"properties": {"room": {}}, "additionalProperties": False},
            {"rom": 1},
            "unknown argument 'rom', the arguments are: room",
        ),
        ({"additionalProperties": False}, {"a": 1}, "the arguments are: none"),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, "none of these fits"),
        ({"properties": {"x": {"$ref": "#/$defs/n"}}, "$defs": {"n": False}}, {"x": 1}, "nothing"),
        (of({"minLength": 3}), {"x": "a"}, "at least 3 characters"),
    ],
)
def test_what_does_not_fit_is_said_in_words(
    schema: dict[str, Any], args: dict[str, Any], text: str
) -> None:
    assert text in problem(schema, args)


def test_not_all_of_a_flood_of_nonsense_is_told() -> None:
    schema = {"additionalProperties": {"type": "null"}}
    text = problem(schema, {f"{'n' * 100}{number}": "x" for number in range(100)})
    assert text.count(";") == 8
    assert text.endswith("and more")
    assert len(text) < 2_000


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "array"}, "must be 'object'"),
        (of({"type": "text"}), "args.properties.x.type: the types are string"),
        (of({"type": []}), "the types are"),
        (of({"type": [["string"]]}), "the types are"),
        (
            of({"uniqueItems": True}),
            "args.properties.x.uniqueItems: this keyword is not understood",
        ),
        (of({"enum": "on"}), "args.properties.x.enum: that is no value for it"),
        (of({"minimum": "1"}), "no value for it"),
        (of({"minLength": -1}), "no value for it"),
        (of({"anyOf": []}), "no value for it"),
        (of(7), "args.properties.x: a schema is an object"),
        (of({"$ref": "#/$defs/none"}), "there is no '#/$defs/none'"),
        (of({"$ref": "http://example.org/"}), "references look like"),
        (of({"$ref": "#"}), "references look like"),
        (of({"$ref": "#/properties/x"}), "refers to itself"),
        ({"required": [1]}, "no value for it"),
        ({"properties": []}, "no value for it"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        ArgumentSchema(schema)
    assert text in str(caught.value)


def test_references_that_multiply_are_refused_soon() -> None:
    levels = {
        f"l{n}": {"anyOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]}
        for n in range(14)
    }
    began = perf_counter()
    with pytest.raises(SchemaError, match="too large"):
        ArgumentSchema({"properties": {"x": {"$ref": "#/$defs/l0"}}, "$defs": levels | {"l14": {}}})
    assert perf_counter() - began < 2.0


def test_a_check_ends_although_schema_and_arguments_are_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "STEPS_MAX", 1_000)
    many = {"anyOf": [{"const": number} for number in range(100)]}
    schema = ArgumentSchema({"properties": {"x": {"items": many}}})
    assert schema.problem({"x": [99] * 4}) == ""
    assert "too large" in schema.problem({"x": [99] * 40})


def test_names_with_slashes_are_referred_to_in_json_s_own_way() -> None:
    schema = {"properties": {"x": {"$ref": "#/$defs/a~1b~0c"}}, "$defs": {"a/b~c": {"const": 1}}}
    assert problem(schema, {"x": 1}) == ""
    assert problem(schema, {"x": 2})

"""JSON Schema of a document, made from the form that validates it: for editors, never by hand.

It says what :mod:`.decoding` says of single values: which keys there are, of which types, within
which bounds. What several values say together, and whether a text of ours has its form (a URL, a
path), only the program knows. ``${NAME}`` may stand wherever a value does, since nobody knows what
it will be. The dialect is draft 7, which editors know best.
"""

from __future__ import annotations

import ast
import inspect as source
import re
import sys
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from agentgate_server.documents.spans import NAMES, unit_of

DIALECT = "http://json-schema.org/draft-07/schema#"

VARIABLE = {"type": "string", "pattern": r"\$\{"}
"""A text that the environment fills: it may be a number or a truth value then."""

DURATION = {
    "type": "string",
    "pattern": r"^(?=[0-9])([0-9.]+d)?([0-9.]+h)?([0-9.]+m)?([0-9.]+s)?$",
    "description": "A duration, as in 90s, 15m, 1h30m or 2d.",
}

TRUTHS = ["yes", "no", "on", "off", "Yes", "No", "On", "Off", "YES", "NO", "ON", "OFF"]
"""Words that are taken for a truth value where one is wanted, and that YAML 1.2 calls texts."""

FIELD_LINE = re.compile(r"    (\w+(?:, \w+)*): (.*)")
"""A field in the section ``Attributes`` of a docstring."""


def schema_of(form: type[Any], title: str, *, has_variables: bool = True) -> dict[str, Any]:
    """Make the schema of a form.

    Args:
        form: a Struct of msgspec.
        title: what editors call such a file.
        has_variables: ``${NAME}`` means something in such a file.
    """
    maker = Maker([VARIABLE] if has_variables else [])
    kind = inspect.type_info(form)
    assert isinstance(kind, inspect.StructType), "a form is a Struct"
    root = maker.form(kind)
    return {"$schema": DIALECT, "title": title, **root, "definitions": maker.definitions}


class Maker:
    """One walk over a type; each form that it meets is defined once.

    Args:
        variables: what may stand for a number or a truth value besides those.
    """

    def __init__(self, variables: list[dict[str, Any]]) -> None:
        self.variables = variables
        self.definitions: dict[str, Any] = {}

    def schema(self, kind: inspect.Type) -> dict[str, Any]:
        """Return what a value of this type looks like."""
        match kind:
            case inspect.Metadata():
                unit_s = unit_of(kind)
                return self.span(kind.type, unit_s) if unit_s else self.schema(kind.type)
            case inspect.AnyType():
                return {}
            case inspect.UnionType():
                return {"anyOf": [self.schema(member) for member in kind.types]}
            case inspect.StructType():
                return self.reference(kind)
            case inspect.DictType():
                values = self.schema(kind.value_type)
                keys = {} if plain(kind.key_type) else {"propertyNames": self.schema(kind.key_type)}
                found = {"type": "object", "additionalProperties": values, **keys}
                return bounded(found, kind, "minProperties", "maxProperties")
            case (
                inspect.ListType()
                | inspect.SetType()
                | inspect.FrozenSetType()
                | inspect.VarTupleType()
            ):
                found = {"type": "array", "items": self.schema(kind.item_type)}
                return bounded(found, kind, "minItems", "maxItems")
            case inspect.BoolType():
                return {"anyOf": [{"type": "boolean"}, {"enum": TRUTHS}, *self.variables]}
            case inspect.IntType():
                return self.either(numeric("integer", kind))
            case inspect.FloatType():
                return self.either(numeric("number", kind))
            case _:
                return scalar(kind)

    def span(self, kind: inspect.Type, unit_s: float) -> dict[str, Any]:
        """A span of time: a number of its unit, or a duration."""
        number = {**numeric("number", kind), "description": f"{NAMES[unit_s][2:].capitalize()}."}
        return {"anyOf": [number, DURATION, *self.variables]}

    def either(self, number: dict[str, Any]) -> dict[str, Any]:
        """A number, or what may stand for it."""
        return {"anyOf": [number, *self.variables]} if self.variables else number

    def reference(self, kind: inspect.StructType) -> dict[str, Any]:
        """Define a form, unless it is defined already, and name it."""
        name = kind.cls.__name__
        if name not in self.definitions:
            self.definitions[name] = {}  # a form may hold itself
            self.definitions[name] = self.form(kind)
        return {"$ref": f"#/definitions/{name}"}

    def form(self, kind: inspect.StructType) -> dict[str, Any]:
        """Say which keys a form has."""
        texts = texts_of(kind.cls)
        properties = {}
        for field in kind.fields:
            found = self.schema(field.type)
            if said := texts.get(field.name):
                # Beside a reference draft 7 reads nothing else.
                found = {"allOf": [found]} if "$ref" in found else dict(found)
                found["description"] = said
            if isinstance(field.default, bool | int | float):
                found = {**found, "default": field.default}
            elif isinstance(field.default, str):  # of a class of its own, or of an enumeration
                found = {**found, "default": str(field.default)}
            properties[field.encode_name] = found
        about = (kind.cls.__doc__ or "").partition("\n\n")[0]
        found = {
            "type": "object",
            "description": " ".join(about.replace("``", "`").split()),
            "properties": properties,
            "additionalProperties": False,
        }
        required = [field.encode_name for field in kind.fields if field.required]
        return {**found, "required": required} if required else found


def scalar(kind: inspect.Type) -> dict[str, Any]:
    """What a single value looks like that is no number."""
    match kind:
        case inspect.NoneType():
            return {"type": "null"}
        case inspect.EnumType():
            return {"enum": [member.value for member in kind.cls]}
        case inspect.LiteralType():
            return {"enum": list(kind.values)}
        case inspect.StrType():
            found = bounded({"type": "string"}, kind, "minLength", "maxLength")
            return {**found, "pattern": kind.pattern} if kind.pattern else found
        case inspect.CustomType():
            return {"type": "string"}
        case _:
            raise TypeError(f"documents have no {kind}")


def numeric(name: str, kind: Any) -> dict[str, Any]:
    """A number within the bounds of its type."""
    bounds = {
        "minimum": kind.ge,
        "exclusiveMinimum": kind.gt,
        "maximum": kind.le,
        "exclusiveMaximum": kind.lt,
        "multipleOf": kind.multiple_of,
    }
    return {"type": name, **{key: value for key, value in bounds.items() if value is not None}}


def bounded(found: dict[str, Any], kind: Any, least: str, most: str) -> dict[str, Any]:
    """Add how much of it there must, and may, be."""
    bounds = {least: kind.min_length, most: kind.max_length}
    return {**found, **{key: value for key, value in bounds.items() if value is not None}}


def plain(kind: inspect.Type) -> bool:
    """Whether a key may be any text, as far as a schema can say."""
    return not isinstance(kind, inspect.StrType | inspect.Metadata) or kind == inspect.StrType()


def texts_of(form: type[Any]) -> dict[str, str]:
    """What a form says of its keys: the text below each, or the section ``Attributes``.

    Where the sources are not there, nothing is said, and the schema is good all the same.
    """
    texts: dict[str, str] = {}
    for each in reversed(form.__mro__):
        if issubclass(each, msgspec.Struct) and each is not msgspec.Struct:
            texts |= attributes_in(source.cleandoc(each.__doc__ or ""))
            texts |= below_keys(each)
    return texts


def below_keys(form: type[Any]) -> dict[str, str]:
    """The texts that stand below the keys of a form."""
    body = classes_in(form.__module__).get(form.__qualname__)
    if body is None:
        return {}
    texts = {}
    for key, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(key, ast.AnnAssign)
            and isinstance(key.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            texts[key.target.id] = " ".join(str(text.value.value).replace("``", "`").split())
    return texts


@cache
def classes_in(module: str) -> dict[str, ast.ClassDef]:
    """The classes that stand in a module's source, by name; none, where that is not there."""
    try:
        tree = ast.parse(source.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    return {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}


def attributes_in(doc: str) -> dict[str, str]:
    """The fields that a docstring describes under ``Attributes``."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in doc.partition("Attributes:\n")[2].splitlines():
        if found := FIELD_LINE.fullmatch(line):
            names = found[1].split(", ")
            texts |= dict.fromkeys(names, found[2].replace("``", "`"))
        elif names and line.startswith(" " * 8):
            texts |= {name: f"{texts[name]} {line.strip().replace('``', '`')}" for name in names}
        else:
            names = []
    return texts

"""Schemas that clients give: JSON Schema as far as a gateway checks it, before policy looks.

A schema says what an agent may send, so what is in it must be understood: a keyword that is not
known here is refused when the tool is offered, rather than let pass when it is called. Both the
schema and the arguments come from others. So a schema is read once, into so many nodes at most,
references included; and a check takes so many steps, after which the arguments do not fit. A
``pattern`` is left to the provider: to see that one can't hold up the gateway takes too long here,
where anybody may offer hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agentgate_server.tools.arguments import (
    CHOICES_MAX,
    NAME_SHOWN_CHARS_MAX,
    PROBLEM_CHARS_MAX,
    PROBLEMS_MAX,
    shorten,
)

NODES_MAX: Final = 200
"""Schemas within a schema, each as often as it is referred to: a generous tool has dozens. Those of
64 tools are read in about 50 ms."""

DEPTH_MAX: Final = 32
"""Of schemas within each other, references included; one that refers to itself has no depth."""

STEPS_MAX: Final = 50_000
"""Comparisons of one check: about 40 ms."""

NOTES: Final = frozenset(
    {
        *("$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated"),
        *("description", "examples", "format", "pattern", "readOnly", "title", "writeOnly"),
    }
)
"""Keywords that say nothing about what fits."""

BOUNDS: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "minimum": ("at least", lambda value, bound: value >= bound),
    "maximum": ("at most", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("more than", lambda value, bound: value > bound),
    "exclusiveMaximum": ("less than", lambda value, bound: value < bound),
}
SIZES: Final[Mapping[str, tuple[type, str]]] = {
    "minLength": (str, "at least {} characters"),
    "maxLength": (str, "at most {} characters"),
    "minItems": (list, "at least {} items"),
    "maxItems": (list, "at most {} items"),
}
CHECKED: Final = frozenset(
    {
        *("$ref", "additionalProperties", "anyOf", "const", "enum", "items", "oneOf"),
        *("properties", "required", "type"),
    }
)


def is_number(value: Any) -> bool:
    """Whether JSON calls a value a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: is_number(value) and (isinstance(value, int) or value.is_integer()),
    "number": is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
"""What JSON Schema's types are; a boolean is no number, and 2.0 is an integer."""


class SchemaError(Exception):
    """A schema can't be used; the text says where, why, and what to do."""


class TooManySteps(Exception):
    """A check takes too long."""


@dataclass(slots=True, kw_only=True)
class Node:
    """A schema that has been read. None or nothing: it does not say."""

    types: tuple[str, ...] = ()
    choices: Sequence[Any] | None = None
    bounds: list[tuple[str, float]] = field(default_factory=list)
    sizes: list[tuple[str, int]] = field(default_factory=list)
    properties: dict[str, Node] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    others: Node | None = None
    are_others_refused: bool = False
    items: Node | None = None
    alternatives: list[tuple[str, list[Node]]] = field(default_factory=list)
    never: bool = False


class ArgumentSchema:
    """The schema of one tool's arguments.

    Raises:
        SchemaError: it is not understood, or too large.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        if schema.get("type", "object") != "object":
            raise SchemaError("the arguments are an object: its type must be 'object'")
        self._root = Reader(schema).read(schema, "args", 0)

    def problem(self, args: Mapping[str, Any]) -> str:
        """Say why arguments do not fit, or ""."""
        check = Check()
        found: list[str] = []
        try:
            for problem in check.problems(self._root, args, ""):
                found.append(shorten(problem, PROBLEM_CHARS_MAX))
                if len(found) == PROBLEMS_MAX:
                    found.append("and more")
                    break
        except TooManySteps:
            found.append("they are too large to be compared with what the tool takes")
        return "; ".join(found)


class Reader:
    """Reads a schema into nodes.

    Args:
        document: in which references are looked up.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.nodes = 0

    def read(self, schema: Any, at: str, depth: int) -> Node:
        """Read one schema."""
        self.nodes += 1
        if self.nodes > NODES_MAX or depth > DEPTH_MAX:
            why = "it is too large, or refers to itself"
            raise SchemaError(f"{at}: {why}: say it with fewer schemas, without a circle")
        if isinstance(schema, bool):
            return Node(never=not schema)
        if not isinstance(schema, Mapping):
            raise SchemaError(f"{at}: a schema is an object, or true or false")
        node = Node()
        for keyword, value in schema.items():
            self.read_keyword(node, keyword, value, at, depth + 1)
        return node

    def read_keyword(self, node: Node, keyword: str, value: Any, at: str, depth: int) -> None:
        """Read what one keyword says."""
        at = f"{at}.{shorten(keyword, NAME_SHOWN_CHARS_MAX)}"
        match keyword:
            case "type":
                names: list[Any] = value if isinstance(value, list) else [value]
                if not names or not all(isinstance(n, str) and n in TYPES for n in names):
                    raise SchemaError(f"{at}: the types are {', '.join(TYPES)}")
                node.types = tuple(names)
            case "enum" if isinstance(value, list):
                node.choices = value
            case "const":
                node.choices = [value]
            case "properties" if isinstance(value, Mapping):
                node.properties = {
                    name: self.read(each, f"{at}.{shorten(name, NAME_SHOWN_CHARS_MAX)}", depth)
                    for name, each in value.items()
                }
            case "required" if isinstance(value, list) and all(isinstance(n, str) for n in value):
                node.required = tuple(value)
            case "additionalProperties":
                node.are_others_refused = value is False
                node.others = self.read(value, at, depth)
            case "items":
                node.items = self.read(value, at, depth)
            case "anyOf" | "oneOf" if isinstance(value, list) and value:
                inner = [self.read(each, f"{at}[{n}]", depth) for n, each in enumerate(value)]
                node.alternatives.append((keyword, inner))
            case "$ref" if isinstance(value, str):
                inner = [self.read(self.find(value, at), at, depth)]
                node.alternatives.append(("anyOf", inner))
            case _:
                self.read_bound(node, keyword, value, at)

    def read_bound(self, node: Node, keyword: str, value: Any, at: str) -> None:
        """Read a keyword that compares, or says nothing."""
        if keyword in BOUNDS and is_number(value):
            node.bounds.append((keyword, value))
        elif keyword in SIZES and isinstance(value, int) and value >= 0:
            node.sizes.append((keyword, value))
        elif keyword in (known := {*CHECKED, *BOUNDS, *SIZES}):
            raise SchemaError(f"{at}: that is no value for it")
        elif keyword not in NOTES:
            shown = ", ".join(sorted(known))
            raise SchemaError(f"{at}: this keyword is not understood here; those are: {shown}")

    def find(self, reference: str, at: str) -> Any:
        """Return what ``#/$defs/name`` refers to."""
        head, *path = reference.split("/")
        found: Any = self.document
        for key in path:
            name = key.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        if head != "#" or not path or found is None:
            text = f"{at}: there is no {shorten(reference, NAME_SHOWN_CHARS_MAX)!r} in this schema"
            raise SchemaError(f"{text}; references look like '#/$defs/name'")
        return found


class Check:
    """One comparison of arguments with a schema."""

    def __init__(self) -> None:
        self.steps = 0

    def problems(self, node: Node, value: Any, where: str) -> Iterator[str]:
        """Yield what does not fit, one by one, so that a flood of it is not read to its end."""
        self.steps += 1 + len(node.choices or ())
        if self.steps > STEPS_MAX:
            raise TooManySteps
        said = f"argument '{where}'" if where else "the arguments"
        if node.never:
            yield f"{said}: nothing fits here"
            return
        if node.types and not any(TYPES[name](value) for name in node.types):
            yield f"{said}: expected {' or '.join(node.types)}, got {type_of(value)}"
            return
        if node.choices is not None and not any(is_same(value, each) for each in node.choices):
            yield f"{said}: expected {listed(node.choices)}"
        yield from simple_problems(node, value, said)
        if isinstance(value, dict):
            yield from self.object_problems(node, value, where)
        elif isinstance(value, list) and node.items is not None:
            for number, item in enumerate(value):
                yield from self.problems(node.items, item, f"{where}[{number}]")
        for keyword, alternatives in node.alternatives:
            yield from self.alternative_problems(keyword, alternatives, value, where)

    def object_problems(self, node: Node, value: dict[str, Any], where: str) -> Iterator[str]:
        """Yield what does not fit of the members of an object."""
        for name in node.required:
            if name not in value:
                yield f"missing argument '{below(where, name)}'"
        for name, each in value.items():
            place = below(where, name)
            inner = node.properties.get(name, node.others)
            if name not in node.properties and node.are_others_refused:
                takes = ", ".join(node.properties) or "none"
                yield f"unknown argument '{place}', the arguments are: {takes}"
            elif inner is not None:
                yield from self.problems(inner, each, place)

    def alternative_problems(
        self, keyword: str, alternatives: list[Node], value: Any, where: str
    ) -> Iterator[str]:
        """Yield what does not fit of several schemas, of which one, or exactly one, has to."""
        first = [next(self.problems(each, value, where), "") for each in alternatives]
        fitting = first.count("")
        if not fitting:
            yield first[0] if len(first) == 1 else f"none of these fits: {' / '.join(first)}"
        elif keyword == "oneOf" and fitting > 1:
            yield f"argument '{where}': it fits {fitting} of the forms, and must fit one alone"


def simple_problems(node: Node, value: Any, said: str) -> Iterator[str]:
    """Yield what does not fit of a number, a text, or how long something is."""
    if is_number(value):
        for keyword, bound in node.bounds:
            words, holds = BOUNDS[keyword]
            if not holds(value, bound):
                yield f"{said}: expected {words} {bound}"
    for keyword, size in node.sizes:
        kind, words = SIZES[keyword]
        if isinstance(value, kind):
            length = len(value)  # type: ignore[arg-type]
            if length < size if keyword.startswith("min") else length > size:
                yield f"{said}: expected {words.format(size)}"


def is_same(value: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is 1.0, and neither is true."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(is_same, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(is_same(value[k], other[k]) for k in value)
    return bool(value == other)


def type_of(value: Any) -> str:
    """Return what JSON Schema calls a value."""
    return next(name for name, fits in TYPES.items() if fits(value))


def below(where: str, name: str) -> str:
    """Name a member of what is named."""
    name = shorten(name, NAME_SHOWN_CHARS_MAX)
    return f"{where}.{name}" if where else name


def listed(values: Sequence[Any]) -> str:
    """List the values that there are, the first few of many."""
    more = ", ..." if len(values) > CHOICES_MAX else ""
    return "one of " + ", ".join(map(repr, values[:CHOICES_MAX])) + more

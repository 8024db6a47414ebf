"""Arguments: type hints to JSON schema, JSON to Python values, and what is said of a misfit."""

import dataclasses
import datetime as dt
import enum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from agentgate_server.errors import ArgumentError, ToolError
from agentgate_server.tools.arguments import (
    CHOICES_MAX,
    PROBLEM_CHARS_MAX,
    PROBLEMS_MAX,
    Arguments,
)
from agentgate_server.tools.docstring import parse_docstring


def arguments_of(function: Any) -> Arguments:
    return Arguments.of(function, parse_docstring(function.__doc__))


def problems(function: Any, args: Any) -> tuple[str, ...]:
    with pytest.raises(ArgumentError) as caught:
        arguments_of(function).bind(args)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

    def __post_init__(self) -> None:
        if self.x > 1000:
            raise KeyError("off the map")


class Options(TypedDict, total=False):
    fade_s: float


class Node(msgspec.Struct):
    child: "Node | None" = None


def set_light(room: str, on: bool, brightness: int = 100, *, colour: Colour | None = None) -> None:
    """Switch a light.

    Args:
        room: which room.
        brightness: in percent.
    """


def anything(**others: Any) -> None: ...


def untyped_others(**others) -> None: ...


def numbers(first: str, **others: int) -> None: ...


def complex_ones(
    at: dt.datetime,
    path: list[Point],
    options: Options | None = None,
    level: Annotated[int, msgspec.Meta(ge=0, le=9, description="from the hint")] = 5,
) -> None:
    """Do it.

    Args:
        level: from the docstring.
        path: where.
    """


# Schema


def test_the_schema_names_types_defaults_descriptions_and_what_is_required() -> None:
    assert arguments_of(set_light).schema == {
        "type": "object",
        "properties": {
            "room": {"type": "string", "description": "which room."},
            "on": {"type": "boolean"},
            "brightness": {"type": "integer", "default": 100, "description": "in percent."},
            "colour": {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}], "default": None},
        },
        "required": ["room", "on"],
        "additionalProperties": False,
        "$defs": {"Colour": {"title": "Colour", "enum": ["blue", "red"]}},
    }


def test_a_hint_that_describes_itself_wins_over_the_docstring() -> None:
    schema = arguments_of(complex_ones).schema
    assert schema["properties"]["level"]["description"] == "from the hint"
    assert schema["properties"]["path"]["description"] == "where."


def test_open_keyword_arguments_show_in_the_schema() -> None:
    assert arguments_of(anything).schema["additionalProperties"] is True
    assert arguments_of(numbers).schema["additionalProperties"] == {"type": "integer"}
    assert arguments_of(set_light).schema["additionalProperties"] is False


def test_a_default_that_json_cannot_say_is_left_out_of_the_schema_and_still_used() -> None:
    nothing = object()

    def find(name: str, default: Any = nothing) -> Any:
        return default

    arguments = arguments_of(find)
    assert "default" not in arguments.schema["properties"]["default"]
    assert find(**arguments.bind({"name": "x"})) is nothing


def test_a_type_of_the_users_may_have_the_name_of_our_own_struct() -> None:
    schema = arguments_of(clash).schema
    reference = schema["properties"]["value"]["$ref"].removeprefix("#/$defs/")
    assert list(schema["$defs"]) == [reference]
    assert list(schema["$defs"][reference]["properties"]) == ["x"]


@dataclasses.dataclass
class UserArguments:
    x: int


UserArguments.__name__ = UserArguments.__qualname__ = "Arguments"


def clash(value: UserArguments) -> None: ...


# Binding


def test_only_what_was_given_is_bound() -> None:
    assert arguments_of(set_light).bind({"room": "hall", "on": True}) == {
        "room": "hall",
        "on": True,
    }


def test_values_are_converted_to_their_types() -> None:
    bound = arguments_of(complex_ones).bind(
        {"at": "2026-11-20T10:00:00Z", "path": [{"x": 1}, {"x": 2, "y": 3}], "options": None}
    )
    assert bound == {
        "at": dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC),
        "path": [Point(1), Point(2, 3)],
        "options": None,
    }
    bound = arguments_of(set_light).bind({"room": "a", "on": False, "colour": "red"})
    assert bound["colour"] is Colour.RED


def test_open_keyword_arguments_take_anything_or_what_their_hint_says() -> None:
    assert arguments_of(anything).bind({"a": 1, "self": [2]}) == {"a": 1, "self": [2]}
    assert arguments_of(untyped_others).bind({"a": [1]}) == {"a": [1]}
    assert arguments_of(numbers).bind({"first": "x", "n": 3}) == {"first": "x", "n": 3}
    assert problems(numbers, {"first": 1, "n": "3"}) == (
        "argument 'first': expected str, got int",
        "argument 'n': expected int, got str",
    )


# What is said


def test_an_unknown_argument_names_the_nearest_one() -> None:
    assert problems(set_light, {"room": "hall", "on": True, "brightnes": 3}) == (
        "unknown argument 'brightnes', did you mean 'brightness'?",
    )


def test_an_unknown_argument_like_no_other_lists_them_all() -> None:
    assert problems(set_light, {"room": "hall", "on": True, "zzz": 3}) == (
        "unknown argument 'zzz', the arguments are: room, on, brightness, colour",
    )


def test_a_tool_without_arguments_says_so() -> None:
    def ping() -> None: ...

    assert arguments_of(ping).bind({}) == {}
    assert problems(ping, {"a": 1}) == ("unknown argument 'a', the arguments are: none",)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert problems(set_light, {"rom": "hall", "brightness": "full"}) == (
        "unknown argument 'rom', did you mean 'room'?",
        "argument 'brightness': expected int, got str",
        "missing argument 'room'",
        "missing argument 'on'",
    )


def test_a_boolean_is_no_number_and_text_is_no_number() -> None:
    assert problems(set_light, {"room": "hall", "on": 1, "brightness": True}) == (
        "argument 'on': expected bool, got int",
        "argument 'brightness': expected int, got bool",
    )


def test_a_value_that_is_none_of_a_few_lists_them() -> None:
    def choose(colour: Colour, size: Literal["s", "m"]) -> None: ...

    assert problems(choose, {"colour": "green", "size": "xl"}) == (
        "argument 'colour': invalid enum value 'green', expected one of 'blue', 'red'",
        "argument 'size': invalid enum value 'xl', expected one of 'm', 's'",
    )


def test_a_long_list_of_valid_values_is_cut() -> None:
    many = enum.Enum("many", [f"v{n}" for n in range(CHOICES_MAX + 5)])

    def choose(value: many) -> None: ...

    (problem,) = problems(choose, {"value": 99})
    assert problem.endswith(", ...")


def test_a_problem_inside_a_value_says_where() -> None:
    args = {"at": "2026-11-20T10:00:00Z", "path": [{"x": 1}, {"x": "2"}]}
    assert problems(complex_ones, args) == ("argument 'path': expected int, got str at [1].x",)


def test_limits_of_a_value_are_said() -> None:
    args = {"at": "2026-11-20T10:00:00Z", "path": [], "level": 10}
    assert problems(complex_ones, args) == ("argument 'level': expected int <= 9",)


def test_whatever_a_type_of_the_users_raises_is_an_argument_problem() -> None:
    args = {"at": "2026-11-20T10:00:00Z", "path": [{"x": 2000}]}
    assert problems(complex_ones, args) == ("argument 'path': 'off the map'",)


def test_what_a_caller_sent_is_repeated_only_in_part() -> None:
    found = problems(set_light, {"n" * 100_000: 1, "room": "hall", "on": True})
    assert len(found) == 1
    assert len(found[0]) <= PROBLEM_CHARS_MAX
    many = problems(set_light, {f"argument{n}": n for n in range(10_000)})
    assert len(many) == PROBLEMS_MAX + 1
    assert many[-1] == "and more"


def test_a_flood_of_wrong_arguments_is_not_looked_at_one_by_one() -> None:
    looked_at = []

    class Watched(Arguments):
        def explain_unknown(self, name: str, args: dict[str, Any]) -> str:
            looked_at.append(name)
            return super().explain_unknown(name, args)

    arguments = Watched.of(set_light, parse_docstring(None))
    with pytest.raises(ArgumentError):
        arguments.bind({f"argument{n}": n for n in range(10_000)})
    assert len(looked_at) == PROBLEMS_MAX + 1


def test_arguments_that_are_no_object_are_refused() -> None:
    assert problems(set_light, ["hall", True]) == (
        "the arguments must be an object of names and values",
    )


def test_arguments_nested_too_deeply_are_refused() -> None:
    def plant(root: Node) -> None: ...

    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"child": deep}
    assert len(problems(plant, {"root": deep})) == 1
    while deep:  # taken apart by hand: the interpreter would recurse as deeply to free it
        deep = deep.pop("child")


# Declaration


def untyped(a) -> None: ...


def starred(*names: str) -> None: ...


def positional(a: int, /) -> None: ...


class Custom: ...


def custom(a: Custom) -> None: ...


def two_texts(a: str | dt.datetime) -> None: ...


def later(a: int) -> None: ...


later.__annotations__["a"] = "NotYet"


def open_custom(**others: Custom) -> None: ...


class Hub:
    def switch(self, on: bool) -> None: ...

    def returns_something(self, on: bool) -> None: ...


Hub.returns_something.__annotations__["return"] = "NotYet"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (untyped, "argument 'a' has no type hint: write for instance 'a: str'"),
        (starred, r"'\*names' can't be filled: arguments come by name; use a list"),
        (positional, "argument 'a' is positional only, .* remove the '/'"),
        (custom, "argument 'a': .*Custom.* is not supported; use types that JSON"),
        (two_texts, "argument 'a': .*more than one str-like type.*"),
        (later, "argument 'a': name 'NotYet' is not defined; a type must be defined above"),
        (open_custom, "argument 'others': .*not supported"),
        (Hub.switch, r"it is a method: give python_tool\(object.method\)"),
    ],
)
def test_a_parameter_that_json_cannot_fill_is_refused(function: Any, text: str) -> None:
    with pytest.raises(ToolError, match=text) as caught:
        arguments_of(function)
    assert "\n" not in str(caught.value)


def test_a_bound_method_has_no_self() -> None:
    assert arguments_of(Hub().switch).bind({"on": True}) == {"on": True}


def test_the_type_that_a_function_returns_does_not_matter() -> None:
    assert arguments_of(Hub().returns_something).bind({"on": True}) == {"on": True}

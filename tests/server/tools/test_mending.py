"""What can mean one thing only is mended, at every depth; the rest is refused as before."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentgate_server.errors import ArgumentError
from agentgate_server.tools.arguments import Arguments
from agentgate_server.tools.docstring import Docstring
from agentgate_server.tools.mending import Menders
from agentgate_server.tools.python import python_tool


class Step(IntEnum):
    ONE = 1


class Place(TypedDict, total=False):
    floor: int


class Scene(msgspec.Struct):
    name: str
    level: int = 3


@dataclass
class Lamp:
    room: str
    brightness: int = 10
    near: list[Lamp] = field(default_factory=list)
    note: str | None = "none"


def shown(
    room: str,
    brightness: int = 7,
    steps: list[int] | None = None,
    lamp: Lamp | None = None,
    scenes: dict[str, Scene] | None = None,
    place: Place | None = None,
    step: Step = Step.ONE,
    level: Literal[1, 2] = 1,
    ratio: float = 0.5,
    either: int | str = 1,
    number: int | float = 1,
    percent: Annotated[int, msgspec.Meta(ge=0, le=100, description="of all")] = 5,
    anything: Any = None,
) -> str:
    return ""


TAKEN = Arguments.of(shown, Docstring())


def bound(**args: Any) -> dict[str, Any]:
    return dict(TAKEN.bind({"room": "k", **args}))


@pytest.mark.parametrize("name", ["brightness", "step", "level", "ratio", "either", "percent"])
def test_null_for_an_optional_argument_that_has_none_counts_as_left_out(name: str) -> None:
    assert bound(**{name: None}) == {"room": "k"}


def test_null_stays_where_it_is_a_value() -> None:
    assert bound(steps=None, anything=None) == {"room": "k", "steps": None, "anything": None}
    assert bound(lamp={"room": "k", "note": None})["lamp"].note is None


def test_null_for_a_required_argument_is_refused() -> None:
    with pytest.raises(ArgumentError, match="argument 'room': expected str, got null"):
        TAKEN.bind({"room": None})
    with pytest.raises(ArgumentError, match=r"argument .lamp.: .*room"):
        bound(lamp={"room": None})


@pytest.mark.parametrize(
    ("args", "value"),
    [
        ({"brightness": 128.0}, 128),
        ({"steps": [1.0, 2, -3.0]}, [1, 2, -3]),
        ({"place": {"floor": 2.0}}, {"floor": 2}),
        ({"step": 1.0}, Step.ONE),
        ({"level": 2.0}, 2),
        ({"either": 4.0}, 4),
        ({"percent": 50.0}, 50),
    ],
)
def test_a_whole_number_is_one_however_it_is_written(args: dict[str, Any], value: Any) -> None:
    (name,) = args
    found = bound(**args)[name]
    assert found == value
    assert type(found) is type(value)


def test_records_are_mended_at_every_depth() -> None:
    lamp = {"room": "a", "near": [{"room": "b", "brightness": 4.0}, {"room": "c", "near": None}]}
    near = bound(lamp={**lamp, "brightness": None})["lamp"].near
    assert [(each.room, each.brightness, each.near) for each in near] == [
        ("b", 4, []),
        ("c", 10, []),
    ]
    scenes = bound(scenes={"x": {"name": "x", "level": None}, "y": {"name": "y", "level": 2.0}})
    assert [each.level for each in scenes["scenes"].values()] == [3, 2]


@pytest.mark.parametrize("value", [128.5, 2.0**60, "128", True, [1.0]])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="argument 'brightness': expected int"):
        bound(brightness=value)


def test_a_number_that_may_be_a_fraction_stays_as_it_is() -> None:
    assert type(bound(number=2.0)["number"]) is float
    assert type(bound(ratio=2.0)["ratio"]) is float


def test_further_arguments_are_mended_as_the_others() -> None:
    def more(**counts: int) -> str:
        return str(counts)

    assert Arguments.of(more, Docstring()).bind({"a": 2.0, "b": None}) == {"a": 2}


def test_of_what_is_wrong_only_that_is_told_which_can_not_be_mended() -> None:
    with pytest.raises(ArgumentError) as caught:
        bound(brightness=None, steps=["x"], percent=5.0)
    assert "'brightness'" not in str(caught.value)
    assert "'percent'" not in str(caught.value)
    assert "'steps'" in str(caught.value)


@settings(max_examples=50)
@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists))
def test_what_is_of_another_kind_is_left_alone(value: Any) -> None:
    shape = msgspec.inspect.type_info(dict[str, Scene])
    assert Menders().of(shape)(value) is value


def test_what_the_tool_gets_is_decided_shown_and_run() -> None:
    tool = python_tool(shown)
    assert tool.bound({"room": "k", "brightness": None, "percent": 7.0}) == {
        **(tool.bound({"room": "k"}) or {}),
        "percent": 7,
    }

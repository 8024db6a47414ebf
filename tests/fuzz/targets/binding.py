"""Target: arguments as they are written, bound to types of every kind.

The first byte is the type, the rest is the argument as JSON.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec

from agentgate_server.errors import ArgumentError
from agentgate_server.tools.arguments import Arguments
from agentgate_server.tools.binding import Binding, is_same
from agentgate_server.tools.docstring import Docstring


class Stage(enum.Enum):
    """Takes another spelling."""

    PROD = "prod"
    DEV = "dev"

    @classmethod
    def _missing_(cls, value: object) -> Stage | None:
        return cls.PROD if value == "production" else None


class Level(enum.IntEnum):
    """A number that has a name."""

    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    """An array, and some of it may be left out."""

    x: int = 1
    y: float = 2.0


class Lamp(TypedDict, total=False):
    """An object of which everything may be left out."""

    on: bool
    id: UUID


class Tree(msgspec.Struct, omit_defaults=True, rename="camel"):
    """An object that may hold itself."""

    where_to: str = "prod"
    limit: int | None = 5
    more: str | msgspec.UnsetType = msgspec.UNSET
    branches: list[Tree] = []


class Circle(msgspec.Struct, tag="circle"):
    """One of two, told by its tag."""

    radius: Decimal = Decimal(1)


class Square(msgspec.Struct, tag="square"):
    """The other."""

    side: int


@dataclasses.dataclass
class Options:
    """An object with what is made anew for each."""

    when: dt.datetime | None = None
    tags: list[str] = dataclasses.field(default_factory=lambda: ["a"])


def one(hint: Any, default: Any) -> Binding:
    """The binding of a tool with one argument of a type."""

    def tool(value: Any = default) -> None: ...

    tool.__annotations__ = {"value": hint, "return": None}
    return Binding(Arguments.of(tool, Docstring()))


BINDINGS = [
    one(hint, default)
    for hint, default in (
        *((str, "a"), (int, 5), (float, 1.5), (bool, False), (bytes, b"x"), (Any, None)),
        *((Stage, Stage.DEV), (Level, Level.LOW), (UUID, None), (Decimal, Decimal("2.50"))),
        *((dt.datetime, None), (dt.date, None), (dt.time, None), (dt.timedelta, dt.timedelta(1))),
        *((Point, Point()), (Lamp, None), (Tree, Tree()), (Circle | Square, None)),
        *((Options, Options()), (list[Options], []), (dict[str, Tree], {}), (dict[int, UUID], {})),
        *((set[str], set()), (frozenset[int], None), (tuple[int, Stage], None)),
        *((int | str | None, None), (float | None, float("inf")), (Literal["a", 1], 1)),
        *((Annotated[int, msgspec.Meta(ge=0)], 0), (list[float | bool], [])),
    )
]


def run(data: bytes) -> None:
    """Bind it: that is refused, or comes to one form, which is bound to itself."""
    try:
        value = msgspec.json.decode(data[1:])
    except (ValueError, RecursionError):
        return
    binding = BINDINGS[data[0] % len(BINDINGS)]
    args = {"value": value}
    try:
        found = binding.bound(args)
    except ArgumentError:
        return
    form = args if found is None else found
    assert form.keys() <= {"value"}
    again = binding.bound(form)
    assert again is None or is_same(again, form), f"{args} is bound to {form}, and that to {again}"
    binding.values(form)
    binding.meant(args, form)

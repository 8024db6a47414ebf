"""Expected values: what becomes of a value that a rule names, once an argument's type had it.

A rule on ``ident: "1234…"`` without hyphens holds only for requests that write it so: the tool gets
the form with hyphens. And a rule on ``stage: prdo`` holds for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
import msgspec.inspect as shapes

from agentgate_server.policy.leaves import Path, key_path, plain_form
from agentgate_server.policy.meanings import forms_of
from agentgate_server.tools.forms import either, given

CONVERTED: Final[dict[type[shapes.Type], Any]] = {
    shapes.UUIDType: UUID,
    shapes.DateTimeType: datetime,
    shapes.DateType: date,
    shapes.TimeType: time,
    shapes.TimeDeltaType: timedelta,
    shapes.DecimalType: Decimal,
}
"""Types of which any value that fits has one form that the tool gets. (Any text may be bytes.)"""


class Expected:
    """What an argument, or a field within it, may be.

    Args:
        types: what may stand there, as msgspec tells of types; none: there is no such place.
    """

    def __init__(self, types: tuple[shapes.Type, ...]) -> None:
        self.types = types

    @property
    def choices(self) -> tuple[Any, ...] | None:
        """All values that there are; None: too many to list."""
        found: list[Any] = []
        for shape in self.types:
            match shape:
                case shapes.EnumType(cls=kind):
                    found += [each.value for each in kind]
                case shapes.LiteralType(values=values):
                    found += values
                case shapes.BoolType():
                    found += [True, False]
                case shapes.NoneType():
                    found.append(None)
                case _:
                    return None
        return tuple(found)

    def forms(self, value: Any, *, as_given: bool) -> tuple[Any, ...] | None:
        """Return the forms in which a tool gets a value; empty: it never does; None: who knows.

        Args:
            value: the value as a rule names it.
            as_given: only the form that an allow rule is compared with.
        """
        found: list[Any] = []
        for shape in self.types:
            if isinstance(shape, shapes.IntType | shapes.FloatType):
                found += numbers(value, whole=isinstance(shape, shapes.IntType))
                continue
            choices = Expected((shape,)).choices
            kind = shape.cls if isinstance(shape, shapes.EnumType) else CONVERTED.get(type(shape))
            if choices is None and kind is None:
                return None
            found += [each for each in choices or () if plain_form(each) == plain_form(value)]
            if kind is not None:
                found += converted(value, kind, as_given=as_given)
        return tuple(found)


def numbers(value: Any, *, whole: bool) -> Iterator[float]:
    """Yield the number that a value is, or says; rules take 5, 5.0 and "5" for the same."""
    if isinstance(value, bool):
        return
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        return
    if not whole or number.is_integer():
        yield value if isinstance(value, int) else number


def converted(value: Any, kind: Any, *, as_given: bool) -> Iterator[Any]:
    """Yield the forms of a value of a type, if it is one."""
    try:
        made = msgspec.convert(value, kind)
    except Exception:  # an enumeration of the user's may raise anything
        return
    yield from (given(made, value),) if as_given else forms_of(either(made))


def expected(shape: shapes.Type, path: Path) -> Expected:
    """Return what may stand at a path within an argument: types, or none if there is no such path.

    Args:
        shape: the argument's type.
        path: squeezed keys from the argument downwards, its own name not among them.
    """
    found = tuple(unwrapped(shape))
    for key in path:
        found = tuple(inner for outer in found for inner in fields_of(outer, key))
    return Expected(found)


def names_in(types: Iterable[shapes.Type]) -> frozenset[str] | None:
    """Return the squeezed names of all fields within types; None: somewhere any name may stand."""
    found: set[str] = set()
    seen: set[type] = set()
    queue = [inner for outer in types for inner in unwrapped(outer)]
    for shape in queue:
        match shape:
            case (
                shapes.StructType(cls=kind, fields=fields)
                | shapes.DataclassType(cls=kind, fields=fields)
                | shapes.NamedTupleType(cls=kind, fields=fields)
                | shapes.TypedDictType(cls=kind, fields=fields)
            ):
                if kind not in seen:
                    seen.add(kind)
                    found.update(key for each in fields for key in key_path(each.encode_name))
                    queue += [inner for each in fields for inner in unwrapped(each.type)]
            case shapes.DictType() | shapes.AnyType() | shapes.CustomType() | shapes.RawType():
                return None
            case _:
                pass
    return frozenset(found)


def unwrapped(shape: shapes.Type) -> Iterator[shapes.Type]:
    """Yield the types of single values; lists are no level, as in rules."""
    match shape:
        case shapes.Metadata(type=inner):
            yield from unwrapped(inner)
        case shapes.ListType(item_type=inner) | shapes.VarTupleType(item_type=inner):
            yield from unwrapped(inner)
        case shapes.SetType(item_type=inner) | shapes.FrozenSetType(item_type=inner):
            yield from unwrapped(inner)
        case shapes.TupleType(item_types=inners) | shapes.UnionType(types=inners):
            for each in inners:
                yield from unwrapped(each)
        case _:
            yield shape


def fields_of(shape: shapes.Type, key: str) -> Iterator[shapes.Type]:
    """Yield what may stand under a key; of what is no record anything may."""
    match shape:
        case (
            shapes.StructType(fields=fields)
            | shapes.DataclassType(fields=fields)
            | shapes.NamedTupleType(fields=fields)
            | shapes.TypedDictType(fields=fields)
        ):
            for field in fields:
                if key_path(field.encode_name) == (key,):
                    yield from unwrapped(field.type)
        case shapes.DictType(value_type=inner):
            yield from unwrapped(inner)
        case shapes.NoneType():
            pass
        case _:
            yield shapes.AnyType()

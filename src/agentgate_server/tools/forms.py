"""Forms: what a tool gets, written as JSON again, for the policy.

Between what an agent writes and what a function is called with, types convert: ``production`` to a
member of an enumeration whose value is ``prod``, ``{}`` to a record full of defaults, base64 to
bytes. Here the way back is gone, from the value itself and not by msgspec's encoder, which leaves
out what equals a default. Where one value is said in several ways (a time in another zone, bytes
as base64 or as text, a record as an array), all of them are forms of it.

Nothing of this is needed for types whose values are what is written, see ``is_exact``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import Any, Final

import msgspec
import msgspec.inspect as shapes

from agentgate_server.policy.leaves import DEPTH_MAX, LEAVES_MAX
from agentgate_server.policy.meanings import Either

SCALARS: Final = frozenset({type(None), bool, int, float, str})
CONTAINERS: Final = frozenset({list, tuple, dict, set, frozenset})

NODES_MAX: Final = 2 * LEAVES_MAX
"""Values, keys and records of one argument that are written; a policy looks at no more."""

LEFT_OUT: Final = object()
"""Stands for what was not written."""

UNSAYABLE: Final = object()
"""Stands for what JSON can't say, or what is too much: no JSON, so to a policy it is anything."""

LOCAL: Final = object()
"""The zone of this machine, which may change with the season."""

EXACT: Final = (
    shapes.AnyType,
    shapes.NoneType,
    shapes.BoolType,
    shapes.IntType,
    shapes.FloatType,
    shapes.StrType,
    shapes.LiteralType,
)
"""Kinds of types whose values are what is written. (A whole number where a floating-point one is
expected keeps its value as far as one can hold it, and policy knows of the rest.)"""


def is_exact(hint: Any) -> bool:
    """Whether the values of a type are just what is written in JSON, with nothing filled in."""
    try:
        return is_exact_shape(shapes.type_info(hint))
    except TypeError:  # a type that msgspec can't tell of
        return False


def is_fixed(hint: Any) -> bool:
    """Whether the same is so, and no number is within: 5 becomes 5.0 where that is expected, and
    5.0 a member 5 of an enumeration."""
    return is_exact(hint) and not holds_numbers(shapes.type_info(hint))


def holds_numbers(shape: shapes.Type) -> bool:
    """Whether an exact type expects numbers of one kind somewhere."""
    match shape:
        case shapes.Metadata(type=inner):
            return holds_numbers(inner)
        case shapes.ListType(item_type=inner) | shapes.VarTupleType(item_type=inner):
            return holds_numbers(inner)
        case shapes.TupleType(item_types=inners) | shapes.UnionType(types=inners):
            return any(map(holds_numbers, inners))
        case shapes.DictType(value_type=inner):
            return holds_numbers(inner)
        case _:
            return isinstance(shape, shapes.IntType | shapes.FloatType | shapes.EnumType)


def is_exact_shape(shape: shapes.Type) -> bool:
    """The same of what msgspec tells of a type. Records never are: they ignore what they lack."""
    match shape:
        case shapes.Metadata(type=inner):
            return is_exact_shape(inner)
        case shapes.ListType(item_type=inner) | shapes.VarTupleType(item_type=inner):
            return is_exact_shape(inner)
        case shapes.TupleType(item_types=inners) | shapes.UnionType(types=inners):
            return all(map(is_exact_shape, inners))
        case shapes.DictType(key_type=shapes.StrType() | shapes.AnyType(), value_type=inner):
            return is_exact_shape(inner)
        case shapes.EnumType(cls=kind):
            return next(each for each in kind.__mro__ if "_missing_" in vars(each)) is Enum
        case shapes.CustomType(cls=kind):
            return kind is object
        case _:
            return isinstance(shape, EXACT)


def either(value: Any, written: Any = LEFT_OUT) -> Any:
    """Return all that a value may be said as, for deny and ask rules.

    Args:
        value: what the tool gets.
        written: what it was made of, as decoded JSON; ``LEFT_OUT``: it is a default.

    Returns:
        JSON, or an ``Either`` of several; ``UNSAYABLE`` instead of what JSON can't say.
    """
    walk = Walk(final=True)
    forms = [walk.said(value, LEFT_OUT)]
    if walk.has_other_forms and walk.nodes_left >= 0:
        forms.append(Walk(named=True).said(value, written))
        others = (Walk(named=True, as_text=True, zone=zone) for zone in (UTC, LOCAL))
        forms += [other.said(value, written) for other in others]
    if written is not LEFT_OUT:
        forms.append(written)
    distinct: list[Any] = []
    for form in forms:
        if form not in distinct:
            distinct.append(form)
    return distinct[0] if len(distinct) == 1 else Either(distinct)


def bound_form(value: Any) -> Any:
    """Return the one form of a value, as JSON: what a tool gets, with nothing left out that is not
    None by default. ``UNSAYABLE`` if JSON can't say all of it.

    Times keep their zone; sets are in order; decimals are text, bytes base64.
    """
    walk = Walk(final=True)
    form = walk.said(value, LEFT_OUT)
    return form if walk.is_whole else UNSAYABLE


def given(value: Any, written: Any) -> Any:
    """Return what was given as the tool gets it, without defaults, for allow rules."""
    return Walk(only_given=True).said(value, written)


@dataclasses.dataclass(slots=True)
class Walk:
    """One walk over a value.

    Attributes:
        final: write the one form of a value, whatever was written.
        only_given: leave out of records what was not written.
        named: write records that are arrays in JSON with the names of their fields, and decimals
            that were written as numbers as text.
        as_text: write bytes as text, and not in base64.
        zone: bring times to this zone; None: leave them in their own.
        nodes_left: how many values may still be written.
        is_whole: JSON can say all that was met.
        has_other_forms: there was something that ``named``, ``as_text`` or ``zone`` would change.
    """

    final: bool = False
    only_given: bool = False
    named: bool = False
    as_text: bool = False
    zone: Any = None
    nodes_left: int = NODES_MAX
    is_whole: bool = True
    has_other_forms: bool = False

    def said(self, value: Any, written: Any, depth: int = 0) -> Any:
        """Write one value; where it says the same as ``written``, that is kept."""
        self.nodes_left -= 1
        if depth > DEPTH_MAX or self.nodes_left < 0:
            self.is_whole = False
            return UNSAYABLE
        kind: Any = type(value)
        if kind is float and not math.isfinite(value):
            self.is_whole = False
        if kind in SCALARS:
            return written if is_same(value, written) else value
        if kind in CONTAINERS and len(value) > self.nodes_left:
            self.nodes_left = -1  # nothing of the rest is looked at either
            self.is_whole = False
            return UNSAYABLE
        if (form := record_of(kind)) is not None:
            return self.record(value, form, written, depth)
        match value:
            case Enum():
                return self.said(value.value, written, depth)
            case Mapping():
                return self.mapping(value, written, depth)
            case set() | frozenset():
                return self.collection(value, written, depth)
            case list() | tuple():
                items = written if isinstance(written, list) else ()
                return [self.said(v, at(items, i), depth + 1) for i, v in enumerate(value)]
            case _:
                return self.single(value, written)

    def single(self, value: Any, written: Any) -> Any:
        """Write a value that is no record, has nothing in it, and is none of JSON's own."""
        match value:
            case bytes() | bytearray() | memoryview():
                self.has_other_forms = True
                if self.as_text:
                    return bytes(value).decode("utf-8", "backslashreplace")
            case datetime() | time() if value.tzinfo is not None:
                self.has_other_forms = True
                value = moved(value, self.zone)
            case Decimal() if isinstance(written, int | float) and str(value) == str(written):
                self.has_other_forms = True  # JSON has decimals as text
                if not self.named:
                    return written
            case PurePath():
                return str(value)
        try:
            return msgspec.to_builtins(value)
        except Exception:  # an object of the user's may raise anything
            self.is_whole = False
            return UNSAYABLE

    def record(self, value: Any, form: Record, written: Any, depth: int) -> Any:
        """Write a record, defaults included unless only what was given counts.

        A field that is None by default is left out: a rule on ``null`` takes it so as well.
        """
        as_array = form.is_array and not self.named
        self.has_other_forms |= form.is_array
        found: dict[str, Any] = {}
        for index, (attribute, key) in enumerate(form.fields):
            was = at(written, index if isinstance(written, list) else key)
            field = form.tag if attribute == TAG else getattr(value, attribute, msgspec.UNSET)
            if field is msgspec.UNSET or (was is LEFT_OUT and self.only_given):
                continue
            is_told = was is not LEFT_OUT or (self.final and attribute not in form.nones)
            if field is not None or is_told or as_array:
                found[key] = self.said(field, was, depth + 1)
        return [*found.values()] if as_array else found

    def mapping(self, value: Mapping[Any, Any], written: Any, depth: int) -> Any:
        """Write keys and values. Keys that became equal are one."""
        old = [*written.values()] if isinstance(written, dict) else []
        old = old if len(old) == len(value) else []
        items = enumerate(value.items())
        return {key_text(key): self.said(item, at(old, i), depth + 1) for i, (key, item) in items}

    def collection(self, value: Iterable[Any], written: Any, depth: int) -> Any:
        """Write a set in order, or as it was written if it has the same members once each."""
        items = sorted((self.said(item, LEFT_OUT, depth + 1) for item in value), key=order_of)
        if isinstance(written, list) and sorted(written, key=order_of) == items:
            return written
        return items


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """What kind of record a class is.

    Attributes:
        fields: the attributes with their names in JSON, the tag included, in the order of an array.
        is_array: it is an array in JSON.
        tag: what its tag says, if it has one.
        nones: the attributes that are None if they are left out.
    """

    fields: tuple[tuple[str, str], ...]
    is_array: bool = False
    tag: str | int | None = None
    nones: frozenset[str] = frozenset()


TAG: Final = "\0tag"
"""Stands for an attribute where the tag is."""


@cache
def record_of(kind: type) -> Record | None:
    """Return what kind of record a class is; None: it is none."""
    if issubclass(kind, msgspec.Struct):
        config = kind.__struct_config__
        fields = tuple(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
        tag = () if config.tag_field is None else ((TAG, config.tag_field),)
        defaults = kind.__struct_defaults__
        last = kind.__struct_fields__[len(fields) - len(defaults) :]
        nones = frozenset(name for name, each in zip(last, defaults, strict=True) if each is None)
        return Record((*tag, *fields), config.array_like, config.tag, nones)
    names: tuple[str, ...] = ()
    of_class: tuple[Any, ...] = ()
    if issubclass(kind, tuple):
        names = getattr(kind, "_fields", ())
    elif not issubclass(kind, Enum):
        attributes = getattr(kind, "__attrs_attrs__", ())
        of_class = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else attributes
        of_class = tuple(of_class)
        names = tuple(each.name for each in of_class)
    fields = tuple((name, name) for name in names)
    nones = frozenset(each.name for each in of_class if each.default is None)
    return Record(fields, is_array=issubclass(kind, tuple), nones=nones) if names else None


def at(written: Any, place: Any) -> Any:
    """Return what was written in a place, or ``LEFT_OUT``."""
    if isinstance(written, dict):
        return written.get(place, LEFT_OUT)
    if isinstance(written, list) and isinstance(place, int) and place < len(written):
        return written[place]
    return LEFT_OUT


def is_same(value: Any, written: Any) -> bool:
    """Whether a single value is what was written: 5.0 is 5, true is not 1."""
    return value is written or (
        isinstance(value, bool) is isinstance(written, bool) and bool(value == written)
    )


def moved(value: datetime | time, zone: Any) -> datetime | time:
    """Bring a moment to a zone; a time of day only to UTC, since other zones have seasons."""
    target: tzinfo | None = None if zone is LOCAL else zone
    try:
        if zone is None or (zone is LOCAL and isinstance(value, time)):
            return value
        if isinstance(value, datetime):
            return value.astimezone(target)
        return datetime.combine(date(2000, 1, 1), value).astimezone(target).timetz()
    except (OverflowError, ValueError):  # the first and last days there are
        return value


def key_text(key: Any) -> str:
    """Write the key of a mapping."""
    try:
        (text,) = msgspec.to_builtins({key: None}, str_keys=True)
        return str(text)
    except Exception:  # see said
        return str(key)


def order_of(form: Any) -> bytes:
    """Put members of a set in an order that is always the same."""
    try:
        return msgspec.json.encode(form, order="deterministic")
    except TypeError:
        return b""

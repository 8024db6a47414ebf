"""Mending: what agents write otherwise than a type says, and what can mean one thing only.

Models write ``null`` for what they leave out, and programs of other languages 128.0 for 128, which
JSON Schema calls an integer too. Both are mended, at every depth, where the type allows nothing
else; the rest is left for ``msgspec.convert`` to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec.inspect as shapes

EXACT_MAX: Final = 2**53
"""Up to here a floating-point number is the whole number that it shows."""

KINDS: Final[dict[type, tuple[type, ...]]] = {
    dict: (shapes.StructType, shapes.DataclassType, shapes.TypedDictType, shapes.DictType),
    list: (shapes.ListType, shapes.VarTupleType, shapes.SetType, shapes.FrozenSetType),
}
"""Of which kinds of types objects and lists can be; all else that is mended is a number."""

Mend = Callable[[Any], Any]
"""Returns a value as its type wants it: itself, if there is nothing to mend."""


class Menders:
    """What mends the values of types. A type may hold itself, so each is made when it is needed."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[shapes.Type, Mend]] = {}

    def of(self, shape: shapes.Type) -> Mend:
        """Return what mends the values of one type."""
        found = self._made.get(id(shape))
        if found is None:
            found = self._made[id(shape)] = shape, self._make(shape)
        return found[1]

    def _make(self, shape: shapes.Type) -> Mend:
        match shape:
            case shapes.Metadata(type=inner):
                return self.of(inner)
            case shapes.IntType():
                return whole
            case shapes.EnumType() | shapes.LiteralType():
                return whole if all(type(value) is int for value in values_of(shape)) else same
            case (
                shapes.ListType(item_type=inner)
                | shapes.VarTupleType(item_type=inner)
                | shapes.SetType(item_type=inner)
                | shapes.FrozenSetType(item_type=inner)
            ):
                return partial(self._mend_list, inner)
            case shapes.DictType(value_type=inner):
                return partial(self._mend_dict, inner)
            case shapes.StructType(array_like=True):
                return same
            case shapes.StructType() | shapes.DataclassType() | shapes.TypedDictType():
                fields = {field.encode_name: field for field in shape.fields}
                return partial(self._mend_record, fields)
            case shapes.UnionType(types=types):
                return partial(self._mend_either, types)
            case _:
                return same

    def _mend_list(self, inner: shapes.Type, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        mended = [self.of(inner)(item) for item in value]
        untouched = all(one is other for one, other in zip(mended, value, strict=True))
        return value if untouched else mended

    def _mend_dict(self, inner: shapes.Type, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        mended = {key: self.of(inner)(item) for key, item in value.items()}
        return value if is_untouched(mended, value) else mended

    def _mend_record(self, fields: Mapping[str, shapes.Field], value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        mended = {}
        for key, inner in value.items():
            field = fields.get(key)
            if field is None:
                mended[key] = inner
            elif inner is not None or field.required or takes_null(field.type):
                mended[key] = self.of(field.type)(inner)
        return value if is_untouched(mended, value) else mended

    def _mend_either(self, types: Iterable[shapes.Type], value: Any) -> Any:
        """Mend what only one of several types can mean."""
        if isinstance(value, float) and any(isinstance(each, shapes.FloatType) for each in types):
            return value
        kind = KINDS.get(type(value), (shapes.IntType,))
        fitting = [each for each in types if isinstance(unwrapped(each), kind)]
        return self.of(fitting[0])(value) if len(fitting) == 1 else value


def same(value: Any) -> Any:
    """Mend nothing."""
    return value


def whole(value: Any) -> Any:
    """Return the whole number that a floating-point one is."""
    if type(value) is float and value.is_integer() and abs(value) <= EXACT_MAX:
        return int(value)
    return value


def is_untouched(mended: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether an object holds the very values that it held."""
    return len(mended) == len(value) and all(mended[key] is value[key] for key in value)


def unwrapped(shape: shapes.Type) -> shapes.Type:
    """Return a type without what is only said of it."""
    while isinstance(shape, shapes.Metadata):
        shape = shape.type
    return shape


def values_of(shape: shapes.EnumType | shapes.LiteralType) -> list[Any]:
    """Return the values that a type lists."""
    if isinstance(shape, shapes.EnumType):
        return [member.value for member in shape.cls]
    return list(shape.values)


def takes_null(shape: shapes.Type) -> bool:
    """Whether null is, or may be, a value of a type."""
    shape = unwrapped(shape)
    if isinstance(shape, shapes.UnionType):
        return any(map(takes_null, shape.types))
    if isinstance(shape, shapes.EnumType | shapes.LiteralType):
        return None in values_of(shape)
    return isinstance(shape, shapes.AnyType | shapes.NoneType | shapes.CustomType | shapes.RawType)

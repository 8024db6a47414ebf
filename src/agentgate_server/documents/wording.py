"""What errors say about a type and about what stands in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec import inspect

from agentgate_proto.durations import FORM
from agentgate_server.documents.errors import shorten
from agentgate_server.documents.nodes import ListNode, MapNode, Node, Scalar
from agentgate_server.documents.spans import NAMES, unit_of


def broken_constraint(value: Any, kind: inspect.Type) -> str:
    """Return which ``msgspec.Meta`` constraint of the type the value breaks, as a phrase, or ""."""
    match kind:
        case inspect.IntType() | inspect.FloatType():
            if kind.ge is not None and value < kind.ge:
                return f"be at least {kind.ge}"
            if kind.gt is not None and value <= kind.gt:
                return f"be more than {kind.gt}"
            if kind.le is not None and value > kind.le:
                return f"be at most {kind.le}"
            if kind.lt is not None and value >= kind.lt:
                return f"be less than {kind.lt}"
            if kind.multiple_of is not None and value % kind.multiple_of:
                return f"be a multiple of {kind.multiple_of}"
        case inspect.StrType():
            if kind.min_length is not None and len(value) < kind.min_length:
                return "not be empty" if not value else f"have {kind.min_length} characters or more"
            if kind.max_length is not None and len(value) > kind.max_length:
                return f"have at most {kind.max_length} characters"
            if kind.pattern is not None and not re.search(kind.pattern, value):
                return f"match {kind.pattern}"
        case (
            inspect.DictType()
            | inspect.ListType()
            | inspect.SetType()
            | (inspect.FrozenSetType() | inspect.VarTupleType())
        ):
            if kind.min_length is not None and len(value) < kind.min_length:
                return f"have {kind.min_length} entries or more"
            if kind.max_length is not None and len(value) > kind.max_length:
                return f"have at most {kind.max_length} entries"
        case _:
            pass
    return ""


def wanted(kind: inspect.Type) -> str:
    """Say what a type wants, for ``needs ...``."""
    match kind:
        case inspect.Metadata():
            unit_s = unit_of(kind)
            return f"{NAMES[unit_s]} or a duration {FORM}" if unit_s else wanted(kind.type)
        case inspect.UnionType():
            return " or ".join(dict.fromkeys(wanted(member) for member in kind.types))
        case inspect.StructType() | inspect.DataclassType():
            return f"keys ({join_some(field.encode_name for field in kind.fields)})"
        case inspect.DictType():
            return "keys and values"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "nothing"
        case inspect.EnumType():
            return f"one of {', '.join(str(member.value) for member in kind.cls)}"
        case inspect.LiteralType():
            return f"one of {', '.join(str(value) for value in kind.values)}"
        case inspect.StrType() | inspect.CustomType():
            return "text"
        case _:
            return "a list"


def found(node: Node) -> str:
    """Say what stands there; what a variable brought in is never shown."""
    match node:
        case ListNode():
            return "a list"
        case MapNode():
            return "keys and values"
        case Scalar() if node.value is None:
            return "nothing"
        case Scalar() if isinstance(node.value, bool):
            return node.source.lower()
        case Scalar() if isinstance(node.value, str):
            return f"the text {shorten(node.source)!r}"
        case _:
            return f"the number {shorten(node.source)}"


def join_some(names: Iterable[str], count_max: int = 8) -> str:
    """List names, at most so many."""
    listed = list(names)
    return ", ".join(listed[:count_max]) + (", …" if len(listed) > count_max else "")


def shape(kind: inspect.Type) -> str:
    """Return which kind of node a type is made from."""
    match kind:
        case inspect.Metadata():
            return shape(kind.type)
        case inspect.StructType() | inspect.DataclassType() | inspect.DictType():
            return "mapping"
        case (
            inspect.ListType()
            | inspect.SetType()
            | (inspect.FrozenSetType() | inspect.VarTupleType())
        ):
            return "list"
        case inspect.NoneType():
            return "nothing"
        case _:
            return "scalar"


def shape_of(node: Node) -> str:
    """Return the same word for a node."""
    match node:
        case MapNode():
            return "mapping"
        case ListNode():
            return "list"
        case _:
            return "nothing" if node.value is None else "scalar"

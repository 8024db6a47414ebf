"""Nodes to typed values: msgspec's types, but errors that name the line and the nearest word.

msgspec itself reports one error, by path only, and cannot see how a scalar was written. Here the
type is walked next to the tree, every error is collected, and two spellings are forgiven: a value
that came from ``${VAR}`` is text and may become the number or truth value that is wanted, and
where a truth value is wanted ``yes``, ``no``, ``on`` and ``off`` are one (as in YAML 1.1). Nothing
else is converted, no key is ignored.

Supported: Structs and dataclasses, dict, list, tuple, set, str, int, float, bool, None, Enum,
Literal, unions, Any, ``msgspec.Meta`` constraints, spans of time (:mod:`.spans`), and any other
class that is made from a text (``pathlib.Path``, ``Secret``), which may refuse it with a
ValueError.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from msgspec import inspect

from agentgate_proto.durations import parse_duration
from agentgate_server.documents.errors import (
    DocumentError,
    Path,
    did_you_mean,
    format_path,
    raise_first,
    shorten,
)
from agentgate_server.documents.nodes import ListNode, MapNode, Node, Scalar, plain_data
from agentgate_server.documents.spans import broken_span, unit_of
from agentgate_server.documents.wording import broken_constraint, found, shape, shape_of, wanted

T = TypeVar("T")

INTEGER_TEXT = re.compile(r"[-+]?[0-9](?:_?[0-9])*")
FLOAT_TEXT = re.compile(r"[-+]?(?:[0-9](?:_?[0-9])*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
INTEGER_CHARS_MAX = 40
TRUE_WORDS = frozenset({"true", "yes", "on"})
FALSE_WORDS = frozenset({"false", "no", "off"})
ListTypes = inspect.ListType | inspect.SetType | inspect.FrozenSetType | inspect.VarTupleType
ObjectTypes = inspect.StructType | inspect.DataclassType


def decode(root: Node, kind: type[T], *, name: str) -> T:
    """Convert a tree into ``kind``.

    Raises:
        DocumentError: the first error by line; ``others`` are the rest.
        TypeError: ``kind`` contains what is not supported: a programmer's error.
    """
    decoder = Decoder(name)
    wanted_type: Any = kind
    value: T = decoder.convert(root, looked_at(wanted_type), (), root.line)
    raise_first(decoder.errors)
    return value


@cache
def looked_at(kind: Any) -> inspect.Type:
    """What msgspec knows of a type. To look takes longer than to convert a document."""
    return inspect.type_info(kind)


class Failed:
    """Stands for a value whose error was noted."""


FAILED = Failed()


class Decoder:
    """One walk over a tree; collects errors.

    Args:
        name: what errors call the document.
        forgiving: whether texts from variables and words for truth values are converted.
    """

    def __init__(self, name: str, *, forgiving: bool = True) -> None:
        self.name = name
        self.forgiving = forgiving
        self.errors: list[DocumentError] = []

    def convert(self, node: Node, kind: inspect.Type, path: Path, line: int | None) -> Any:
        """Return the value, or FAILED after noting why. ``line`` is where an error is reported."""
        match kind:
            case inspect.Metadata():
                if (unit_s := unit_of(kind)) and isinstance(node, Scalar):
                    return self.convert_duration(node, kind, unit_s, path, line)
                return self.convert(node, kind.type, path, line)
            case inspect.AnyType():
                return plain_data(node)
            case inspect.UnionType():
                return self.convert_union(node, kind, path, line)
            case inspect.StructType() | inspect.DataclassType():
                return self.convert_object(node, kind, path, line)
            case inspect.DictType():
                return self.convert_dict(node, kind, path, line)
            case (
                inspect.ListType()
                | inspect.SetType()
                | inspect.FrozenSetType()
                | inspect.VarTupleType()
            ):
                return self.convert_list(node, kind, path, line)
            case _ if isinstance(node, Scalar):
                return self.convert_scalar(node, kind, path, line)
            case _:
                return self.mismatch(node, kind, path, line)

    def convert_object(self, node: Node, kind: ObjectTypes, path: Path, line: int | None) -> Any:
        """Make a Struct or dataclass of a mapping; no key is ignored, none may be missing."""
        if not isinstance(node, MapNode):
            return self.mismatch(node, kind, path, line)
        fields = {field.encode_name: field for field in kind.fields}
        values: dict[str, Any] = {}
        for key, item in node.items.items():
            at, key_line = (*path, key), node.key_lines[key]
            if key not in fields:
                hint = did_you_mean(key, fields) or f"; the keys here are {', '.join(fields)}"
                self.fail(at, key_line, f"unknown key {shorten(key)!r}{hint}")
                values[key] = FAILED
            else:
                field = fields[key]
                values[field.name] = self.convert(item, field.type, at, key_line)
        missing = [f.encode_name for f in fields.values() if f.required and f.name not in values]
        for key in missing:
            self.fail((*path, key), line, f"is missing: add {key!r}")
        if missing or FAILED in values.values():
            return FAILED
        try:
            return kind.cls(**values)
        except ValueError as error:
            return self.fail(path, line, str(error))

    def convert_dict(self, node: Node, kind: inspect.DictType, path: Path, line: int | None) -> Any:
        """Make a dict of a mapping; its keys are converted like texts."""
        if not isinstance(node, MapNode):
            return self.mismatch(node, kind, path, line)
        values = {}
        for key, item in node.items.items():
            at, key_line = (*path, key), node.key_lines[key]
            as_scalar = Scalar(key_line, key, key, key, plain=False, substituted=False)
            name = self.convert(as_scalar, kind.key_type, at, key_line)
            value = self.convert(item, kind.value_type, at, key_line)
            if name is not FAILED:
                values[name] = value
        if FAILED in values.values() or len(values) < len(node.items):
            return FAILED
        return self.check_length(values, kind, path, line)

    def convert_list(self, node: Node, kind: ListTypes, path: Path, line: int | None) -> Any:
        """Make a list, tuple or set of a list."""
        if not isinstance(node, ListNode):
            return self.mismatch(node, kind, path, line)
        values = [
            self.convert(item, kind.item_type, (*path, index), item.line)
            for index, item in enumerate(node.items)
        ]
        if FAILED in values or self.check_length(values, kind, path, line) is FAILED:
            return FAILED
        match kind:
            case inspect.ListType():
                return values
            case inspect.VarTupleType():
                return tuple(values)
            case inspect.SetType():
                return set(values)
            case _:
                return frozenset(values)

    def convert_union(
        self, node: Node, kind: inspect.UnionType, path: Path, line: int | None
    ) -> Any:
        """Take the first member that fits as written, else the first that fits when forgiving."""
        for forgiving in (False, True) if self.forgiving else (False,):
            for member in kind.types:
                trial = Decoder(self.name, forgiving=forgiving)
                value = trial.convert(node, member, path, line)
                if not trial.errors:
                    return value
        likely = [member for member in kind.types if shape(member) == shape_of(node)]
        if not likely and shape_of(node) != "nothing":
            likely = [member for member in kind.types if shape(member) != "nothing"]
        if len(likely) == 1:
            return self.convert(node, likely[0], path, line)
        return self.mismatch(node, kind, path, line)

    def convert_scalar(self, node: Scalar, kind: inspect.Type, path: Path, line: int | None) -> Any:
        """Make a str, int, float, bool or None."""
        value: Any = FAILED
        match kind:
            case inspect.NoneType():
                value = None if node.value is None else FAILED
            case inspect.StrType():
                value = node.value if isinstance(node.value, str) else FAILED
            case inspect.BoolType():
                value = self.truth(node)
            case inspect.IntType():
                value = self.integer(node)
            case inspect.FloatType():
                value = self.real(node)
            case inspect.EnumType() | inspect.LiteralType():
                return self.convert_choice(node, kind, path, line)
            case inspect.CustomType():
                return self.convert_custom(node, kind, path, line)
            case _:
                raise TypeError(f"documents cannot be decoded into {kind}")
        if value is FAILED:
            hint = ""
            if isinstance(kind, inspect.StrType) and node.value is not None:
                hint = ": put it in quotes"
            return self.fail(path, line, f"needs {wanted(kind)}, found {found(node)}{hint}")
        if broken := broken_constraint(value, kind):
            shown = "" if node.substituted or value == "" else f", found {found(node)}"
            return self.fail(path, line, f"must {broken}{shown}")
        return value

    def convert_duration(
        self, node: Scalar, kind: inspect.Metadata, unit_s: float, path: Path, line: int | None
    ) -> Any:
        """Make a number of a unit of a duration, or of a number alone."""
        value = self.real(node)
        if value is FAILED and isinstance(node.value, str):
            with suppress(ValueError):
                value = parse_duration(node.text) / unit_s
        if value is FAILED:
            return self.fail(path, line, f"needs {wanted(kind)}, found {found(node)}")
        if broken := broken_span(value, kind.type, unit_s):
            shown = "" if node.substituted else f", found {found(node)}"
            return self.fail(path, line, f"must {broken}{shown}")
        return value

    def convert_choice(
        self,
        node: Scalar,
        kind: inspect.EnumType | inspect.LiteralType,
        path: Path,
        line: int | None,
    ) -> Any:
        """Make an enum member or literal."""
        members: dict[Any, Any]
        if isinstance(kind, inspect.EnumType):
            members = {member.value: member for member in kind.cls}
        else:
            members = {value: value for value in kind.values}
        # 1 == True == 1.0 in Python, but not in a document.
        for value, member in members.items():
            if type(value) is type(node.value) and value == node.value:
                return member
        allowed = ", ".join(str(value) for value in members)
        if not isinstance(node.value, str):
            return self.fail(path, line, f"needs one of {allowed}, found {found(node)}")
        shown = shorten(node.source)
        hint = did_you_mean(node.source, (str(value) for value in members))
        return self.fail(path, line, f"{shown!r} is not one of {allowed}{hint}")

    def convert_custom(
        self, node: Scalar, kind: inspect.CustomType, path: Path, line: int | None
    ) -> Any:
        """Make any other class of a text."""
        if not isinstance(node.value, str):
            # The value is not shown: such a class may well stand for a secret.
            is_null = node.value is None
            message = "needs text, found nothing" if is_null else "needs text: put it in quotes"
            return self.fail(path, line, message)
        try:
            return kind.cls(node.value)
        except ValueError as error:
            return self.fail(path, line, str(error))

    def truth(self, node: Scalar) -> Any:
        """Return the truth value that a scalar stands for, or FAILED."""
        if isinstance(node.value, bool):
            return node.value
        if self.forgiving and isinstance(node.value, str) and (node.plain or node.substituted):
            word = node.text.casefold()
            return True if word in TRUE_WORDS else False if word in FALSE_WORDS else FAILED
        return FAILED

    def integer(self, node: Scalar) -> Any:
        """Return the whole number that a scalar stands for, or FAILED."""
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return node.value
        if (
            self.forgiving
            and node.substituted
            and len(node.text) <= INTEGER_CHARS_MAX
            and INTEGER_TEXT.fullmatch(node.text)
        ):
            return int(node.text)
        return FAILED

    def real(self, node: Scalar) -> Any:
        """Return the finite number that a scalar stands for, or FAILED."""
        value: Any = FAILED
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            value = float(node.value)
        elif self.forgiving and node.substituted and FLOAT_TEXT.fullmatch(node.text):
            value = float(node.text)
        return value if value is not FAILED and math.isfinite(value) else FAILED

    def check_length(
        self, values: Any, kind: ListTypes | inspect.DictType, path: Path, line: int | None
    ) -> Any:
        """Return the values, or FAILED if they are too few or too many."""
        broken = broken_constraint(values, kind)
        return self.fail(path, line, f"must {broken}") if broken else values

    def mismatch(self, node: Node, kind: inspect.Type, path: Path, line: int | None) -> Failed:
        """Note that another kind of node is needed.

        A text is not quoted: it may be a secret that lacks its key (``agent: my-token``).
        """
        is_text = isinstance(node, Scalar) and isinstance(node.value, str)
        shown = "text" if is_text else found(node)
        if isinstance(node, Scalar) and node.value is None:
            shown += ": fill the key or remove it"
        return self.fail(path, line, f"needs {wanted(kind)}, found {shown}")

    def fail(self, path: Path, line: int | None, message: str) -> Failed:
        """Note an error."""
        self.errors.append(DocumentError(self.name, message, line=line, path=format_path(path)))
        return FAILED

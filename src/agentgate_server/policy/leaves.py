"""Leaves: every single value of a request's arguments, with the keys that lead to it.

Lists do not count as a level: ``where: ["a"]`` holds the same leaf as ``where: "a"``. A text that
is JSON holds what the JSON holds, so that an argument cannot hide in quotes. The keys of nested
objects are leaves themselves: ``entities: {lock.front: ...}`` names a thing by a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agentgate_server.policy.meanings import Either
from agentgate_server.policy.rereading import rereadings
from agentgate_server.policy.spelling import (
    EXACT_MAX,
    SPELLINGS_MAX,
    fold,
    is_plain,
    number_text,
    spellings,
    squeeze,
)

LEAVES_MAX = 2_000
"""Values in one request that are looked at; a few milliseconds. Beyond, it may mean anything."""

TEXT_CHARS_MAX = 200_000
"""Characters of all texts of one request that are looked at, in the order of the request. The
texts beyond may mean anything; the others are known all the same."""

FORMS_MAX = 4_000
"""Forms of all texts of one request, shared out evenly; each costs some microseconds."""

DEPTH_MAX = 32
"""Nesting, JSON inside of texts included."""

JSON_STARTS = ("[", "{", '"')

Path = tuple[str, ...]
"""Squeezed keys, from the argument's name downwards."""

Value = bool | int | float | str | None


@dataclass(slots=True)
class Forms:
    """The folded texts that a value may stand for.

    Attributes:
        texts: the texts; the first is the value's own.
        complete: whether there are no others.
    """

    texts: tuple[str, ...]
    complete: bool = True


UNKNOWN = Forms((), complete=False)
"""The forms of a text that is not looked at."""


@dataclass(slots=True)
class Leaf:
    """One value. Made for every request, and not frozen because that would triple its cost.

    Attributes:
        argument: the name of the argument that it is in, as written.
        path: where it stands.
        value: the value; for a key, the key.
        is_key: it is the key of an object that stands at ``path``.
        is_json: it is a text that holds JSON, whose values are leaves too.
        known_forms: its forms, once they are known.
        known_rereadings: what a tool may take it for besides, once that is known.
        forms_max: how many there may be.
    """

    argument: str
    path: Path
    value: Value
    is_key: bool = False
    is_json: bool = False
    known_forms: Forms | None = None
    known_rereadings: Forms | None = None
    forms_max: int = SPELLINGS_MAX

    @property
    def forms(self) -> Forms:
        """What the value may stand for."""
        if self.known_forms is None:
            self.known_forms = forms_of(self.value, self.forms_max)
        return self.known_forms

    @property
    def rereadings(self) -> Forms:
        """What a tool may take the value for besides; for deny and ask rules."""
        if self.known_rereadings is None:
            is_text = isinstance(self.value, str) and not is_plain(self.value)
            found = rereadings(self.forms.texts) if is_text else ((), True)
            self.known_rereadings = Forms(*found)
        return self.known_rereadings


@dataclass(frozen=True, slots=True)
class Leaves:
    """All values of a request.

    Attributes:
        items: the values.
        complete: whether nothing was left out.
        unseen: the arguments in which something is no JSON, so that nobody can see it.
    """

    items: tuple[Leaf, ...]
    complete: bool
    unseen: tuple[str, ...] = ()


def leaves_of(args: Mapping[str, Any]) -> Leaves:
    """List the values of a request's arguments. What is not JSON makes the list incomplete."""
    found: list[Leaf] = []
    complete = True
    unseen: dict[str, None] = {}
    chars_left = TEXT_CHARS_MAX
    # Not recursive: the depth is the caller's choice. Reversed, so that leaves come in order.
    stack = [
        (key, key_path(key), form, 0)
        for key, value in reversed([*args.items()])
        for form in (reversed(value) if type(value) is Either else (value,))
    ]
    while stack:
        argument, path, value, depth = stack.pop()
        size = len(value) if isinstance(value, dict | list) else 1
        if len(found) + len(stack) + size > LEAVES_MAX or depth > DEPTH_MAX:
            return Leaves(tuple(found), complete=False)
        if isinstance(value, str):
            chars_left -= len(value)
            if chars_left < 0:
                found.append(Leaf(argument, path, value, known_forms=UNKNOWN))
                complete &= not value.lstrip().startswith(JSON_STARTS)
                continue
            inner = decode_json(value)
            found.append(Leaf(argument, path, value, is_json=inner is not None))
            if inner is not None:
                stack.append((argument, path, inner, depth + 1))
        elif value is None or isinstance(value, int | float):
            found.append(Leaf(argument, path, value))
        elif isinstance(value, list):
            stack.extend((argument, path, item, depth + 1) for item in reversed(value))
        elif isinstance(value, dict):
            for key, item in reversed([*value.items()]):
                stack.append((argument, (*path, *key_path(key)), item, depth + 1))
                found.append(Leaf(argument, path, key, is_key=True))
        else:
            complete = False
            unseen[argument] = None
    if len(found) > FORMS_MAX // SPELLINGS_MAX:
        for leaf in found:
            leaf.forms_max = FORMS_MAX // len(found)
    return Leaves(tuple(found), complete, tuple(unseen))


def key_path(key: str) -> Path:
    """Return the path that a key stands for: ``target.entity_id`` is two levels."""
    return tuple(squeeze(part) for part in key.split(".")) if "." in key else (squeeze(key),)


def decode_json(text: str) -> Any:
    """Return what a text holds if it is a JSON list, object or text; else None."""
    stripped = text.lstrip()
    if not stripped.startswith(JSON_STARTS):
        return None
    try:
        return msgspec.json.decode(stripped)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def forms_of(value: Value, count_max: int) -> Forms:
    """Return the texts that a value may stand for."""
    if isinstance(value, str):
        texts, complete = spellings(value, count_max)
        return Forms(tuple(texts), complete)
    return Forms((plain_form(value), *rounded(value)))


def rounded(value: Value) -> tuple[str, ...]:
    """Return the other forms of a whole number that a floating-point one can't hold: what becomes
    of it where a tool takes such a number."""
    if not isinstance(value, int) or abs(value) <= EXACT_MAX:
        return ()
    try:
        near = float(value)
    except OverflowError:
        return ()
    return number_text(near), number_text(int(near))


def is_number(value: Value) -> bool:
    """Whether a value is a number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain_form(value: Value) -> str:
    """Return the first folded text of a value."""
    match value:
        case str():
            return fold(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return number_text(value)

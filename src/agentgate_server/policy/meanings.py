"""Meanings: what a tool gets for the arguments that are written.

Types are converted and defaults filled in between the two: ``production`` may become ``prod``, a
UUID loses its capitals, ``{}`` is a whole record. A rule is about what will happen, so a deny or
ask rule matches what is written or what the tool gets, and an allow rule has to match both.

The policy knows no types. Whoever has the tool gives it a ``Meaning``, which is asked only when a
rule looks at arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class Either(tuple[Any, ...]):
    """The forms of one argument, any of which a deny or ask rule may mean. At least one.

    The first is the one that the tool gets, as JSON; each of the others says the same otherwise:
    as it was written, or a time in UTC.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Meant:
    """What a tool gets, where that is not just what is written.

    Attributes:
        whole: every argument, defaults included at every depth, for deny and ask rules; an
            ``Either`` where one has several forms. A value that is not JSON may be anything.
        given: the arguments that were given as the tool gets them, without defaults, for allow
            rules; None: as they are written.
    """

    whole: Mapping[str, Any]
    given: Mapping[str, Any] | None = None


Meaning = Callable[[Mapping[str, Any]], Meant | None]
"""Says what a tool gets for arguments, which are decoded JSON; None: just what is written."""


def as_written(args: Mapping[str, Any]) -> Meant | None:
    """The meaning of arguments of a tool that is not known."""
    return None


def filled_in(
    defaults: Mapping[str, Any],
    args: Mapping[str, Any],
    bound: Mapping[str, Any] | None = None,
) -> Meant | None:
    """The meaning of arguments of a tool that converts nothing, and may take these defaults for
    what is left out of what they are bound to; None: of what is written."""
    bound = args if bound is None else bound
    whole = bound if defaults.keys() <= bound.keys() else {**defaults, **bound}
    return None if whole == args else Meant(whole)


def received(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as the tool gets them, one form of each."""
    return {name: forms_of(value)[0] for name, value in whole.items()}


def forms_of(value: Any) -> tuple[Any, ...]:
    """Return the forms of an argument: one, unless it is an ``Either``."""
    return value if isinstance(value, Either) else (value,)

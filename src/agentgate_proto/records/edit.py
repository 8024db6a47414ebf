"""Editing: a person says yes to other arguments than were asked with.

What was asked stays as it was asked: its digest tells repeats of it, and the audit has it. What is
approved stands beside it, with a digest of its own, and that is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

EDITED_ARGS_MAX = 64
"""Arguments that are changed at once; as many as may differ in a grant."""


class EditTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person changes in the arguments of a request. All others stay as they are asked.

    Attributes:
        set: arguments by name, each in place of the one that was asked with, or besides.
        unset: names of arguments that are left out.

    Raises:
        ValueError: nothing is changed, too much is, or one argument in two ways.
    """

    set: dict[str, Any] = {}
    unset: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.set and not self.unset:
            raise ValueError("an edit sets arguments, or leaves some out")
        if len(self.set) + len(self.unset) > EDITED_ARGS_MAX:
            raise ValueError(f"an edit changes at most {EDITED_ARGS_MAX} arguments")
        if twice := sorted(self.set.keys() & set_of(self.unset)):
            raise ValueError(f"an edit either sets {twice[0][:EDITED_ARGS_MAX]!r} or leaves it out")


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request as a person has edited it. Its attributes are those of ``Record``.

    Attributes:
        args, signature, digest, filled: as the tool gets it, and runs.
        written: digest of the arguments as the person wrote them; "": that is ``digest``.
        changed: names of the arguments that differ from what was asked.
        told: the arguments as the agent is told of them, where a person has put into them what is
            not for it; UNSET: all of them.
    """

    args: msgspec.Raw
    signature: str
    digest: str
    written: str = ""
    filled: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    told: msgspec.Raw | UnsetType = UNSET

    @property
    def for_agent(self) -> msgspec.Raw:
        """The arguments as the agent is told of them."""
        return self.args if self.told is UNSET else self.told


def changed_names(asked: Mapping[str, Any], edited: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of what differs: first of what was asked, in its order, then of what is new.

    Args:
        asked, edited: arguments, decoded JSON.
    """
    names = dict.fromkeys([*asked, *edited])
    return tuple(name for name in names if differs(asked, edited, name))


def differs(asked: Mapping[str, Any], edited: Mapping[str, Any], name: str) -> bool:
    """Whether an argument is another one; 1, 1.0 and true are three values."""
    if (name in asked) is not (name in edited):
        return True
    return msgspec.json.encode(asked[name], order="sorted") != msgspec.json.encode(
        edited[name], order="sorted"
    )


set_of = frozenset
"""``set`` is the name of a member above."""

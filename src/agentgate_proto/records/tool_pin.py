"""Pins: a tool of somebody else's server is used as a person accepted it, or not at all.

What a server says of a tool is what a model acts on and what a person approves; and a server can
say something else at any time. So what is accepted is a hash over all of it: name, title,
description, both schemas, annotations. That of each tool, and which tools there are: a tool that is
new under an accepted text, or two that have changed places, are as good a trick as a changed text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec

from agentgate_proto.digest import canonical_args
from agentgate_proto.records.request import Effects

PINNED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""The members of a definition that a pin is over. Others (icons, ``_meta``) are for display and
transport, and no model is shown them by us."""

DEFINITION_BYTES_MAX = 131_072
"""Of one definition: the largest that are known, with whole APIs in their schemas, have a third."""

DEFINITION_DEPTH_MAX = 64
"""Objects and lists within each other: a schema that somebody has written has a dozen."""

TOOL_NAME_CHARS_MAX = 256
"""What a server calls a tool; MCP recommends 128."""


class Definition(msgspec.Struct, frozen=True):
    """A tool as its server defines it.

    Attributes:
        name: what the server calls it.
        hash: SHA-256 of ``text``, hex: the pin.
        text: canonical JSON of the members that are pinned.
    """

    name: str
    hash: str
    text: msgspec.Raw

    @property
    def members(self) -> dict[str, Any]:
        """The members that are pinned, decoded."""
        members: dict[str, Any] = msgspec.json.decode(self.text)
        return members

    @property
    def said(self) -> bytes:
        """All but the name: tools of which this is the same say the same."""
        members = self.members
        del members["name"]
        return canonical_args(members)


def definition_of(raw: bytes | msgspec.Raw) -> Definition:
    """Read one member of the list of tools.

    Raises:
        ValueError: it can't be one, or is larger or deeper than any; the text says which.
    """
    if len(bytes(raw)) > DEFINITION_BYTES_MAX:
        raise ValueError(f"a definition of more than {DEFINITION_BYTES_MAX:,} bytes")
    try:
        members = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"what is no definition of a tool ({error})") from None
    except RecursionError:
        raise ValueError(f"a definition deeper than {DEFINITION_DEPTH_MAX}") from None
    if is_deep(members):
        raise ValueError(f"a definition deeper than {DEFINITION_DEPTH_MAX}")
    name = members.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= TOOL_NAME_CHARS_MAX:
        raise ValueError(f"a tool without a name of 1 to {TOOL_NAME_CHARS_MAX} characters")
    text = canonical_args({each: members[each] for each in PINNED if each in members})
    return Definition(name, sha256(text).hexdigest(), msgspec.Raw(text))


def is_deep(value: Any) -> bool:
    """Whether there are more than ``DEFINITION_DEPTH_MAX`` objects and lists within each other."""
    level = [value]
    for _ in range(DEFINITION_DEPTH_MAX):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        level = inner
    return any(isinstance(item, dict | list) for item in level)


class Change(StrEnum):
    """What became of a tool."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"
    RENAMED = "renamed"
    """It says the same under another name."""
    SWAPPED = "swapped"
    """It says what another one said, and that one what it said."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between what was accepted and what a server says.

    Attributes:
        change: what became of the tool.
        name: of the tool, as it is called now; of one that is gone, as it was.
        other: its former name, if it is renamed; else the tool that said what it says now; "":
            none did.
        members: of one that changed or is swapped: what is not as it was.
    """

    change: Change
    name: str
    other: str = ""
    members: tuple[str, ...] = ()


def compare(old: Iterable[Definition], new: Iterable[Definition]) -> list[Difference]:
    """Say what is different, in the order of the names.

    Args:
        old: what was accepted; no two of one name.
        new: what the server says; no two of one name.
    """
    before = {each.name: each for each in old}
    after = {each.name: each for each in new}
    said_by = {each.said: name for name, each in before.items()}
    found = []
    renamed = set()
    for name in sorted(after):
        if name not in before:
            other = said_by.get(after[name].said, "")
            if other and other not in after:
                renamed.add(other)
                found.append(Difference(change=Change.RENAMED, name=name, other=other))
            else:
                found.append(Difference(change=Change.NEW, name=name, other=other))
        elif after[name].hash != before[name].hash:
            found.append(changed(before, after, name, said_by.get(after[name].said, "")))
    gone = sorted(before.keys() - after.keys() - renamed)
    found += [Difference(change=Change.GONE, name=name) for name in gone]
    return found


def changed(
    before: Mapping[str, Definition], after: Mapping[str, Definition], name: str, other: str
) -> Difference:
    """Say what has changed of a tool that says now what ``other`` said."""
    old, new = before[name].members, after[name].members
    swapped = bool(other) and other in after and after[other].said == before[name].said
    return Difference(
        change=Change.SWAPPED if swapped else Change.CHANGED,
        name=name,
        other=other,
        members=tuple(each for each in PINNED if not same(each, old, new)),
    )


def same(member: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two definitions say the same in a member; what is not there is not null."""
    if member not in old or member not in new:
        return member not in old and member not in new
    return canonical_args(old[member]) == canonical_args(new[member])


def effects_of(configured: Effects, annotations: object) -> Effects:
    """Say what a tool does to the world: what the configuration says, or more if the server does.

    A server's own word can only tighten: nobody checks it, and clients run what calls itself
    harmless without asking (MCP: "clients MUST consider tool annotations to be untrusted").

    Args:
        configured: by the configuration, which says ``write`` where it says nothing.
        annotations: as the server gives them, or None.
    """
    if configured is Effects.READ and isinstance(annotations, dict):
        denies = annotations.get("readOnlyHint", True) not in (True, None)
        if denies or annotations.get("destructiveHint") is True:
            return Effects.WRITE
    return configured

"""A difference: what was asked and what a person has made of it, in lines for people.

Values come from the agent and from the person; what could be mistaken for other words is quoted as
JSON. They may still hold characters that do not print: whoever shows them must take care of those.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import plain, shown

LINES_MAX = 20
"""Of one difference: what is shown of arguments elsewhere, too."""


def differences(asked: msgspec.Raw, edit: Edit) -> tuple[str, ...]:
    """Return a line for each argument that differs: ``brightness_pct: 100 → 30``.

    Args:
        asked: the arguments that were asked with, as people may see them.
        edit: with its own as people may see them. What differs in truth has a line, though what is
            hidden may look the same.
    """
    old: dict[str, Any] = msgspec.json.decode(asked)
    new: dict[str, Any] = msgspec.json.decode(edit.args)
    lines = [line_of(old, new, name) for name in edit.changed[:LINES_MAX]]
    if len(edit.changed) > LINES_MAX:
        lines.append(f"{len(edit.changed) - LINES_MAX} more arguments differ")
    return tuple(lines)


def line_of(old: dict[str, Any], new: dict[str, Any], name: str) -> str:
    """Say how one argument differs."""
    before = shown(old[name]) if name in old else "(nothing)"
    after = shown(new[name]) if name in new else "(left out)"
    return f"{plain(name)}: {before} → {after}"

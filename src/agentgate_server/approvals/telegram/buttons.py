"""The buttons below a message, and what a tap on one sends back.

A button carries the approval's id, which nobody can guess, and what is chosen. Nothing in it is
believed: who taps is checked, and the desk decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

DATA = re.compile(r"([ad]):([0-9a-f]{1,60})")
"""What our buttons send; Telegram takes 1 to 64 bytes."""


class Choice(StrEnum):
    """What a button stands for."""

    APPROVE = "a"
    DENY = "d"


@dataclass(frozen=True, slots=True)
class Button:
    """A button: its label, and what a tap sends."""

    label: str
    data: str


Rows = tuple[tuple[Button, ...], ...]


def rows_for(rid: str) -> Rows:
    """The buttons of an approval that waits."""
    return ((button("✅ Approve", Choice.APPROVE, rid), button("❌ Deny", Choice.DENY, rid)),)


def button(label: str, choice: Choice, rid: str) -> Button:
    """A button that makes this choice on this approval."""
    return Button(label, f"{choice}:{rid}")


def choice_of(data: str | None) -> tuple[Choice, str] | None:
    """Read what a tap sent: the choice and the approval's id; None: it is none of ours."""
    found = DATA.fullmatch(data or "")
    return (Choice(found[1]), found[2]) if found else None

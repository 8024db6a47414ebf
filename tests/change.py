"""A small change of our own sources: one exact text, and what stands there instead.

Whoever claims to notice mistakes is tried with such changes: the simulator and the tests
(``tests.sim.mutations``), the conformance tests (``tests.conformance.wrong``). If the text is not
in the file any more the change has to be written anew: a list that goes stale proves nothing.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

SRC = Path(__file__).parents[1] / "src"


@dataclass(frozen=True)
class Change:
    """One change.

    Attributes:
        name: what it does, as a command: "send a call twice".
        file: below ``src``.
        old, new: exact texts; ``old`` stands in the file once.
    """

    name: str
    file: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        """The file that it changes."""
        return SRC / self.file

    def made_in(self, text: str) -> str:
        """Return the text of the file with the change in it."""
        return text.replace(self.old, self.new)


def why_stale(change: Change) -> str:
    """Say why a change cannot be made, or not any more; "": it can."""
    if not change.path.is_file():
        return f"there is no {change.file}"
    text = change.path.read_text("utf-8")
    found = text.count(change.old)
    if found != 1:
        return f"{change.file} has its text {found} times: {change.old!r}"
    if change.old == change.new:
        return "it changes nothing"
    try:  # what is no program is noticed by whoever reads it, and proves nothing
        ast.parse(change.made_in(text))
    except SyntaxError as error:
        return f"{change.file} with it is no program: {error}"
    return ""

"""The table of the SDK's errors in ``docs/sdk.md``; ``python -m tests.error_table`` makes it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from agentgate_proto.errors import ERRORS, AgentGateError, RateLimited, TooLarge, UnknownTool

PAGE = Path(__file__).parent.parent / "docs" / "sdk.md"
MARKERS = ("<!-- errors: made by tests/error_table.py -->\n", "<!-- end -->")

OF_NO_CODE = {RateLimited: [-32006], TooLarge: [-32602, -32006], UnknownTool: [-32004, -32011]}
"""Kinds that are told apart by what else is said."""

INDENT = "&nbsp;&nbsp;&nbsp;"


def codes_of(kind: type[AgentGateError]) -> list[int]:
    """Return the codes that raise just this class."""
    own = [int(row.code) for row in ERRORS.values() if row.exception is kind]
    return OF_NO_CODE.get(kind, own)


def words_of(kind: type[AgentGateError]) -> str:
    """Return what a class says of itself, without the codes that stand beside it."""
    text = inspect.cleandoc(kind.__doc__ or "")
    text = re.sub(r":class:`(\w+)`", r"`\1`", text.replace("``", "`"))
    return re.sub(r" \((?:-\d+(?:, )?)+\)", "", " ".join(text.split()))


def rows(kind: type[AgentGateError] = AgentGateError, depth: int = -1) -> list[str]:
    """Make the rows of a class and of those that extend it, each under its first base."""
    found = []
    if depth >= 0:
        codes = ", ".join(map(str, codes_of(kind)))
        found.append(f"| {INDENT * depth}`{kind.__name__}` | {codes} | {words_of(kind)} |")
    for each in kind.__subclasses__():
        if each.__bases__[0] is kind:
            found += rows(each, depth + 1)
    return found


def rendered(text: str) -> str:
    """The page with its table made anew."""
    head, rest = text.split(MARKERS[0])
    tail = rest.split(MARKERS[1], 1)[1]
    table = "\n".join(["| exception | codes | what happened |", "| --- | --- | --- |", *rows()])
    return f"{head}{MARKERS[0]}{table}\n{MARKERS[1]}{tail}"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")

"""Google-style docstrings: what a tool does, and what each of its arguments means."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from itertools import pairwise

SECTION = re.compile(
    r"(Args|Arguments|Parameters|Attributes|Returns?|Yields?|Raises|Warns|Examples?|Notes?"
    r"|Warnings?|See Also|References|Todo):\s*$"
)
ARGUMENTS = ("Args", "Arguments", "Parameters")
ITEM = re.compile(r"(?P<indent>\s+)\*{0,2}(?P<name>\w+)\s*(\([^)]*\))?:(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a docstring says.

    Attributes:
        description: everything above the first section.
        arguments: argument name → its description, on one line.
    """

    description: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def parse_docstring(text: str | None) -> Docstring:
    """Read a docstring. Never raises: what does not look like a section is description."""
    lines = inspect.cleandoc(text or "").splitlines()
    headers = [index for index, line in enumerate(lines) if SECTION.match(line)]
    description = "\n".join(lines[: headers[0]] if headers else lines).strip()
    arguments: dict[str, str] = {}
    for start, end in pairwise([*headers, len(lines)]):
        if lines[start].rstrip().rstrip(":") in ARGUMENTS:
            arguments.update(parse_items(lines[start + 1 : end]))
    return Docstring(description, arguments)


def parse_items(lines: list[str]) -> dict[str, str]:
    """Read the indented ``name: text`` items of one section, with their continuation lines."""
    items: dict[str, list[str]] = {}
    indent: str | None = None
    current: list[str] | None = None
    for line in lines:
        if line and not line[0].isspace():
            break
        item = ITEM.match(line)
        if item and (indent is None or item["indent"] == indent):
            indent = item["indent"]
            current = items[item["name"]] = [item["text"].strip()]
        elif current is not None and line.strip():
            current.append(line.strip())
    return {name: " ".join(texts).strip() for name, texts in items.items()}

"""The page for when it does not work: what it quotes is what the program says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
VARIES = "…"
PLACES = re.compile(r"%(?:\.\d)?[sdgrf]|\{[a-z_!:]*\}")
"""What stands for a value in a text of the log, or in one that is filled in later."""

QUOTES = [
    quote
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for quote in re.findall(r"`([^`]+)`", line.split(" | ")[0])
]
COMMANDS = re.findall(r"agent-gate ([a-z]+)", PAGE)


def text_of(node: ast.AST) -> str | None:
    """A text of the program, with a sign for what varies."""
    if isinstance(node, ast.JoinedStr):
        parts = (text_of(part) or VARIES for part in node.values)
        return "".join(parts)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return PLACES.sub(VARIES, node.value)
    return None


@cache
def texts() -> str:
    """All texts of the program, one a line."""
    found: dict[str, None] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if text := text_of(node):
                found[text] = None
    return "\n".join(found)


@pytest.mark.parametrize("quote", QUOTES)
def test_what_the_page_quotes_is_said(quote: str) -> None:
    words = quote.strip(VARIES)
    assert len(words) >= 15, "too short to be found by"
    assert words in texts()


def test_the_page_has_rows_and_its_commands_exist() -> None:
    from agentgate_cli.main import COMMANDS as KNOWN

    assert len(QUOTES) > 25
    assert set(COMMANDS) <= set(KNOWN)


def test_each_row_says_why_and_what_to_do() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    assert all(
        len([cell for cell in row.strip("|").split(" | ") if cell.strip()]) == 3 for row in rows
    )

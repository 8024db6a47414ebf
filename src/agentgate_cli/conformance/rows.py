"""What conformance tests come to: one row each, and how they are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from agentgate_cli.exits import Exit
from agentgate_cli.style import bad, dim, good, note, say
from agentgate_cli.text import printable

Verdict = Literal["passed", "failed", "skipped"]

STYLES = {"passed": good, "failed": bad, "skipped": dim}


class Row(msgspec.Struct, frozen=True):
    """One test: what came of it, and why if it did not pass.

    Attributes:
        name, verdict: of the test.
        rule: what must be, in a sentence.
        why: what was instead.
        level: the level of the protocol that it belongs to.
        rules: those of ``spec/`` that it tests; of one that failed, those that were broken.
    """

    name: str
    verdict: Verdict
    rule: str
    why: str = ""
    level: str = ""
    rules: tuple[str, ...] = ()


def tell(row: Row, *, as_json: bool) -> None:
    """Print a row as soon as it is known."""
    if as_json:
        say(msgspec.json.encode(row).decode())
    else:
        why = f"  {printable(row.why)}" if row.why else ""
        say(f"{STYLES[row.verdict](row.verdict):<7} {row.name}{why}")


def either(texts: Sequence[str]) -> str:
    """Texts of which none was found, for a message."""
    return " or ".join(map(repr, texts))


def conclude(rows: list[Row], *, as_json: bool) -> int:
    """Print the sum; return the exit code."""
    counts: Counter[str] = Counter(row.verdict for row in rows)
    if as_json:
        sums = {name: counts[name] for name in STYLES}
        say(msgspec.json.encode({"ok": not counts["failed"], **sums}).decode())
    else:
        parts = [f"{counts[name]} {name}" for name in STYLES if counts[name]]
        note(", ".join(parts) or "nothing was played")
    return Exit.DENIED if counts["failed"] or not counts["passed"] else Exit.OK

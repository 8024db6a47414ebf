"""The rules of the specification, read from its pages.

A rule is an item of a list that begins with its name and whose it is: ``- **R6** (client) …``. It
ends where the item ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SPEC = Path(__file__).parent.parent.parent / "spec"

NO_RULES = ("README.md", "CHECKLIST.md", "exchanges.md", "testing.md")
"""Pages that speak of rules and have none of their own."""

HEAD = re.compile(r"- \*\*([A-Z]\d+)\*\* \((client|gateway|both)\) (.*)")
WORDS = re.compile(r"\b(?:MUST|SHOULD|MAY)\b")
LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")
NAMED = re.compile(r"\b[A-Z]\d{1,2}\b")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: its letter and number, such as "R6".
        mark: whose it is: "client", "gateway" or "both".
        level: the page that it stands on, without its ending.
        text: what it says, in one line, without links.
    """

    id: str
    mark: str
    level: str
    text: str

    @property
    def is_must(self) -> bool:
        """Whether it binds, so that something has to test it."""
        return re.search(r"\bMUST\b", self.text) is not None

    @property
    def sides(self) -> tuple[str, ...]:
        """Whom it binds."""
        return ("client", "gateway") if self.mark == "both" else (self.mark,)

    @property
    def duty(self) -> str:
        """What it says up to the last sentence that binds; of one that does not, its first one."""
        sentences = re.split(r"(?<=\.)\s+(?=[A-Z`])", self.text)
        binding = [n for n, sentence in enumerate(sentences) if "MUST" in sentence]
        return " ".join(sentences[: max(binding, default=0) + 1])


def rules() -> list[Rule]:
    """All rules, page by page, in the order in which they stand there."""
    return [rule for page in pages() for rule in rules_of(page)]


def pages() -> list[Path]:
    """The pages that have rules."""
    return sorted(path for path in SPEC.glob("*.md") if path.name not in NO_RULES)


def rules_of(page: Path) -> list[Rule]:
    """The rules of one page."""
    return taken_apart(page.read_text("utf-8"), page.stem)[0]


def taken_apart(text: str, level: str) -> tuple[list[Rule], list[str]]:
    """Return the rules of a page, and its lines outside of rules, without what is an example."""
    found: list[Rule] = []
    outside: list[str] = []
    item: list[str] | None = None
    is_example = False
    for line in text.splitlines():
        if line.strip().startswith("```"):
            is_example = not is_example
            continue
        if is_example:
            continue
        if head := HEAD.fullmatch(line):
            item = [head[3]]
            found.append(Rule(head[1], head[2], level, head[3]))
        elif item is not None and line.startswith("  ") and line.strip()[:1] not in ("|", "<"):
            item.append(line.strip())
            said = LINK.sub(r"\1", " ".join(item))
            found[-1] = Rule(found[-1].id, found[-1].mark, level, said)
        else:
            item = None
            outside.append(line)
    return found, outside

"""The seeds of real worlds that once failed, each with the words that say what it was."""

from __future__ import annotations

from pathlib import Path

LIST = Path(__file__).with_name("regressions.txt")


def regressions() -> list[int]:
    """The seeds of the list."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return [int(line) for line in lines if line]


def remember(seed: int, text: str) -> None:
    """Add a seed to the list, unless it is there."""
    if seed not in regressions():
        words = " ".join(text.split())[:120]
        with LIST.open("a") as file:
            file.write(f"{seed}  # {words}\n")

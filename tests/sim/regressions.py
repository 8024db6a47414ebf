"""The seeds that once failed, each with the words that say what it was; they are run for ever."""

from __future__ import annotations

from pathlib import Path


class Regressions:
    """A list of seeds in a file, a line each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def seeds(self) -> list[int]:
        """The seeds of the list."""
        lines = (line.partition("#")[0].strip() for line in self.path.read_text().splitlines())
        return [int(line) for line in lines if line]

    def remember(self, seed: int, text: str) -> None:
        """Add a seed to the list, unless it is there."""
        if seed not in self.seeds():
            words = " ".join(text.split())[:120]
            with self.path.open("a") as file:
                file.write(f"{seed}  # {words}\n")


REGRESSIONS = Regressions(Path(__file__).with_name("regressions.txt"))

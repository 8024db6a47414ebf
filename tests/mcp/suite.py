"""The public conformance suite of MCP, at a pinned version, and what it says."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.npm import installed, program

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
BOUND_S = 240.0

PASSED = re.compile(r"^\W*(?P<name>[a-z][a-z0-9-]+): (?P<passed>\d+) passed, (?P<failed>\d+) failed", re.M)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the suite says of a server.

    Attributes:
        scenarios: how many checks of each passed and failed.
        text: all that it printed.
    """

    scenarios: dict[str, tuple[int, int]]
    text: str

    @property
    def passed(self) -> int:
        """Checks that passed, in all."""
        return sum(passed for passed, _ in self.scenarios.values())

    @property
    def failed(self) -> int:
        """Checks that failed, in all."""
        return sum(failed for _, failed in self.scenarios.values())

    @property
    def failing(self) -> dict[str, tuple[int, int]]:
        """The scenarios in which some failed."""
        return {name: counts for name, counts in self.scenarios.items() if counts[1]}


def examine(folder: Path, url: str, *options: str) -> Verdict:
    """Play the suite against a server.

    Args:
        folder: where it may write.
        url: of the server.
        options: which scenarios: ``--requirements 2026-07-28``, ``--scenario ping``.

    Raises:
        AssertionError: it said nothing that can be counted.
    """
    where = installed(PACKAGE)
    command = [*program(where, "@modelcontextprotocol/conformance"), "server", "--url", url, *options]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    text = done.stdout + done.stderr
    found = {each["name"]: (int(each["passed"]), int(each["failed"])) for each in PASSED.finditer(text)}
    if not found:  # one scenario alone has no summary of all
        total = re.search(r"Passed: (\d+)/(\d+), (\d+) failed", text)
        assert total is not None, text[-4_000:]
        found = {options[-1]: (int(total[1]), int(total[3]))}
    return Verdict(found, text)

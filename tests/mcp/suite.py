"""The public conformance suite of MCP, at a pinned version, and what it says."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.mcp.node22 import NODE, node22
from tests.npm import installed, program

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
BOUND_S = 240.0

ROW = re.compile(r"^\W*([a-z][a-z0-9-]+): (\d+) passed, (\d+) failed", re.MULTILINE)
TOTAL = re.compile(r"^Passed: (\d+)/\d+, (\d+) failed", re.MULTILINE)


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
    where = installed(NODE, PACKAGE)
    _, script = program(where, "@modelcontextprotocol/conformance")
    command = [node22(where), script, "server", "--url", url, *options]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    text = done.stdout + done.stderr
    found = {name: (int(passed), int(failed)) for name, passed, failed in ROW.findall(text)}
    if not found:  # one scenario alone has no summary of all
        total = TOTAL.search(text)
        assert total is not None, text[-4_000:]
        found = {options[-1]: (int(total[1]), int(total[2]))}
    return Verdict(found, text)

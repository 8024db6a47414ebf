"""The conformance suite of MCP, run against a server."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.mcp.acceptance.programs import CONFORMANCE, npm_program

BOUND_S = 600.0
STAMP = re.compile(r"-\d{4}-\d\d-\d\dT.*")


@dataclass(slots=True)
class Verdict:
    """What came of one scenario.

    Attributes:
        passed: checks.
        failed: names of checks, each with what was wrong.
    """

    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)


Verdicts = dict[str, Verdict]


def examined(url: str, *arguments: str) -> Verdicts:
    """Run scenarios against a server; return what came of each, by its name.

    Args:
        url: of the server.
        arguments: which: ``--requirements 2025-11-25`` or ``--scenario NAME``.

    Raises:
        AssertionError: the suite gave no results.
    """
    command = npm_program(CONFORMANCE)
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [*command, "server", "--url", url, "-o", folder, *arguments],
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
        files = sorted(Path(folder).rglob("checks.json"))
        assert files, f"the suite gave no results:\n{run.stdout[-2_000:]}\n{run.stderr[-2_000:]}"
        return {scenario_of(path.parent.name): verdict_of(path) for path in files}


def scenario_of(folder: str) -> str:
    """``server-ping-2026-11-30T04-27-30-610Z``: the scenario ``ping``."""
    return STAMP.sub("", folder.removeprefix("server-"))


def verdict_of(path: Path) -> Verdict:
    """Read the checks of one scenario."""
    verdict = Verdict()
    for check in json.loads(path.read_text()):
        if check["status"] == "SUCCESS":
            verdict.passed += 1
        elif check["status"] == "FAILURE":
            verdict.failed[check["name"]] = check.get("errorMessage") or check["description"]
    return verdict


def totals(verdicts: Verdicts) -> tuple[int, int]:
    """Passed and failed checks in all."""
    found = verdicts.values()
    return sum(each.passed for each in found), sum(len(each.failed) for each in found)

"""The conformance suite on the gate's client of MCP servers. What is about OAuth is not played: a
person logs in at the command line, and no server can bring that about."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.mcp.acceptance.programs import CONFORMANCE, npm_program
from tests.mcp.acceptance.suite import verdict_of

ROOT: Final = Path(__file__).parents[3]
BOUND_S: Final = 90.0

SCENARIOS: Final = {
    "2025-11-25": (
        *("initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"),
    ),
    "2026-07-28": (
        *("tools_call", "request-metadata", "sep-2322-client-request-state"),
        *("http-standard-headers", "http-custom-headers", "http-invalid-tool-headers"),
        "json-schema-ref-no-deref",
    ),
}


def run() -> list[str]:
    """Run it, and return what went wrong."""
    problems = []
    for revision, scenarios in SCENARIOS.items():
        for scenario in scenarios:
            failed = played(revision, scenario)
            print(f"  {revision} {scenario:40} {'; '.join(failed) or 'ok'}", flush=True)
            problems += [f"{revision} {scenario}: {each}" for each in failed]
    return problems


def played(revision: str, scenario: str) -> list[str]:
    """Play one scenario; return what was wrong."""
    command = shlex.join([sys.executable, "-m", "tests.mcp.acceptance.backend_client"])
    which = "--scenario", scenario, "--spec-version", revision
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run(
            [*npm_program(CONFORMANCE), "client", "--command", command, "-o", folder, *which],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
        files = list(Path(folder).rglob("checks.json"))
        if not files:
            return [f"no results: {said.stdout[-300:]}{said.stderr[-300:]}"]
        verdicts = [verdict_of(file) for file in files]
    nothing = [] if any(each.passed for each in verdicts) else ["nothing was checked"]
    failed = [f"{name}: {why}" for each in verdicts for name, why in each.failed.items()]
    return nothing + failed

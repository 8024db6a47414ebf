"""The conformance suite: the fixture server alone, then behind the gate.

What the server passes alone it must pass through the gate. The tasks extension is the gate's own:
the server knows none, and a call becomes a task there when a person is asked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.e2e.process import AGENT_TOKEN
from tests.mcp.acceptance.proxy import TokenProxy
from tests.mcp.acceptance.suite import Verdicts, examined, totals
from tests.mcp.acceptance.world import Person, fixture_server, gate, wait_for_tools

REVISIONS: Final = ("2025-11-25", "2026-07-28")
TASKS: Final = (
    "slow_compute",
    "confirm_delete",
    "multi_input",
    "failing_job",
    "protocol_error_job",
)
"""Of these calls a person is asked, so that they become tasks."""

OF_THE_SERVER: Final = {
    "tasks-required-task-error": "no tool here needs tasks: who does not know them is held",
    "tasks-mrtr-composition": "a person is asked before a tool runs, not after it has asked",
}
"""Scenarios of the tasks extension that ask for something else than this gate does, and why."""

REQUIRED_PASSED: Final = {"2025-11-25": 82, "2026-07-28": 190}
"""Checks that must pass. Of the 84 of the older revision two are none for the gate: it answers in
one piece where it can, and its stream does not break off when a server's does."""


def run() -> list[str]:
    """Run it, print a table, and return what went wrong."""
    problems = []
    with fixture_server() as url, behind_gate(url) as through:
        for revision in REVISIONS:
            alone = examined(url, "--requirements", revision)
            behind = examined(through, "--requirements", revision)
            problems += compared(revision, alone, behind)
    return problems


@contextmanager
def behind_gate(url: str) -> Iterator[str]:
    """Put a gate before the fixture server; yield the URL for clients without a token."""
    server = {
        "url": url,
        "private": True,
        "prefix": "",
        "effects": {"*": "read"},
        "pins": "first-use",
        "resources": True,
        "prompts": True,
    }
    ask = tuple(f"{each}*" for each in TASKS)
    with (
        tempfile.TemporaryDirectory() as folder,
        gate(Path(folder), {"ev": server}, ask=ask) as running,
        TokenProxy(running.port, AGENT_TOKEN) as proxy,
        Person(running),
    ):
        wait_for_tools(running, "test_simple_text", AGENT_TOKEN)
        yield f"http://127.0.0.1:{proxy.port}/mcp"


def compared(revision: str, alone: Verdicts, behind: Verdicts) -> list[str]:
    """Print how the gate did beside the server alone, and return what it must not fail."""
    problems = []
    print(f"\n{revision:44} alone    through the gate")
    for scenario in sorted(alone.keys() | behind.keys()):
        before, after = alone.get(scenario), behind.get(scenario)
        if after is None:
            problems.append(f"{revision} {scenario}: not run")
            continue
        known = f"{before.passed:3} / {len(before.failed)}" if before else "-"
        print(f"  {scenario:42} {known:8} {after.passed:3} / {len(after.failed)}")
        lacking = before.failed if before and not scenario.startswith("tasks-") else {}
        for check, why in after.failed.items():
            reason = OF_THE_SERVER.get(scenario) or (check in lacking and "the server's own")
            print(f"      {reason or 'FAILED'}: {check}: {why}")
            if not reason:
                problems.append(f"{revision} {scenario}: {check}: {why}")
    (passed, failed), (had, lacked) = totals(behind), totals(alone)
    print(f"  {'in all':42} {had:3} / {lacked:<2} {passed:3} / {failed}", flush=True)
    if passed < REQUIRED_PASSED[revision]:
        problems.append(f"{revision}: {passed} passed, {REQUIRED_PASSED[revision]} are needed")
    return problems

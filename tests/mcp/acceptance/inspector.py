"""The MCP Inspector's command line against the gate: each era, each way in which a call can end."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.process import AGENT_TOKEN, PERMISSIONS, GatewayProcess
from tests.mcp.acceptance.programs import INSPECTOR, npm_program
from tests.mcp.acceptance.world import Person

Ending = tuple[list[str], int, str]
ERAS: Final = ("legacy", "auto", "modern")
ENDINGS: Final[dict[str, Ending]] = {
    "get_state": (["entity_id=sensor.temp"], 0, "21.3"),
    "allowed_write": (["key=no"], 5, "never that"),
    "broken_write": (["key=a"], 5, "stuck"),
}
"""By tool: its arguments, the exit code, and what the text must say: allowed, denied by a rule,
failed."""

POLICY: Final = PERMISSIONS | {
    "rules": [
        *PERMISSIONS["rules"],
        {"pattern": "allowed_write(no)", "action": "deny", "description": "never that"},
    ]
}

ASKED: Final = "asked_write"
"""A person is asked. Who knows tasks follows one until they have answered; who does not is told
that the call is pending."""

MEMBERS: Final = {"content", "isError", "structuredContent", "_meta", "resultType"}
"""What a result of a call may have."""

RUNS: Final = 3
NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
NAME_CHARS: Final = 48
BOUND_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a run came to."""

    code: int
    out: str
    err: str


def run() -> list[str]:
    """Run it, and return what went wrong."""
    problems = []
    with (
        tempfile.TemporaryDirectory() as name,
        GatewayProcess(Path(name), {"faces": {"mcp": {"hold_s": 1}}}, POLICY) as gate,
    ):
        for era in ERAS:
            problems += calls(gate, era)
            problems += lists(gate, era)
    return problems


def calls(gate: GatewayProcess, era: str) -> list[str]:
    """Call each tool once."""
    problems = called(gate, era, ENDINGS)
    if era == "legacy":
        return problems + called(gate, era, {ASKED: (["key=a"], 5, "gate_result")})
    with Person(gate):
        return problems + called(gate, era, {ASKED: ([f"key={era}"], 0, f"wrote {era}")})


def called(gate: GatewayProcess, era: str, endings: dict[str, Ending]) -> list[str]:
    """Call these, and compare."""
    problems = []
    for tool, (arguments, code, words) in endings.items():
        chosen = [part for pair in arguments for part in ("--tool-arg", pair)]
        said = inspect(gate, era, "tools/call", "--tool-name", tool, *chosen)
        result = result_in(said.out)
        print(f"  {era:7} {tool:14} exit code {said.code}", flush=True)
        if said.code != code:
            problems.append(f"{era} {tool}: exit code {said.code}: {said.out} {said.err}")
        if words not in said.out:
            problems.append(f"{era} {tool}: says nothing of {words!r}: {said.out}")
        if result is None or not result.keys() <= MEMBERS:
            problems.append(f"{era} {tool}: no result of a call: {said.out}")
    return problems


def lists(gate: GatewayProcess, era: str) -> list[str]:
    """List the tools some times."""
    found = []
    for _ in range(RUNS):
        said = inspect(gate, era, "tools/list", "--strict")
        if said.code:
            return [f"{era} tools/list: exit code {said.code}: {said.out} {said.err}"]
        listed = result_in(said.out) or {}
        found.append([tool["name"] for tool in listed.get("tools", [])])
    names = found[0]
    problems = []
    if not names or any(each != names for each in found) or names != sorted(names):
        problems.append(f"{era} tools/list: not one sorted list: {found}")
    if not all(set(name) <= NAME and len(name) <= NAME_CHARS for name in names):
        problems.append(f"{era} tools/list: names that clients would change: {names}")
    print(f"  {era:7} tools/list     {len(names)} tools", flush=True)
    return problems


def inspect(gate: GatewayProcess, era: str, method: str, *more: str) -> Said:
    """Run the Inspector once."""
    done = subprocess.run(
        [
            *npm_program(INSPECTOR),
            "--cli",
            f"http://127.0.0.1:{gate.port}/mcp",
            *("--transport", "http", "--protocol-era", era),
            *("--header", f"Authorization: Bearer {AGENT_TOKEN}"),
            *("--format", "json", "--method", method),
            *more,
        ],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def result_in(text: str) -> dict[str, Any] | None:
    """The result that was printed, as the Inspector wraps it."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        found = json.JSONDecoder().raw_decode(text[start:])[0]
    except ValueError:
        return None
    result = found.get("result") if isinstance(found, dict) else None
    return result if isinstance(result, dict) else None

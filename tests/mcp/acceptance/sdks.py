"""Clients that others make theirs with, in both eras: the TypeScript SDK's and FastMCP's.

Each lists, calls what is allowed and what is denied, is held until a person has said yes, hears of
that, and gives a call up. (The official Python SDK is in the tests of every day.)
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.e2e.process import AGENT_TOKEN, GatewayProcess, until
from tests.mcp.acceptance.programs import FASTMCP, TYPESCRIPT, npm_home, python_program

HERE: Final = Path(__file__).parent
VERSIONS: Final = {"legacy": "2025-11-25", "auto": "2026-07-28"}
BOUND_S: Final = 90.0


def run() -> list[str]:
    """Run it, and return what went wrong."""
    node, home = npm_home(TYPESCRIPT)
    python = python_program(FASTMCP, "python")
    commands = {
        TYPESCRIPT: ([node, str(HERE / "ts_client.mjs")], [str(home)]),
        FASTMCP[0]: ([python, str(HERE / "fastmcp_client.py")], []),
    }
    problems = []
    for name, (command, more) in commands.items():
        for mode in VERSIONS:
            problem = played(command, mode, more)
            print(f"  {mode:7} {name:42} {problem or 'ok'}", flush=True)
            if problem:
                problems.append(f"{mode} {name}: {problem}")
    return problems


def played(command: list[str], mode: str, more: list[str]) -> str:
    """Play it with one client; return what was wrong, or ""."""
    with (
        tempfile.TemporaryDirectory() as name,
        GatewayProcess(Path(name), {"faces": {"mcp": {}}}) as gate,
    ):
        url = f"http://127.0.0.1:{gate.port}/mcp"
        process = subprocess.Popen(
            [*command, url, AGENT_TOKEN, mode, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            decide(gate, mode)
            out, said = process.communicate(timeout=BOUND_S)
            assert process.returncode == 0, said[-1_000:]
            compare(gate, mode, [json.loads(line) for line in out.splitlines()])
        except (AssertionError, subprocess.TimeoutExpired) as error:
            process.kill()
            out, said = process.communicate()
            return f"{error}\n{out[-1_000:]}{said[-1_000:]}"
    return ""


def decide(gate: GatewayProcess, mode: str) -> None:
    """Say yes to the first, and see the second one withdrawn."""
    (first,) = gate.wait_for_approvals()
    assert gate.decide(first["id"], "approve")[0] == 200

    def second() -> list[dict[str, Any]]:
        return [each for each in gate.approvals() if each["id"] != first["id"]]

    until(second, "the call that is given up")
    until(lambda: not gate.approvals(), "that nobody is asked", 2 * BOUND_S)


def compare(gate: GatewayProcess, mode: str, lines: list[dict[str, Any]]) -> None:
    """Look at what the client says of it."""
    listed, allowed, denied, asked, cancelled, after = lines
    assert listed["version"] == VERSIONS[mode], listed
    assert {"get_state", "asked_write", "gate_result"} <= set(listed["tools"]), listed
    structured = {"entity_id": "sensor.temp", "state": "21.3"}
    assert (allowed["allowed"]["error"], allowed["allowed"]["structured"]) == (False, structured)
    assert denied["denied"]["error"], denied
    assert "never that" in denied["denied"]["text"], denied
    assert (asked["asked"]["error"], asked["asked"]["text"]) == (False, f"wrote held {mode}"), asked
    assert asked["heard"] >= 1, asked
    assert cancelled == {"cancelled": True}
    assert after["after"]["error"] is False, after
    starts = gate.starts()
    assert starts["asked_write", f"held {mode}"] == 1, starts
    assert starts["asked_write", f"given up {mode}"] == 0, starts

"""mcp-remote between a client on stdio and the gate: it opens in one era and calls in the other."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from tests.e2e.process import AGENT_TOKEN, GatewayProcess
from tests.mcp.acceptance.programs import MCP_REMOTE, npm_program

MODES: Final = ("legacy", "auto")
BOUND_S: Final = 60.0


def run() -> list[str]:
    """Run it, and return what went wrong."""
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "gate").mkdir()
        with GatewayProcess(folder / "gate", {"faces": {"mcp": {}}}) as gate:
            for mode in MODES:
                said = anyio.run(called, gate, mode, folder)
                print(f"  {mode:7} mcp-remote {said}", flush=True)
                if "21.3" not in said:
                    problems.append(f"{mode} mcp-remote: {said}")
    return problems


async def called(gate: GatewayProcess, mode: str, folder: Path) -> str:
    """Call a tool by it; return what came."""
    url = f"http://127.0.0.1:{gate.port}/mcp"
    node, script = npm_program(MCP_REMOTE)
    arguments = [script, url, "--allow-http", "--header", f"Authorization:Bearer {AGENT_TOKEN}"]
    server = StdioServerParameters(
        command=node, args=arguments, env={"MCP_REMOTE_CONFIG_DIR": str(folder)}
    )
    with anyio.fail_after(BOUND_S):
        async with Client(server, mode=mode) as client:  # type: ignore[arg-type]
            result = await client.call_tool("get_state", {"entity_id": "sensor.temp"})
    return str(result.content)

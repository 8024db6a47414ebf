"""Scenes with an MCP server behind the gate."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.e2e.process import AGENT_TOKEN, until
from tests.mcp.clients.models import Wish, wish
from tests.mcp.clients.scenes import EVERY, REQUEST_ID, collecting
from tests.mcp.clients.world import BOUND_S, HEARD_S, Scene, World, scene

SERVERS = Path(__file__).resolve().parents[2] / "server/tools/mcp"
"""Programs that are such servers."""

LOG = "log"
MODERN = "2026-07-28"
INFO = {"name": "look", "version": "1"}


def stub(folder: Path) -> dict[str, Any]:
    """A server with a tool ``echo``, whose results have a schema."""
    program = str(SERVERS / "stub_server.py")
    command = [sys.executable, program, "stdio", f"log={folder / LOG}"]
    return {"ev": {"command": command, "prefix": "", "pins": "first-use", "tools": ["echo"]}}


def calls_of_stub(world: World) -> int:
    """How many calls of its tool came to it."""
    lines = (world.folder / "servers" / LOG).read_text().splitlines()
    return sum(json.loads(line).get("event") == "START" for line in lines)


@scene(
    "a tool with an output schema, never approved in time, collected later",
    EVERY,
    wish("echo", text="hello"),
    Wish("gate_result", collecting),
    hold_s=20,
    servers=stub,
)
def schema_pending(world: World) -> None:
    world.asked()
    until(lambda: len(world.script.results) == 1, "the pending text", BOUND_S)
    told = world.script.results[0]
    assert "gate_result" in told, told
    assert REQUEST_ID.search(told), told
    world.approve()
    results = world.finish()
    assert "hello" in results[1], results
    assert calls_of_stub(world) == 1


def tool(name: str) -> dict[str, Any]:
    """One of the server's."""
    return {"name": name, "description": f"Does {name}.", "inputSchema": {"type": "object"}}


def changing(folder: Path) -> dict[str, Any]:
    """A server whose tools are those of a file."""
    file, log = folder / "tools.json", folder / LOG
    file.write_text(json.dumps([tool("first_act"), tool("old_act")]))
    command = [sys.executable, str(SERVERS / "changing_server.py"), str(file), str(log)]
    return {"ch": {"command": command, "prefix": ""}}


def review(world: World) -> None:
    """Accept what the servers offer, as an operator does at the command line."""
    program = str(Path(sys.executable).with_name("agent-gate"))
    config = str(world.gateway.folder / "config.yaml")
    command = [program, "mcp", "review", "--yes", "--config", config]
    subprocess.run(command, check=True, capture_output=True, timeout=BOUND_S)


def offers(world: World, name: str) -> bool:
    """Whether the gate offers a tool to its clients."""
    told = {"protocolVersion": MODERN, "clientInfo": INFO, "clientCapabilities": {}}
    meta = {f"io.modelcontextprotocol/{key}": value for key, value in told.items()}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    request = urllib.request.Request(
        f"http://127.0.0.1:{world.gateway.port}/mcp",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {AGENT_TOKEN}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": "tools/list",
        },
    )
    with urllib.request.urlopen(request, timeout=BOUND_S) as response:
        tools = json.load(response)["result"]["tools"]
    return any(each["name"] == name for each in tools)


@scene(
    "the tools of a server change in the middle",
    "claude opencode",  # Codex and, without its screen, Gemini CLI look at what there is once
    wish("first_act"),
    wish("new_act"),
    servers=changing,
    starts=False,
    policy={"defaults": [{"pattern": "*", "action": "ask"}], "rules": []},
)
def tools_change(world: World) -> None:
    review(world)
    until(lambda: offers(world, "first_act"), "the server's tools")
    world.start_client()
    world.asked()
    file = world.folder / "servers" / "tools.json"
    file.write_text(json.dumps([tool("first_act"), tool("new_act")]))
    until(lambda: not offers(world, "old_act"), "the end of what is gone")
    assert not offers(world, "new_act"), "nobody has accepted it"
    review(world)
    until(lambda: offers(world, "new_act"), "what was accepted")
    time.sleep(2 * HEARD_S)  # clients look again when they are told to
    world.approve()
    until(lambda: len(world.script.results) == 1, "the first outcome", BOUND_S)
    world.asked()
    world.approve()
    results = world.finish()
    assert "did new_act" in results[1], results


SERVER_SCENES = tuple(each for each in list(globals().values()) if isinstance(each, Scene))

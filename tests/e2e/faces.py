"""A gateway that serves the faces of seeds 003 and 004, with a model that needs no account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.process import GatewayProcess

from agentgate_server import tool

MODEL = "claude-sonnet-4.5"

SCRIPT = """
scenes:
  - when: "List files in current directory"
    say: "I'll list the files"
    call: {tool: ListDir, args: {path: "."}}
    then:
      - say: "Here are the files:\\n"
"""
"""Seed 003's example."""

PERMISSIONS = {
    "defaults": [{"pattern": "*", "action": "ask"}],
    "rules": [{"pattern": "ListDir*", "action": "allow"}],
}


@tool(effects="read", name="ListDir")
def list_dir(path: str) -> str:
    """List the files of a folder."""
    return f"{path}: README.md src"


@tool(name="Remove")
def remove(path: str) -> str:
    """Remove a file."""
    return f"removed {path}"


def faces_gateway(folder: Path, **more: Any) -> GatewayProcess:
    """Set up a gateway with both faces, open to this machine, and the model of seed 004."""
    (folder / "scenes.yaml").write_text(SCRIPT)
    models = {
        MODEL: {"backend": "rehearsal"},
        "seed003": {"backend": "rehearsal", "script": "scenes.yaml"},
    }
    sessions = {"default_model": MODEL, "models": models}
    config = {
        "sessions": {**sessions, **more.pop("sessions", {})},
        "faces": {"agentspace": {"open": True}, "universal_agent": {"open": True}},
        "tools": {"python": ["tests.e2e.faces"]},
        **more,
    }
    return GatewayProcess(folder, config, PERMISSIONS)

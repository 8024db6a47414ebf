"""A gateway, a person who says yes, and a vendor of models, for programs that bring these together.

The vendors are stand-ins that speak their wire; the gateway, its policy and the person are real.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from tests.standins.answering_models import AnsweringModels

from agentgate_client import ApprovalsClient
from agentgate_local import LocalSessions
from agentgate_server import tool
from agentgate_server.policy import Policy

BOUND_S = 240.0
EXAMPLES = Path(__file__).parent.parent.parent / "examples"

POLICY = """
rules:
  - {tool: get_time, action: allow}
  - {pattern: "write_note(secret*)", action: deny, description: Secrets stay here}
defaults: [{pattern: "*", action: ask}]
"""


@tool(effects="read", inline=True)
def get_time() -> str:
    """Say what time it is."""
    return "2026-11-30T18:00"


@tool(effects="write", inline=True)
def write_note(name: str, text: str) -> dict[str, Any]:
    """Write a note."""
    return {"name": name, "bytes": len(text)}


@dataclass
class World:
    """A gateway, a person who says yes, and a vendor."""

    gate: LocalSessions
    models: AnsweringModels

    async def run(self, *words: str | Path) -> str:
        """Run a program to its end; return what it prints."""
        variables = {
            "GATE_URL": self.gate.url,
            "GATE_TOKEN": self.gate.token,
            "OPENAI_API_KEY": self.models.KEY,
            "OPENAI_BASE_URL": f"{self.models.url}/v1",
            "ANTHROPIC_API_KEY": self.models.KEY,
            "ANTHROPIC_BASE_URL": self.models.url,
        }
        kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        with anyio.fail_after(BOUND_S):
            done = await anyio.run_process(
                [sys.executable, "-W", "error::RuntimeWarning", *words],
                env={**kept, **variables},
                check=False,
            )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Let a person say yes to everything that is asked."""
    tools = [get_time, write_note]
    async with (
        AnsweringModels() as models,
        LocalSessions(tools=tools, policy=Policy.parse(POLICY), approver="kim") as gate,
        ApprovalsClient(gate.url, gate.approver_token) as desk,
        anyio.create_task_group() as tasks,
    ):

        async def say_yes() -> None:
            async for approval in desk.watch():
                if approval.status == "waiting":
                    await desk.decide(approval.id, "approve")

        tasks.start_soon(say_yes)
        yield World(gate, models)
        tasks.cancel_scope.cancel()

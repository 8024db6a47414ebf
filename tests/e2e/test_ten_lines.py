"""Agents in ten lines: the examples, with the vendors' own SDKs, at a real gateway.

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
import pytest
from tests.standins.answering_models import AnsweringModels

from agentgate_client import ApprovalsClient
from agentgate_local import LocalSessions
from agentgate_server import tool
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

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

    async def run(self, program: str, question: str) -> str:
        """Run an example to its end; return what it prints."""
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
                [sys.executable, "-W", "error::RuntimeWarning", EXAMPLES / program, question],
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


TURNS = [
    [("c1", "get_time", {}), ("c2", "write_note", {"name": "secret", "text": "1234"})],
    [("c3", "write_note", {"name": "milk", "text": "buy milk"})],
    [("c4", "get_tim", {})],
    "It is six, and I noted it.",
]
"""What the models do: an allowed call beside a denied one, one that a person is asked about, and
one to a tool that there is none of."""

PAGE = EXAMPLES.parent / "docs" / "agents.md"

PROGRAMS = ["openai_agent.py", "openai_responses_agent.py", "anthropic_agent.py"]


@pytest.fixture
def anyio_backend() -> str:
    """The examples run in processes of their own: asyncio there, whatever is here."""
    return "asyncio"


@pytest.mark.parametrize("program", PROGRAMS)
async def test_an_agent_in_ten_lines_is_governed(program: str) -> None:
    async with world() as here:
        here.models.turns.extend(TURNS)
        assert await here.run(program, "Note the time.") == TURNS[-1]
    bodies = here.models.bodies
    assert len(bodies) == len(TURNS)
    said = results_in(bodies[-1])
    assert said["c1"] == "2026-11-30T18:00"
    assert said["c2"] == "Denied by policy: Secrets stay here (it did not run)"
    assert said["c3"] == '{"name":"milk","bytes":8}'
    assert said["c4"].startswith("Unknown tool: get_tim")
    described = str(bodies[0]["tools"])
    assert "Say what time it is." in described


async def test_an_agent_of_langchain_is_governed() -> None:
    async with world() as here:
        here.models.turns.extend([*TURNS[:2], TURNS[-1]])
        assert await here.run("langchain_agent.py", "Note the time.") == TURNS[-1]
    said = results_in(here.models.bodies[-1])
    assert said["c1"] == "2026-11-30T18:00"
    assert "Secrets stay here" in said["c2"]
    assert said["c3"] == '{"name":"milk","bytes":8}'


@pytest.mark.parametrize("program", [*PROGRAMS, "langchain_agent.py"])
def test_the_page_shows_what_runs(program: str) -> None:
    text = (EXAMPLES / program).read_text("utf-8")
    code = text.split('"""\n\n', 1)[1]
    assert f"```python\n{code}```" in PAGE.read_text("utf-8"), f"docs/agents.md: {program}"


def results_in(body: dict[str, Any]) -> dict[str, str]:
    """What the model was told of its calls, by their ids, in whatever form."""
    found: dict[str, str] = {}
    for each in body.get("messages", body.get("input", ())):
        if each.get("role") == "tool":
            found[each["tool_call_id"]] = each["content"]
        elif each.get("type") == "function_call_output":
            found[each["call_id"]] = each["output"]
        elif isinstance(each.get("content"), list):
            for block in each["content"]:
                if block["type"] == "tool_result":
                    content = block["content"]
                    text = content if isinstance(content, str) else content[0]["text"]
                    found[block["tool_use_id"]] = text
    return found

"""Agents in ten lines: the examples, with the vendors' own SDKs, at a real gateway."""

from __future__ import annotations

from typing import Any

import pytest
from tests.e2e.vendor_world import EXAMPLES, world

pytestmark = pytest.mark.anyio

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
        assert await here.run(EXAMPLES / program, "Note the time.") == TURNS[-1]
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
        assert await here.run(EXAMPLES / "langchain_agent.py", "Note the time.") == TURNS[-1]
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

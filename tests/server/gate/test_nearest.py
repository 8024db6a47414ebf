"""A name of no tool: the nearest is told, of those that the agent may ask for, and cheaply."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.embedded import raw_client, serving

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_server import tool
from agentgate_server.gate.nearest import NAME_CHARS_MAX, NAMES_MAX, nearest_tool
from agentgate_server.tools.python import tool_of
from agentgate_server.tools.tool import Tool


def named(name: str) -> Tool:
    @tool(name=name)
    def some() -> None:
        """Do nothing."""

    made = tool_of(some)
    assert made is not None
    return made


TOOLS = [named(name) for name in ("set_light", "set_lights_all", "unlock_door", "exceed_budget")]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("set_lihgt", "set_light"),
        ("SET_LIGHT", ""),
        ("unlock_dor", "unlock_door"),
        ("exceed_budgt", ""),
        ("zzz", ""),
        ("", ""),
        ("set_light" * 30, ""),
    ],
)
def test_the_nearest_name_is_found_or_none(name: str, near: str) -> None:
    assert nearest_tool(name, TOOLS, lambda _: True) == near


def test_of_a_tool_that_one_may_not_ask_for_nothing_is_told() -> None:
    may = nearest_tool("set_lihgt", TOOLS, lambda each: each.name != "set_light")
    assert may == "set_lights_all"
    assert nearest_tool("unlock_dor", TOOLS, lambda _: False) == ""


def test_a_large_catalogue_is_not_compared_whole() -> None:
    many = [named(f"tool_{number:04}") for number in range(NAMES_MAX + 1)]
    assert nearest_tool("tool_025x", many, lambda _: True).startswith("tool_025")
    assert nearest_tool("last", [*many, named("lastt")], lambda _: True) == ""
    assert (
        nearest_tool("a" * NAME_CHARS_MAX, [named("a" * (NAME_CHARS_MAX + 1))], lambda _: True)
        == ""
    )


@pytest.mark.anyio
async def test_an_agent_is_told_in_the_words_by_which_clients_know_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number, (name, hint) in enumerate(
            [("ehco", " (did you mean echo?)"), ("zzzz", ""), ("forbiden", "")], 1
        ):
            await client.request(number, "tool_request", {"tool": name, "args": {}})
            answered = await client.next(Answered)
            assert answered.error is not None
            text = f"Unknown tool: {name}{hint}; list_tools says what there is"
            assert answered.error.message == text

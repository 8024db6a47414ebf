"""Edits of an MCP server's tools while a person is asked: what was asked for does not run."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import AGENT, OWNER, raw_client, serving

from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient
from agentgate_proto.connection.events import Authenticated
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.approval import ApprovalView
from agentgate_server.gateway import Gateway
from agentgate_server.tools.mcp import pins
from agentgate_server.tools.mcp.pins_file import PinsFile

pytestmark = pytest.mark.anyio

SERVER = Path(__file__).parent / "changing_server.py"
BOUND_S = 20.0
ANY = {"type": "object", "properties": {"n": {"type": "integer"}}}

Tools = list[dict[str, Any]]


def tool(name: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": ANY, **more}


LIGHT, LOCK = tool("set_light", "Turns a lamp on."), tool("lock", "Locks the door.")


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "LOOK_EVERY_S", 0.05)


class House:
    """A gateway, the server behind it, an agent and a person."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "tools.json"
        self.log = folder / "calls.jsonl"
        self.pins = PinsFile.beside(folder / "gate.db")
        self.offer([LIGHT, LOCK])
        self.gateway: Gateway
        self.agent: AgentGateClient
        self.owner: ApprovalsClient

    def offer(self, tools: Tools) -> None:
        """Let the server offer these."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(tools))
        fresh.replace(self.file)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What the server was asked to do."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]

    @asynccontextmanager
    async def open(self, rule: str = "review") -> AsyncIterator[House]:
        """Serve, with an agent and a person there."""
        command = [sys.executable, "-I", "-S", str(SERVER), str(self.file), str(self.log)]
        server = {"command": command, "pins": rule}
        async with (
            serving(self.folder, tools={"mcp": {"house": server}}) as self.gateway,
            AgentGateClient(self.gateway.url, AGENT, client_id="agent-1") as self.agent,
            ApprovalsClient(self.gateway.url, OWNER) as self.owner,
        ):
            yield self

    def waits_for_review(self) -> list[tuple[str, str]]:
        found = self.pins.contents().of("house").differences()
        return [(each.change.value, each.name) for each in found]

    def accept(self) -> None:
        """Do as ``agent-gate mcp review --yes``."""
        pins = self.pins.contents().of("house")
        offered = {each.name: each.hash for each in pins.offered()}
        shown = pins.differences()
        hashes = {each.name: offered[each.name] for each in shown if each.name in offered}
        assert self.pins.accept("house", shown, hashes, "ann", "2026-11-20T10:00:00.000Z") == []

    def audit(self) -> list[dict[str, Any]]:
        """What the audit says."""
        with closing(sqlite3.connect(self.folder / "gate.db")) as database:
            rows = database.execute("SELECT lines FROM audit ORDER BY seq").fetchall()
        return [json.loads(line) for (lines,) in rows for line in lines.splitlines()]

    async def offered(self) -> set[str]:
        """What the agent may ask for of the server."""
        tools = await self.agent.list_tools()
        return {each["name"] for each in tools if each["name"].startswith("house.")}

    async def until_offered(self, *names: str) -> None:
        wanted = {f"house.{name}" for name in names}
        with anyio.fail_after(BOUND_S):
            while await self.offered() != wanted:
                await anyio.sleep(0.02)

    async def one_waits(self) -> ApprovalView:
        with anyio.fail_after(BOUND_S):
            while not (views := await self.owner.list()):
                await anyio.sleep(0.01)
        (view,) = views
        return view


async def until(condition: Callable[[], Any]) -> None:
    with anyio.fail_after(BOUND_S):
        while not condition():
            await anyio.sleep(0.01)


async def test_nothing_is_offered_before_somebody_has_accepted_it(tmp_path: Path) -> None:
    async with House(tmp_path).open() as house:
        await until(lambda: house.waits_for_review() == [("new", "lock"), ("new", "set_light")])
        assert await house.offered() == set()
        with pytest.raises(AgentGateError, match="Unknown tool"):
            await house.agent.call("house.set_light", {"n": 1})
        house.accept()
        await house.until_offered("set_light", "lock")
        assert house.calls == []
    told = [entry for entry in house.audit() if entry["event"] == "tool.accepted"]
    assert [(entry["name"], entry["tool"], entry["approver"]) for entry in told] == [
        ("house", "lock", "ann"),
        ("house", "set_light", "ann"),
    ]


EDITS: list[tuple[str, Tools, list[tuple[str, str]], str]] = [
    (
        "one byte",
        [tool("set_light", "Turns a lamp on!"), LOCK],
        [("changed", "set_light")],
        "changed",
    ),
    (
        "renamed, with the same words",
        [tool("set_lamp", "Turns a lamp on."), LOCK],
        [("renamed", "set_lamp")],
        "gone",
    ),
    (
        "swapped",
        [tool("set_light", "Locks the door."), tool("lock", "Turns a lamp on.")],
        [("swapped", "lock"), ("swapped", "set_light")],
        "changed",
    ),
    (
        "annotations",
        [{**LIGHT, "annotations": {"readOnlyHint": True}}, LOCK],
        [("changed", "set_light")],
        "changed",
    ),
    (
        "schema",
        [{**LIGHT, "inputSchema": {**ANY, "additionalProperties": True}}, LOCK],
        [("changed", "set_light")],
        "changed",
    ),
    ("gone", [LOCK], [("gone", "set_light")], "gone"),
]


@pytest.mark.parametrize(
    ("tools", "found", "word"), [edit[1:] for edit in EDITS], ids=[edit[0] for edit in EDITS]
)
async def test_an_edit_between_ask_and_yes_is_found_and_nothing_runs(
    tmp_path: Path, tools: Tools, found: list[tuple[str, str]], word: str
) -> None:
    async with House(tmp_path).open("first-use") as house:
        await house.until_offered("set_light", "lock")
        ended: list[AgentGateError] = []

        async def ask() -> None:
            with pytest.raises(AgentGateError) as error:
                await house.agent.call("house.set_light", {"n": 1})
            ended.append(error.value)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            view = await house.one_waits()
            house.offer(tools)
            await until(lambda: ended)
        assert ended[0].code == ErrorCode.APPROVAL_EXPIRED
        assert f"The tool {'is gone' if word == 'gone' else 'changed'} since" in ended[0].message
        assert await house.owner.list() == []
        with pytest.raises(AgentGateError) as late:
            await house.owner.decide(view.id, "approve")
        assert late.value.code == ErrorCode.ALREADY_SETTLED
        await until(lambda: house.waits_for_review() == found)
        assert "house.set_light" not in await house.offered()
        assert house.calls == []
        house.accept()
        await house.until_offered(*(each["name"] for each in tools))
    (end,) = [entry for entry in house.audit() if entry["event"] == "request.ended"]
    assert (end["status"], end["message"]) == ("expired", ended[0].message)


async def test_a_tool_that_is_added_waits_and_disturbs_no_other(tmp_path: Path) -> None:
    async with House(tmp_path).open("first-use") as house:
        await house.until_offered("set_light", "lock")
        results: list[Any] = []

        async def ask() -> None:
            results.append(await house.agent.call("house.set_light", {"n": 1}))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            view = await house.one_waits()
            house.offer([LIGHT, LOCK, tool("open", "Opens the door.")])
            await until(lambda: house.waits_for_review() == [("new", "open")])
            assert await house.offered() == {"house.set_light", "house.lock"}
            await house.owner.decide(view.id, "approve")
        assert [call["name"] for call in house.calls] == ["set_light"]
        house.accept()
        await house.until_offered("set_light", "lock", "open")


async def test_what_changed_while_the_gateway_was_down_does_not_run(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.open("first-use"):
        await house.until_offered("set_light", "lock")
        async with raw_client(house.gateway) as client:
            await client.next(Authenticated)
            await client.request(1, "tool_request", {"tool": "house.set_light", "args": {"n": 1}})
            await house.one_waits()
    house.offer([tool("set_light", "Opens the door."), LOCK])
    async with house.open("first-use"):
        await house.until_offered("lock")
        with anyio.fail_after(BOUND_S):
            while await house.owner.list():
                await anyio.sleep(0.01)
        assert house.calls == []


async def test_what_is_changed_back_may_be_asked_for_again(tmp_path: Path) -> None:
    async with House(tmp_path).open("first-use") as house:
        await house.until_offered("set_light", "lock")
        house.offer([tool("set_light", "Sends keys away."), LOCK])
        await house.until_offered("lock")
        house.offer([LIGHT, LOCK])
        await house.until_offered("set_light", "lock")
        await until(lambda: house.waits_for_review() == [])

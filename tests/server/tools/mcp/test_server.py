"""One server: it comes back, its trouble is its own, and what waits for it waits in bounds."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from random import Random

import anyio
import pytest
from tests.server.tools.mcp.behind import All, called, lines, read, serving, stub, until, up

from agentgate_proto.records.outcome import Status as Ended
from agentgate_server.errors import NotStarted
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp import server as server_module
from agentgate_server.tools.mcp.driver import Driver
from agentgate_server.tools.mcp.form import McpPattern, McpServerConfig
from agentgate_server.tools.mcp.server import McpServer, Status

pytestmark = pytest.mark.anyio


class Broken:
    """A way that breaks at once."""

    def __init__(self) -> None:
        self.times: list[float] = []

    async def run(self, driver: Driver) -> None:
        self.times.append(anyio.current_time())
        raise OSError("no way")


async def test_troubles_of_others_cost_nobody(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving(
        good=stub("log=" + str(log)),
        hangs=stub("hang", "deaf", wait_s=0.2),
        dies=stub("die", wait_s=0),
        absent=McpServerConfig(command=("/nowhere",)),
    ) as servers:
        await up(servers, "good")
        began = time.monotonic()
        names = [tool.name for tool in servers]
        assert time.monotonic() - began < 0.1
        assert "good.echo" in names
        assert all(name.startswith("good.") for name in names)
        outcome = await called(servers, "good.echo", {"text": "a"})
        assert outcome.status is Ended.EXECUTED
        await until(lambda: servers.servers["dies"].status is Status.AWAY)
        health = servers.health()
        assert health["configured"] == 4
        assert health["ready"] == 1
        hangs = servers.servers["hangs"]
        with pytest.raises(NotStarted, match="the MCP server hangs is starting"):
            await hangs.wait_up(0.2)
        dies = servers.servers["dies"]
        with pytest.raises(NotStarted, match="exited with code 3"):
            await dies.wait_up(0)


async def test_one_that_dies_comes_back_and_what_it_offered_stays_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "PAUSE_S", 0.1)
    log = tmp_path / "log"
    async with serving(s=stub(f"log={log}")) as servers:
        await up(servers)
        assert (await called(servers, "s.drop")).status is Ended.UNKNOWN
        assert servers.get("s.echo") is not None
        # It waits until the server is back.
        outcome = await called(servers, "s.echo", {"text": "again"})
        assert read(outcome)["structuredContent"] == {"text": "again"}
        assert sum("start" in each for each in lines(log)) == 2


async def test_pauses_grow_and_have_chance_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PAUSE_S", 0.02)
    monkeypatch.setattr(server_module, "PAUSE_S_MAX", 0.08)
    link = Broken()
    config = McpServerConfig(command=("x",))
    server = McpServer("s", config, lambda: link, Dialogues(), lambda _: None, Random(1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.run)
        await until(lambda: len(link.times) > 5)
        tasks.cancel_scope.cancel()
    assert server.status is Status.CLOSED
    assert server.problem == "it can't be started: no way"
    pauses = [b - a for a, b in zip(link.times, link.times[1:], strict=False)]
    for pause, least in zip(pauses, (0.01, 0.02, 0.04, 0.04), strict=False):
        assert pause >= least


async def test_what_waits_is_woken_at_the_end() -> None:
    server = McpServer("s", McpServerConfig(command=("x",)), Broken, Dialogues(), lambda _: None)
    with pytest.raises(NotStarted, match="is starting"):
        await server.wait_up(0)
    assert not server.watch("file:///a")
    server.unwatch("file:///a")
    assert not server.can_complete


async def test_only_what_the_configuration_names_is_looked_at(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    class Look(All):
        def visible(self, alias: str, definitions):  # type: ignore[no-untyped-def]
            seen.append([each.name for each in definitions])
            return super().visible(alias, definitions)

    config = stub(tools=(McpPattern("e*"),))
    async with serving(pins=Look(), s=config) as servers:
        await up(servers)
        assert sorted(tool.name for tool in servers) == ["s.echo", "s.env"]
    assert seen[-1] == ["echo", "env"]


async def test_lists_that_can_not_be_used_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = """
import json, sys
def answer(**result):
    number = json.loads(sys.stdin.readline())["id"]
    print(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}), flush=True)
answer(supportedVersions=["2026-07-28"], capabilities={"tools": {}})
answer(tools=[{"name": "a", "inputSchema": {}}, {"name": "a", "inputSchema": {}}, {"name": "b"},
              {"inputSchema": {}}, 7])
sys.stdin.read()
"""
    command = (sys.executable, "-I", "-S", "-c", script)
    with caplog.at_level(logging.WARNING):
        async with serving(s=McpServerConfig(command=command)) as servers:
            await up(servers)
            assert [tool.name for tool in servers] == ["s.a"]
    assert "tool a is listed twice" in caplog.text
    assert "tool b can't be read" in caplog.text
    assert "a tool without a name" in caplog.text


async def test_one_that_ends_again_and_again_is_told_once_for_each_pause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "PAUSE_S", 0.01)
    monkeypatch.setattr(server_module, "PAUSE_S_MAX", 0.02)
    starts = tmp_path / "starts"
    command = ("sh", "-c", f"echo >> {starts}; exit 3")
    async with serving(s=McpServerConfig(command=command)):
        await until(lambda: starts.exists() and len(starts.read_text()) > 5)
    told = [each for each in caplog.records if "MCP server s is away" in each.getMessage()]
    assert len(told) == 1


async def test_one_that_does_not_say_what_it_has_is_not_called() -> None:
    script = """
import json, sys
def answer(**more):
    number = json.loads(sys.stdin.readline())["id"]
    print(json.dumps({"jsonrpc": "2.0", "id": number, **more}), flush=True)
answer(result={"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})
answer(error={"code": -32603, "message": "not now"})
sys.stdin.read()
"""
    command = (sys.executable, "-I", "-S", "-c", script)
    async with serving(s=McpServerConfig(command=command)) as servers:
        server = servers.servers["s"]
        await until(lambda: server.status is Status.READY)
        with pytest.raises(NotStarted, match="s does not say which tools it has"):
            await server.wait_up(0)


async def test_one_era_alone_may_be_wanted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with serving(a=stub(era="legacy"), b=stub(era="modern"), c=stub()) as servers:
            await up(servers)
    assert "MCP server a is stub 1 and speaks 2025-11-25" in caplog.text
    assert "MCP server b is stub 1 and speaks 2026-07-28" in caplog.text
    assert "MCP server c is stub 1 and speaks 2026-07-28" in caplog.text

"""All servers: names, effects, what is shown of their words, and who owns what."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.server.tools.mcp.behind import called, read, serving, stub, until, up

from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects
from agentgate_proto.records.tool_pin import Definition
from agentgate_server.errors import EndedElsewhere
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.mcp.form import McpAlias, McpPattern, McpPrefix
from agentgate_server.tools.mcp.servers import McpServers
from agentgate_server.tools.tool import AsyncTool

pytestmark = pytest.mark.anyio


class Some:
    """Accepts what is named."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def visible(self, alias: str, definitions: Sequence[Definition]) -> frozenset[str]:
        return frozenset(each.name for each in definitions if each.name in self.names)

    def accepted(self, alias: str) -> dict[str, str]:
        return dict.fromkeys(self.names, "as it was")


async def test_a_tool_is_what_the_configuration_says_and_hints_only_tighten() -> None:
    effects = {McpPattern("e*"): Effects.READ, McpPattern("odd"): Effects.READ}
    async with serving(s=stub(effects=effects)) as servers:
        await up(servers)
        found = {tool.name: tool for tool in servers}
        assert found["s.echo"].effects is Effects.READ
        assert found["s.odd"].effects is Effects.WRITE  # says that it does not only read
        assert found["s.boom"].effects is Effects.WRITE
        echo = found["s.echo"]
        assert (echo.form, echo.backend, echo.title) == ("mcp", "mcp", "Echo")
        assert echo.description == "does it"
        assert echo.returns["required"] == ["text"]
        assert len(echo.definition) == 64
        (odd_name,) = [name for name in found if name.startswith("s.gr")]
        assert found[odd_name].name == odd_name
        outcome = await called(servers, odd_name)
        assert "there is no größe/x y" in outcome.message


async def test_what_is_not_accepted_is_not_there() -> None:
    pins = Some("echo", "gone")
    async with serving(pins=pins, s=stub()) as servers:
        assert servers.current() == {}
        await up(servers)
        current = servers.current()
        assert (current["s.gone"], len(current["s.boom"])) == ("", 64)
        assert current["s.echo"] == next(iter(servers)).definition
        looks: list[int] = []
        servers.looks.append(lambda: looks.append(1))
        assert [tool.name for tool in servers] == ["s.echo"]
        assert servers.get("s.boom") is None
        assert servers.health()["hidden"] == 11
        pins.names.add("boom")
        servers.look_again("s")
        servers.look_again("nobody")
        assert servers.get("s.boom") is not None
        assert looks == [1]


async def test_other_lists_that_come_first_are_no_list_without_tools() -> None:
    noted: list[list[str]] = []

    class Noting(Some):
        def visible(self, alias: str, definitions: Sequence[Definition]) -> frozenset[str]:
            noted.append([each.name for each in definitions])
            return super().visible(alias, definitions)

    async with serving(pins=Noting("echo"), s=stub(resources=True, prompts=True)) as servers:
        looks: list[bool] = []
        servers.looks.append(lambda: looks.append(servers.servers["s"].was_listed))
        await up(servers)
        assert [tool.name for tool in servers if tool.name == "s.echo"] == ["s.echo"]
    assert False in looks  # something else was there before the tools, which come on three pages
    assert noted
    assert all("echo" in each for each in noted)


async def test_two_with_one_name_are_both_hidden(caplog: pytest.LogCaptureFixture) -> None:
    one, two = stub(prefix=McpPrefix("")), stub(prefix=McpPrefix(""))
    async with serving(a=one, b=two) as servers:
        await up(servers)
        assert servers.get("echo") is None
        assert list(servers) == []
    assert "several tools are named echo" in caplog.text


async def test_a_name_of_somebody_elses_is_left_to_them() -> None:
    async with serving(s=stub(prefix=McpPrefix(""))) as servers:
        servers.is_taken = lambda name: name == "echo"
        await up(servers)
        assert servers.get("echo") is None
        assert servers.get("boom") is not None


async def test_names_are_owned_by_prefix() -> None:
    async with serving(a=stub(), b=stub(prefix=McpPrefix(""))) as servers:
        catalogue = Catalogue().with_live(servers)
        assert catalogue.is_taken("a.anything")
        assert not catalogue.is_taken("echo")
        await up(servers)
        assert catalogue.is_taken("echo")
        assert not catalogue.is_taken("other.echo")


async def test_a_request_of_before_a_restart_waits_for_its_server() -> None:
    async with serving(s=stub()) as servers:
        tool = servers.to_run("s.boom", Effects.WRITE, "r1")  # nobody has listed anything yet
        assert isinstance(tool, AsyncTool)
        other = tool.as_asked("another definition")
        assert isinstance(other, AsyncTool)
        with pytest.raises(EndedElsewhere):
            await other.run({})
        assert not other.may_have_run
        await up(servers)
        listed = servers.get("s.boom")
        assert listed is not None
        same = tool.as_asked(listed.definition)
        assert isinstance(same, AsyncTool)
        with pytest.raises(Exception, match="it went boom"):
            await same.run({})
        assert same.may_have_run
        assert servers.to_run("other.boom", Effects.WRITE, "r1") is None


async def test_a_change_is_seen_and_told(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("mutate\na=one\n")
    for era in ("modern", "legacy"):
        state.write_text("mutate\na=one\n")
        async with serving(s=stub(era, f"state={state}")) as servers:
            await up(servers)
            assert sorted(tool.name for tool in servers) == ["s.a", "s.mutate"]
            await called(servers, "s.mutate", {"tools": "b=new\nmutate\n"})
            await until(lambda: servers.get("s.b") is not None)
            assert servers.get("s.a") is None
            assert servers.current()["s.a"] == ""


async def test_defaults_of_an_odd_schema_are_those_that_can_be_read() -> None:
    import sys

    from agentgate_server.tools.mcp.form import McpServerConfig

    script = """
import json, sys
def answer(**result):
    number = json.loads(sys.stdin.readline())["id"]
    print(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}), flush=True)
answer(supportedVersions=["2026-07-28"], capabilities={"tools": {}})
answer(tools=[{"name": "a", "inputSchema": {"properties": {"x": True, "y": {"default": 2}}}},
              {"name": "b", "inputSchema": {"properties": [], "allOf": [{}]}}])
sys.stdin.read()
"""
    config = McpServerConfig(command=(sys.executable, "-I", "-S", "-c", script))
    async with serving(s=config) as servers:
        await up(servers)
        one, two = servers.get("s.a"), servers.get("s.b")
        assert one is not None
        assert two is not None
        assert dict(one.defaults) == {"y": 2}
        assert dict(two.defaults) == {}
        two.check({"anything": 1})  # a schema that is not understood is left to the server


async def test_resources_and_prompts_are_read_by_tools_that_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        async with serving(s=stub(resources=True, prompts=True), t=stub()) as servers:
            await up(servers)
            names = ("s_read_resource", "s_get_prompt", "s_complete")
            for name in names:
                tool = servers.get(name)
                assert tool is not None
                assert (tool.effects, tool.listed, tool.definition) == (Effects.READ, False, "")
            assert servers.get("t_read_resource") is None
            outcome = await called(servers, "s_read_resource", {"uri": "test://a"})
            assert outcome.status is Status.EXECUTED
            assert read(outcome)["contents"][0]["x"] == 1
            prompt = await called(
                servers, "s_get_prompt", {"name": "greet", "arguments": {"who": "x"}}
            )
            assert read(prompt)["messages"][0]["content"]["text"] == "hi x"
            args = {"ref": {"type": "ref/prompt", "name": "greet"}}
            args["argument"] = {"name": "who", "value": "o"}
            words = await called(servers, "s_complete", {**args, "context": {}})
            assert read(words)["completion"]["values"] == ["one"]


async def test_what_is_remembered_is_not_taken_for_the_servers_word() -> None:
    async with serving(s=stub()) as servers:
        await up(servers)
        known = [pin for _, pin in servers.servers["s"].definitions.values()]
    nobody = Some()
    later = McpServers({McpAlias("s"): stub(tools=(McpPattern("e*"),))}, pins=nobody)
    later.remember({"s": known})
    assert sorted(tool.name for tool in later) == ["s.echo", "s.env"]
    later.look_again("s")  # the server has said nothing yet
    assert later.get("s.echo") is not None

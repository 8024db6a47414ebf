"""MCP servers behind a real gate: governed, pinned, at most once, and told of in /health."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import AGENT, config, serving
from tests.server.tools.mcp.behind import STUB, lines, starts, until

from agentgate_client import AgentGateClient, AgentGateDenied, AgentGateError, OutcomeUnknown
from agentgate_proto.records.tool_pin import definition_of
from agentgate_server.backing import (
    McpBacking,
    backing_of,
    commands_of,
    dangers_of,
    problems_of,
    todo_of,
)
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.secrets.masking import Masker
from agentgate_server.tools.mcp.login_file import Login, LoginFile
from agentgate_server.tools.mcp.pins_file import PinsFile

pytestmark = pytest.mark.anyio

POLICY = """
defaults:
  - {pattern: "*", action: allow}
rules:
  - {tool: "s.boom", action: deny}
  - {tool: "s.slow", action: ask}
"""


def servers(*words: str, **more: Any) -> dict[str, Any]:
    command = [sys.executable, "-I", "-S", str(STUB), "stdio", *words]
    server = {"command": command, "pins": "first-use", **more}
    return {"tools": {"mcp": {"s": server}}}


async def up(gateway: Gateway, count: int = 12) -> McpBacking:
    backing = gateway.backing
    assert backing is not None
    await until(lambda: len(list(backing.servers)) == count)
    return backing


async def test_their_tools_are_governed_as_any_other(tmp_path: Path) -> None:
    log = tmp_path / "log"
    policy = Policy.parse(POLICY)
    async with serving(tmp_path, policy=policy, **servers(f"log={log}")) as gateway:
        backing = await up(gateway)
        async with AgentGateClient(gateway.url, AGENT) as client:
            rows = {row["name"]: row for row in await client.list_tools()}
            assert rows["s.echo"]["form"] == "mcp"
            result = await client.call("s.echo", {"text": "hi"})
            assert result["structuredContent"] == {"text": "hi"}
            with pytest.raises(AgentGateDenied):
                await client.call("s.boom")
            with pytest.raises(OutcomeUnknown):
                await client.call("s.drop")
            with pytest.raises(AgentGateError):
                await client.call("s.nothing")
        assert starts(log, "boom") == 0
        assert starts(log, "drop") == 1
        assert backing.health()["tools"] == 12
    assert AGENT not in str(lines(log))
    assert AGENT.encode() not in kept(tmp_path)


def kept(folder: Path) -> bytes:
    """All that the store has on disk."""
    return b"".join(file.read_bytes() for file in folder.glob("gate.db*"))


async def test_what_was_accepted_can_be_asked_for_before_its_server_is_up(tmp_path: Path) -> None:
    policy = Policy.parse(POLICY)
    async with serving(tmp_path, policy=policy, **servers()) as gateway:
        await up(gateway)
    async with serving(tmp_path, policy=policy, **servers()) as gateway:
        backing = gateway.backing
        assert backing is not None
        assert not backing.servers.servers["s"].is_up
        assert backing.servers.get("s.echo") is not None
        async with AgentGateClient(gateway.url, AGENT) as client:
            result = await client.call("s.echo", {"text": "hi"})
            assert result["structuredContent"] == {"text": "hi"}


async def test_what_nobody_has_accepted_is_hidden_and_told_of(tmp_path: Path) -> None:
    async with serving(tmp_path, **servers(pins="review")) as gateway:
        backing = gateway.backing
        assert backing is not None
        await until(lambda: backing.health().get("waiting_for_review") == 12)
        health = backing.health()
        assert (health["tools"], health["hidden"], health["ready"]) == (0, 12, 1)
        assert gateway.gate.web.parts["mcp_servers"]() == health


async def test_what_waits_for_a_person_ends_when_its_tool_is_another_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("a=one\nmutate\n")
    policy = Policy.parse(POLICY.replace("s.slow", "s.a"))
    async with serving(tmp_path, policy=policy, **servers(f"state={state}")) as gateway:
        await up(gateway, 2)
        async with (
            AgentGateClient(gateway.url, AGENT) as client,
            anyio.create_task_group() as tasks,
        ):
            ended: list[str] = []

            async def ask() -> None:
                try:
                    await client.call("s.a")
                except AgentGateError as error:
                    ended.append(str(error))

            tasks.start_soon(ask)
            await until(lambda: gateway.gate.ledger.waiting)
            await client.call("s.mutate", {"tools": "a=two\nmutate\n"})
            await until(lambda: ended)
    assert "nothing was run" in ended[0]


def test_nothing_is_behind_a_gateway_that_names_nothing(tmp_path: Path) -> None:
    assert backing_of(config(tmp_path), Masker()) is None
    assert list(dangers_of(config(tmp_path))) == []


async def test_pins_that_can_not_be_used_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "mcp-pins.json").write_text("{broken")
    with pytest.raises(DocumentError, match="mcp-pins"):
        async with serving(tmp_path, **servers()):
            pass


async def test_a_program_that_anybody_can_change_is_not_started(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)
    made = config(tmp_path, tools={"mcp": {"s": {"command": [str(program)]}}})
    (danger,) = dangers_of(made)
    assert f"anybody can write {program}" in danger
    with pytest.raises(DocumentError, match="anybody can write"):
        backing_of(made, Masker())
    program.chmod(0o755)
    assert list(dangers_of(made)) == []


def test_what_would_be_started_is_said_word_for_word(tmp_path: Path) -> None:
    some = {
        "git": {"command": ["git-server", "a b; c"], "env": {"KEY": "v"}, "cwd": "nowhere"},
        "web": {"url": "https://mcp.example/mcp?key=secret"},
        "sh": {"command": ["sh"]},
    }
    made = config(tmp_path, tools={"mcp": some})
    git, web, sh = commands_of(made)
    assert "starts ['git-server', 'a b; c'] in " in git
    assert git.endswith("nowhere, with KEY")
    assert web == "tools.mcp.web reaches https://mcp.example"
    assert "starts ['sh'] in " in sh
    program, folder = problems_of(made)
    assert "there is no program git-server" in program
    assert "there is no folder" in folder


def test_what_a_person_has_to_do_is_said(tmp_path: Path) -> None:
    some = {
        "git": {"command": ["sh"], "tools": ["git_*"]},
        "web": {"url": "https://mcp.example/mcp", "oauth": True},
    }
    made = config(tmp_path, tools={"mcp": some})
    assert list(todo_of(made)) == ["tools.mcp.web needs login: 'agent-gate mcp login web'"]
    pins = PinsFile.beside(tmp_path / "gate.db")
    seen = [definition_of(b'{"name":"%b"}' % name) for name in (b"git_log", b"other")]
    pins.saw({"git": seen}, (), "2026-11-20T10:00:00.000Z")
    logins = LoginFile.beside(tmp_path / "gate.db")
    login = Login(
        url="https://mcp.example/mcp", token_endpoint="t", client_id="c", access_token="a"
    )
    logins.put("web", login)
    text = "'agent-gate mcp review git' shows what waits to be accepted: 1"
    assert list(todo_of(made)) == [f"tools.mcp.git: {text}"]
    assert list(problems_of(made)) == []
    pins.path.write_text("{")
    logins.path.chmod(0o644)
    assert list(todo_of(made)) == []
    broken, readable = problems_of(made)
    assert "mcp-pins.json: is not as agent-gate writes it" in broken
    assert "others can read the tokens in it" in readable
    assert list(todo_of(config(tmp_path))) == []
    assert list(problems_of(config(tmp_path))) == []


def test_a_folder_that_anybody_can_change_is_as_bad(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    folder.chmod(0o777)
    made = config(tmp_path, tools={"mcp": {"s": {"command": [str(program)]}}})
    (danger,) = dangers_of(made)
    assert f"anybody can write {folder}" in danger
    folder.chmod(0o1777)
    assert list(dangers_of(made)) == []

"""A gateway in the program's own process: the real one, which nobody else can reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    ApprovalsClient,
    Cursor,
    GatewayRequest,
    RemoteSessions,
    SessionGateway,
    SessionNotFound,
)
from agentgate_local import LocalSessions, session_gateway
from agentgate_server import tool
from agentgate_server.config import config_from_dict
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

BOUND_S = 20.0
ROOT = Path(__file__).parent.parent.parent
PROGRAM = ROOT / "examples" / "sessions.py"

SCRIPT = """\
scenes:
  - when: "write {words}"
    call: {tool: write_note, args: {text: "{words}"}}
    then: [{say: "It says {result}"}]
"""

CONFIG = """\
agent: {token: the token of the real agent}
gateway: {host: 0.0.0.0, port: 1, insecure: true}
storage: {path: gate.db}
faces: {agentspace: {open: true}}
sessions: {models: {actor: {backend: rehearsal, script: script.yaml}}}
"""


@tool(effects="write", inline=True)
def write_note(text: str) -> str:
    """Write a note."""
    return f"a note: {text}"


def write_config(folder: Path) -> Path:
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "config.yaml").chmod(0o600)
    (folder / "script.yaml").write_text(SCRIPT)
    (folder / "permissions.yaml").write_text("defaults: [{pattern: '*', action: ask}]\n")
    return folder / "config.yaml"


async def test_without_anything_it_plays_with_the_model_that_needs_no_account() -> None:
    with anyio.fail_after(BOUND_S):
        async with LocalSessions() as gate:
            assert isinstance(gate, SessionGateway)
            session = await gate.create_session("kim", metadata={"a": 1})
            response = await gate.run_query(session, "What is 2+2?")
            assert (response.output, response.status) == ("2 + 2 = 4.", "completed")
            assert response.usage.input > 0
            assert response.cost_micros == 0  # it is free, and that is known
            [view] = await gate.list_sessions("kim")
            assert (view.id, view.principal, view.messages) == (session.id, "local", 2)
            folder = anyio.Path(view.workspace)
            assert await folder.is_dir()
            await gate.delete_session(session.id)
            with pytest.raises(SessionNotFound):
                await gate.get_session(session.id)
    assert not await folder.parent.exists()


async def test_what_is_executed_is_watched_by_others_too() -> None:
    with anyio.fail_after(BOUND_S):
        async with LocalSessions() as gate:
            session = await gate.create_session()
            events = [
                event async for event in gate.execute(session, GatewayRequest(user_input="hi"))
            ]
            watched = session.attach(Cursor(session.view.epoch, 0))
            again = [await anext(watched)]
            while again[-1].kind != "run_ended":
                again.append(await anext(watched))

    def text(found: list[Any]) -> str:
        return "".join(event.data["text"] for event in found if event.kind == "text")

    assert text(events) == text(again) != ""
    assert events[0].offset == again[0].offset == 0
    assert events[-1] == again[-1]


async def test_a_person_of_the_process_may_answer_what_the_policy_asks(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with anyio.fail_after(BOUND_S):
        gate = LocalSessions(config, tools=[write_note], approver="kim")
        async with gate, ApprovalsClient(gate.url, gate.approver_token) as person:
            watch = person.watch()
            session = await gate.create_session()
            assert session.view.principal == "agent"
            run = await session.send("write buy milk").started()
            approval = await anext(watch)
            assert approval.signature == "write_note(buy milk)"
            await person.decide(approval.id, "approve")
            assert await run.text() == "It says a note: buy milk"


async def test_what_it_did_is_there_the_next_time(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with anyio.fail_after(BOUND_S):
        async with LocalSessions(config) as gate:
            session = await gate.create_session()
            answer = (await gate.run_query(session, "hello")).output
        async with LocalSessions(str(config)) as gate:
            [view] = await gate.list_sessions()
            again = await gate.get_session(session.id)
            replies = again.attach(Cursor(view.epoch, 0))
            while (event := await anext(replies)).kind != "reply":
                pass
    assert (view.id, event.data["text"]) == (session.id, answer)


async def test_nobody_else_gets_in(tmp_path: Path) -> None:
    """Not by the configuration's tokens, not by its open faces, not from another machine."""
    config = write_config(tmp_path)
    with anyio.fail_after(BOUND_S):
        async with LocalSessions(config) as gate:
            assert gate.url.startswith("ws://127.0.0.1:")
            assert gate.approver_token == ""
            for token in ("the token of the real agent", "", gate.token[:-1]):
                client = AgentGateClient(gate.url, token or "x", max_retries=0)
                with pytest.raises(AgentGateConnectionError):
                    await client.connect()
            async with AgentGateClient(f"{gate.url}/gateway", gate.token) as native:
                assert native.health.principal == "agent"  # no face is there


async def test_a_policy_and_tools_may_be_given_in_code() -> None:
    data = {
        "agent": {"token": "x" * 40},
        "storage": {"path": "unused.db"},
        "sessions": {"models": {"small": {"backend": "rehearsal"}}},
    }
    policy = Policy.parse("defaults: [{pattern: '*', action: allow}]")
    with anyio.fail_after(BOUND_S):
        async with anyio.TemporaryDirectory() as folder:
            config = config_from_dict(data, folder=Path(folder))
            async with LocalSessions(config, tools=[write_note], policy=policy) as gate:
                client = await gate.ready()
                [model] = await client.sessions.models()
                assert model.name == "small"
                assert await client.tool_request("write_note", text="x") == "a note: x"


async def test_it_starts_when_it_is_needed_and_once() -> None:
    gate = LocalSessions()
    with anyio.fail_after(BOUND_S):
        await gate.close()
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(gate.create_session)
        assert len(await gate.list_sessions()) == 3
        await gate.close()
        await gate.close()


async def test_it_may_be_closed_in_another_task_than_it_was_started_in() -> None:
    gate = LocalSessions()
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gate.ready)
        client = await gate.ready()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gate.close)
        assert client.state.value == "closed"


async def test_what_cannot_be_used_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "permissions.yaml").write_text("defaults: nonsense\n")
    gate = LocalSessions(config)
    with anyio.fail_after(BOUND_S):
        for _ in range(2):
            with pytest.raises(DocumentError, match=r"permissions\.yaml"):
                await gate.create_session()
        (tmp_path / "permissions.yaml").write_text("defaults: [{pattern: '*', action: ask}]\n")
        assert await gate.list_sessions() == []
        await gate.close()


async def test_a_caller_who_gives_up_while_it_starts_leaves_nothing_behind() -> None:
    gate = LocalSessions()
    with anyio.fail_after(BOUND_S):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await gate.ready()
        assert scope.cancelled_caught
        assert await gate.list_sessions() == []
        await gate.close()


def test_the_factory_returns_what_there_is_an_address_for(tmp_path: Path) -> None:
    assert isinstance(session_gateway(), LocalSessions)
    remote = session_gateway("wss://hub:8443", "t", max_retries=7)
    assert isinstance(remote, RemoteSessions)


async def test_the_example_runs_with_and_without_a_server(tmp_path: Path) -> None:
    token = "a token of the example's own, long enough"
    data = {"agent": {"token": token}, "gateway": {"port": 0}, "storage": {"path": "gate.db"}}
    policy = Policy.parse("defaults: [{pattern: '*', action: ask}]")
    said = []
    with anyio.fail_after(3 * BOUND_S):
        async with Gateway(config_from_dict(data, folder=tmp_path), policy=policy) as server:
            for named in ({}, {"GATE_URL": server.url, "GATE_TOKEN": token}):
                environment = {
                    name: value for name, value in os.environ.items() if not name.startswith("GATE")
                }
                run = await anyio.run_process(
                    [sys.executable, str(PROGRAM), "What is 2+2?"],
                    env=environment | named,
                    stderr=subprocess.STDOUT,
                )
                said.append(run.stdout.decode().splitlines())
    for lines in said:
        assert lines[0].startswith("session ")
        assert lines[1:] == [
            "2 + 2 = 4.",
            "run completed",
            "answer: 2 + 2 = 4.",
            lines[4],
            "sessions of user_123: 1",
            "it is gone",
        ]
        assert lines[4].startswith("tokens: ")


async def test_the_example_program_says_what_keeps_its_own_gateway_from_starting(
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path)
    with anyio.fail_after(BOUND_S * 2):
        async with LocalSessions(config) as gate:
            await gate.create_session("kim")
            run = await anyio.run_process(
                [sys.executable, str(PROGRAM), "hi"],
                env=os.environ | {"GATE_CONFIG": str(config)},
                check=False,
            )
    error = run.stderr.decode()
    assert run.returncode == 1
    assert error.startswith("the configuration or its store can't be used: locked by another")
    assert "Traceback" not in error

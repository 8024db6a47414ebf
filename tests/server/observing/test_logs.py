"""Logs of requests: each step at its level, one rid through all of them, no arguments."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.embedded import (
    AGENT,
    OWNER,
    RawClient,
    http,
    raw_client,
    serving,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Effects, Phase, Record, Relayed
from agentgate_proto.rpc.messages import Ack, ToolRequest
from agentgate_server import tool
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.gateway import Gateway
from agentgate_server.observing.logs import (
    CAPPED_EVERY_S,
    REASONS_MAX,
    REFUSALS_EVERY_S,
    Logs,
)
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

SECRET_WORD = "a-very-private-argument"


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="agentgate.requests")


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.DEBUG) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "agentgate.requests" and record.levelno >= level
    ]


def extras(caplog: pytest.LogCaptureFixture, word: str) -> dict[str, Any]:
    """What the one line with this word has besides its words."""
    (found,) = [r for r in caplog.records if word in r.getMessage()]
    return vars(found)


async def ask(client: RawClient, number: int, tool_name: str, **args: Any) -> None:
    await client.request(number, "tool_request", ToolRequest(tool=tool_name, args=args))


async def decide(gateway: Gateway, decision: str) -> str:
    (view,) = await until(gateway.gate.desk.waiting, "the approval")
    await http(
        gateway, "POST", f"/api/approvals/{view.id}", token=OWNER, body={"decision": decision}
    )
    return str(view.id)


async def test_an_ask_is_told_in_every_step_under_one_rid_and_without_its_arguments(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask(client, 1, "asked", text=SECRET_WORD)
        rid = await decide(gateway, "approve")
        await client.next(Answered)
        client.machine.send_notification("ack", Ack(seq=1))
        await client.flush()
        await until(lambda: "delivered to agent" in lines(caplog), "the receipt")
    told = [r for r in caplog.records if getattr(r, "rid", "") == rid]
    words = [r.getMessage() for r in told]
    assert words[:2] == [
        "asked for agent: is to be asked about by permissions.yaml:3",
        "asked for agent: a person is asked",
    ]
    assert words[2].startswith("asked for agent: approved by owner (http) after ")
    assert words[3:] == [
        "asked: started",
        "asked for agent: executed",
        "the outcome was sent",
        "delivered to agent",
    ]
    assert [r.levelname for r in told] == [
        *("DEBUG", "INFO", "INFO", "DEBUG", "INFO", "DEBUG", "DEBUG"),
    ]
    assert (vars(told[2])["answer"], vars(told[2])["channel"]) == ("approved", "http")
    assert vars(told[4])["outcome"] == "executed"
    assert SECRET_WORD not in caplog.text
    assert AGENT not in caplog.text


async def test_allowed_reads_are_told_only_to_who_debugs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask(client, 1, "echo", text="x")
        await client.next(Answered)
        assert [line for line in lines(caplog, logging.INFO) if "echo" in line] == []
        assert "echo for agent: executed" in lines(caplog)


async def test_what_changes_something_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask(client, 1, "note", text="x")
        await client.next(Answered)
    assert "note for agent: executed" in lines(caplog, logging.INFO)


async def test_a_denial_by_a_person_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask(client, 1, "asked", text="x")
        await decide(gateway, "deny")
        await client.next(Answered)
    told = [line for line in lines(caplog, logging.INFO) if "denied" in line]
    assert len(told) == 1
    assert told[0].startswith("asked for agent: denied by owner (http)")


async def test_a_denial_by_the_policy_names_its_rule(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = Policy.parse("rules: [{tool: echo, action: deny}]")
    async with serving(tmp_path, policy=policy) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask(client, 1, "echo", text="x")
        await client.next(Answered)
    assert lines(caplog, logging.INFO)[1:2] == ["echo for agent: denied by permissions.yaml:1"]
    assert extras(caplog, "denied by permissions")["rule"] == "permissions.yaml:1"


async def test_a_failed_tool_is_a_warning_and_what_it_logs_itself_has_the_rid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from agentgate_server.observing.context import current_rid

    seen: list[str] = []

    @tool(effects="read", inline=True)
    def at_once() -> None:
        seen.append(current_rid.get())

    @tool(effects="read")
    def in_thread() -> None:
        seen.append(current_rid.get())

    @tool(effects="read")
    async def on_loop() -> None:
        seen.append(current_rid.get())
        raise ValueError("broken")

    names = ("at_once", "in_thread", "on_loop")
    gateway = Gateway(
        (await config_of(tmp_path)),
        tools=[at_once, in_thread, on_loop],
        policy=Policy.parse('defaults: [{pattern: "*", action: allow}]'),
    )
    with anyio.fail_after(10):
        async with gateway, raw_client(gateway) as client:
            await client.next(Authenticated)
            for number, name in enumerate(names, 1):
                await ask(client, number, name)
                await client.next(Answered)
    rids = [extras(caplog, f"{name}: started")["rid"] for name in names]
    assert seen == rids
    assert current_rid.get() == ""
    assert "on_loop for agent: failed" in lines(caplog, logging.WARNING)


async def config_of(folder: Path) -> Any:
    from tests.server.embedded import config

    return config(folder)


async def test_logins_are_told_with_the_address_and_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as gateway:
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
        await until(lambda: "disconnected" in caplog.text, "the end of the connection")
        await http(gateway, "GET", "/api/approvals", token="wrong-token-0123456789")
    assert "agent connected from 127.0.0.1" in lines(caplog)
    assert "wrong token from 127.0.0.1" in lines(caplog, logging.WARNING)
    assert "wrong-token" not in caplog.text


async def test_behind_a_trusted_proxy_log_and_audit_name_who_it_speaks_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forwarded, where = "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n", "203.0.113.9"
    async with serving(tmp_path, gateway={"trusted_proxies": ["127.0.0.0/8"]}) as gateway:
        for token in ("wrong-token-0123456789", OWNER):
            await http(gateway, "GET", "/api/approvals", token=token, extra=forwarded)
    assert lines(caplog, logging.WARNING) == [f"wrong token from {where}"]
    assert extras(caplog, "wrong token")["address"] == where
    with AuditFile(gateway.config.storage.path) as audit:
        entries = [msgspec.json.decode(line) for line in audit.lines()]
    (failed,) = (entry for entry in entries if entry["event"] == "login.failed")
    assert failed["address"] == where


def test_an_agent_that_asks_too_much_fills_no_disk(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    logs = Logs(clock=lambda: now[0])
    for _ in range(1_000):
        logs.refused("agent", "", ErrorCode.LIMIT_EXCEEDED)
    logs.refused("other", "x", ErrorCode.LIMIT_EXCEEDED)
    now[0] = REFUSALS_EVERY_S
    logs.refused("agent", "", ErrorCode.LIMIT_EXCEEDED)
    assert lines(caplog) == [
        "a request of agent: not taken (limit_exceeded)",
        "x for other: not taken (limit_exceeded)",
        "a request of agent: not taken (limit_exceeded), and 999 more since the last such line",
    ]


def test_many_agents_that_ask_too_much_fill_no_memory() -> None:
    logs = Logs(clock=lambda: 0.0)
    for number in range(3 * REASONS_MAX):
        logs.refused(f"agent-{number}", "", ErrorCode.LIMIT_EXCEEDED)
        logs.capped(f"agent-{number}", "queued")
    assert len(logs._refusals) <= REASONS_MAX
    assert len(logs._capped) <= REASONS_MAX


def test_who_has_had_their_share_is_told_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    logs = Logs(clock=lambda: now[0])
    for _ in range(1_000):
        logs.capped("agent", "output_bytes")
    logs.capped("", "connections")
    logs.capped("agent", "connections")
    now[0] = CAPPED_EVERY_S
    logs.capped("agent", "output_bytes")
    assert lines(caplog, logging.WARNING) == [
        "agent has had its share (output_bytes)",
        "somebody unknown has had its share (connections)",
        "agent has had its share (connections)",
        "agent has had its share (output_bytes), and 999 more since the last such line",
    ]


def test_of_what_a_relay_asks_it_is_told_for_whom(caplog: pytest.LogCaptureFixture) -> None:
    record = Record(
        rid="r1",
        principal="office",
        client_id="c",
        request_id=1,
        tool="set_light",
        args=msgspec.Raw(b"{}"),
        effects=Effects.WRITE,
        digest="d",
        signature="set_light",
        created_at=0.0,
        phase=Phase.WAITING,
        relayed=Relayed(principal="kitchen", hops=("e",)),
    )
    Logs().asked(record)
    assert lines(caplog) == ["set_light for office on behalf of kitchen: a person is asked"]
    assert extras(caplog, "is asked")["on_behalf_of"] == "kitchen"


def test_a_wrong_password_names_who_gave_it_and_behind_a_relay_whom_that_names(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logs = Logs()
    logs.agent_login_failed("house", "wall", "", "10.0.0.1")
    logs.agent_login_failed("", "front", "ann\nroot", "10.0.0.1")
    assert lines(caplog) == [
        "wrong password of the agent house by wall from 10.0.0.1",
        r"wrong password of an agent that is none by front on behalf of 'ann\nroot' from 10.0.0.1",
    ]
    assert extras(caplog, "front")["on_behalf_of"] == "ann\nroot"


def test_a_doubt_is_told_with_the_rule(caplog: pytest.LogCaptureFixture) -> None:
    why = ("what script.x reaches is not known",)
    record = Record(
        rid="r1",
        principal="garden",
        client_id="",
        request_id=1,
        tool="t",
        args=msgspec.Raw(b"{}"),
        signature="t",
        digest="",
        effects=Effects.WRITE,
        phase=Phase.WAITING,
        created_at=0.0,
        doubt=why[0],
    )
    logs = Logs()
    logs.decided(record, Decision(action=Action.DENY, rule="p.yaml:3", why=why))
    logs.asked(record)
    assert caplog.messages == [
        f"t for garden: denied by p.yaml:3 ({why[0]})",
        f"t for garden: a person is asked ({why[0]})",
    ]
    assert [record.__dict__["doubt"] for record in caplog.records] == [why[0]] * 2

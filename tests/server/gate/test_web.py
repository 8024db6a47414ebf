"""Approvals and health over plain HTTP, on real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import (
    AGENT,
    OPERATOR,
    OWNER,
    RawClient,
    http,
    raw_client,
    serving,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated, Notified
from agentgate_proto.rpc.messages import ListRequests, ListTools, ToolRequest, WatchApprovals
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

FIELDS = {"id", "agent", "tool", "args", "signature", "rule", "created_at", "expires_at"}


async def one_waiting(gateway: Gateway, client: RawClient, number: int = 1) -> str:
    await client.request(number, "tool_request", ToolRequest(tool="asked", args={"text": "x"}))
    await until(gateway.gate.desk.waiting, "the approval")
    return gateway.gate.desk.waiting()[-1].id


async def test_waiting_approvals_are_listed_with_all_that_a_person_needs(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await one_waiting(gateway, client)
        status, headers, body = await http(gateway, "GET", "/api/approvals", token=OWNER)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    (approval,) = body["approvals"]
    assert set(approval) >= FIELDS
    assert approval["agent"] == "agent"
    assert approval["args"] == {"text": "x"}
    assert approval["signature"] == "asked(x)"
    assert approval["rule"].startswith("permissions.yaml:")


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("deny", "denied")])
async def test_a_decision_is_answered_with_the_approval_as_it_stands(
    tmp_path: Path, decision: str, status: str
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        path = f"/api/approvals/{await one_waiting(gateway, client)}"
        code, _, body = await http(gateway, "POST", path, token=OWNER, body={"decision": decision})
        assert (code, body["status"], body["decided_by"]) == (200, status, "owner")
        assert body["channel"] == "http"
        code, _, body = await http(
            gateway, "POST", path, token=OPERATOR, body={"decision": "approve"}
        )
        assert (code, body["approval"]["status"]) == (409, status)
        assert f"Already {status} by owner (http)" in body["error"]


@pytest.mark.parametrize(
    ("method", "path", "token", "body", "status"),
    [
        ("GET", "/api/approvals", "", None, 401),
        ("GET", "/api/approvals", "nobody", None, 401),
        ("GET", "/api/approvals", AGENT, None, 403),
        ("POST", "/api/approvals", OWNER, {}, 405),
        ("PUT", "/api/approvals/x", OWNER, None, 405),
        ("GET", "/api/approvals/x", OWNER, None, 404),
        ("GET", "/api/approvals/x", AGENT, None, 403),
        ("GET", "/api/approvals?after=x", OWNER, None, 404),
        ("GET", "/api/grants?before=x", OWNER, None, 404),
        ("POST", "/api/approvals/x", OWNER, {"decision": "maybe"}, 400),
        ("POST", "/api/approvals/x", OWNER, {"decison": "approve"}, 400),
        ("POST", "/api/approvals/x", OWNER, [], 400),
        ("POST", "/api/approvals/x", OWNER, {"decision": "approve"}, 404),
        ("POST", "/api/approvals/x", AGENT, {"decision": "approve"}, 403),
        ("DELETE", "/health", "", None, 405),
        ("GET", "/nothing", "", None, 404),
        ("GET", "/", "", None, 426),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(
    tmp_path: Path, method: str, path: str, token: str, body: Any, status: int
) -> None:
    async with serving(tmp_path) as gateway:
        code, headers, answer = await http(gateway, method, path, token=token, body=body)
    assert code == status
    assert answer["error"]
    assert ("www-authenticate" in headers) is (status == 401)
    assert ("allow" in headers) is (status == 405)


async def test_health_says_how_the_gateway_is_and_names_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        status, _, body = await http(gateway, "GET", "/health")
    assert (status, body["status"], body["store"]) == (200, "ok", "ok")
    assert body["connections"] == 1
    assert set(body) == {
        "status",
        "version",
        "uptime_s",
        "connections",
        "waiting_approvals",
        "unreached_approvals",
        "store",
        "policy",
        "uptime",
        "sessions_active",
        "memory",
        "clock",
    }
    assert (body["uptime"], body["sessions_active"]) == (body["uptime_s"], 0)


async def test_a_connection_serves_several_requests(tmp_path: Path) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with (
        serving(tmp_path) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send(request + request)
        answers = b""
        while answers.count(b"200 ") < 2:
            answers += await stream.receive()


async def test_watchers_hear_of_every_change(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway) as client,
        raw_client(gateway, token=OWNER) as person,
    ):
        await client.next(Authenticated)
        await person.next(Authenticated)
        await person.request(1, "watch_approvals", WatchApprovals())
        assert bytes((await person.next(Answered)).result) == b'{"approvals":[]}'
        rid = await one_waiting(gateway, client)
        opened = (await person.next(Notified)).params
        assert (opened.id, opened.status) == (rid, "waiting")
        await http(
            gateway, "POST", f"/api/approvals/{rid}", token=OWNER, body={"decision": "approve"}
        )
        assert (await person.next(Notified)).params.status == "approved"
        assert (await person.next(Notified)).params.outcome == "executed"


async def test_a_channel_that_fails_harms_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        name = "broken"
        problem = ""

        def approval_changed(self, view: object) -> None:
            raise RuntimeError("no network")

    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway) as client,
        raw_client(gateway, token=OWNER) as person,
    ):
        gateway.gate.desk.channels.insert(0, Broken())
        await client.next(Authenticated)
        await person.next(Authenticated)
        await person.request(1, "watch_approvals", WatchApprovals())
        await one_waiting(gateway, client)
        assert (await person.next(Notified)).params.status == "waiting"
    assert "channel broken failed to show an approval" in caplog.text


async def test_a_principal_sees_only_its_own_requests_and_an_operator_all(tmp_path: Path) -> None:
    other = {"name": "other", "role": "agent", "token": "other-token-0123456789"}
    async with (
        serving(tmp_path, principals=[other]) as gateway,
        raw_client(gateway) as client,
        raw_client(gateway, token=str(other["token"])) as stranger,
        raw_client(gateway, token=OPERATOR) as operator,
    ):
        for raw in (client, stranger, operator):
            await raw.next(Authenticated)
        await one_waiting(gateway, client)
        counts = []
        for raw in (client, stranger, operator):
            await raw.request(50, "list_requests", ListRequests(open_only=True))
            counts.append(bytes((await raw.next(Answered)).result).count(b'"signature"'))
    assert counts == [1, 0, 1]


async def test_tools_are_listed_with_schema_and_the_decision_to_expect(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "list_tools", ListTools())
        answer = bytes((await client.next(Answered)).result)
    assert b'"name":"echo"' in answer
    assert b'"decision":"allow"' in answer
    assert b'"decision":"ask"' in answer


async def test_arguments_that_do_not_fit_are_refused_before_anybody_is_asked(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="asked", args={"txt": "x"}))
        answer = await client.next(Answered)
        assert answer.error.code == -32602
        assert "text" in answer.error.message
        await client.request(2, "tool_request", ToolRequest(tool="askd", args={}))
        assert (await client.next(Answered)).error.code == -32004
        assert gateway.gate.desk.waiting() == []

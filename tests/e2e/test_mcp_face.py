"""MCP clients at a real gateway: their calls live through cuts and kills, and run once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import h11
import pytest
from tests.e2e.process import AGENT_TOKEN, BOUND_S, GatewayProcess, until
from tests.server.faces.mcp_client import LEGACY, MODERN, TASKS, Events, McpClient, text_of

pytestmark = pytest.mark.anyio

OTHER_TOKEN = "other-token-0123456789abcdef0"
BROKEN = (anyio.BrokenResourceError, h11.RemoteProtocolError)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def gateway(folder: Path, **mcp: Any) -> Iterator[GatewayProcess]:
    with GatewayProcess(folder, {"faces": {"mcp": mcp}}) as gate:
        yield gate


@asynccontextmanager
async def client_of(
    gate: GatewayProcess, version: str, token: str = AGENT_TOKEN, **capabilities: Any
) -> AsyncIterator[McpClient]:
    client = McpClient(gate.port, token, version, capabilities)
    try:
        with anyio.fail_after(BOUND_S):
            if version != MODERN:
                await client.begin()
            yield client
    finally:
        await client.close()


async def approved(gate: GatewayProcess, verdict: str = "approve") -> None:
    """A person answers the one approval that waits."""

    def answer() -> None:
        (approval,) = gate.wait_for_approvals()
        assert gate.decide(approval["id"], verdict)[0] == 200

    await anyio.to_thread.run_sync(answer)


async def waiting(gate: GatewayProcess) -> None:
    await anyio.to_thread.run_sync(gate.wait_for_approvals)


async def killed(gate: GatewayProcess, client: McpClient) -> None:
    """kill -9, and a new life; what is connected to the former one is no connection any more."""
    await client.close()
    await anyio.to_thread.run_sync(gate.restart)


async def test_a_legacy_call_lives_through_a_kill_of_the_gateway(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        async with client_of(gate, LEGACY) as client:
            message = client.calling("asked_write", {"key": "a"}, progressToken=1)
            async with client.streaming(message) as response:
                events = Events(response)
                await events.next()
                await waiting(gate)
                await killed(gate, client)
                with pytest.raises(BROKEN):
                    await events.next()
            async with client.listening(events.last_id) as response:
                again = Events(response)
                await again.next()
                await approved(gate)
                answer = await again.answer()
            assert answer["id"] == message["id"]
            assert text_of(answer["result"]) == "wrote a"
            assert (await client.call("get_state", {"entity_id": "x"}))["isError"] is False
        assert gate.starts()["asked_write", "a"] == 1


async def test_a_task_lives_through_a_kill_of_the_gateway(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        async with client_of(gate, MODERN, **TASKS) as client:
            task = {"taskId": (await client.call("asked_write", {"key": "a"}))["taskId"]}
            await killed(gate, client)
            seen = (await client.ask("tasks/get", task))["result"]
            assert seen["status"] == "working"
            assert "waiting for a person" in seen["statusMessage"]
            await approved(gate)
            while seen["status"] == "working":
                seen = (await client.ask("tasks/get", task))["result"]
            assert seen["status"] == "completed"
            assert text_of(seen["result"]) == "wrote a"
        assert gate.starts()["asked_write", "a"] == 1


async def test_who_asks_again_after_a_kill_joins_what_waits(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        async with client_of(gate, MODERN) as client:
            meta = {"progressToken": 1, "claudecode/toolUseId": "toolu_1"}
            message = client.calling("asked_write", {"key": "a"}, **meta)
            async with client.streaming(message) as response:
                await Events(response).next()
                await waiting(gate)
                await killed(gate, client)
            meta["claudecode/toolUseId"] = "toolu_2"
            message = client.calling("asked_write", {"key": "a"}, **meta)
            async with client.streaming(message) as response:
                events = Events(response)
                await events.next()
                await approved(gate)
                assert text_of((await events.answer())["result"]) == "wrote a"
        assert gate.starts()["asked_write", "a"] == 1


async def test_another_client_gets_the_outcome_of_one_that_was_killed(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        async with client_of(gate, LEGACY) as client:
            message = client.calling("asked_write", {"key": "a"}, progressToken=1)
            async with client.streaming(message) as response:
                await Events(response).next()
        await approved(gate)
        until(lambda: gate.starts()["asked_write", "a"], "the run")
        async with client_of(gate, MODERN) as client:
            result = await client.call("asked_write", {"key": "a"})
        assert text_of(result) == "wrote a"
        assert gate.starts()["asked_write", "a"] == 1


async def test_what_ran_when_the_gateway_was_killed_is_unknown_and_a_person_is_asked(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path, hold_s=1) as gate:
        async with client_of(gate, MODERN) as client:
            arguments = {"key": "a", "seconds": 30}
            message = client.calling("slow_write", arguments)
            async with client.streaming(message):
                until(lambda: gate.starts()["slow_write", "a"], "the run")
                await killed(gate, client)
            again = await client.call("slow_write", arguments)
            assert again["isError"] is True
            assert again["_meta"]["agentgate/status"] == "pending"
            (approval,) = gate.approvals()
            assert "may" in approval["warning"]
        assert gate.starts()["slow_write", "a"] == 1


async def test_the_same_write_is_made_once_unless_somebody_else_wants_it(tmp_path: Path) -> None:
    agents = [{"name": "other", "role": "agent", "token": OTHER_TOKEN}]
    with GatewayProcess(tmp_path, {"faces": {"mcp": {}}}) as gate:
        gate.stop()
        gate.config["principals"] += agents
        gate.start()
        async with client_of(gate, LEGACY) as client, client_of(gate, LEGACY) as second:
            message = client.calling("allowed_write", {"key": "a"})
            answers = [await client.send(message), await client.send(message)]
            answers.append(await client.send(client.calling("allowed_write", {"key": "a"})))
            answers.append(await second.send(second.calling("allowed_write", {"key": "a"})))
            texts = [text_of(answer.json()["result"]) for answer in answers]
            assert texts == ["wrote a"] * 4
            assert gate.starts()["allowed_write", "a"] == 1
            result = await client.call("allowed_write", {"key": "a", "idempotency_key": "2"})
            assert text_of(result) == "wrote a"
            assert gate.starts()["allowed_write", "a"] == 2
        async with client_of(gate, MODERN, OTHER_TOKEN) as client:
            assert text_of(await client.call("allowed_write", {"key": "a"})) == "wrote a"
        assert gate.starts()["allowed_write", "a"] == 3


async def test_a_batch_does_not_hide_what_is_denied(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        async with client_of(gate, "2025-03-26") as client:
            batch = [
                client.calling("get_state", {"entity_id": "x"}),
                client.calling("forbidden", {"key": "a"}),
            ]
            allowed, denied = sorted((await client.send(batch)).json(), key=lambda each: each["id"])
            assert allowed["result"]["isError"] is False
            assert denied["result"]["isError"] is True
            assert "never that" in text_of(denied["result"])


async def test_a_cancelled_call_is_asked_of_nobody_any_more(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        async with client_of(gate, LEGACY) as client:
            message = client.calling("asked_write", {"key": "a"}, progressToken=1)
            async with client.streaming(message) as response:
                events = Events(response)
                await events.next()
                await waiting(gate)
                params = {"requestId": message["id"]}
                await client.send(
                    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
                )
                answer = await events.answer()
            assert "withdrawn" in text_of(answer["result"])
            until(lambda: not gate.approvals(), "that nobody is asked")
        assert gate.starts()["asked_write", "a"] == 0


async def test_a_token_of_an_agent_is_nowhere_in_the_database(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        async with client_of(gate, LEGACY) as client:
            session = client.session
            await client.call("allowed_write", {"key": "a"})
        gate.stop()
    kept = everything_in(tmp_path)
    assert b"allowed_write" in kept
    assert AGENT_TOKEN.encode() not in kept
    assert session.encode() not in kept


def everything_in(folder: Path) -> bytes:
    """What a gateway has written into its database."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("gate.db*")))


class SdkClient:
    """A process of ``sdk_mcp``."""

    def __init__(self, gate: GatewayProcess, mode: str, loop: str) -> None:
        url = f"http://127.0.0.1:{gate.port}/mcp"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.sdk_mcp", url, AGENT_TOKEN, mode, loop],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def heard(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client has ended"
        return json.loads(line)

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __enter__(self) -> SdkClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize(("mode", "version"), [("legacy", LEGACY), ("auto", MODERN)])
def test_the_official_sdk_is_served(tmp_path: Path, mode: str, version: str, loop: str) -> None:
    with gateway(tmp_path, holds={"agent": 2}) as gate, SdkClient(gate, mode, loop) as client:
        listed = client.heard()
        assert listed["version"] == version
        assert {"get_state", "asked_write", "gate_result"} <= set(listed["tools"])
        allowed = client.heard()["allowed"]
        assert allowed["structured"] == {"entity_id": "sensor.temp", "state": "21.3"}
        denied = client.heard()["denied"]
        assert denied["error"]
        assert "never that" in denied["texts"][0]
        (approval,) = gate.wait_for_approvals()
        gate.decide(approval["id"], "approve")
        heard = client.heard()
        assert heard["asked"]["texts"] == ["wrote yes"]
        assert heard["progressed"] == sorted(set(heard["progressed"])) != []
        pending = client.heard()["pending"]
        assert pending["meta"]["agentgate/status"] == "pending"
        (approval,) = gate.wait_for_approvals()
        gate.decide(approval["id"], "approve")
        client.go_on()
        assert client.heard()["fetched"]["texts"] == ["wrote later"]
        repeated = client.heard()["repeated"]
        assert repeated["texts"][0] == "wrote later"
        assert "Nothing was run again" in repeated["texts"][1]
        assert gate.starts()["asked_write", "later"] == 1

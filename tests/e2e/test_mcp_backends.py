"""MCP clients at a real gateway with MCP servers behind it, from one end to the other."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.cli.mcp.piped import Piped
from tests.e2e.process import AGENT_TOKEN, BOUND_S, GatewayProcess, until
from tests.mcp.acceptance.world import wait_for_tools
from tests.nursery import Born, nursery
from tests.server.faces.mcp_client import LEGACY, MODERN, Events, McpClient, text_of, whole
from tests.server.tools.mcp.behind import STUB, lines, starts

pytestmark = pytest.mark.anyio

TOOLS = ("slow", "steps", "odd", "drop", "status", "big")
PERMISSIONS = {
    "defaults": [{"pattern": "*", "action": "ask"}],
    "rules": [{"pattern": f"*.{name}*", "action": "allow"} for name in TOOLS],
}
READS = {"slow": "read", "steps": "read"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Gateway(GatewayProcess):
    """A gateway with two servers ``a`` and ``b``, whose log is kept."""

    def __init__(self, folder: Path) -> None:
        self.logged = folder / "stderr"
        self.logs = {alias: folder / f"{alias}.log" for alias in "ab"}
        servers = {
            alias: {
                "command": [sys.executable, "-I", "-S", str(STUB), "stdio", f"log={log}"],
                "pins": "first-use",
                "effects": READS,
            }
            for alias, log in self.logs.items()
        }
        config = {"faces": {"mcp": {}}, "tools": {"mcp": servers}}
        super().__init__(folder, config, PERMISSIONS)

    def spawn(self, *arguments: str) -> Born:
        env = {**os.environ, "E2E_JOURNAL": str(self.journal_path)}
        with self.logged.open("a") as file:
            return nursery().bear("tests.e2e.serve", *arguments, env=env, stderr=file)

    def seen(self, alias: str, method: str) -> list[dict[str, Any]]:
        """The messages of a method that a server has got."""
        messages = [each["message"] for each in lines(self.logs[alias]) if "message" in each]
        return [each for each in messages if each.get("method") == method]

    def ids(self, alias: str) -> list[Any]:
        """Under which ids a server was called."""
        return [each["id"] for each in self.seen(alias, "tools/call")]

    def cancelled(self, alias: str) -> list[Any]:
        """Which calls a server was told to end."""
        found = self.seen(alias, "notifications/cancelled")
        return [each["params"]["requestId"] for each in found]


@contextmanager
def opened(folder: Path) -> Iterator[Gateway]:
    with Gateway(folder) as running:
        for alias in "ab":
            wait_for_tools(running, f"{alias}_slow", AGENT_TOKEN)
        yield running


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gateway]:
    with opened(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """For those that look at nothing of others."""
    with opened(tmp_path_factory.mktemp("shared")) as running:
        yield running


@asynccontextmanager
async def client_of(gate: Gateway, version: str, **capabilities: Any) -> AsyncIterator[McpClient]:
    client = McpClient(gate.port, AGENT_TOKEN, version, capabilities)
    try:
        with anyio.fail_after(2 * BOUND_S):
            if version != MODERN:
                await client.begin()
            yield client
    finally:
        await client.close()


async def seen(condition: Any, what: str) -> None:
    await anyio.to_thread.run_sync(until, condition, what)


def cancellation(number: Any) -> dict[str, Any]:
    params = {"requestId": number}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


async def test_a_call_that_runs_is_ended_at_its_own_server_under_its_own_id(gate: Gateway) -> None:
    async with client_of(gate, LEGACY) as client, client_of(gate, MODERN) as other:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other.call, "b_slow", {"for_s": 2})
            message = client.calling("a_slow", {"for_s": 60}, progressToken=1)
            async with client.streaming(message) as response:
                await seen(lambda: starts(gate.logs["a"], "slow"), "the run")
                assert (await client.send(cancellation(message["id"]))).status == 202
                await whole(response)
            await seen(lambda: gate.cancelled("a"), "the cancellation")
            assert gate.cancelled("a") == gate.ids("a") != [message["id"]]
        assert gate.cancelled("b") == []


async def test_a_call_that_nobody_has_approved_yet_is_withdrawn_and_nothing_is_sent(
    gate: Gateway,
) -> None:
    async with client_of(gate, LEGACY) as client:
        message = client.calling("a_echo", {"text": "x"}, progressToken=1)
        async with client.streaming(message) as response:
            await anyio.to_thread.run_sync(gate.wait_for_approvals)
            await client.send(cancellation(message["id"]))
            assert "withdrawn" in text_of((await whole(response))["result"])
        await seen(lambda: not gate.approvals(), "that nobody is asked")
        result = await client.call("a_steps")
        await client.send(cancellation(message["id"]))
        await client.send(cancellation(message["id"] + 1))  # of what was answered
        assert text_of(result) == text_of(await client.call("a_steps")) == "done"
    assert starts(gate.logs["a"], "echo") == 0
    assert gate.cancelled("a") == []


async def test_what_runs_is_ended_for_a_client_on_a_pipe_as_well(gate: Gateway) -> None:
    def play() -> None:
        with Piped("--url", gate.url) as pipe:
            until(lambda: "a_slow" in pipe.tools(), "the tool")
            call = pipe.call("a_slow", for_s=60)
            until(lambda: starts(gate.logs["a"], "slow"), "the run")
            pipe.send(**cancellation(call))
            until(lambda: gate.cancelled("a"), "the cancellation")
            assert gate.cancelled("a") == gate.ids("a")
            assert pipe.end()[0] == 0

    await anyio.to_thread.run_sync(play)


@pytest.mark.parametrize("version", [LEGACY, MODERN])
async def test_two_with_one_token_hear_each_of_their_own_progress(
    shared: Gateway, version: str
) -> None:
    heard: dict[str, list[Any]] = {}

    async def call(alias: str) -> None:
        async with client_of(shared, version) as client:
            message = client.calling(f"{alias}_steps", {}, progressToken=7)
            async with client.streaming(message) as response:
                events, found = Events(response), []
                while (event := await events.next()) is not None:
                    found.append(event)
                heard[alias] = found

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, "a")
        tasks.start_soon(call, "b")
    for events in heard.values():
        answer = events.pop()
        assert text_of(answer["result"]) == "done"
        assert {each["method"] for each in events} <= {
            "notifications/progress",
            "notifications/message",
        }
        told = [each["params"] for each in events if each["method"] == "notifications/progress"]
        assert {each["progressToken"] for each in told} == {7}
        steps = [each["progress"] for each in told]
        assert steps == sorted(set(steps))
        assert {"step 1", "step 2", "step 3"} <= {each["message"] for each in told}


async def test_what_a_server_says_comes_through_as_it_said_it(shared: Gateway) -> None:
    async with client_of(shared, LEGACY) as client:
        odd = await client.call("a_odd")
        assert odd["content"] == [{"type": "hologram", "data": "x"}]
        assert (odd["odd"], odd["structuredContent"]) == ([1, 2], {"text": 7})


async def test_what_broke_off_after_the_start_is_unknown_and_asked_about(shared: Gateway) -> None:
    async with client_of(shared, MODERN) as client:
        lost = await client.call("a_drop")
        assert (lost["isError"], lost["_meta"]["agentgate/status"]) == (True, "unknown")
        message = client.calling("a_drop", progressToken=1)
        async with client.streaming(message):
            (approval,) = await anyio.to_thread.run_sync(shared.wait_for_approvals)
    assert "may" in approval["warning"]
    assert starts(shared.logs["a"], "drop") == 1


async def test_a_token_of_an_agent_is_nowhere_but_with_its_agent(
    gate: Gateway, tmp_path: Path
) -> None:
    async with client_of(gate, LEGACY) as client:
        meta = {"claudecode/toolUseId": "toolu-secret-1", "x": AGENT_TOKEN}
        assert text_of(await client.call("a_steps", meta=meta)) == "done"
        session = client.session
    async with client_of(gate, MODERN) as client:
        assert text_of(await client.call("b_steps", meta=meta)) == "done"
    await anyio.to_thread.run_sync(gate.stop)
    kept = contents(tmp_path)
    assert any(b"a.steps" in data for path, data in kept.items() if path.name.startswith("gate.db"))
    assert {"a.log", "b.log", "stderr"} <= {path.name for path in kept}
    for secret in (AGENT_TOKEN, session):
        found = [path.name for path, data in kept.items() if secret.encode() in data]
        assert found in ([], ["config.yaml"]), found
    sent = json.dumps([gate.seen(alias, "tools/call") for alias in "ab"])
    assert "toolu-secret-1" not in sent


def contents(folder: Path) -> dict[Path, bytes]:
    """All that is in files there."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

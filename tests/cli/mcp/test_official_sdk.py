"""The official SDK's client on ``agent-gate mcp``, in both eras and on both event loops.

It is a foreign client with rules of its own: what it refuses, others will refuse, too.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest
from tests.cli.support import AGENT_GATE, AGENT_TOKEN, BOUND_S, Served, write_files

if TYPE_CHECKING:
    from mcp import Client

pytestmark = pytest.mark.anyio

MODES = ["legacy", "2026-07-28"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway of the test's own, which it may kill."""
    write_files(tmp_path)
    gateway = Served(tmp_path)
    gateway.start()
    yield gateway
    gateway.kill()


@asynccontextmanager
async def client_of(gateway: Served, mode: str) -> AsyncIterator[Client]:
    """A client whose server is ``agent-gate mcp`` in front of a gateway."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    server = StdioServerParameters(
        command=AGENT_GATE,
        args=["mcp", "--url", gateway.url],
        env={"AGENT_GATE_TOKEN": AGENT_TOKEN, "PATH": os.environ["PATH"]},
    )
    with anyio.fail_after(4 * BOUND_S):
        async with Client(stdio_client(server), mode=mode) as client:
            yield client


def text_of(result: Any) -> str:
    """The first text of a result."""
    return str(result.content[0].text)


async def waiting(gateway: Served) -> str:
    """The one request that waits for a person."""
    with anyio.fail_after(BOUND_S):
        while not (ids := await anyio.to_thread.run_sync(gateway.waiting_ids)):
            await anyio.sleep(0.05)
    (rid,) = ids
    return str(rid)


@pytest.mark.parametrize("mode", MODES)
async def test_it_lists_and_calls(served: Served, mode: str) -> None:
    async with client_of(served, mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == sorted(names)
        assert {"gate_result", "get_temperature", "set_light"} <= set(names)
        good = await client.call_tool("get_temperature", {"room": "kitchen"})
        assert (good.is_error, text_of(good)) == (False, "21.0")
        listed = await client.call_tool("list_lights", {})
        assert not listed.is_error
        denied = await client.call_tool("unlock_door", {"door": "back"})
        assert denied.is_error
        assert "The back door stays shut" in text_of(denied)


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_outlives_the_gateway_and_tells_of_it(served: Served, mode: str) -> None:
    told: list[str] = []
    results: list[Any] = []
    said = anyio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")
        if "away" in told[-1]:
            said.set()

    async with client_of(served, mode) as client:

        async def call() -> None:
            light = {"room": "kitchen", "on": True}
            results.append(await client.call_tool("set_light", light, progress_callback=hear))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            rid = await waiting(served)
            await anyio.to_thread.run_sync(served.kill)
            with anyio.fail_after(BOUND_S):
                await said.wait()
            await anyio.to_thread.run_sync(served.start)
            await anyio.to_thread.run_sync(served.decide, rid, "approve")
        assert results[0].structured_content["on"] is True
        assert served.starts("set_light") == 1
        assert "person" in told[0]
        after = await client.call_tool("get_temperature", {"room": "kitchen"})
        assert not after.is_error


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_that_is_given_up_is_withdrawn(served: Served, mode: str) -> None:
    async with client_of(served, mode) as client:
        async with anyio.create_task_group() as tasks:
            light = {"room": "kitchen", "on": True}
            tasks.start_soon(client.call_tool, "set_light", light)
            await waiting(served)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(BOUND_S):
            while await anyio.to_thread.run_sync(served.waiting_ids):
                await anyio.sleep(0.05)
        assert served.starts("set_light") == 0

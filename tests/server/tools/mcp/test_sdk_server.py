"""The official SDK's server behind the gate, over both transports: a foreign one."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.tools.mcp.behind import called, read, serving, until

from agentgate_proto.faces.mcp_backend.events import Kind
from agentgate_proto.records.outcome import Status
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp.form import McpServerConfig, McpUrl
from agentgate_server.tools.mcp.servers import McpServers

pytestmark = pytest.mark.anyio

SERVER = Path(__file__).parent / "sdk_server.py"


class Listener:
    """Whoever called."""

    can: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def ask(
        self, method: str, params: msgspec.Raw, timeout_s: float, key: str = ""
    ) -> msgspec.Raw:
        raise NotImplementedError

    def tell(self, method: str, params: msgspec.Raw) -> None:
        self.told.append((method, msgspec.json.decode(params)))


@asynccontextmanager
async def foreign(way: str, listener: Listener) -> AsyncIterator[McpServers]:
    """It, behind one transport."""
    dialogues = Dialogues()
    dialogues.find = lambda rid: [listener]
    both: dict[str, Any] = {"resources": True, "prompts": True}
    if way == "stdio":
        config = McpServerConfig(command=(sys.executable, str(SERVER), "stdio"), **both)
        async with serving(dialogues, s=config) as servers:
            yield servers
        return
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = [sys.executable, str(SERVER), "http", str(port)]
    async with await anyio.open_process(command, stdout=None, stderr=None) as process:
        config = McpServerConfig(url=McpUrl(f"http://127.0.0.1:{port}/mcp"), **both)
        try:
            async with serving(dialogues, s=config) as servers:
                yield servers
        finally:
            process.kill()


@pytest.mark.parametrize("way", ["stdio", "http"])
async def test_all_that_it_offers_goes_through(way: str) -> None:
    listener = Listener()
    async with foreign(way, listener) as servers:
        server = servers.servers["s"]
        await until(lambda: server.is_up and server.wanted - {Kind.TOOLS} <= server.offered.keys())
        added = await called(servers, "s.add", {"a": 1, "b": 2})
        assert read(added)["structuredContent"] == {"result": 3}
        broken = await called(servers, "s.breaks")
        assert broken.status is Status.FAILED
        assert "no such thing" in broken.message or "breaks" in broken.message
        await called(servers, "s.steps")
        progress = [params["progress"] for method, params in listener.told if "progress" in method]
        assert progress == [1, 2, 3]
        note = await called(servers, "s_read_resource", {"uri": "note://one"})
        assert read(note)["contents"][0]["text"] == "hello"
        prompt = await called(servers, "s_get_prompt", {"name": "greet", "arguments": {"who": "x"}})
        assert read(prompt)["messages"][0]["content"]["text"] == "hi x"
        unknown = await called(servers, "s_read_resource", {"uri": "note://two"})
        assert unknown.status is Status.FAILED

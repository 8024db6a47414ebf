"""The MCP face on a real gateway, with a call desk in memory, and clients for it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.embedded import AGENT, serving
from tests.server.faces.mcp_client import LEGACY, MODERN, McpClient
from tests.server.faces.memory_desk import MemoryDesk, tool_row

from agentgate_proto.faces.mcp.holds import Holds
from agentgate_proto.records.request import Effects
from agentgate_server.faces.face import Surroundings
from agentgate_server.faces.mcp import McpFace
from agentgate_server.gateway import Gateway

OTHER = "other-agent-token-0123456789"
OTHERS = [{"name": "other", "role": "agent", "token": OTHER}]
ROWS = [
    tool_row("echo.it", Effects.READ),
    tool_row("ask.it"),
    tool_row("hang.it", form="mcp"),
    tool_row("never.it"),
]
BOTH = pytest.mark.parametrize("version", [MODERN, LEGACY])


@asynccontextmanager
async def offering(
    folder: Path,
    *,
    is_open: bool = False,
    hold_s: float = 50.0,
    permit: bool = False,
    offers: Any = None,
    **changes: Any,
) -> AsyncIterator[tuple[Gateway, MemoryDesk]]:
    desks: list[MemoryDesk] = []

    def make(around: Surroundings) -> McpFace:
        desks.append(MemoryDesk(around.spawn, ROWS))
        return McpFace(
            dataclasses.replace(around, calls=desks[0]),
            path="/mcp",
            is_open=is_open,
            holds=Holds(hold_s, {"default": hold_s}),
            join_window_s=600.0,
            permit=permit,
            offers=offers,
        )

    async with serving(folder, faces=[make], principals=OTHERS, **changes) as gateway:
        yield gateway, desks[0]


@asynccontextmanager
async def client_of(
    gateway: Gateway, version: str = MODERN, token: str = AGENT, **capabilities: Any
) -> AsyncIterator[McpClient]:
    client = McpClient(gateway.port, token, version, capabilities)
    try:
        if version != MODERN:
            await client.begin()
        yield client
    finally:
        await client.close()

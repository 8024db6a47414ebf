"""Servers behind a gate without a gate: the stub, run as itself, and what calls its tools."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec

from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.tool_pin import Definition
from agentgate_server.secrets.masking import Masker
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp.form import McpAlias, McpServerConfig, McpUrl
from agentgate_server.tools.mcp.servers import McpServers
from agentgate_server.tools.runner import Runner
from agentgate_server.tools.tool import AsyncTool

STUB = Path(__file__).parent / "stub_server.py"
BOUND_S = 20.0


class All:
    """Accepts everything."""

    def visible(self, alias: str, definitions: Sequence[Definition]) -> frozenset[str]:
        return frozenset(each.name for each in definitions)

    def accepted(self, alias: str) -> dict[str, str]:
        return {}


def stub(*words: str, **config: Any) -> McpServerConfig:
    """The stub over stdio."""
    command = (sys.executable, "-I", "-S", str(STUB), "stdio", *words)
    return McpServerConfig(command=command, **config)


@asynccontextmanager
async def stub_over_http(*words: str, **config: Any) -> AsyncIterator[McpServerConfig]:
    """The stub over HTTP, while the block runs."""
    command = [sys.executable, "-I", "-S", str(STUB), "http", *words]
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdout is not None
        port = int(await process.stdout.receive())
        config.setdefault("private", True)
        try:
            yield McpServerConfig(url=McpUrl(f"http://127.0.0.1:{port}/mcp"), **config)
        finally:
            process.kill()


@asynccontextmanager
async def serving(
    dialogues: Dialogues | None = None,
    pins: Any = None,
    masker: Masker | None = None,
    **configs: McpServerConfig,
) -> AsyncIterator[McpServers]:
    """Servers that run while the block does; it begins when those are up that come up."""
    servers = McpServers(
        {McpAlias(alias): config for alias, config in configs.items()},
        pins=pins or All(),
        dialogues=dialogues,
        masker=masker,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(servers.run)
        try:
            yield servers
        finally:
            tasks.cancel_scope.cancel()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something holds."""
    with anyio.fail_after(BOUND_S):
        while not condition():
            await anyio.sleep(0.005)


async def up(servers: McpServers, *aliases: str) -> None:
    """Wait until servers are up."""
    await until(lambda: all(servers.servers[alias].is_up for alias in aliases or servers.servers))


async def called(
    servers: McpServers, name: str, args: dict[str, Any] | None = None, rid: str = "r1"
) -> Outcome:
    """Have a tool run, as the gate does."""
    listed = servers.get(name)
    assert listed is not None, name
    tool = servers.to_run(name, listed.effects, rid)
    assert tool is not None
    tool = tool.as_asked(listed.definition)
    assert isinstance(tool, AsyncTool)
    runner = Runner()
    try:
        with anyio.fail_after(BOUND_S):
            return await runner.run(tool, args or {})
    finally:
        runner.close()


def read(outcome: Outcome) -> Any:
    """What an outcome has."""
    return msgspec.json.decode(outcome.data)


def lines(file: Path) -> list[dict[str, Any]]:
    """What a stub has logged."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def starts(file: Path, name: str) -> int:
    """How often a tool was started."""
    return sum(each.get("call") == name and each.get("event") == "START" for each in lines(file))

"""The stage of the demo: a folder with a gateway's files, the gateway, the agent, the people."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio
import msgspec

from agentgate_cli.demo.processes import Child, DemoError, Processes, processes
from agentgate_client import AgentGateClient, ApprovalsClient
from agentgate_server.tokens import new_token

FILES = ("config.yaml", "permissions.yaml")
TOKENS = ("AGENT_TOKEN", "APPROVER_TOKEN", "OPERATOR_TOKEN")
JOURNAL = "journal.jsonl"

LOOK_S = 0.02
"""Pause between two looks at the gateway's list of requests."""


class Stage:
    """What the scenes are played on.

    Attributes:
        folder: where everything is.
        gateway, agent: the processes.
        listening: what the gateway said when it listened: ``url``, ``tools`` …
        person: the connection of the one who answers.
        observer: the connection of one who sees everybody's requests.
    """

    gateway: Child
    agent: Child
    person: ApprovalsClient
    observer: AgentGateClient

    def __init__(self, folder: Path, children: Processes, tokens: dict[str, str]) -> None:
        self.folder = folder
        self.listening: dict[str, Any] = {}
        self._children = children
        self._tokens = tokens
        self._port = 0

    @property
    def url(self) -> str:
        """Where the gateway listens."""
        return str(self.listening["url"])

    async def start_gateway(self) -> None:
        """Start it; a second time on the port of the first, where its clients look for it."""
        self.gateway = await self._children.start(
            "gateway",
            "agentgate_cli.demo.leash",
            "serve",
            *("--port", str(self._port)),
            *("--log-format", "json"),
        )
        self.listening = await self.gateway.hear("listening")
        self._port = int(self.url.rpartition(":")[2])

    async def start_agent(self) -> None:
        """Start the agent, and wait until it is connected."""
        self.agent = await self._children.start(
            "agent",
            "agentgate_cli.demo.agent",
            AGENT_GATE_URL=self.url,
            AGENT_GATE_TOKEN=self._tokens["AGENT_TOKEN"],
        )
        await self.agent.hear("connected")

    def connect_people(self) -> tuple[ApprovalsClient, AgentGateClient]:
        """Make the connections of the demo's own people."""
        self.person = ApprovalsClient(self.url, self._tokens["APPROVER_TOKEN"])
        self.observer = AgentGateClient(self.url, self._tokens["OPERATOR_TOKEN"])
        return self.person, self.observer

    async def row(self, tool: str, args: dict[str, Any], *phases: str) -> dict[str, Any]:
        """Wait until the gateway has a request for this in one of these phases."""
        while True:
            for row in await self.observer.list_requests():
                if (row["tool"], row["args"]) == (tool, args) and row["phase"] in phases:
                    return row
            await anyio.sleep(LOOK_S)

    def starts(self, tool: str, args: dict[str, Any]) -> int:
        """Count how often a tool of the house was really started with these arguments."""
        journal = self.folder / JOURNAL
        if not journal.exists():
            return 0
        lines = map(msgspec.json.decode, journal.read_bytes().splitlines())
        return sum(line["tool"] == tool and args.items() <= line["args"].items() for line in lines)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Write the files, start the gateway and the agent, connect the people."""
    tokens = {name: new_token() for name in TOKENS}
    write_files(folder, tokens)
    environment = {**tokens, "HOUSE_JOURNAL": str(folder / JOURNAL)}
    async with processes(folder, environment) as children:
        stage = Stage(folder, children, tokens)
        await stage.start_gateway()
        person, observer = stage.connect_people()
        async with person, observer:
            await stage.start_agent()
            yield stage


def write_files(folder: Path, tokens: dict[str, str]) -> None:
    """Write what a gateway needs into a folder.

    Raises:
        DemoError: it can't be written.
    """
    try:
        for name in FILES:
            text = (files("agentgate_cli.demo") / name).read_text("utf-8")
            (folder / name).write_text(text, "utf-8")
        descriptor = os.open(folder / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={token}\n" for name, token in tokens.items())
    except OSError as error:
        raise DemoError(f"cannot write to {folder}: {error.strerror}") from None

"""The stage of the demo: a folder with a gateway's files, the gateway, the agent, the people."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio

from agentgate_cli.demo.phone import OWNER_ID, Phone
from agentgate_cli.demo.processes import Child, DemoError, Processes, processes
from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_client import AgentGateClient, ApprovalsClient
from agentgate_server.identity.tokens import new_token

FILES = ("config.yaml", "permissions.yaml", "model.yaml")
MESSENGER = "messenger.yaml"
TOKENS = ("AGENT_TOKEN", "APPROVER_TOKEN", "OPERATOR_TOKEN", "HOME_ASSISTANT_TOKEN")

STEP_S = 15.0
"""How long anything but a person may take; on an idle machine it is a tenth of a second."""

LOOK_S = 0.1
"""Pause between two looks at the gateway's list of requests."""


class Stage:
    """What the scenes are played on.

    Attributes:
        folder: where everything is.
        house: the house behind the gateway, which speaks Home Assistant's API.
        phone: the person's phone, on which Telegram runs; None: the extra is not installed.
        gateway, agent: the processes.
        mcp: ``agent-gate mcp``, which an MCP client has started.
        listening: what the gateway said when it listened: ``url``, ``tools`` …
        person: the connection of the one who answers.
        observer: the connection of one who sees everybody's requests.
    """

    gateway: Child
    agent: Child
    mcp: Child
    person: ApprovalsClient
    observer: AgentGateClient

    def __init__(
        self,
        folder: Path,
        house: HomeAssistant,
        phone: Phone | None,
        children: Processes,
        tokens: dict[str, str],
    ) -> None:
        self.folder = folder
        self.house = house
        self.phone = phone
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

    async def start_mcp(self) -> Child:
        """Start the bridge of MCP clients."""
        self.mcp = await self._children.start(
            "mcp",
            "agentgate_cli",
            "mcp",
            *("--url", self.url),
            AGENT_GATE_TOKEN=self._tokens["AGENT_TOKEN"],
        )
        return self.mcp

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

    def starts(self, args: dict[str, Any]) -> int:
        """Count how often the house was really told to do this."""
        name = f"{args.get('domain')}.{args.get('service')}"
        data = {key: value for key, value in args.items() if key not in ("domain", "service")}
        return sum((call.name, call.data) == (name, data) for call in self.house.acts)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Write the files, start house, phone, gateway and agent, connect the people."""
    tokens = {name: new_token() for name in TOKENS}
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(HomeAssistant(token=tokens["HOME_ASSISTANT_TOKEN"]))
        variables = {**tokens, "HOME_ASSISTANT_URL": house.url}
        phone = None
        if find_spec("telegram") is not None:
            phone = await stack.enter_async_context(Phone())
            variables |= {
                "TELEGRAM_URL": phone.url,
                "TELEGRAM_TOKEN": phone.bot_token,
                "OWNER_ID": str(OWNER_ID),
            }
        write_files(folder, FILES if phone is None else (*FILES, MESSENGER), variables)
        children = await stack.enter_async_context(processes(folder, variables))
        stage = Stage(folder, house, phone, children, tokens)
        await stage.start_gateway()
        for client in stage.connect_people():
            await stack.enter_async_context(client)
        await stage.start_agent()
        yield stage


def write_files(folder: Path, names: tuple[str, ...], variables: dict[str, str]) -> None:
    """Write what a gateway needs into a folder; the messenger is a part of its configuration.

    Raises:
        DemoError: it can't be written.
    """
    try:
        for name in names:
            text = (files("agentgate_cli.demo") / name).read_text("utf-8")
            target = "config.yaml" if name == MESSENGER else name
            with (folder / target).open("a", encoding="utf-8") as file:
                file.write(text)
        descriptor = os.open(folder / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in variables.items())
    except OSError as error:
        raise DemoError(f"cannot write to {folder}: {error.strerror}") from None

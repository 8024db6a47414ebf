"""Named agents through the SDK, at a gateway that is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.client.helpers import BOUND_S, Impatient
from tests.server.embedded import config
from tests.server.gate.test_agent_calls import CONSOLE, GARDEN, HOUSE, PEOPLE

from agentgate_client import Agent, AgentGateClient, AgentGateError, Cursor, SessionNotFound
from agentgate_proto.connection.base import SERVICE_RESTART
from agentgate_proto.errors import ErrorCode
from agentgate_server.config import Config
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio


class There:
    """A gateway whose configuration may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents: dict[str, Any] = {"house": HOUSE, "garden": GARDEN}
        self.gateway = Gateway(self.load(), load=self.load, policy=Policy.parse("rules: []"))

    def load(self) -> Config:
        return config(self.folder, agents=self.agents, principals=[*PEOPLE])

    def cut(self) -> None:
        """Send everybody away; they come back."""
        for peer in self.gateway.gate.peers.values():
            peer.connection.close(SERVICE_RESTART, "cut")
            peer.poke()


@asynccontextmanager
async def console(folder: Path) -> AsyncIterator[tuple[There, AgentGateClient]]:
    there = There(folder)
    with anyio.fail_after(BOUND_S):
        async with (
            there.gateway,
            AgentGateClient(there.gateway.url, CONSOLE, backoff=Impatient()) as client,
        ):
            yield there, client


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await anyio.sleep(0.01)


async def answers(agent: Agent, count: int) -> list[str]:
    """Read the history from its beginning, to so many answers."""
    found: list[str] = []
    cursor = Cursor(agent.login.epoch, agent.login.oldest)
    async with agent.session.attach(cursor) as stream:
        async for event in stream:
            if event.kind == "run_ended":
                found.append(event.data["status"])
            if len(found) == count:
                return found
    raise AssertionError("it goes on for ever")


async def test_consoles_share_an_agent_and_nobody_is_refused_for_talking(tmp_path: Path) -> None:
    async with console(tmp_path) as (there, client):
        house = await client.agents.login("The house", "open sesame")
        assert (house.id, house.name, house.session.id) == ("house", "The house", "agent:house")
        async with AgentGateClient(there.gateway.url, CONSOLE, backoff=Impatient()) as other:
            again = await other.agents.login("house", "open sesame")
            runs = [
                agent.session.send(f"say {number}", queue=True)
                for number, agent in enumerate((house, again, house, again))
            ]
            async with anyio.create_task_group() as tasks:
                for run in runs:
                    tasks.start_soon(run.started)
            assert [await run.text() for run in runs]
            assert await answers(again, 4) == ["completed"] * 4


async def test_a_login_outlives_its_connection(tmp_path: Path) -> None:
    async with console(tmp_path) as (there, client):
        house = await client.agents.login("house", "open sesame")
        garden = await client.agents.login("garden", "let it grow")
        for _ in range(3):
            there.cut()
            assert await house.session.send("hi", queue=True).text()
            assert (await garden.session.refresh()).principal == "garden"
        assert house.problem is None


async def test_who_logs_out_is_out_and_does_not_come_back(tmp_path: Path) -> None:
    async with console(tmp_path) as (there, client):
        house = await client.agents.login("house", "open sesame")
        same = await client.agents.login("house", "open sesame")
        await house.logout()
        await same.logout()
        for _ in range(2):
            with pytest.raises(SessionNotFound):
                await house.session.refresh()
            there.cut()


async def test_a_wrong_password_is_said_to_be_wrong(tmp_path: Path) -> None:
    async with console(tmp_path) as (_, client):
        for agent in ("house", "none"):
            with pytest.raises(AgentGateError) as caught:
                await client.agents.login(agent, "a guess at it")
            assert caught.value.code == ErrorCode.LOGIN_FAILED
        assert client.agents.handles == {}


async def test_a_password_that_has_changed_is_a_problem_of_that_agent_only(tmp_path: Path) -> None:
    async with console(tmp_path) as (there, client):
        house = await client.agents.login("house", "open sesame")
        garden = await client.agents.login("garden", "let it grow")
        there.agents = {"house": {"password": "another one"}, "garden": GARDEN}
        await there.gateway.reload()
        await until(lambda: house.problem is not None)
        assert house.problem is not None
        assert house.problem.code == ErrorCode.LOGIN_FAILED
        assert (await garden.session.refresh()).principal == "garden"
        with pytest.raises(SessionNotFound):
            await house.session.refresh()
        again = await client.agents.login("house", "another one")
        assert (await again.session.refresh()).principal == "house"

"""Seed 003's interface, on top of the client: the same program with and without a server."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from tests.client.gateway import gateway
from tests.client.helpers import BOUND_S
from tests.client.session_gateway import FakeLog, FakeSessions

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    GatewayRequest,
    GatewayResponse,
    ModelFailed,
    RemoteSessions,
    SessionGateway,
    SessionNotFound,
    Usage,
)

pytestmark = pytest.mark.anyio


async def use(fake: FakeSessions, act: Callable[[RemoteSessions], Awaitable[None]]) -> None:
    """Do something with sessions of a gateway that is spoken to by http, as in the seed."""
    with anyio.fail_after(BOUND_S):
        async with (
            gateway(fake.script) as gate,
            RemoteSessions(gate.url.replace("ws:", "http:"), "t") as sessions,
        ):
            await act(sessions)


def ending(log: FakeLog, fake: FakeSessions) -> Callable[[], Awaitable[None]]:
    """Let the run that was begun answer 42."""

    async def end() -> None:
        await fake.until_called("attach_session")
        log.append("text", text="42")
        log.append("reply", text="42", stop="end")
        run, log.run = log.run, ""
        data: dict[str, Any] = {"iterations": 1, "usage": {"input": 9}, "cost_micros": 7}
        log.append("run_ended", run=run, status="completed", **data)
        await fake.push()

    return end


async def test_a_session_is_made_found_listed_and_deleted() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    fake.answers["create_session"] = log.view()
    fake.answers["list_sessions"] = {"sessions": [log.view()]}

    async def act(sessions: RemoteSessions) -> None:
        session = await sessions.create_session("user_123", "/project", {"a": 1}, model="big")
        assert (await sessions.get_session(session.id)).id == "s1"
        assert [view.id for view in await sessions.list_sessions("user_123")] == ["s1"]
        await sessions.delete_session("s1")
        with pytest.raises(SessionNotFound):
            await sessions.get_session("s1")

    await use(fake, act)
    assert fake.called("create_session") == [
        {"model": "big", "workspace": "/project", "user_id": "user_123", "metadata": {"a": 1}}
    ]


@pytest.mark.parametrize("request_", ["hi", GatewayRequest(user_input="hi", message_id="m1")])
async def test_a_query_returns_the_answer_and_what_it_took(request_: Any) -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)

    async def act(sessions: RemoteSessions) -> None:
        session = await sessions.get_session("s1")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ending(log, fake))
            response = await sessions.run_query(session, request_)
        assert response == GatewayResponse(
            output="42",
            run="r1",
            status="completed",
            iterations=1,
            usage=Usage(input=9),
            cost_micros=7,
        )

    await use(fake, act)
    [sent] = fake.called("send_message")
    assert sent["text"] == "hi"
    assert (sent["message_id"] == "m1") is isinstance(request_, GatewayRequest)


async def test_what_is_executed_is_iterated_and_ends_by_itself() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    kinds: list[str] = []

    async def act(sessions: RemoteSessions) -> None:
        session = await sessions.get_session("s1")
        asked = GatewayRequest(user_input="hi", max_iterations=2, model="big")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ending(log, fake))
            kinds.extend([event.kind async for event in sessions.execute(session, asked)])

    await use(fake, act)
    assert kinds == ["message", "text", "reply", "run_ended"]
    [sent] = fake.called("send_message")
    assert (sent["max_iterations"], sent["model"]) == (2, "big")


async def test_a_query_without_an_answer_raises() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)

    async def act(sessions: RemoteSessions) -> None:
        session = await sessions.get_session("s1")
        run = await session.send("hi", message_id="m1").started()
        log.append("run_ended", status="failed", reason="no such key")
        log.run = ""
        with pytest.raises(ModelFailed, match="no such key"):
            await sessions.run_query(session, GatewayRequest(user_input="hi", message_id="m1"))
        assert run.id == "r1"

    await use(fake, act)


async def test_without_a_context_manager_it_connects_when_it_is_needed() -> None:
    log = FakeLog("s1")
    fake = FakeSessions(log)
    with anyio.fail_after(BOUND_S):
        async with gateway(fake.script) as gate:
            sessions = RemoteSessions(gate.url, "t")
            assert gate.connections == 0
            await sessions.get_session("s1")
            await sessions.get_session("s1")
            assert gate.connections == 1
            await sessions.close()
            await sessions.close()


async def test_a_gateway_that_is_not_there_is_a_connection_error() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            await gate.stop_listening()
            with pytest.raises(AgentGateConnectionError, match="cannot reach gateway"):
                await RemoteSessions(gate.url, "t", max_retries=0).create_session()


def test_a_program_with_the_wrong_address_hears_of_it_after_some_attempts() -> None:
    client = RemoteSessions("wss://hub", "t").client
    assert client._driver.backoff.attempts_max == 3


@pytest.mark.parametrize("url", ["", "hub", "ftp://hub"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"ws://|wss://"):
        RemoteSessions(url, "t")


def test_it_is_what_the_interface_says() -> None:
    gate = RemoteSessions("wss://hub", "t")
    assert isinstance(gate, SessionGateway)
    for name, method in inspect.getmembers(SessionGateway, inspect.isfunction):
        if not name.startswith("_"):
            wanted = list(inspect.signature(method).parameters)
            assert list(inspect.signature(getattr(type(gate), name)).parameters) == wanted, name
    assert isinstance(gate.client, AgentGateClient)

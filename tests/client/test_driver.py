"""What goes wrong inside: a socket that breaks while it sends, a mistake of our own."""

from __future__ import annotations

import logging
from random import Random
from typing import NoReturn

import anyio
import pytest
from anyio.abc import ByteStream
from tests.client.gateway import gateway
from tests.client.helpers import BOUND_S, Outcome

from agentgate_client import AgentGateClient, AgentGateConnectionError, ClientState
from agentgate_client.pump import Pump
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.rpc.messages import Auth

pytestmark = pytest.mark.anyio


class Deaf(ByteStream):
    """A socket that takes nothing, and gives nothing until it is closed."""

    def __init__(self) -> None:
        self.closed = anyio.Event()

    async def send(self, item: bytes) -> NoReturn:
        raise anyio.BrokenResourceError from OSError(110, "Connection timed out")

    async def receive(self, max_bytes: int = 65_536) -> NoReturn:
        await self.closed.wait()
        raise anyio.ClosedResourceError

    async def send_eof(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self.closed.set()


class Owner:
    """Hangs up when the socket is lost, as the driver does."""

    def __init__(self) -> None:
        self.stream = Deaf()
        connection = ClientConnection("hub", "/", Auth(token="t"), 0.0, masks=Random(0))
        self.pump = Pump(self.stream, connection, self)
        self.reasons: list[str] = []

    def received(self, data: bytes) -> NoReturn:
        raise AssertionError("nothing comes from this socket")

    def lost(self, reason: str) -> None:
        self.reasons.append(reason)
        self.pump.hang_up()


async def test_a_socket_that_breaks_while_it_sends_is_reported_once_and_closed() -> None:
    owner = Owner()
    with anyio.fail_after(BOUND_S):
        await owner.pump.run()
    assert owner.reasons == ["the connection broke (Connection timed out)"]
    assert owner.stream.closed.is_set()


async def test_a_mistake_of_our_own_is_logged_and_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: client.tool_request("x"))
                asked = await peer.receive()

                def stumble(data: bytes, now: float) -> NoReturn:
                    raise ZeroDivisionError

                monkeypatch.setattr(client._driver.machine, "receive_data", stumble)
                await peer.executed(asked, None)
            assert client.state is ClientState.CLOSED
            monkeypatch.undo()
            await client.close()
    assert isinstance(waiting.error, AgentGateConnectionError)
    assert "may have run" in waiting.error.message
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ZeroDivisionError" in caplog.text

"""Closing: at any moment, promptly, and with everything settled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from tests.client.gateway import Peer, gateway, obliging, say_nothing
from tests.client.helpers import BOUND_S, Asleep, Changes, Outcome, connected
from tests.held_ports import held_port

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    ClientState,
)

pytestmark = pytest.mark.anyio

MOMENTS: dict[str, Callable[[Peer], Awaitable[object]]] = {
    "upgraded": lambda peer: anyio.lowlevel.checkpoint(),
    "auth sent": lambda peer: peer.receive(),
    "connected": lambda peer: peer.authenticate(),
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_close_while_connecting_ends_connect_with_an_error(moment: str) -> None:
    connecting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connecting.run, client.connect)
                peer = await gate.accept()
                await MOMENTS[moment](peer)
                if moment == "connected":
                    await connecting.over.wait()
                tasks.start_soon(client.close)
                await peer.see_off()
            assert client.state is ClientState.CLOSED
    if moment != "connected":
        assert isinstance(connecting.error, AgentGateConnectionError)
        assert connecting.error.message == "the client was closed"


@pytest.mark.parametrize("secure", [False, True])
async def test_close_while_dialling_does_not_wait_for_the_peer(secure: bool) -> None:
    connecting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway(raw=say_nothing) as gate:
            url = gate.url.replace("ws://", "wss://") if secure else gate.url
            client = AgentGateClient(url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connecting.run, client.connect)
                while not gate.connections:
                    await anyio.lowlevel.checkpoint()
                await client.close()
            assert isinstance(connecting.error, AgentGateConnectionError)


async def test_close_before_anything_has_begun_is_no_error() -> None:
    client = AgentGateClient("ws://127.0.0.1:1", "t")
    await client.close()
    await client.close()
    assert client.state is ClientState.CLOSED


async def test_close_right_after_connect_was_called_stops_it() -> None:
    connecting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connecting.run, client.connect)
                while client.state is ClientState.IDLE:
                    await anyio.lowlevel.checkpoint()
                await client.close()
            assert isinstance(connecting.error, AgentGateConnectionError)


async def test_close_settles_the_calls_that_wait_and_says_what_may_have_run() -> None:
    sent, collecting, unsent = Outcome(), Outcome(), Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Asleep(), on_state=changes)
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(sent.run, lambda: client.tool_request("sent"))
                await peer.receive()
                tasks.start_soon(collecting.run, client.get_pending_results)
                await peer.receive()
                peer.cut()
                await changes.wait_for(ClientState.RECONNECTING)
                tasks.start_soon(unsent.run, lambda: client.tool_request("unsent"))
                while client.health.calls_waiting < 3:
                    await anyio.lowlevel.checkpoint()
                await client.close()
    for outcome in (sent, collecting, unsent):
        assert isinstance(outcome.error, AgentGateConnectionError)
    assert (
        str(sent.error) == "the client was closed; the request was sent and may have run (-32000)"
    )
    assert str(unsent.error) == "the client was closed (-32000)"


async def test_close_does_not_wait_long_for_a_gateway_that_does_not_answer() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            with anyio.fail_after(3):
                await client.close()
            assert await peer.gone() == 1000


async def test_close_sends_what_is_queued_even_to_a_gateway_that_reads_slowly() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    outcome = Outcome()
                    tasks.start_soon(outcome.run, lambda: client.tool_request("x", x="a" * 900_000))
                while client.health.calls_waiting < 10:
                    await anyio.lowlevel.checkpoint()
                tasks.start_soon(client.close)
                for _ in range(10):
                    assert (await peer.receive())["method"] == "tool_request"
                assert await peer.gone() == 1000


async def test_close_may_be_called_by_several_tasks() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate:
            client = AgentGateClient(gate.url, "t")
            await client.connect()
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(client.close)
            assert client.state is ClientState.CLOSED


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_call_in_a_later_event_loop_is_told_that_the_first_has_ended(backend: str) -> None:
    with held_port() as port:
        client = AgentGateClient(f"ws://127.0.0.1:{port}", "t", backoff=Asleep())

        async def connect_and_leave() -> None:
            with anyio.move_on_after(0.01):
                await client._driver.open()
                await anyio.sleep_forever()

        async def call() -> None:
            with pytest.raises(AgentGateConnectionError, match="an event loop that has ended"):
                await client.call("greet")

        anyio.run(connect_and_leave, backend=backend)
        anyio.run(call, backend=backend)

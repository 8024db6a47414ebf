"""Broken connections: calls wait, and each ends once."""

from __future__ import annotations

import logging

import anyio
import anyio.lowlevel
import pytest
from tests.client.gateway import Peer, gateway, obliging
from tests.client.helpers import BOUND_S, Asleep, Changes, Impatient, Outcome, connected

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    AgentGateError,
    ClientState,
    OutcomeUnknown,
)
from agentgate_proto.limits import Limits

pytestmark = pytest.mark.anyio


async def leave(client: AgentGateClient, peer: Peer) -> None:
    """Close the client; the gateway's end answers."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.close)
        await peer.see_off()


@pytest.mark.parametrize("how", ["reset", "end of file", "close 1012", "close 1001", "close 1000"])
@pytest.mark.seed001("FR4-AC1", "FR4-AC3", "FR4-AC4", "FR5-AC3", "FR5-AC2")
async def test_a_call_survives_its_connection_however_that_ends(how: str) -> None:
    waiting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "s3cret", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: client.tool_request("slow"))
                asked = await peer.receive()
                if how == "reset":
                    peer.cut()
                elif how == "end of file":
                    peer.over.set()
                else:
                    await peer.close(int(how.removeprefix("close ")))
                peer = await gate.accept()
                params = await peer.authenticate()
                assert params == {"token": "s3cret", "client_id": client.client_id}
                row = {"request_id": asked["id"], "tool": "slow", "status": "executed", "data": 7}
                await peer.reconcile([], row)
            await leave(client, peer)
    assert waiting.value == 7


async def test_what_the_gateway_still_has_waits_and_what_it_does_not_know_is_sent_again() -> None:
    known, lost = Outcome(), Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(known.run, lambda: client.tool_request("known"))
                asked = await peer.receive()
                tasks.start_soon(lost.run, lambda: client.tool_request("lost"))
                unseen = await peer.receive()
                peer.cut()
                peer = await gate.accept_authenticated()
                await peer.reconcile([asked["id"]])
                assert await peer.receive() == unseen
                await peer.executed(unseen, "second try")
                await peer.executed(asked, "first try")
            await leave(client, peer)
    assert (known.value, lost.value) == ("first try", "second try")


async def test_calls_made_while_offline_wait_and_go_out_after_reconnecting() -> None:
    outcomes = [Outcome() for _ in range(3)]
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Impatient(), on_state=changes)
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                peer.cut()
                await changes.wait_for(ClientState.RECONNECTING)
                for n, outcome in enumerate(outcomes):
                    tasks.start_soon(outcome.run, lambda n=n: client.tool_request("x", n=n))
                second = await gate.accept_authenticated()
                await second.reconcile([])
                for _ in outcomes:
                    request = await second.receive()
                    await second.executed(request, request["params"]["args"]["n"])
                for outcome in outcomes:
                    await outcome.over.wait()
                await leave(client, second)
    assert [outcome.value for outcome in outcomes] == [0, 1, 2]


@pytest.mark.seed001("FR4-AC5")
async def test_calls_get_connection_lost_when_the_retries_are_used_up() -> None:
    waiting, late = Outcome(), Outcome()
    with anyio.fail_after(BOUND_S):
        changes = Changes()
        async with gateway() as gate:
            backoff = Impatient(attempts_max=2)
            client = AgentGateClient(gate.url, "t", backoff=backoff, on_state=changes)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: client.tool_request("x"))
                await peer.receive()
                await gate.stop_listening()
                peer.cut()
                await changes.wait_for(ClientState.RECONNECTING)
                tasks.start_soon(late.run, lambda: client.tool_request("y"))
        with pytest.raises(AgentGateConnectionError, match="Connection lost"):
            await client.tool_request("z")
        assert client.state is ClientState.CLOSED
        await client.close()
    for outcome in (waiting, late):
        assert isinstance(outcome.error, AgentGateError)
        assert outcome.error.message.startswith("Connection lost: nothing listens there")
        assert outcome.error.code == -32000
    assert backoff.pauses == [1, 2]


@pytest.mark.seed001("FR4-AC6")
async def test_close_does_not_reconnect() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Impatient(), on_state=changes)
            await client.connect()
            await client.close()
            assert gate.connections == 1
    assert changes.states == [
        ClientState.CONNECTING,
        ClientState.CONNECTED,
        ClientState.CLOSED,
    ]


async def test_close_during_the_backoff_stops_reconnecting() -> None:
    waiting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Asleep(), on_state=changes)
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                peer.cut()
                await changes.wait_for(ClientState.RECONNECTING)
                tasks.start_soon(waiting.run, lambda: client.tool_request("x"))
                while not client.health.calls_waiting:
                    await anyio.lowlevel.checkpoint()
                await client.close()
            assert gate.connections == 1
    assert isinstance(waiting.error, AgentGateConnectionError)
    assert waiting.error.message == "the client was closed"


async def test_close_while_reconnecting_stops_that() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", backoff=Impatient())
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                peer.cut()
                second = await gate.accept_authenticated()
                assert (await second.receive())["method"] == "get_pending_results"
                assert client.state is ClientState.CONNECTING
                tasks.start_soon(client.close)
                assert await second.gone() == 1000


async def test_a_client_that_took_over_the_name_ends_the_former_one_for_good() -> None:
    waiting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            former = AgentGateClient(gate.url, "t", client_id="robot", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(former.connect)
                first = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: former.tool_request("x"))
                await first.receive()
                newer = AgentGateClient(gate.url, "t", client_id="robot")
                async with connected(gate, newer) as second:
                    await first.close(4409, "another client connected as 'robot'")
                    await waiting.over.wait()
                    assert former.state is ClientState.CLOSED
                    assert newer.state is ClientState.CONNECTED
                    assert gate.connections == 2
                    assert second.target == "/"
            await former.close()
    assert isinstance(waiting.error, AgentGateConnectionError)
    assert "(4409): another client connected as 'robot'" in waiting.error.message


async def test_a_token_that_was_withdrawn_ends_the_client_when_it_reconnects() -> None:
    waiting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: client.tool_request("x"))
                await peer.receive()
                peer.cut()
                peer = await gate.accept()
                await peer.fail(await peer.receive(), -32005, "Invalid token")
                await peer.close(4401, "Invalid token")
            await client.close()
    assert isinstance(waiting.error, AgentGateConnectionError)
    assert waiting.error.code == -32005
    assert waiting.error.message.startswith("Invalid token")


async def test_what_a_proxy_says_while_the_gateway_is_away_does_not_end_the_client() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Impatient(), on_state=changes)
            async with connected(gate, client) as peer:
                gate.statuses = ["404 Not Found", "403 Forbidden", "502 Bad Gateway"]
                peer.cut()
                second = await gate.accept_authenticated()
                await second.reconcile([])
                await changes.wait_for(ClientState.CONNECTED, times=2)
                await leave(client, second)
    texts = [str(change.error) for change in changes.seen if change.error]
    assert [text[:8] for text in texts[1:]] == ["HTTP 404", "HTTP 403", "HTTP 502"]


async def test_a_gateway_that_lost_its_memory_leaves_outcomes_unknown() -> None:
    waiting = Outcome()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiting.run, lambda: client.tool_request("x"))
                await peer.receive()
                peer.cut()
                peer = await gate.accept_authenticated(epoch="e2")
                await peer.reconcile([])
            await leave(client, peer)
    assert isinstance(waiting.error, OutcomeUnknown)


async def test_a_gateway_that_falls_silent_is_left_and_called_again() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            limits = Limits(silence_s=0.02, pong_s=0.02)
            client = AgentGateClient(
                gate.url, "t", backoff=Impatient(), limits=limits, on_state=changes
            )
            async with connected(gate, client):
                change = await changes.wait_for(ClientState.RECONNECTING)
                assert change.error is not None
                assert change.error.message == "no sign of life from the peer"


async def test_a_restarted_gateway_is_found_again_and_the_outage_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = []

    async def ask(client: AgentGateClient) -> None:
        answers.append(await client.tool_request("x"))

    with anyio.fail_after(BOUND_S), caplog.at_level(logging.INFO, "agentgate_client"):
        changes = Changes()
        async with gateway(obliging) as gate:
            url = gate.url
            client = AgentGateClient(url, "t", backoff=Impatient(), on_state=changes)
            await client.connect()
            await ask(client)
        await changes.wait_for(ClientState.RECONNECTING, times=2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client)
            async with gateway(obliging, port=gate.port):
                while len(answers) < 2:
                    await anyio.lowlevel.checkpoint()
                await client.close()
    assert answers == [{"tool": "x", "args": {}}] * 2
    assert caplog.messages[0] == f"connected to gateway {url}/"
    assert caplog.messages[1].startswith(f"lost gateway {url}/: ")
    assert caplog.messages[1].endswith("; trying again in 0.001 s")
    assert caplog.messages[2].startswith(f"cannot reach gateway {url}/: nothing listens there")
    assert caplog.messages[-1].startswith(f"connected to gateway {url}/ after ")


async def test_five_hundred_waiting_calls_survive_many_broken_connections() -> None:
    """Each connection answers some calls and breaks; the next brings all outcomes once more."""
    data: dict[int, int] = {}

    async def fickle(peer: Peer) -> None:
        await peer.authenticate()
        for patience in range(61):
            request = await peer.receive()
            if request["method"] == "get_pending_results":
                rows = [
                    {"request_id": request_id, "tool": "x", "status": "executed", "data": n}
                    for request_id, n in data.items()
                ]
                await peer.answer(request, {"results": rows, "pending": []})
            elif request["method"] == "tool_request":
                assert request["id"] not in data, "sent again although it is known"
                data[request["id"]] = request["params"]["args"]["n"]
                if patience % 3 == 0:
                    await peer.executed(request, data[request["id"]])
                if len(data) == len(outcomes):
                    break
        peer.cut()

    outcomes = [Outcome() for _ in range(500)]
    with anyio.fail_after(BOUND_S):
        async with gateway(fickle) as gate:
            client = AgentGateClient(gate.url, "t", backoff=Impatient())
            async with client, anyio.create_task_group() as tasks:
                for n, outcome in enumerate(outcomes):
                    tasks.start_soon(outcome.run, lambda n=n: client.tool_request("x", n=n))
            assert gate.connections > 5
    assert [outcome.value for outcome in outcomes] == list(range(500))

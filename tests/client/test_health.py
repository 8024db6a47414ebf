"""What a client says of itself: state, health, and what it calls back."""

from __future__ import annotations

import logging

import anyio
import anyio.lowlevel
import pytest
from tests.client.gateway import gateway
from tests.client.helpers import BOUND_S, Asleep, Changes, connected

from agentgate_client import (
    AgentGateClient,
    ClientState,
    Health,
    RequestWaiting,
    StateChanged,
)
from agentgate_proto.principal import Role

pytestmark = pytest.mark.anyio


async def test_health_before_during_and_after_a_connection() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Asleep(), on_state=changes)
            assert client.state is ClientState.IDLE
            assert client.health == Health(
                state=ClientState.IDLE,
                latency_s=None,
                last_seen_s=None,
                attempt=0,
                retry_in_s=None,
                last_error=None,
                refused=(),
                calls_waiting=0,
                principal="",
                role=None,
            )
            async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                tasks.start_soon(client.tool_request, "x")
                request = await peer.receive()  # the ping that came before it is answered
                health = client.health
                assert health.state is ClientState.CONNECTED
                assert (health.principal, health.role) == ("robot", Role.AGENT)
                assert (health.attempt, health.last_error, health.calls_waiting) == (0, None, 1)
                assert health.last_seen_s is not None
                assert health.last_seen_s < BOUND_S
                await peer.executed(request, None)
                while client.health.calls_waiting:
                    await anyio.lowlevel.checkpoint()
                assert client.health.latency_s is not None
                assert 0 < client.health.latency_s < BOUND_S
                peer.cut()
                await changes.wait_for(ClientState.RECONNECTING)
                health = client.health
                assert health.state is ClientState.RECONNECTING
                assert (health.attempt, health.latency_s) == (1, None)
                assert health.retry_in_s is not None
                assert 86_000 < health.retry_in_s <= 86_400
                assert "broke" in str(health.last_error)
                assert health.last_seen_s is not None
            assert client.health.state is ClientState.CLOSED
            assert client.health.retry_in_s is None


async def test_on_state_tells_each_change_with_its_reason() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Asleep(), on_state=changes)
            async with connected(gate, client) as peer:
                await peer.close(1012, "restarting")
                await changes.wait_for(ClientState.RECONNECTING)
    assert changes.states == [
        ClientState.CONNECTING,
        ClientState.CONNECTED,
        ClientState.RECONNECTING,
        ClientState.CLOSED,
    ]
    closed = changes.seen[2]
    assert str(closed.error) == "the gateway closed the connection (1012): restarting (-32000)"
    assert closed.retry_in_s == pytest.approx(86_400.0)
    assert [str(change.error) for change in changes.seen if change is not closed] == ["None"] * 3


async def test_on_waiting_tells_that_a_person_is_asked() -> None:
    waiting: list[RequestWaiting] = []
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", on_waiting=waiting.append)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept()
                params = await peer.authenticate()
                assert params["progress"] is True
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.tool_request, "x")
                request = await peer.receive()
                params = {
                    "request_id": request["id"],
                    "expires_at": "2026-02-09T10:15:00Z",
                    "rule": "lock.*",
                }
                await peer.notify("request_waiting", params)
                await peer.notify("approval_changed", {"not": "for an agent"})
                await peer.notify("unheard_of", {})
                await peer.executed(request, None)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                await peer.see_off()
    assert waiting == [
        RequestWaiting(request_id=1, expires_at="2026-02-09T10:15:00Z", rule="lock.*")
    ]


async def test_a_callback_that_raises_is_logged_and_harms_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def raise_it(change: StateChanged) -> None:
        raise RuntimeError(f"no {change.state.value} please")

    with anyio.fail_after(BOUND_S), caplog.at_level(logging.ERROR, "agentgate_client"):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", on_state=raise_it)
            async with connected(gate, client):
                assert client.state is ClientState.CONNECTED
    assert caplog.messages == ["on_state raised"] * 3
    assert "no connected please" in caplog.text

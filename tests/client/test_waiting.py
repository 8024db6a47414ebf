"""Waiting for limits: what is made again, how often, and until when."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from tests.client.gateway import Peer, gateway
from tests.client.helpers import BOUND_S, Outcome

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    AgentGateError,
    LimitExceeded,
    RateLimited,
)
from agentgate_client.waiting import PAUSE_MIN_S, until_there_is_room
from agentgate_proto.errors import exception_for
from agentgate_proto.limits import RETRY_AFTER_MAX_S

pytestmark = pytest.mark.anyio

LONG_S = 86_400.0


class Gate:
    """Refuses so often, and then answers; counts the pauses, and lets none pass."""

    def __init__(self, *refusals: AgentGateError) -> None:
        self.refusals = list(refusals)
        self.pauses: list[float] = []
        self.left: list[float | None] = []

    async def ask(self, left_s: float | None) -> str:
        self.left.append(left_s)
        if self.refusals:
            raise self.refusals.pop(0)
        return "done"

    async def pause(self, for_s: float) -> None:
        self.pauses.append(for_s)


def refusal(pause_s: float | None) -> AgentGateError:
    return exception_for(-32006, "no", None if pause_s is None else {"retry_after_s": pause_s})


async def test_a_call_that_is_refused_for_now_is_made_again_when_the_gateway_says() -> None:
    gate = Gate(refusal(3), refusal(1.5))
    assert await until_there_is_room(gate.ask, None, gate.pause) == "done"
    assert (gate.pauses, gate.left) == ([3.0, 1.5], [None, None, None])


async def test_no_pause_is_shorter_or_longer_than_is_sensible() -> None:
    gate = Gate(refusal(0), refusal(1e9))
    await until_there_is_room(gate.ask, None, gate.pause)
    assert gate.pauses == [PAUSE_MIN_S, RETRY_AFTER_MAX_S]


async def test_all_attempts_together_take_no_longer_than_the_call_may() -> None:
    gate = Gate(refusal(1), refusal(LONG_S))
    with pytest.raises(RateLimited):
        await until_there_is_room(gate.ask, 60.0, gate.pause)
    assert gate.pauses == [1.0]
    assert gate.left[0] == 60.0
    assert gate.left[1] is not None
    assert gate.left[1] <= 60.0


async def test_what_waiting_does_not_help_is_raised_at_once() -> None:
    gate = Gate(refusal(None))
    with pytest.raises(LimitExceeded):
        await until_there_is_room(gate.ask, None, gate.pause)
    assert gate.pauses == []


async def test_a_client_that_waits_for_limits_asks_anew_under_a_new_id() -> None:
    ids: list[Any] = []

    async def refusing(peer: Peer) -> None:
        await peer.authenticate()
        request = await peer.receive()
        ids.append(request["id"])
        await peer.fail(request, -32006, "too many requests", {"retry_after_s": 0.01})
        again = await peer.receive()
        ids.append(again["id"])
        assert again["params"] == request["params"]
        await peer.executed(again, "at last")
        await peer.see_off()

    with anyio.fail_after(BOUND_S):
        async with (
            gateway(refusing) as gate,
            AgentGateClient(gate.url, "t", wait_for_limits=True) as client,
        ):
            assert await client.call("x", {"a": 1}, timeout_s=BOUND_S) == "at last"
    assert ids == [1, 2]


async def test_one_that_does_not_hears_of_the_limit() -> None:
    async def refusing(peer: Peer) -> None:
        await peer.authenticate()
        await peer.fail(await peer.receive(), -32006, "too many", {"retry_after_s": 7})
        await peer.see_off()

    with anyio.fail_after(BOUND_S):
        async with gateway(refusing) as gate, AgentGateClient(gate.url, "t") as client:
            with pytest.raises(RateLimited, match="too many") as caught:
                await client.call("x")
    assert caught.value.retry_after_s == 7.0


async def test_a_call_that_waits_for_a_limit_ends_with_the_client() -> None:
    outcome = Outcome()

    async def refusing(peer: Peer) -> None:
        await peer.authenticate()
        await peer.fail(await peer.receive(), -32006, "too many", {"retry_after_s": LONG_S})
        await peer.answer(await peer.receive(), {"tools": []})
        await peer.see_off()

    with anyio.fail_after(BOUND_S):
        async with gateway(refusing) as gate, anyio.create_task_group() as tasks:
            async with AgentGateClient(gate.url, "t", wait_for_limits=True) as client:
                tasks.start_soon(outcome.run, lambda: client.call("x"))
                await anyio.wait_all_tasks_blocked()
                assert await client.list_tools() == []  # the refusal came before it
            await outcome.over.wait()
    assert isinstance(outcome.error, AgentGateConnectionError)

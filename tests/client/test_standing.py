"""Standing calls over broken connections, on real sockets."""

from __future__ import annotations

import anyio
import pytest
from tests.client.gateway import Peer, gateway
from tests.client.helpers import BOUND_S, Impatient

from agentgate_client import AgentGateClient, AgentGateError, ClientState
from agentgate_proto.client.events import Settled, Stood
from agentgate_proto.rpc.messages import ListTools

pytestmark = pytest.mark.anyio


class Answers:
    """Takes the answers to a standing call; a test waits for the next."""

    def __init__(self) -> None:
        self.all: list[Settled | Stood] = []
        self._came = anyio.Event()

    def take(self, answer: Settled | Stood) -> None:
        self.all.append(answer)
        self._came.set()
        self._came = anyio.Event()

    async def count(self, count: int) -> None:
        """Return when there are so many."""
        while len(self.all) < count:
            await self._came.wait()


async def take_standing(peer: Peer, result: int) -> None:
    """Take a standing call and answer it."""
    asked = await peer.receive()
    assert asked["method"] == "list_tools"
    await peer.answer(asked, result)


async def test_it_is_answered_on_every_connection_until_it_is_taken_back() -> None:
    answers = Answers()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            handle = client.stand("list_tools", ListTools(), answers.take)
            await take_standing(peer, 1)
            await answers.count(1)
            peer.cut()
            peer = await gate.accept_authenticated()
            await peer.reconcile([])
            await take_standing(peer, 2)
            await answers.count(2)
            client.unstand(handle)
            client.unstand(handle)
            peer.cut()
            peer = await gate.accept_authenticated()
            await peer.reconcile([])
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                await peer.see_off()
    assert answers.all == [Settled(handle, 1, None), Stood(handle, 2, None)]


async def test_closing_tells_one_that_has_no_answer_yet() -> None:
    answers = Answers()
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t", backoff=Impatient())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept_authenticated()
            client.stand("list_tools", ListTools(), answers.take)
            await peer.receive()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                await peer.see_off()
    assert client.state is ClientState.CLOSED
    assert [type(answer) for answer in answers.all] == [Settled]
    with pytest.raises(AgentGateError, match="closed"):
        client.stand("list_tools", ListTools(), answers.take)

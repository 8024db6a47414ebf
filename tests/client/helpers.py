"""What the tests of the client share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from tests.client.gateway import Gateway, Peer

from agentgate_client import AgentGateClient, ClientState, StateChanged
from agentgate_proto.client.backoff import Backoff

BOUND_S = 10.0
"""No wait in a test takes longer; nothing that goes right comes near it."""


class Impatient(Backoff):
    """The seed's schedule of attempts, in milliseconds instead of seconds."""

    def __init__(self, attempts_max: int | None = None) -> None:
        super().__init__(attempts_max=attempts_max)
        self.pauses: list[float] = []

    def failed(self, now: float) -> float | None:
        due = super().failed(now)
        if due is None:
            return None
        self.pauses.append(round(due - now, 6))
        return now + (due - now) / 1000


class Asleep(Backoff):
    """Waits a day before the next attempt."""

    def failed(self, now: float) -> float | None:
        super().failed(now)
        return now + 86_400.0


class Changes:
    """An ``on_state`` that can be waited for."""

    def __init__(self) -> None:
        self.seen: list[StateChanged] = []
        self._changed = anyio.Event()

    def __call__(self, change: StateChanged) -> None:
        self.seen.append(change)
        self._changed.set()
        self._changed = anyio.Event()

    @property
    def states(self) -> list[ClientState]:
        return [change.state for change in self.seen]

    async def wait_for(self, state: ClientState, times: int = 1) -> StateChanged:
        """Wait until this state has been entered so often; return the change."""
        while self.states.count(state) < times:
            await self._changed.wait()
        return [change for change in self.seen if change.state is state][times - 1]


class Outcome:
    """How something ended that ran in a task of its own."""

    def __init__(self) -> None:
        self.value: object = None
        self.error: Exception | None = None
        self.over = anyio.Event()

    async def run(self, call: Callable[[], object]) -> None:
        try:
            self.value = await call()  # type: ignore[misc]
        except Exception as error:
            self.error = error
        self.over.set()


@asynccontextmanager
async def connected(gate: Gateway, client: AgentGateClient) -> AsyncIterator[Peer]:
    """Connect a client to a gateway that is scripted by hand; yield the gateway's end of it."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.connect)
        peer = await gate.accept_authenticated()
    try:
        yield peer
    finally:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.close)
            await peer.see_off()

"""Agents on other clients: those of the simulator, on real sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from tests.e2e.worlds.proxy import Door
from tests.sim.eager_agents import EagerAgent, EagerProcess
from tests.sim.old_agents import OldAgent, OldProcess
from tests.sim.plan import AgentPlan

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld


class OnSocket:
    """What a process of theirs has here besides: a door, and a birthday (UTC seconds)."""

    def __init__(self, agent: Any) -> None:
        self.door = Door(agent.world, agent.place, agent.plan.principal)
        self.born_at = time.time()
        super().__init__(agent)  # type: ignore[call-arg]

    def kill(self) -> None:
        """The process dies."""
        super().kill()  # type: ignore[misc]
        self.door.dead = True


class OldOnSocket(OnSocket, OldProcess):
    """A process on seed 001's SDK."""


class EagerOnSocket(OnSocket, EagerProcess):
    """A process on somebody's own client."""


class Placed:
    """What an agent of theirs has here besides: its place in the plan."""

    plan: AgentPlan
    world: RealWorld
    client_id: str
    process: Any

    def __init__(self, world: RealWorld, plan: AgentPlan, place: int) -> None:
        self.place = place
        super().__init__(world, plan)  # type: ignore[call-arg]

    @property
    def door(self) -> Door | None:
        """Where its process connects."""
        return self.process.door if self.process is not None else None

    def _known(self) -> set[tuple[Any, int]]:
        """Ids and contents of the requests of the living process that are on disk."""
        if self.process is None:
            return set()
        mine = (self.plan.principal, self.client_id)
        return {
            (row.request_id, msgspec.json.decode(row.args)["n"])
            for row in self.world.disk.kept.values()
            if (row.principal, row.client_id) == mine and row.created_at >= self.process.born_at
        }


class RealOldAgent(Placed, OldAgent):
    """See the module."""

    process_type = OldOnSocket


class RealEagerAgent(Placed, EagerAgent):
    """See the module."""

    process_type = EagerOnSocket

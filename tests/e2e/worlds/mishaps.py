"""Mishaps of a real world: each kind of fault, and how it strikes real processes and sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.e2e.worlds.fit import FAULT_S, PACE
from tests.e2e.worlds.proxy import Link
from tests.e2e.worlds.sdk import SdkAgent
from tests.sim.any_mishaps import AnyMishaps
from tests.sim.mishaps import GARBAGE, Stranger
from tests.sim.plan import Fault

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld


class RealMishaps(AnyMishaps):
    """Lets faults strike real processes."""

    def __init__(self, world: RealWorld) -> None:
        super().__init__(world)
        self.lives = world.lives

    def stop(self) -> None:
        """No faults any more. What they have left must be found out by the machines themselves."""
        self.over = True
        self.lives.down_s = 0.0
        self.lives.thaw()
        self.lives.spare()
        self.lives.empty_disk()
        self.world.cut_off.clear()

    # The gateway's process

    def kill(self, fault: Fault) -> bool:
        self.lives.down_s = fault.seconds / PACE / 2.0
        return self.lives.kill()

    def kill_before_commit(self, fault: Fault) -> bool:
        self.lives.down_s = 0.0
        return self.lives.kill_at_commit(after=False)

    def kill_after_commit(self, fault: Fault) -> bool:
        self.lives.down_s = 0.0
        return self.lives.kill_at_commit(after=True)

    def restart(self, fault: Fault) -> bool:
        self.lives.down_s = 0.0
        return self.lives.restart()

    def freeze(self, fault: Fault) -> bool:
        if not self.lives.freeze():
            return False
        self.world.timeline.after(fault.seconds, self.lives.thaw)
        return True

    def disk_full(self, fault: Fault) -> bool:
        if not self.lives.fill_disk():
            return False
        self.world.timeline.after(fault.seconds, self.lives.empty_disk)
        return True

    # An agent's process

    def die_between_steps(self, fault: Fault) -> bool | None:
        agent = self.world.agents[fault.agent]
        if agent.process is None:
            return False
        if isinstance(agent, SdkAgent):
            agent.kill(fault.seconds)
        else:
            agent.process.doom = fault.count % 10
        return None

    def twin(self, fault: Fault) -> bool | None:
        agent = self.world.agents[fault.agent]
        if agent.plan.kind != "named" or agent.process is None:
            return False
        agent.twin()
        return None

    def stranger(self, fault: Fault) -> None:
        Stranger(self.world, GARBAGE[fault.count % len(GARBAGE)])  # type: ignore[arg-type]

    # Sockets

    def _link(self, fault: Fault) -> Link | None:
        door = self.world.agents[fault.agent].door
        return door.link if door is not None else None

    def reset(self, fault: Fault) -> bool | None:
        link = self._link(fault)
        if link is None:
            return False
        link.reset()
        return None

    def stall(self, fault: Fault) -> bool | None:
        link = self._link(fault)
        if link is None:
            return False
        until = asyncio.get_running_loop().time() + fault.seconds / PACE
        link.up.held_until = link.down.held_until = until
        return None

    def partition(self, fault: Fault) -> None:
        link = self._link(fault)
        if link is not None:
            link.swallow()
        seconds = min(fault.seconds / PACE, FAULT_S)
        self.world.cut_off[fault.agent] = asyncio.get_running_loop().time() + seconds

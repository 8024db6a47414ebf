"""What strikes alike, whether a world is played on virtual time or by real processes."""

from __future__ import annotations

from typing import Any

from tests.sim.plan import Fault


class AnyMishaps:
    """Lets faults strike: each kind is a method, which returns False if there is nothing to strike.

    Attributes:
        over: faults have stopped.
    """

    def __init__(self, world: Any) -> None:
        self.world = world
        self.over = False

    def strike(self, fault: Fault) -> None:
        """A fault strikes, if it can."""
        if not self.over and getattr(self, fault.kind)(fault) is not False:
            self.world.counts[f"fault {fault.kind}"] += 1
            world = self.world
            who = world.plan.agents[fault.agent].name
            world.tell("FAULT", fault.kind, f"agent {who}, {fault.seconds:g} s, {fault.count}")

    # An agent's process

    def die(self, fault: Fault) -> None:
        self.world.agents[fault.agent].kill(fault.seconds)

    def quit(self, fault: Fault) -> None:
        self.world.agents[fault.agent].quit(fault.seconds)

    # Sockets

    def _link(self, fault: Fault) -> Any:
        """The connection of the agent that is struck, if it has one."""
        raise NotImplementedError

    def cut_mid_frame(self, fault: Fault) -> bool | None:
        link = self._link(fault)
        if link is None:
            return False
        (link.up if fault.count % 2 else link.down).left = 1 + fault.count
        return None

    def half_close(self, fault: Fault) -> bool | None:
        link = self._link(fault)
        if link is None:
            return False
        (link.up if fault.count % 2 else link.down).end()
        return None

    def black_hole(self, fault: Fault) -> bool | None:
        link = self._link(fault)
        if link is None:
            return False
        if fault.count % 3 == 0:
            link.swallow()
        else:
            (link.up if fault.count % 3 == 1 else link.down).hole = True
        return None

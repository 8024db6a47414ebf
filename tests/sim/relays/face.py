"""The face of consoles, on virtual time: the real one, but for its timer."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.sim.timeline import Alarm

from agentgate_server.faces.controller import ControllerConsoles
from agentgate_server.faces.manager import ManagerConsoles
from agentgate_server.faces.socketio import SocketIoFace

if TYPE_CHECKING:
    from tests.sim.gateway import Life

    from agentgate_server.faces.face import Face, Surroundings


class SimFace(SocketIoFace):
    """See the module.

    Args:
        life: the process.
        around, make: see :class:`SocketIoFace`.
    """

    def __init__(self, life: Life, around: Surroundings, make: Any) -> None:
        self._life = life
        self._clock_alarm = Alarm(life.world.timeline, self._rings)
        super().__init__(around, make)

    def _rearm(self) -> None:
        deadline = self._deadline()
        if deadline < math.inf:
            self._clock_alarm.arm(self._life.clock.moment(deadline))

    def _rings(self) -> None:
        self._life.enter(self._ring)

    def _ring(self) -> None:
        now = self._life.clock.now()
        if self._deadline() <= now:
            self._life.world.wakes += 1
            self._wake(now)
            if self._deadline() <= now:
                self._life.world.fail("I10: a timer of the consoles' face spins")
        self._rearm()


def controller_face(life: Life, around: Surroundings) -> Face:
    """Make a controller's face."""
    assert around.upstreams is not None
    return SimFace(life, around, partial(ControllerConsoles, around.upstreams))


def manager_face(life: Life, around: Surroundings) -> Face:
    """Make a manager's face."""
    assert around.agents is not None
    assert around.sessions is not None
    return SimFace(life, around, partial(ManagerConsoles, around.agents, around.sessions))

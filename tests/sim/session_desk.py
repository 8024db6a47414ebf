"""The desk of the sessions in one process of the gateway, on virtual time.

The desk is the real one. Simulated is what lies below it: models (``models``), folders, the tasks
in which it does what takes time, and its clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
from tests.sim.models import NAMES, UNPRICED, Models, SimModel
from tests.sim.timeline import ROUNDING_S, Alarm

from agentgate_proto.sessions.effects import Effect
from agentgate_server.sessions.desk import Conversations, SessionDesk
from agentgate_server.sessions.tool_desk import AGAIN_S
from agentgate_server.sessions.workspaces import WorkspaceRefused, Workspaces

if TYPE_CHECKING:
    from tests.sim.gateway import Life
    from tests.sim.plan import Plan

FORBIDDEN = "/etc"
"""A folder that no session may have."""


class Folders(Workspaces):
    """Workspaces without a file system: nobody has one."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))

    async def make(self, session: str, wanted: str) -> str:
        """See :class:`Workspaces`."""
        if wanted == FORBIDDEN:
            raise WorkspaceRefused("it lies in no root")
        return ""

    async def remove(self, session: str) -> str:
        """See :class:`Workspaces`."""
        return ""


def conversations(plan: Plan) -> Conversations | None:
    """How the sessions of a world are set up; None: it has none."""
    if not plan.talks:
        return None
    names = NAMES if plan.setting.budgets else (*NAMES, UNPRICED)
    return Conversations(
        models={name: SimModel(name, plan.setting) for name in names},
        default_model=NAMES[0],
        system_prompt="Be brief.",
        workspaces=Folders(),
        budgets=plan.setting.budgets,
        limits=plan.setting.limits,
    )


class Moment:
    """Something to await: a task goes on when it is told to.

    Args:
        wait: is given what lets the task go on.
    """

    def __init__(self, wait: Callable[[Callable[[], None]], None]) -> None:
        self.wait = wait

    def __await__(self) -> Generator[Any, None, None]:
        yield self.wait


async def pause() -> None:
    """As ``anyio.lowlevel.checkpoint``: others have their turns."""
    await Moment(lambda go_on: go_on())


class Tasks:
    """Tasks of one process, without an event loop: each takes a moment to begin.

    Attributes:
        open: how many are not over.
    """

    def __init__(self, life: Life) -> None:
        self.life = life
        self.rng = life.world.desk_chance
        self.open = 0

    def spawn(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Let an async function run soon."""
        desk = self.life.gate.sessions
        timeline = self.life.world.timeline
        if desk is not None and function == desk.tools.later:
            timeline.after(AGAIN_S, self.life.enter, *args)
            return
        self.open += 1
        seconds = self.rng.random() * self.life.world.plan.setting.desk_s
        timeline.after(seconds, self.life.enter, self._begin, function, args)

    def _begin(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._go_on(function(*args))

    def _go_on(self, task: Coroutine[Any, Any, Any]) -> None:
        real = anyio.lowlevel.checkpoint
        anyio.lowlevel.checkpoint = pause
        try:
            wait = task.send(None)
        except StopIteration:
            self.open -= 1
        else:
            wait(partial(self._soon, task))
        finally:
            anyio.lowlevel.checkpoint = real

    def _soon(self, task: Coroutine[Any, Any, Any]) -> None:
        self.life.world.timeline.after(0.0, self.life.enter, self._go_on, task)


class WatchedDesk(SessionDesk):
    """The desk, with an oracle beside it and a death that may come between any two effects.

    Args:
        life: the process.
        setup: what the sessions are set up with.
        surroundings: of the desk.
    """

    def __init__(self, life: Life, setup: Conversations, **surroundings: Any) -> None:
        super().__init__(setup, **surroundings)
        self.life = life
        self.world = life.world
        self.models = Models(self.world, life.enter, setup.models, self._model_said)
        self.awake = False
        self.alarm = Alarm(self.world.timeline, self._rings)
        self.armed_at, self.armed_by = self.world.timeline.now, self.world.utc_offset

    def fresh_ids(self) -> list[str]:
        """See :class:`SessionDesk`: in order, for the reader."""
        return [self.world.next_session_id(), self.world.next_session_id()]

    def _wake(self) -> None:
        if not self.awake:
            self.awake = True
            self.world.timeline.after(0.0, self.life.enter, self._turn)

    def _rings(self) -> None:
        self.life.enter(self._ring)

    def _ring(self) -> None:
        self.world.wakes += 1
        self.world.oracle.sessions.wakes(self)
        self._turn()

    def _turn(self) -> None:
        """What ``run`` does when it is woken."""
        self.awake = False
        self.turn()
        self.world.oracle.sessions.woken(self)
        self.arm()

    def arm(self) -> None:
        """What ``run`` does before it sleeps."""
        self.armed_at, self.armed_by = self.world.timeline.now, self.world.utc_offset
        self.alarm.arm(self.world.timeline.now + self.pause_s() + ROUNDING_S)

    def expire_old(self) -> None:
        """Let go what is kept no longer, as ``agentgate_server.conversing`` does."""
        if self.world.mishaps.over:
            return  # a world that has come to rest is to stay so
        before = self.world.utc() - self.world.plan.setting.keep_s
        for record in list(self.world.disk.sessions.sessions.values()):
            if record.run is None and record.updated_at < before:
                self.world.oracle.sessions.expired.add(record.id)
                self.expire(record.id, record.principal, before, record.log_bytes)

    def _do(self, effect: Effect) -> None:
        self.life.gate.step(effect)
        self.world.oracle.sessions.effect(self, effect)
        super()._do(effect)

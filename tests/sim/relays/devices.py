"""A device that provides tools to the manager: our client, process after process.

It takes its time, fails, goes on although it was told to stop, dies, and comes back under its name.
Each start of a tool goes into a journal, as it would on a real device: that outlives everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.agents import COMES_BACK_S, Process
from tests.sim.links import Link
from tests.sim.plan import AgentPlan

from agentgate_proto.client.events import CallAsked, CallStopped, ClientState, StateChanged
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.messages import Auth
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool, ProvideTools

if TYPE_CHECKING:
    from tests.sim.relays.site import Site

TOOLS = [
    OfferedTool(name="see", effects=Effects.READ, timeout_s=20.0),
    OfferedTool(name="act", effects=Effects.WRITE, timeout_s=20.0),
    OfferedTool(name="ask_act", effects=Effects.WRITE, timeout_s=20.0),
]
SECONDS = (0.0, 0.01, 0.5, 3.0, 30.0)
DIES, DIES_S, AWAY_S = 0.15, 3.0, (0.1, 2.0, 15.0)
"""How often it dies over a call, how soon, and for how long it is away then."""


class DeviceProcess(Process):
    """A process of a device.

    Attributes:
        running: calls that are under way in it.
        started: all that it has begun, by the ids that the gateway gave them.
    """

    def __init__(self, device: Device) -> None:
        plan = device.plan
        auth = Auth(token=f"token of {plan.principal}", client_id=plan.name)
        super().__init__(device.world, plan.name, auth, plan.rate)
        self.device = device
        self.running: dict[str, CallTool] = {}
        self.started: set[str] = set()

    def open(self) -> None:
        """See :class:`Process`."""
        super().open()
        self.machine.stand("tools.provide", ProvideTools(tools=TOOLS))
        self.turn()

    def happened(self, event: Any) -> None:
        """See :class:`Process`."""
        match event:
            case CallAsked(call=call):
                self._start(call)
            case CallStopped(call=name) if self.device.rng.random() < 0.7:
                self.world.timeline.after(0.0, self._end, name, ErrorCode.OUTCOME_UNKNOWN)
            case _:
                pass

    def changed(self, event: StateChanged) -> None:
        """See :class:`Process`."""
        if event.state is ClientState.CLOSED and self.device.process is self:
            self.device.kill(COMES_BACK_S)

    def dies(self) -> None:
        """See :class:`Process`."""
        self.device.kill(1.0)

    def _start(self, call: CallTool) -> None:
        if call.call in self.started:
            self.world.fail(f"I2: {self.name} starts {call.call} twice in one process")
        self.started.add(call.call)
        self.running[call.call] = call
        self.world.tell(self.name, "starts", call.tool, call.args["n"])
        self.device.world.whole.oracle.device_starts(call.args["n"], call.tool)
        rng = self.device.rng
        if rng.random() < DIES and not self.world.mishaps.over:
            self.world.timeline.after(rng.random() * DIES_S, self._dies, rng.choice(AWAY_S))
        error = ErrorCode.TOOL_FAILED if rng.random() < 0.2 else None
        self.world.timeline.after(rng.choice(SECONDS), self._end, call.call, error)

    def _dies(self, seconds: float) -> None:
        if self.alive:
            self.device.kill(seconds)

    def _end(self, name: str, error: ErrorCode | None) -> None:
        call = self.running.pop(name, None)
        if call is None or not self.alive:
            return
        if error is None:
            self.machine.returned(name, {"n": call.args["n"]})
        else:
            self.machine.failed(name, error, "it is broken")
        self.turn()


class Device:
    """A device, over all its processes."""

    def __init__(self, world: Site, plan: AgentPlan) -> None:
        self.world = world
        self.plan = plan
        self.name = plan.name
        self.rng = world.whole.chance(plan.name)
        self.process: DeviceProcess | None = None

    @property
    def link(self) -> Link | None:
        """The socket of the moment."""
        return self.process.link if self.process is not None else None

    def start(self) -> None:
        """Start a process, unless there is one."""
        if self.process is None:
            self.process = DeviceProcess(self)
            self.process.open()

    def kill(self, seconds: float) -> None:
        """The process dies; the next one comes in a while."""
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.world.timeline.after(seconds, self.start)

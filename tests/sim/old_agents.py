"""Agents on seed 001's SDK: as it behaves, bugs included (``seeds/ORIGINALS.md``, section 1).

It counts its ids from 1 in each process. Back on a new connection it asks for pending results if
it waits for something, and takes the next frame for the reply, whatever that is. Of the rows in the
reply it makes nothing: it looks for a key that they do not have. A call of its ends with an
ordinary response under the call's id. It never sends a request twice. A close with 1000 or 1001
makes it wait for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from tests.sim.links import Link
from tests.sim.plan import AgentPlan, Ask
from tests.sim.timeline import Alarm, Clock

from agentgate_proto.errors import ProtocolError, exception_for
from agentgate_proto.limits import Limits
from agentgate_proto.wire.client import ClientWire
from agentgate_proto.wire.events import Close, Pong, Text, Upgraded

if TYPE_CHECKING:
    from tests.sim.world import World

GATE = "gate.example"
"""What they call the gateway."""

LIMITS = Limits()
PING_S = 20.0
"""What the WebSocket library under it does by itself: a ping, and its pong within this time."""

encode = msgspec.json.encode


class OldProcess:
    """One process.

    Attributes:
        stage: "off", "dialing", "opening", "auth", "reply" (the next frame is taken for the reply
            to ``get_pending_results``), "open" or "hung".
        waiting: the requests that are not settled, by id.
        ids: the id of each request, by its number.
    """

    def __init__(self, agent: OldAgent) -> None:
        self.agent = agent
        self.world = agent.world
        self.name = agent.name
        self.alive = True
        self.stage = "off"
        self.clock = Clock(self.world.timeline, 0.0, agent.plan.rate)
        self.waiting: dict[int, Ask] = {}
        self.ids: dict[int, int] = {}
        self.last_id = 0
        self.failures = 0
        self.dials = 0
        self.connected_before = False
        self.link: Link | None = None
        self.wire: ClientWire | None = None
        self.ponged = True
        self.doom: int | None = None
        self.first_rid = self.world.rids
        self.alarm = Alarm(self.world.timeline, self._ping)

    def dial(self) -> None:
        """Try to connect."""
        if self.alive and self.stage == "off":
            self.stage = "dialing"
            self.dials += 1
            self.world.dial(self, self.dials)

    def dialed(self, link: Link, dial: int) -> None:
        """The socket is open."""
        if not self.alive or dial != self.dials:
            link.let_go(self)
            return
        self.link = link
        self.wire = ClientWire(GATE, "/", [], LIMITS, self.world.masks)
        self.stage = "opening"
        self.ponged = True
        self.alarm.arm(self.world.timeline.now + PING_S)
        self._flush()

    def dial_failed(self, why: str, dial: int) -> None:
        """No socket could be opened."""
        if self.alive and dial == self.dials:
            self._again()

    def kill(self) -> None:
        """The process dies."""
        self.alive = False
        self._let_go()
        self.stage = "off"

    def ask(self, ask: Ask) -> None:
        """Make a request. The old SDK has no queue: without a connection it raises."""
        if self.stage != "open":
            return
        self.last_id += 1
        self.waiting[self.last_id] = ask
        self.ids[ask.number] = self.last_id
        self.world.oracle.asks(self.agent.plan, ask)
        params = {"tool": ask.tool, "args": {"n": ask.content}}
        self._say("tool_request", params, self.last_id)

    # From the link

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        wire = self.wire
        if not self.alive or wire is None:
            return
        wire.receive_data(data)
        try:
            while self.wire is wire and (event := wire.next_event()) is not None:
                match event:
                    case Upgraded():
                        self.stage = "auth"
                        self._say("auth", self.auth_params(), "auth-1")
                    case Text(text):
                        self._hear(msgspec.json.decode(text))
                    case Pong():
                        self.ponged = True
                    case Close(code):
                        self._closed(code)
        except ProtocolError as error:
            self.world.fail(f"{self.name} cannot read what the gateway sends: {error}")
        self._flush()

    def hear_end(self, reason: str) -> None:
        """The socket is at its end."""
        if self.alive and self.link is not None:
            self._again()

    def window_opens(self) -> None:
        """The gateway has taken what was sent."""

    # The protocol

    def auth_params(self) -> dict[str, Any]:
        """What it says of itself."""
        return {"token": f"token of {self.agent.plan.principal}"}

    def _tell(self, method: str, params: Any) -> None:
        assert self.wire is not None
        self.wire.send_text(encode({"jsonrpc": "2.0", "method": method, "params": params}))
        self._flush()

    def _say(self, method: str, params: Any, request_id: int | str) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, "id": request_id}
        assert self.wire is not None
        self.wire.send_text(encode(message))
        self._flush()

    def _hear(self, message: dict[str, Any]) -> None:
        if self.doom is not None:
            self.doom -= 1
            if self.doom < 0:
                self.agent.kill(1.0)
                return
        if self.stage == "auth":
            self._authenticated(message)
        elif self.stage == "reply":
            self.stage = "open"
            self.world.oracle.old_reply(self, message)
        elif message.get("id") is not None:
            result = message.get("result")
            data = result.get("data") if isinstance(result, dict) else None
            self._settle(message["id"], data, message.get("error"))

    def _authenticated(self, message: dict[str, Any]) -> None:
        if "result" not in message:
            self._again()
            return
        self.failures = 0
        self.connected_before = True
        if self.waiting:
            self.stage = "reply"
            self.last_id += 1
            self.world.oracle.old_collects(self, self.last_id)
            self._say("get_pending_results", {}, self.last_id)
        else:
            self.stage = "open"

    def _settle(self, request_id: Any, data: Any, error: Any) -> None:
        ask = self.waiting.pop(request_id, None)
        if ask is not None:
            problem = exception_for(error["code"], error["message"]) if error else None
            self.world.oracle.settled(self.agent.plan, ask, data, problem)

    def _closed(self, code: int) -> None:
        if code in (1000, 1001):
            self.stage = "hung"
            if self.waiting:
                self.world.fail(f"{self.name} is closed with {code} and waits for ever")
            self._let_go()
        else:
            self._again()

    def _again(self) -> None:
        """Come back in a while. The very first connection is never tried twice: the user does."""
        self._let_go()
        self.stage = "off"
        pause = min(2.0**self.failures, 30.0)
        self.failures += 1
        self.world.timeline.after(pause, self.dial)

    def _let_go(self) -> None:
        self._flush()
        self.wire = None
        if self.link is not None:
            self.link.let_go(self)
            self.link = None

    def _flush(self) -> None:
        if self.link is not None and self.wire is not None:
            data = self.wire.data_to_send()
            if data:
                self.link.up.put(data)

    def _ping(self) -> None:
        """The library's keep-alive."""
        if not self.alive or self.wire is None:
            return
        if not self.ponged or self.stage in ("opening", "auth"):
            self._again()
            return
        self.ponged = False
        self.wire.send_ping(b"lib")
        self._flush()
        self.alarm.arm(self.world.timeline.now + PING_S)


class OldAgent:
    """An agent on the old SDK, over all its processes.

    Attributes:
        collect_id: of its last ``get_pending_results``.
    """

    process_type = OldProcess
    client_id = ""

    def __init__(self, world: World, plan: AgentPlan) -> None:
        self.world = world
        self.plan = plan
        self.name = plan.name
        self.collect_id = 0
        self.process: OldProcess | None = None

    def start(self) -> None:
        """Start a process, unless there is one."""
        if self.process is None:
            self.process = self.process_type(self)
            self.process.dial()

    def kill(self, seconds: float) -> None:
        """The process dies; the next one comes in a while, and counts from 1 again."""
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.world.timeline.after(seconds, self.start)

    def twin(self) -> None:
        """Two old processes of one principal cannot be told apart: there is only one."""

    def ask(self, ask: Ask) -> None:
        """Make a request, if there is a process."""
        if self.process is not None:
            self.process.ask(ask)

    @property
    def link(self) -> Link | None:
        """The socket of the moment."""
        return self.process.link if self.process is not None else None

    def missing(self) -> Any:
        """What the agent still waits for, of what is on disk: it never sends a request twice."""
        process = self.process
        if process is None or not process.waiting:
            return ()
        known = self._known()
        return [ask for at, ask in process.waiting.items() if (at, ask.content) in known]

    def is_lost(self, ask: Ask) -> bool:
        """Whether nothing is on disk of a request of the process that lives now."""
        process = self.process
        return process is None or (process.ids.get(ask.number), ask.content) not in self._known()

    def _known(self) -> set[tuple[Any, int]]:
        """Ids and contents of the requests of the living process that are on disk."""
        mine = (self.plan.principal, self.client_id)
        before = self.process.first_rid if self.process is not None else 0
        rows = self.world.disk.kept.values()
        return {
            (row.request_id, msgspec.json.decode(row.args)["n"])
            for row in rows
            if (row.principal, row.client_id) == mine and int(row.rid[1:]) > before
        }

    @property
    def idle(self) -> bool:
        """Whether nothing is waited for that the gateway knows."""
        return self.process is not None and self.process.stage == "open" and not self.missing()

    def quit(self, seconds: float) -> None:
        """The old SDK's way out is no better than dying."""
        self.kill(seconds)

    def collect(self) -> None:
        """Whether it asks for what it missed is its SDK's own business."""

    def help(self) -> None:
        """Drop the connection, so that it asks again; the only help that an old client has."""
        if self.process is not None and self.process.link is not None:
            self.process.link.break_off("its user has lost patience")

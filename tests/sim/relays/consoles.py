"""People's programs, as they use stock Socket.IO clients: over a WebSocket, or by polling.

A program logs in again whenever it is connected, and clears what it has of an agent when it is
welcomed. What it says under a ``correlationId`` it says again until that is acknowledged; anything
else at most once, as far as it has been sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.sim.links import Link
from tests.sim.relays.oracle import Line
from tests.sim.relays.plan import AGENTS, PASSWORD, UPSTREAM, Chat, ConsolePlan
from tests.sim.relays.wires import Wire
from tests.vectors.socketio import get, post, said, upgrade

from agentgate_proto.faces.consoles.talks import INVALID, NOT_LOGGED_IN

if TYPE_CHECKING:
    from tests.sim.relays.world import RelayWorld

SILENCE_S = 46.0
"""After a ping's interval and time-out without a sign of life the server is gone."""

PACKETS_MAX = 16
"""In one answer to a poll: the Python client takes no more."""

AGAIN_S = 3.0
PATIENCE_S = 10.0
"""After which a message that is not acknowledged is said again, as stock clients' ``retries``."""

POST_S = 20.0
"""Within which what is posted must be answered; else the socket is dead, while polls may go on."""

LOST = (INVALID, NOT_LOGGED_IN)
"""What nobody is told of an agent who was welcomed by it on the same connection."""

SEPARATOR = "\x1e"


class Console:
    """A program, over all its processes.

    Attributes:
        views: what it shows of each agent that it is logged in to.
        waiting: what it has said, and is not done with, by number.
    """

    def __init__(self, world: RelayWorld, plan: ConsolePlan) -> None:
        self.world = world
        self.plan = plan
        self.name = plan.name
        self.rng = world.chance(plan.name)
        self.is_front = plan.site == "front"
        self.namespace = "/clients" if self.is_front else "/agents"
        self.is_running = False
        self.is_joined = False
        self.sockets: list[Wire] = []
        self.views: dict[str, list[Line]] = {}
        self.waiting: dict[int, Chat] = {}
        self.doom: int | None = None
        self._acks: dict[int, Chat] = {}
        self._last_ack = 0
        self._sid = ""
        self._outbox: list[str] = []
        self._is_posting = False
        self._posts = 0
        self._poll: Wire | None = None
        self._heard_at = 0.0

    # For those who let things happen

    @property
    def process(self) -> Console | None:
        """The program, if it runs."""
        return self if self.is_running else None

    @property
    def link(self) -> Link | None:
        """A socket of the moment."""
        links = [wire.link for wire in self.sockets if wire.link is not None and not wire.is_over]
        return self.rng.choice(links) if links else None

    def start(self) -> None:
        """Start the program."""
        if not self.is_running:
            self.is_running = True
            self._connect()

    def kill(self, seconds: float) -> None:
        """The program ends, with all that it knew; it is started again in a while."""
        if self.is_running:
            self._hang_up()
            self.is_running = False
            self.waiting.clear()
            self.world.timeline.after(seconds, self.start)

    def say(self, chat: Chat) -> None:
        """The person says something."""
        if self.is_running:
            self.world.tell(self.name, "says", f"m{chat.number} to {chat.agent}")
            self.waiting[chat.number] = chat
            if self.is_joined:
                self._send(chat)

    def why_unsettled(self) -> str:
        """What it waits for, or nothing."""
        if not self.is_joined:
            return "is not connected"
        for agent in self.plan.agents:
            lines = self.world.oracle.lines(agent)
            if agent not in self.views:
                return f"is not logged in to {agent}"
            if len(self.views[agent]) < len(lines):
                return f"is not shown {lines[len(self.views[agent]) :][:3]} of {agent}"
        return f"waits for {self.waiting}" if self.waiting else ""

    # Transports

    def _connect(self) -> None:
        if not self.is_running or self.sockets:
            return
        self._heard_at = self.world.timeline.now
        self.world.timeline.after(SILENCE_S, self._look, self.sockets)
        if self.plan.transport == "websocket":
            self.sockets.append(self._wire(upgrade(), self._packet))
        else:
            self._poll = self._wire(get(), self._polled)
            self.sockets.append(self._poll)

    def _wire(self, greeting: bytes, take: Callable[[str], None]) -> Wire:
        return Wire(self.world.sites[self.plan.site].dial, greeting, take, self.lost)

    def _look(self, sockets: list[Wire]) -> None:
        """Notice that nothing is heard any more."""
        if sockets is self.sockets and sockets:
            left = self._heard_at + SILENCE_S - self.world.timeline.now
            if left <= 0.0:
                self.lost("nothing is heard")
            else:
                self.world.timeline.after(left, self._look, sockets)

    def lost(self, reason: str) -> None:
        """The connection is of no use any more."""
        if self.sockets:
            self.world.tell(self.name, "is cut off:", reason)
            self._hang_up()
            pause = self.rng.choice((0.1, 1.0, 5.0))
            self.world.timeline.after(pause, self._connect)

    def _hang_up(self) -> None:
        for wire in self.sockets:
            wire.end()
        self.sockets, self._poll = [], None
        self.is_joined = self._is_posting = False
        self._sid = ""
        self._outbox.clear()
        self.views.clear()
        for chat in self._acks.values():
            if not chat.keyed:
                self.waiting.pop(chat.number, None)  # whether it was heard nobody knows
        self._acks.clear()

    def _polled(self, body: str) -> None:
        packets = body.split(SEPARATOR)
        if len(packets) > PACKETS_MAX:
            self.world.fail(f"{self.name} is sent {len(packets)} packets in one answer")
        for packet in packets:
            if self._poll is not None:
                self._packet(packet)
        if self._poll is not None:
            self._poll.send(get(self._sid))

    def _put(self, packet: str) -> None:
        if self.plan.transport == "websocket":
            for wire in self.sockets:
                wire.send(said(packet))
        else:
            self._outbox.append(packet)
            self._post()

    def _post(self) -> None:
        if self._is_posting or not self._outbox or not self._sid:
            return
        self._posts += 1
        self._is_posting = True
        self.world.timeline.after(POST_S, self._look_at_post, self._posts)
        packets, self._outbox = self._outbox, []
        body = post(self._sid, SEPARATOR.join(packets))
        if len(self.sockets) < 2:
            self.sockets.append(self._wire(body, self._posted))
        else:
            self.sockets[1].send(body)

    def _look_at_post(self, number: int) -> None:
        if self._is_posting and number == self._posts:
            self.lost("what was posted is not answered")

    def _posted(self, body: str) -> None:
        self._is_posting = False
        self._post()

    def _packet(self, packet: str) -> None:
        self._heard_at = self.world.timeline.now
        kind, rest = packet[0], packet[1:]
        if kind == "0":
            self._sid = json.loads(rest)["sid"]
            auth = json.dumps({"token": f"token of {self.plan.person}"})
            self._put(f"40{self.namespace},{auth}")
        elif kind == "1":
            self.lost("closed")
        elif kind == "2":
            self._put("3")
        elif kind == "4":
            self._message(rest[0], rest[1:].removeprefix(f"{self.namespace},"))

    # Socket.IO

    def _message(self, kind: str, text: str) -> None:
        if kind == "0":
            self._joined()
        elif kind == "2":
            event, *args = json.loads(text)
            self._event(event, args[0] if args else {})
        elif kind == "3":
            number, _, rest = text.partition("[")
            self._acknowledged(int(number), json.loads(f"[{rest}")[0])
        else:
            self.world.fail(f"{self.name} is sent away by packet {kind}{text}")

    def _emit(self, event: str, payload: Any, chat: Chat | None = None) -> None:
        ack = ""
        if chat is not None:
            self._last_ack += 1
            self._acks[self._last_ack] = chat
            ack = str(self._last_ack)
        self._put(f"42{self.namespace},{ack}{json.dumps([event, payload])}")

    def _tell(self, event: str, payload: dict[str, Any], chat: Chat | None = None) -> None:
        """Emit what a manager takes, through a controller or not."""
        if self.is_front:
            asked = {"event": event, "payload": payload, "agentId": payload["agentId"]}
            self._emit("forward", asked, chat)
        else:
            self._emit(event, payload, chat)

    def _joined(self) -> None:
        self.world.counts["consoles joined"] += 1
        self.is_joined = True
        steps = [self._say_again, self._choose] if self.plan.hasty else [self._choose]
        for step in (*steps, self._log_in):
            step()
        if not self.plan.hasty:
            self._say_again()

    def _choose(self) -> None:
        if self.is_front:
            self._emit("setClient", {"clientId": UPSTREAM})

    def _log_in(self) -> None:
        for agent in self.plan.agents:
            self._log_in_to(agent)
        if self.plan.snoops:
            other = next(agent for agent in AGENTS if agent not in self.plan.agents)
            self._tell("login", {"agentId": other, "password": "a guess"})

    def _log_in_to(self, agent: str) -> None:
        if agent in self.plan.agents and agent not in self.views:
            by_stored = self.is_front and agent == AGENTS[0]
            password = {} if by_stored else {"password": PASSWORD.value}
            self.world.tell(self.name, "logs in to", agent)
            self._tell("login", {"agentId": agent, **password})

    def _say_again(self) -> None:
        for chat in list(self.waiting.values()):
            self._send(chat)

    def _send(self, chat: Chat) -> None:
        payload = {"agentId": chat.agent, "message": f"m{chat.number}"}
        if chat.keyed:
            payload["correlationId"] = f"c{chat.number}"
            self.world.timeline.after(PATIENCE_S, self._send_again, chat, self.sockets)
        self._tell("chat", payload, chat)

    def _send_again(self, chat: Chat, sockets: list[Wire]) -> None:
        is_waiting = self.waiting.get(chat.number) is chat
        if is_waiting and self.is_joined and sockets is self.sockets:
            self._send(chat)

    def _acknowledged(self, number: int, payload: Any) -> None:
        chat = self._acks.pop(number, None)
        if chat is None:
            self.world.fail(f"{self.name} gets acknowledgement {number} twice, or for nothing")
            return
        if payload.get("received") is True:
            self.waiting.pop(chat.number, None)
            self.world.oracle.acknowledges(self.name, chat)
            return
        self.world.tell(self.name, "is refused", f"m{chat.number}:", payload)
        self.world.counts["messages refused"] += 1
        if not chat.keyed:
            self.waiting.pop(chat.number, None)

    # What it is told

    def _event(self, event: str, payload: dict[str, Any]) -> None:
        if event == "forwardedEvent":
            self._told(payload["event"], payload["payload"], payload["agentId"])
        elif not self.is_front:
            self._told(event, payload, payload.get("agentId", ""))
        else:
            self.world.counts[event] += 1
            self.world.tell(self.name, "is told", event, payload)

    def _told(self, event: str, payload: dict[str, Any], agent: str) -> None:
        if agent not in self.plan.agents and event not in ("loginError", "error"):
            self.world.fail(f"I8: {self.name} is told {event} of {agent}")
        if event == "chatMessage":
            view = self.views.get(agent)
            if view is None:
                self.world.fail(f"{self.name} is shown {payload} before it is welcomed")
                return
            view.append(shown(payload))
            self.world.oracle.sees(self.name, agent, view)
        elif event == "loginSuccess":
            self.world.tell(self.name, "is welcomed by", agent)
            self.views[agent] = []
        elif event in ("loginError", "error"):
            self.world.tell(self.name, "is told", event, payload, agent)
            self.world.counts[event] += 1
            if agent in self.views and payload["message"] in LOST:
                self.world.fail(f"{self.name} is logged in to {agent} no more: {payload}")
            is_out = event == "loginError" or "log in again" in payload["message"]
            if is_out and agent in self.plan.agents:
                self.views.pop(agent, None)
                self.world.timeline.after(AGAIN_S, self._again, agent, self.sockets)

    def _again(self, agent: str, sockets: list[Wire]) -> None:
        if self.is_joined and sockets is self.sockets:
            self._log_in_to(agent)


def shown(payload: dict[str, Any]) -> Line:
    """The line that a console shows."""
    if payload["from"] == "user":
        return "user", payload["text"]
    response = payload["response"]
    is_text = response["type"] == "text"
    return ("agent", response["result"]) if is_text else (response["type"], "")

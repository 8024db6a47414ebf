"""Consoles of a controller beside a plain model: whatever they do, in whatever order things come
back, each shows a beginning of the agents' logs, and in the end all of it, once."""

from __future__ import annotations

from typing import Any

import anyio
from hypothesis import given
from hypothesis import strategies as st
from tests.server.faces.memory_link import MemoryLink, MemoryUpstreams
from tests.server.faces.plain_sockets import NOW, PlainSockets

from agentgate_proto.faces.consoles.talks import HELD_S
from agentgate_server.faces.controller import ControllerConsoles

CLIENTS = ("c1", "c2")
AGENTS = {"a1": "s1", "a2": "s2"}
SOCKETS = (1, 2, 3)

Step = tuple[str, int, str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["set", "login", "login", "chat", "logout", "back", "room", "hold", "release", "said"]
        ),
        st.sampled_from(SOCKETS),
        st.sampled_from([*AGENTS]),
        st.integers(0, 5),
    ),
    max_size=60,
)


class Play:
    """Consoles, and what each is to show.

    Attributes:
        clients: which gateway each socket that is connected has chosen, or "".
        seen: what was told of each socket's current talks, by agent, since the last greeting.
        acks: what was asked to be acknowledged, by socket.
    """

    def __init__(self) -> None:
        self.links = {name: MemoryLink(name, agents=AGENTS) for name in CLIENTS}
        self.sockets = PlainSockets()
        upstreams = MemoryUpstreams(*self.links.values())
        self.consoles = ControllerConsoles(upstreams, self.sockets, self.sockets.settle)
        self.sockets.application = self.consoles
        self.clients: dict[int, str] = {}
        self.seen: dict[tuple[int, str], list[str]] = {}
        self.asked: dict[int, int] = {}  # by ack, the socket
        self.said = 0
        for socket in SOCKETS:
            self.come(socket)

    def step(self, what: str, socket: int, agent: str, number: int) -> None:
        link = self.links[CLIENTS[number % 2]]
        match what:
            case "hold":
                link.is_held = True
            case "release":
                link.release()
            case "said":
                link.kept[agent].say("message", text=f"{link.name}/{agent}/{number}")
            case _:
                self.do(what, socket, agent, number)
        self.look()

    def come(self, socket: int) -> None:
        """Connect, and choose a gateway: two of three the same."""
        self.clients[socket] = ""
        self.sockets.connect(socket)
        self.do("set", socket, "", socket // 3)

    def do(self, what: str, socket: int, agent: str, number: int) -> None:
        match what:
            case "set":
                client = CLIENTS[number % 2]
                if client != self.clients[socket]:
                    self.forget(socket)
                self.clients[socket] = client
                self.ask(socket, "setClient", {"clientId": client})
            case "login":
                password = AGENTS[agent] if number else "wrong"
                self.forward(socket, "login", agent, password=password)
            case "chat":
                self.said += 1
                self.forward(socket, "chat", agent, message=f"{socket} says {self.said}")
            case "logout":
                self.forward(socket, "logout", agent)
            case "room":
                self.sockets.make_room(socket, number)
            case "back":
                self.do("gone", socket, agent, number)
                self.come(socket)
            case "gone":
                self.forget(socket)
                del self.clients[socket]
                self.sockets.disconnect(socket)
                self.sockets.room.pop(socket, None)

    def forward(self, socket: int, event: str, agent: str, **payload: Any) -> None:
        self.ask(socket, "forward", {"event": event, "payload": payload, "agentId": agent})

    def ask(self, socket: int, event: str, argument: Any) -> None:
        ack = len(self.asked)
        self.asked[ack] = socket
        self.sockets.send(socket, event, argument, ack=ack)

    def forget(self, socket: int) -> None:
        self.look()
        for key in [key for key in self.seen if key[0] == socket]:
            del self.seen[key]
        self.asked = {
            ack: -1 if each == socket and ack not in self.sockets.acks else each
            for ack, each in self.asked.items()
        }  # nobody is there to hear of these

    def look(self) -> None:
        """Take what was told into account, and compare it with the logs."""
        for socket in SOCKETS:
            for event, told in self.sockets.fresh(socket):
                if event != "forwardedEvent":
                    continue
                key = socket, told["agentId"]
                if told["event"] == "loginSuccess":
                    self.seen[key] = []
                elif told["event"] == "chatMessage":
                    assert told["payload"]["agentId"] == told["agentId"]
                    self.seen[key].append(told["payload"]["text"])
                elif told["event"] == "logoutSuccess":
                    del self.seen[key]
        for (socket, agent), shown in self.seen.items():
            assert shown == self.log(socket, agent)[: len(shown)]

    def log(self, socket: int, agent: str) -> list[str]:
        kept = self.links[self.clients[socket]].kept[agent]
        return [event.data["text"] for event in kept.log]

    def end(self) -> None:
        """Let everything happen that is still to come."""
        for link in self.links.values():
            link.release()
        for socket in [*self.clients]:
            self.sockets.make_room(socket, 10_000)
        self.consoles.handle_timer(NOW + HELD_S)
        for link in self.links.values():
            link.release()
        self.look()
        for (socket, agent), shown in self.seen.items():
            assert shown == self.log(socket, agent)
        heard = {ack for ack, socket in self.asked.items() if socket > 0}
        assert heard <= set(self.sockets.acks)
        for socket in [*self.clients]:
            self.do("gone", socket, "", 0)
        for link in self.links.values():
            assert link.logged_in == []
            assert not any(kept.readers for kept in link.kept.values())
        assert self.consoles.next_deadline() is None


@given(STEPS)
def test_each_console_shows_the_logs_and_nothing_else(steps: list[Step]) -> None:
    async def play() -> None:  # for its clock
        it = Play()
        for step in steps:
            it.step(*step)
        it.end()

    anyio.run(play)

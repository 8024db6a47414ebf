"""Clients that keep to the protocol, on a network that is slow, cuts bytes anywhere and breaks.

Whatever happens in whatever order, what one end has heard is the beginning of what the other has
said: nothing twice, nothing in another order. While the session lives, all of it arrives, and an
upgrade that was begun is not held up by a poll.
"""

from __future__ import annotations

import json
from base64 import b64encode
from random import Random
from typing import Any

import h11
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chance import examples
from tests.proto.byhand import parse_frames
from tests.proto.faces.socket_lines import Line, Lines
from tests.proto.support import BINARY, CLOSE, TEXT
from tests.vectors.socketio import get, post, said, upgrade

from agentgate_proto.faces.socketio.events import Connected, Disconnected, EventReceived

HOLE = '{"_placeholder":true,"num":0}'


class Server(Lines):
    """The server's end: it remembers what it hears of each client, and says things of its own.

    Attributes:
        heard: numbers, by socket.
        there: sockets that are there.
    """

    def __init__(self) -> None:
        self.heard: dict[int, list[int]] = {}
        self.there: list[int] = []
        super().__init__()

    def hear(self, event: Any) -> None:
        match event:
            case Connected(socket=socket):
                self.there.append(socket)
                self.heard[socket] = []
            case EventReceived(socket=socket, args=[int(number), *_]):
                self.heard[socket].append(number)
            case Disconnected(socket=socket):
                self.there.remove(socket)


class Wire:
    """A connection of a client, on which bytes are under way in both directions."""

    def __init__(self, server: Server, chance: Random) -> None:
        self.line: Line = server.line()
        self._server = server
        self._chance = chance
        self._going = b""
        self._http: h11.Connection | None = h11.Connection(h11.CLIENT)
        self._frames = b""
        self.is_over = False

    def send(self, data: bytes) -> None:
        """Send; it arrives in pieces, when the network likes."""
        self._going += data

    def ask(self, method: str) -> None:
        """Take note of what was asked, so that the answer can be read."""
        assert self._http is not None
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        self._http.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        self._http.send(h11.EndOfMessage())

    def move(self, *, everything: bool = False) -> None:
        """Let some bytes arrive at the server, or all of them."""
        size = len(self._going) if everything else self._chance.randint(0, len(self._going))
        if size and not self.line.is_over:
            piece, self._going = self._going[:size], self._going[size:]
            self._server.feed(self.line, piece)

    def take(self, *, everything: bool = False) -> list[Any]:
        """Let some bytes arrive at the client, or all: return bodies of answers, or frames."""
        size = len(self.line.out) if everything else self._chance.randint(0, len(self.line.out))
        piece, self.line.out = self.line.out[:size], self.line.out[size:]
        if self._http is None:
            return self._framed(piece)
        if piece:
            self._http.receive_data(piece)
        got: list[Any] = []
        while True:
            event = self._http.next_event()
            match event:
                case h11.Response(status_code=status):
                    self._status, self._body = status, b""
                case h11.Data(data=data):
                    self._body += data
                case h11.EndOfMessage():
                    got.append((self._status, self._body.decode()))
                case h11.InformationalResponse(status_code=101):
                    rest, _ = self._http.trailing_data
                    self._http = None
                    return [*got, "open", *self._framed(rest)]
                case _:
                    return got

    def ask_upgrade(self) -> None:
        """The same as ``ask``, for a WebSocket."""
        assert self._http is not None
        headers = [("host", "x"), ("upgrade", "websocket"), ("connection", "upgrade")]
        self._http.send(h11.Request(method="GET", target="/", headers=headers))
        self._http.send(h11.EndOfMessage())

    def _framed(self, piece: bytes) -> list[str | bytes | None]:
        """Read frames; None: the server closes."""
        frames, self._frames = parse_frames(self._frames + piece)
        kinds = {TEXT: bytes.decode, BINARY: bytes, CLOSE: lambda data: None}
        return [kinds[opcode](data) for opcode, data in frames]


class Client:
    """A client that keeps to the protocol, and to what stock ones do."""

    def __init__(self, server: Server, chance: Random) -> None:
        self._server = server
        self.heard: list[int] = []
        self.said: list[int] = []
        self.told: list[int] = []  # what the server has said to it
        self.sid = ""
        self.is_joined = False
        self.is_upgraded = False
        self.is_over = False
        self.polls = Wire(server, chance)
        self.posts = Wire(server, chance)
        self.websocket: Wire | None = None
        self._chance = chance
        self._is_polling = True
        self._is_posting = False
        self._is_probed = False  # the probe was answered: no further poll
        self._outbox: list[str | bytes] = []
        self._awaits_bytes = False
        self._given_up: list[Wire] = []
        self.polls.ask("GET")
        self.polls.send(get())

    @property
    def wires(self) -> list[Wire]:
        return [each for each in (self.polls, self.posts, self.websocket) if each is not None]

    def say(self, with_bytes: bool) -> None:
        number = len(self.said)
        if self.is_joined and not self.is_over:
            self.said.append(number)
            if with_bytes:
                self._outbox += [f'451-["n",{number},{HOLE}]', bytes([number % 256])]
            else:
                self._outbox.append(f'42["n",{number}]')

    def probe(self) -> None:
        if self.is_joined and self.websocket is None and not self.is_over:
            self.websocket = Wire(self._server, self._chance)
            self.websocket.ask_upgrade()
            self.websocket.send(upgrade(self.sid))

    def act(self) -> None:
        """Do what a client does by itself."""
        if self.is_over or not self.sid:
            return
        if not self._is_polling and not self._is_probed and not self.is_upgraded:
            self._is_polling = True
            self.polls.ask("GET")
            self.polls.send(get(self.sid))
        if self.is_upgraded:
            assert self.websocket is not None
            self.websocket.send(said(*self._outbox))
            self._outbox.clear()
        elif self._is_probed and not self._is_polling and not self._is_posting:
            assert self.websocket is not None
            self.websocket.send(said("5"))
            self.is_upgraded = True
        elif self._outbox and not self._is_posting and not self._is_probed:
            self._is_posting = True
            self.posts.ask("POST")
            packets = [each if isinstance(each, str) else in_base64(each) for each in self._outbox]
            self.posts.send(post(self.sid, "\x1e".join(packets)))
            self._outbox.clear()

    def network(self, *, everything: bool = False) -> None:
        """Let bytes move on all connections, in an order of chance."""
        wires = self.wires
        self._chance.shuffle(wires)
        for wire in wires:
            wire.move(everything=everything)
        for wire in wires:
            for got in wire.take(everything=everything):
                if wire in self.wires:
                    self._got(wire, got)
        self._notice_ends()

    def break_down(self, which: int) -> None:
        """Let one connection break."""
        wire = self.wires[which % len(self.wires)]
        if not wire.line.is_over:
            self._server.cut(wire.line)
        if wire is self.polls and not self._is_polling and not self.is_over:
            self.polls = Wire(self._server, self._chance)  # an idle one is opened anew
        elif wire is self.posts and not self._is_posting and not self.is_over:
            self.posts = Wire(self._server, self._chance)
        elif wire is self.websocket and not self.is_upgraded:
            self.websocket, self._is_probed = None, False
        else:
            self.is_over = True

    def _notice_ends(self) -> None:
        for wire in self.wires:
            if wire.line.is_over and not wire.line.out and not self.is_over:
                self.break_down(self.wires.index(wire))

    def _got(self, wire: Wire, got: Any) -> None:
        if wire is self.websocket:
            self._got_frame(wire, got)
            return
        status, body = got
        if wire is self.posts:
            self._is_posting = False
        else:
            self._is_polling = False
        if status != 200:
            self.is_over = True
        elif wire is self.polls:
            for packet in body.split("\x1e"):
                self._packet(packet if packet[0] != "b" else b"")

    def _got_frame(self, wire: Wire, got: Any) -> None:
        if isinstance(got, tuple):
            self.websocket = None  # refused: the session has ended, which a poll finds out
        elif got is None:
            self.is_over = self.is_upgraded
            self.websocket, self._is_probed = None, False
        elif got == "open":
            wire.send(said("2probe"))
        elif got == "3probe":
            self._is_probed = True
        else:
            self._packet(got)

    def _packet(self, packet: str | bytes) -> None:
        if isinstance(packet, bytes):
            assert self._awaits_bytes, "bytes that nobody told of"
            self._awaits_bytes = False
            return
        assert not self._awaits_bytes or packet in "26", "something before the bytes"
        if packet[0] == "0":
            self.sid = json.loads(packet[1:])["sid"]
            self._outbox.append("40")
        elif packet[0] == "2":
            self._outbox.append("3")
        elif packet[0] == "1":
            self.is_over = True
        elif packet.startswith("40"):
            self.is_joined = True
        elif packet.startswith(("42", "451-")):
            self._awaits_bytes = packet.startswith("451-")
            self.heard.append(json.loads(packet[packet.index("[") :])[1])


def in_base64(data: bytes) -> str:
    return "b" + b64encode(data).decode()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["tell", "say", "network", "network", "network", "act", "act", "probe", "time", "break"]
        ),
        st.integers(0, 7),
    ),
    min_size=5,
    max_size=120,
)


class World:
    """One client and its server."""

    def __init__(self, chance: Random) -> None:
        self.server = Server()
        self.chance = chance
        self.client = Client(self.server, chance)
        self.socket = 0

    def act(self, action: str, number: int) -> None:
        match action:
            case "tell":
                for _ in range(number * 4 + 1):
                    self.tell(with_bytes=number == 7)
            case "say":
                self.client.say(with_bytes=number == 7)
            case "network":
                self.client.network()
            case "act":
                self.client.act()
            case "probe":
                self.client.probe()
            case "time":
                self.server.wait(number)
            case _ if number == 7:
                self.client.break_down(self.chance.randint(0, 2))
        self.check()

    def tell(self, *, with_bytes: bool) -> None:
        number = len(self.client.told)
        if self.socket in self.server.there:
            self.client.told.append(number)
            self.server.server.emit(self.socket, "n", number, *([b"x"] if with_bytes else []))
            self.server.settle()

    def recover(self) -> None:
        """The network recovers, and the client goes on."""
        for _ in range(40):
            self.client.act()
            self.client.network(everything=True)
            self.check()

    def check(self) -> None:
        self.socket = self.socket or next(iter(self.server.there), 0)
        heard = self.server.heard.get(self.socket, [])
        assert heard == self.client.said[: len(heard)]
        assert self.client.heard == self.client.told[: len(self.client.heard)]


@given(ACTIONS, st.randoms(use_true_random=False))
@settings(max_examples=examples(200))
def test_both_ends_hear_what_the_other_says_in_its_order_and_once(
    actions: list[tuple[str, int]], chance: Random
) -> None:
    world = World(chance)
    if chance.random() < 0.8:
        world.recover()  # most stories begin when the client has joined
    for action, number in actions:
        world.act(action, number)
    world.recover()
    if not world.client.is_over and world.server.there:
        assert world.server.heard[world.socket] == world.client.said
        assert world.client.heard == world.client.told
        assert world.client.is_upgraded is (world.client.websocket is not None)


def test_a_session_that_is_upgraded_under_load_loses_nothing() -> None:
    """The same with one story that is known to go all the way."""
    for seed in range(30):
        world = World(Random(seed))
        world.recover()
        for number in range(60):
            world.act("tell", number % 8)
            world.act("say", number % 8)
            world.act("probe" if number == 20 else "act", 0)
            world.act("network", 0)
        world.recover()
        assert world.client.is_upgraded
        assert not world.client.is_over
        assert world.server.heard[world.socket] == world.client.said == list(range(60))
        assert world.client.heard == world.client.told

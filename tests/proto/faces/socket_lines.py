"""A server of Socket.IO behind whole connections, byte to byte in memory, as the adapter drives it.

What clients say with ``message`` comes back as ``message-back``, and what wants an answer gets it.
"""

from __future__ import annotations

from typing import Any

from tests.proto.faces.socket_bench import SocketBench

from agentgate_proto.connection.events import (
    Closed,
    Event,
    HttpRequested,
    MessageReceived,
    UpgradeAsked,
)
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.faces.engineio.engine import METHODS
from agentgate_proto.faces.engineio.events import (
    Accept,
    Effect,
    HangUp,
    Refuse,
    Respond,
    SendMessage,
)
from agentgate_proto.faces.socketio.events import EventReceived
from agentgate_proto.limits import SERVER_LIMITS
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.routes import Route, Routes

ROUTE = Route(
    face="socketio", path="/socket.io/", methods=METHODS, websocket=True, binary=True, cors=True
)
DOORS = Doors(routes=Routes([ROUTE]))


class Line:
    """One connection.

    Attributes:
        out: what the server has sent on it.
        is_over: the server has ended it.
    """

    def __init__(self, number: int, now: float) -> None:
        self.number = number
        self.connection = ServerConnection(now, SERVER_LIMITS, DOORS, "192.0.2.7")
        self.out = b""
        self.is_over = False


class Lines(SocketBench):
    """The bench, with connections in front of it.

    Attributes:
        lines: by number.
    """

    def __init__(self, **settings: Any) -> None:
        self.lines: dict[int, Line] = {}
        super().__init__(**settings)

    def line(self) -> Line:
        """Open a connection."""
        line = Line(len(self.lines) + 1, self.now)
        self.lines[line.number] = line
        return line

    def feed(self, line: Line, data: bytes) -> None:
        """Let bytes arrive."""
        line.connection.receive_data(data, self.now)
        self.settle()

    def cut(self, line: Line) -> None:
        """Let the network fail."""
        line.connection.receive_eof(self.now)
        self.settle()

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self.settle()

    def settle(self) -> None:
        """Do all that is to be done, as an adapter does."""
        is_busy = True
        while is_busy:
            is_busy = False
            self.drain()
            for effect in self.effects():
                is_busy = True
                self._do(effect)
            for line in list(self.lines.values()):
                while (event := line.connection.next_event()) is not None:
                    is_busy = True
                    self._take(line, event)
                line.out += line.connection.data_to_send()

    def drain(self) -> None:
        super().drain()
        for event in self.events_said():
            self.hear(event)
            super().drain()

    def hear(self, event: Any) -> None:
        """Be the application."""
        match event:
            case EventReceived(socket=socket, name="message", args=args):
                self.server.emit(socket, "message-back", *args)
            case EventReceived(socket=socket, args=args, ack=int(ack)):
                self.server.answer(socket, ack, *args)

    def _take(self, line: Line, event: Event) -> None:
        number = line.number
        match event:
            case HttpRequested(method=method, target=target, body=body):
                address = line.connection.address
                self.engine.request(number, method, target, body, address, self.now)
            case UpgradeAsked(target=target):
                self.engine.ask_websocket(number, target, line.connection.address, self.now)
            case MessageReceived(data=data):
                self.engine.message(number, data, self.now)
            case Closed():
                line.is_over = True
                self.engine.lost(number, self.now)
        self.drain()

    def _do(self, effect: Effect) -> None:
        connection = self.lines[effect.connection].connection
        try:
            match effect:
                case Respond(_, status, body, content_type):
                    connection.send_http(status, body, content_type)
                case Accept():
                    connection.accept_upgrade()
                case Refuse(_, status, reason):
                    connection.refuse_upgrade(status, reason)
                case SendMessage(data=data):
                    connection.send_message(data)
                case HangUp(_, code, reason):
                    connection.close(code, reason)
        except ConnectionClosedError:
            pass  # its end is under way

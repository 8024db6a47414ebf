"""The door to an application: the server has its verbs, and one that only counts fits it."""

from __future__ import annotations

from tests.proto.faces.socket_bench import SocketBench

from agentgate_proto.faces.engineio.events import Ending
from agentgate_proto.faces.socketio.application import Application, Sockets
from agentgate_proto.faces.socketio.events import Connected, EventReceived, SocketEvent
from agentgate_proto.principal import Role


class Counting:
    """Tells each client how many events there were."""

    namespaces = frozenset({"/clients"})
    roles = frozenset({Role.AGENT})

    def __init__(self, sockets: Sockets) -> None:
        self.sockets = sockets
        self.there: list[int] = []
        self.count = 0

    def handle(self, event: SocketEvent, now: float) -> None:
        match event:
            case Connected(socket=socket):
                self.there.append(socket)
            case EventReceived():
                self.count += 1
                self.sockets.emit(self.there, "count", self.count)

    def next_deadline(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        """Nothing is ever due."""

    def closing(self, now: float) -> None:
        self.sockets.emit(self.there, "bye")


def test_an_application_hears_events_and_acts_by_the_verbs_of_the_server() -> None:
    at = SocketBench()
    counting = Counting(at.server)
    application: Application = counting
    at.server.namespaces = application.namespaces
    one, two = at.joined("/nowhere"), at.on_websocket()
    for connection in (one, two):
        at.say(connection, "40/clients,")
    for event in at.events_said():
        application.handle(event, at.now)
    at.frames()
    at.say(two, '42/clients,["tick"]')
    for event in at.events_said():
        application.handle(event, at.now)
    at.drain()
    assert at.frames() == ['2/clients,["count",1]'] * 2
    application.closing(at.now)
    at.engine.end_all(Ending.RESTART)
    at.drain()
    assert at.hung_up() == [1012, 1012]

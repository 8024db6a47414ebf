"""A server of Socket.IO on the bench: clients by hand, an owner who lets them in, what came."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.proto.faces.engine_bench import Bench

from agentgate_proto.faces.engineio.events import HangUp, Respond, SendMessage
from agentgate_proto.faces.socketio.events import ConnectAsked, SocketEvent
from agentgate_proto.faces.socketio.server import SocketServer
from agentgate_proto.principal import Principal, Role

ANN = Principal(name="ann", role=Role.AGENT)
BOB = Principal(name="bob", role=Role.AGENT)


class SocketBench(Bench):
    """The engine with the server on top of it.

    Attributes:
        asked: who wants to connect, since somebody looked.
        said: what the application hears, since somebody looked.
        principal: as whom everybody is let in at once; None: it is decided by the test.
    """

    def __init__(self, principal: Principal | None = ANN, **settings: Any) -> None:
        super().__init__(**settings)
        sids = (f"socket{number}" for number in count(1))
        self.server = SocketServer(self.engine, lambda: next(sids))
        self.server.namespaces = frozenset({"/", "/clients"})
        self.principal = principal
        self.asked: list[ConnectAsked] = []
        self.said: list[SocketEvent] = []

    def drain(self) -> None:
        while True:
            if (event := self.server.next_event()) is not None:
                if not isinstance(event, ConnectAsked):
                    self.said.append(event)
                elif self.principal is None:
                    self.asked.append(event)
                else:
                    self.server.accept(event.socket, self.principal)
            elif (happened := self.engine.next_event()) is not None:
                self.told.append(happened)
                self.server.handle(happened, self.now)
            elif (effect := self.engine.next_effect()) is not None:
                self.done.append(effect)
            else:
                break

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            both = (self.engine.next_deadline(), self.server.next_deadline())
            at = min((each for each in both if each is not None), default=until + 1)
            if at > until:
                break
            self.now = max(self.now, at)
            self.engine.handle_timer(self.now)
            self.server.handle_timer(self.now)
            self.drain()
        self.now = until

    def events_said(self) -> list[SocketEvent]:
        """What the application heard since the last look."""
        said, self.said = self.said, []
        return said

    def frames(self) -> list[str | bytes]:
        """What was sent on WebSockets since the last look, without Engine.IO's digit."""
        sent = [each.data for each in self.effects() if isinstance(each, SendMessage)]
        return [data[1:] if isinstance(data, str) else data for data in sent]

    def hung_up(self) -> list[int]:
        """With which codes WebSockets were closed since the last look."""
        return [each.code for each in self.effects() if isinstance(each, HangUp)]

    def joined(self, namespace: str = "/") -> int:
        """A client on a WebSocket that is in a namespace; the socket's number is the next one."""
        connection = self.on_websocket()
        self.say(connection, "40" if namespace == "/" else f"40{namespace},")
        self.effects(), self.events(), self.events_said()
        return connection


__all__ = ["ANN", "BOB", "Respond", "SocketBench"]

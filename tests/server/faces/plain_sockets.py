"""Sockets that keep what they are told, for applications on Socket.IO."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from agentgate_proto.faces.engineio.events import Ending
from agentgate_proto.faces.socketio.application import Application
from agentgate_proto.faces.socketio.events import (
    Connected,
    Disconnected,
    EventReceived,
    RoomMade,
)
from agentgate_proto.principal import Principal, Role

NOW = 100.0


class PlainSockets:
    """See the module.

    Attributes:
        told: what each socket was sent: event and payload.
        acks: what was acknowledged, by number.
        full: sockets that have no room.
        room: of those, how many more events they take before they are full.
        settled: how often the application wanted to have things sent.
        closed: sockets that were ended.
    """

    def __init__(self) -> None:
        self.told: dict[int, list[tuple[str, Any]]] = defaultdict(list)
        self.acks: dict[int, Any] = {}
        self.room: dict[int, int] = {}
        self.settled = 0
        self.closed: list[int] = []
        self.application: Application

    def settle(self) -> None:
        self.settled += 1

    # See ``application.Sockets``

    def emit(self, sockets: int | Iterable[int], name: str, *args: Any) -> None:
        assert isinstance(sockets, int)
        (payload,) = (json.loads(msgspec.json.encode(each)) for each in args)
        self.told[sockets].append((name, payload))
        if sockets in self.room:
            self.room[sockets] -= 1

    def ask(self, socket: int, name: str, *args: Any) -> int:
        raise AssertionError("consoles are asked nothing")

    def answer(self, socket: int, ack: int, *args: Any) -> None:
        (self.acks[ack],) = (json.loads(msgspec.json.encode(each)) for each in args)

    def has_room(self, socket: int) -> bool:
        return self.room.get(socket, 1) > 0

    def close(self, socket: int, ending: Ending = Ending.APPLICATION) -> None:
        self.closed.append(socket)

    # What tests do

    def connect(self, socket: int, name: str = "anna") -> None:
        principal = Principal(name=name, role=Role.CONSOLE)
        (namespace,) = self.application.namespaces
        event = Connected(socket=socket, namespace=namespace, principal=principal, auth={})
        self.application.handle(event, NOW)

    def send(self, socket: int, name: str, *args: Any, ack: int | None = None) -> None:
        event = EventReceived(socket=socket, name=name, args=list(args), ack=ack)
        self.application.handle(event, NOW)

    def make_room(self, socket: int, events: int) -> None:
        self.room[socket] = events
        self.application.handle(RoomMade(socket=socket), NOW)

    def disconnect(self, socket: int) -> None:
        self.application.handle(Disconnected(socket=socket, reason="gone"), NOW)

    def fresh(self, socket: int) -> list[tuple[str, Any]]:
        return self.told.pop(socket, [])

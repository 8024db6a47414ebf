"""Consoles on Socket.IO, made real: each socket of a manager's or a controller's namespace has a
seat, and its seat a console, which knows what the events mean.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable

from agentgate_proto.faces.consoles.waiting import Waiting
from agentgate_proto.faces.socketio.application import Sockets
from agentgate_proto.faces.socketio.events import (
    Answered,
    Connected,
    Disconnected,
    EventReceived,
    RoomMade,
    SocketEvent,
)
from agentgate_proto.principal import Role
from agentgate_server.faces.console_seat import Seat

PREFIX_BYTES = 12
"""Of chance in the ids that a console's messages are given."""


class Consoles(ABC):
    """See the module and :class:`~agentgate_proto.faces.socketio.application.Application`.

    Args:
        sockets: the verbs of sockets.
        settle: called after they were used from outside.
    """

    roles = frozenset({Role.CONSOLE})
    """People's programs. An operator runs the gateway, and may not speak for people; a gateway
    comes by the native protocol."""

    def __init__(self, namespace: str, sockets: Sockets, settle: Callable[[], None]) -> None:
        self.namespaces = frozenset({namespace})
        self._sockets = sockets
        self._settle = settle
        self._waiting = Waiting()
        self._seats: dict[int, Seat] = {}
        self._deadlines: dict[int, float] = {}  # of those who have one

    def handle(self, event: SocketEvent, now: float) -> None:
        """See ``Application``."""
        match event:
            case Connected(socket=socket):
                self._seats[socket] = self._seat(event)
            case EventReceived(socket=socket, name=name, args=args, ack=ack):
                seat = self._seats[socket]
                seat.console.receive(name, args, ack, now)
                seat.drain()
            case RoomMade(socket=socket):
                self._seats[socket].made_room()
            case Disconnected(socket=socket):
                self._seats.pop(socket).leave()
                self._deadlines.pop(socket, None)
            case Answered():
                pass  # nobody was asked

    def next_deadline(self) -> float | None:
        """See ``Application``."""
        return min(self._deadlines.values(), default=None)

    def handle_timer(self, now: float) -> None:
        """See ``Application``."""
        due = [socket for socket, deadline in self._deadlines.items() if deadline <= now]
        for seat in [self._seats[socket] for socket in due]:
            seat.console.handle_timer(now)
            seat.drain()

    @abstractmethod
    def closing(self, now: float) -> None:
        """See ``Application``."""

    @abstractmethod
    def _seat(self, who: Connected) -> Seat:
        """Make a seat for who has connected."""

    def _drained(self, socket: int) -> None:
        """Something was done for a socket: look at its clock, and have it sent."""
        seat = self._seats.get(socket)
        deadline = None if seat is None else seat.console.next_deadline()
        if deadline is None:
            self._deadlines.pop(socket, None)
        else:
            self._deadlines[socket] = deadline
        self._settle()


def new_prefix() -> str:
    """Make a prefix that was never used before."""
    return secrets.token_urlsafe(PREFIX_BYTES)

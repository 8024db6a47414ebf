"""An application of Socket.IO that says back what it hears, in the words of the public suites."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.faces.socketio.application import Sockets
from agentgate_proto.faces.socketio.events import (
    Connected,
    Disconnected,
    EventReceived,
    RoomMade,
    SocketEvent,
)
from agentgate_proto.principal import Role

PART = "x" * 10_000


class SayingBack:
    """``message`` comes back as ``message-back``, ``message-with-ack`` is answered with what it
    has, ``flood`` brings so many large events as it says, as fast as there is room for them, and
    ``break`` is a bug.

    Attributes:
        sockets: its verbs.
        settle: does what they left to do.
        there: who is connected, with the names of their principals.
        heard: names of events, and what ended sockets.
        sent: events of floods.
        wake_at: when the timer is wanted.
        woken: when it came.
    """

    namespaces = frozenset({"/", "/custom"})
    roles = frozenset({Role.AGENT})

    def __init__(self, sockets: Sockets, settle: Callable[[], None]) -> None:
        self.sockets = sockets
        self.settle = settle
        self.there: dict[int, str] = {}
        self.heard: list[str] = []
        self.sent = 0
        self.wake_at: float | None = None
        self.woken: list[float] = []
        self._floods: dict[int, int] = {}

    def handle(self, event: SocketEvent, now: float) -> None:
        match event:
            case Connected(socket=socket, principal=principal, auth=auth):
                self.there[socket] = principal.name
                self.sockets.emit(socket, "auth", auth)
            case EventReceived(socket=socket, name="message", args=args):
                self.sockets.emit(socket, "message-back", *args)
            case EventReceived(socket=socket, name="message-with-ack", args=args, ack=int(ack)):
                self.sockets.answer(socket, ack, *args)
            case EventReceived(socket=socket, name="flood", args=[int(count)]):
                self._floods[socket] = count
                self._flood(socket)
            case EventReceived(name="break"):
                raise RuntimeError("a bug")
            case EventReceived(name=name):
                self.heard.append(name)
            case RoomMade(socket=socket):
                self._flood(socket)
            case Disconnected(socket=socket, reason=reason):
                self.there.pop(socket, None)
                self.heard.append(reason)

    def next_deadline(self) -> float | None:
        return self.wake_at

    def handle_timer(self, now: float) -> None:
        if self.wake_at is not None and self.wake_at <= now:
            self.wake_at = None
            self.woken.append(now)

    def closing(self, now: float) -> None:
        self.sockets.emit(self.there, "bye")

    def _flood(self, socket: int) -> None:
        while self._floods.get(socket, 0) and self.sockets.has_room(socket):
            self._floods[socket] -= 1
            self.sent += 1
            self.sockets.emit(socket, "flood", self._floods[socket], PART)

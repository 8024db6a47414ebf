"""What is spoken over Socket.IO: the door between the protocol's machine and an application of it.

An application is a machine of its own, which knows what the events mean. It hears typed events in
their order (:meth:`Application.handle`), and acts by the verbs of its :class:`Sockets`, from within
``handle`` and ``handle_timer``, or at any other time, and then whoever drives it settles afterwards
(see ``agentgate_server.faces.socketio``). Nothing is awaited: what needs a disk or another gateway
is asked for, and comes back as an input of the application's own.

To a socket that is gone nothing is sent, and nobody is blamed: its ``Disconnected`` is under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from agentgate_proto.faces.engineio.events import Ending
from agentgate_proto.faces.socketio.events import SocketEvent
from agentgate_proto.principal import Role


class Sockets(Protocol):
    """What an application may do."""

    def emit(self, sockets: int | Iterable[int], name: str, *args: Any) -> None:
        """Send an event to one socket, or to several: then it is written once for all.

        Args:
            sockets: whom to; in any namespaces.
            name: of the event; none of ``packets.RESERVED``.
            args: JSON as msgspec writes it, in which bytes may stand.

        Raises:
            LocalProtocolError: the name is reserved, or the arguments can't be sent.
        """
        ...

    def ask(self, socket: int, name: str, *args: Any) -> int:
        """Send an event and want an answer: return the ``ack`` of the ``Answered`` that follows,
        unless the socket goes before. Raises as ``emit``."""
        ...

    def answer(self, socket: int, ack: int, *args: Any) -> None:
        """Answer an ``EventReceived`` that has an ``ack``, once. Raises as ``emit``."""
        ...

    def has_room(self, socket: int) -> bool:
        """Whether little waits for the client. Whoever has much to send stops when it does not
        hold, and goes on at ``RoomMade``; who does not is cut off as a slow consumer in the end."""
        ...

    def close(self, socket: int, ending: Ending = Ending.APPLICATION) -> None:
        """End the transport of a socket, and so all sockets of its session. Stock clients come
        back by themselves after that."""
        ...


class Application(Protocol):
    """What the machine is made for.

    Attributes:
        namespaces: where clients may connect to; none of them is implicit.
        roles: who may connect; to others it is said as to strangers.
    """

    @property
    def namespaces(self) -> frozenset[str]:
        """See the class."""
        ...

    @property
    def roles(self) -> frozenset[Role]:
        """See the class."""
        ...

    def handle(self, event: SocketEvent, now: float) -> None:
        """Act on an event, without waiting. ``now`` is monotonic seconds."""
        ...

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, in monotonic seconds, or None."""
        ...

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        ...

    def closing(self, now: float) -> None:
        """The gateway shuts down: say what must still be said. All transports are ended after it,
        each with its ``Disconnected``."""
        ...

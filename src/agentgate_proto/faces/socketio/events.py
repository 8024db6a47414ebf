"""What the Socket.IO machine tells its owner. Sockets are known by numbers: a socket is a client in
one namespace, and a client that is in several has as many."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.principal import Principal


class ConnectAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A client wants to connect to a namespace: ``accept`` it, or ``refuse``.

    Attributes:
        socket: which it will be.
        namespace: one of those that there are.
        auth: what the client says of itself; there may be a token in it.
        connection: which brought it.
    """

    socket: int
    namespace: str
    auth: dict[str, Any]
    connection: int

    def __repr__(self) -> str:
        """Without what may be a secret."""
        return f"ConnectAsked({self.socket}, {self.namespace!r})"


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """A client has connected to a namespace, and has been told so.

    Attributes:
        socket: by which it is known from now on.
        namespace: one of those that there are.
        principal: who it is.
        auth: as in ``ConnectAsked``.
        address: where the client is; "": nobody knows.
    """

    socket: int
    namespace: str
    principal: Principal
    auth: dict[str, Any]
    address: str = ""

    def __repr__(self) -> str:
        """Without what may be a secret."""
        return f"Connected({self.socket}, {self.namespace!r}, {self.principal!r})"


class EventReceived(msgspec.Struct, frozen=True, kw_only=True):
    """A client emits an event.

    Attributes:
        socket: whose it is.
        name: of the event, as the client says.
        args: its arguments: JSON, in which bytes may stand.
        ack: the client wants an answer: give it to ``answer``, once; None: it does not.
    """

    socket: int
    name: str
    args: list[Any]
    ack: int | None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A client answers what it was asked.

    Attributes:
        socket: whose answer it is.
        ack: what ``ask`` returned.
        args: the answer.
    """

    socket: int
    ack: int
    args: list[Any]


class RoomMade(msgspec.Struct, frozen=True, kw_only=True):
    """The client has taken most of what was sent to it: ``has_room`` holds again."""

    socket: int


class Disconnected(msgspec.Struct, frozen=True, kw_only=True):
    """A socket is gone; the last event of it. What it was asked it will not answer.

    Attributes:
        socket: which.
        reason: for people.
    """

    socket: int
    reason: str


SocketEvent = Connected | EventReceived | Answered | RoomMade | Disconnected
"""What an application hears."""

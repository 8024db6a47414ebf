"""What the Engine.IO machine says: effects for whoever has the connections, and events for what
is spoken on top of it. Connections and sessions are known by numbers.

A session's ``sid`` opens it to whoever has it, so it is in no event, and in no effect but the
answer that brings it to its owner.
"""

from __future__ import annotations

from enum import Enum

import msgspec

# Effects


class Belongs(msgspec.Struct, frozen=True):
    """The connection speaks for a session whose owner is known."""

    connection: int
    session: int


class Respond(msgspec.Struct, frozen=True):
    """Answer the plain HTTP request on the connection."""

    connection: int
    status: int
    body: bytes
    content_type: str


class Accept(msgspec.Struct, frozen=True):
    """Accept the WebSocket that is asked for on the connection."""

    connection: int


class Refuse(msgspec.Struct, frozen=True):
    """Refuse it by an HTTP status."""

    connection: int
    status: int
    reason: str


class SendMessage(msgspec.Struct, frozen=True):
    """Send a message on the WebSocket."""

    connection: int
    data: str | bytes


class AwaitRoom(msgspec.Struct, frozen=True):
    """Report by ``made_room`` when the WebSocket's peer has taken all but so many bytes."""

    connection: int
    queued_bytes: int


class HangUp(msgspec.Struct, frozen=True):
    """Close the WebSocket, after all that was sent."""

    connection: int
    code: int
    reason: str


Effect = Belongs | Respond | Accept | Refuse | SendMessage | AwaitRoom | HangUp


# Events


class Ending(Enum):
    """Why a session ends, in words for people; see :data:`CLOSE_CODES`."""

    CLIENT = "the client closed the session"
    LOST = "the connection broke"
    SILENT = "no pong in time"
    BAD_PACKET = "a packet that is none"
    BAD_POLL = "two polls at once"
    SLOW = "slow consumer"
    BUSY = "too many sessions"
    NO_CONNECT = "nothing was connected to in time"
    REVOKED = "the token counts no more"
    RESTART = "the gateway is shutting down"
    APPLICATION = "the application ended the session"


CLOSE_CODES = {
    Ending.CLIENT: 1000,
    Ending.BAD_PACKET: 1002,
    Ending.SLOW: 1013,
    Ending.BUSY: 1013,
    Ending.RESTART: 1012,
    Ending.REVOKED: 4401,
}
"""What a WebSocket is closed with (RFC 6455 section 7.4); of other endings ``POLICY``."""

POLICY = 1008


class Opened(msgspec.Struct, frozen=True):
    """There is a new session."""

    session: int


class Received(msgspec.Struct, frozen=True):
    """A message came: a text, or bytes. ``connection`` brought it."""

    session: int
    connection: int
    data: str | bytes


class RoomMade(msgspec.Struct, frozen=True):
    """The client has taken most of what was sent to it: ``has_room`` holds again."""

    session: int


class Ended(msgspec.Struct, frozen=True):
    """The session is over; the last event of it."""

    session: int
    ending: Ending


Event = Opened | Received | RoomMade | Ended

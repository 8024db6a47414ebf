"""What the machines of the core raise at those who drive them."""

from __future__ import annotations


class ProtocolError(Exception):
    """Base of what the machines of the core raise."""


class LocalProtocolError(ProtocolError):
    """We asked a machine for something that its state does not allow. Changes no state."""


class ConnectionClosedError(ProtocolError):
    """A send lost the race with the end of the connection. Not the sender's fault."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    Attributes:
        reason: what was wrong.
        code: what to close the WebSocket with (RFC 6455 section 7.4).
        cap: what it was too much of, or not allowed to be, in one word; "": of nothing.
    """

    def __init__(self, message: str, close_code: int = 1002, cap: str = "") -> None:
        super().__init__(message)
        self.reason = message
        self.code = close_code
        self.cap = cap

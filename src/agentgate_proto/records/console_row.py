"""Small durable things of the console in the browser: its sessions, passkeys, and where to push.

They are few, so a gateway reads all of them when it starts and keeps them in memory.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

BODY_BYTES_MAX = 4_096
"""Of a row: a subscription to push is the longest, with an address of some hundred letters."""


class RowKind(StrEnum):
    """What a row is about."""

    SESSION = "session"
    PASSKEY = "passkey"
    PUSH = "push"


class ConsoleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. The rest of what is known of it is JSON, which no engine looks into.

    Attributes:
        kind, id: tell it from all others.
        principal: whose it is.
        body: JSON, of at most ``BODY_BYTES_MAX`` bytes. No secret: at most the hash of one.
        expires_at: when it goes, UTC seconds; 0: it stays until somebody drops it.
    """

    kind: RowKind
    id: str
    principal: str
    body: bytes
    expires_at: float = 0.0

    def __post_init__(self) -> None:
        if len(self.body) > BODY_BYTES_MAX:
            raise ValueError(f"a row of the console has at most {BODY_BYTES_MAX} bytes")

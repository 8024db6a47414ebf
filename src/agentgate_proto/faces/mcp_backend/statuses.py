"""What statuses of HTTP say of a request that a server was sent, where no message says more."""

from __future__ import annotations

from typing import Final

from agentgate_proto.faces.mcp_backend.events import End
from agentgate_proto.wire.statuses import LOST, NOT_REACHED

REFUSED: Final = {401: "it wants credentials", 403: "it does not let us in", 429: "it is busy"}

UNRELATED: Final = frozenset({*REFUSED, *LOST, *NOT_REACHED})
"""Those that say nothing of what a server speaks."""

GONE: Final = 404
"""It does not know the session, if there is one."""

SERVER_ERROR: Final = 500


def end_of(status: int) -> End:
    """Return how a call ended that was answered so."""
    if status in LOST:
        return End.LOST
    return End.ERROR if status >= SERVER_ERROR else End.NOT_SENT


def words(status: int) -> str:
    """Say it in words."""
    return f"status {status}: {REFUSED[status]}" if status in REFUSED else f"status {status}"

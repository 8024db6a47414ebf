"""Levels of log messages (RFC 5424 by name): which of them a client wants."""

from __future__ import annotations

from typing import Final

import msgspec

from agentgate_proto.faces.mcp.messages import Meta
from agentgate_proto.rpc.jsonrpc import UNREADABLE

RISING: Final = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)

USUAL: Final = "info"
"""From where on a legacy client is told that never said: it may be told something."""


class Leveled(msgspec.Struct, frozen=True):
    """A message for a log, as far as it is looked at."""

    level: str


def wanted_by(meta: Meta) -> str:
    """From which level on a modern client wants messages about this call; "": it wants none."""
    return meta.log_level if isinstance(meta.log_level, str) else ""


def reaches(params: msgspec.Raw, level: str) -> bool:
    """Whether a message is of this level or a higher one. What can't be told is not."""
    try:
        said = msgspec.json.decode(params, type=Leveled).level
    except UNREADABLE:
        return False
    return said in RISING and level in RISING and RISING.index(said) >= RISING.index(level)

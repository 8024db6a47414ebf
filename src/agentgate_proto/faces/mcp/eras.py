"""Which revisions of MCP there are, and what differs between them.

There are two eras. In the *legacy* one (2025-03-26 to 2025-11-25) a connection begins with
``initialize`` and a session goes on from there. In the *modern* one (2026-07-28) each request says
for itself who asks and what they can do, in its ``_meta``, and there are no sessions. Clients mix
the two, so the era belongs to a request and never to a connection.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

MODERN: Final = ("2026-07-28",)
"""Revisions without sessions, newest first."""

LEGACY: Final = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Revisions that begin with ``initialize``, newest first."""

VERSIONS: Final = (*MODERN, *LEGACY)
"""All that is spoken here, newest first."""

UNNAMED: Final = "2025-03-26"
"""What a legacy request over HTTP speaks that names no revision (2025-06-18, "Protocol Version
Header")."""

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CLIENT_KEY: Final = "io.modelcontextprotocol/clientInfo"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
SERVER_KEY: Final = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_KEY: Final = "io.modelcontextprotocol/subscriptionId"
WHY_KEY: Final = "agentgate/why"
"""Of ours: why a model calls a tool, for the person who may be asked."""

LOG_LEVEL_KEY: Final = "io.modelcontextprotocol/logLevel"
"""Members of ``_meta`` in the modern era."""

TASKS: Final = "io.modelcontextprotocol/tasks"
"""The extension by which a call may become a task (modern era)."""


class Era(Enum):
    """See the module."""

    LEGACY = "legacy"
    MODERN = "modern"


def era_of(version: str) -> Era | None:
    """Return the era of a revision; None: it is not spoken here."""
    if version in MODERN:
        return Era.MODERN
    return Era.LEGACY if version in LEGACY else None


def negotiated(asked: str) -> str:
    """Return the revision that ``initialize`` is answered with: the asked one if it is a legacy one
    that is spoken here, else the newest of these."""
    return asked if asked in LEGACY else LEGACY[0]


def takes_batches(version: str) -> bool:
    """Whether several messages may come in one array: in 2025-03-26 alone."""
    return version == "2025-03-26"

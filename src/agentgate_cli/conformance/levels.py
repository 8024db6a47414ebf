"""The parts of the protocol that a gateway can be tested by: the levels of a client, and more.

Each is a page of ``spec/``.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentgate_cli.conformance.listen import levels
from agentgate_cli.conformance.listen.levels import LEVELS

PARTS: dict[str, str] = {
    **LEVELS,
    "approvals": "minimal",
    "agents": "sessions",
    "relays": "approvals",
    "old-clients": "minimal",
    "http": "approvals",
}
"""Each with what it builds on, "" for nothing."""


def including(names: Iterable[str]) -> frozenset[str]:
    """The parts of these names, with those that they build on; no names: all.

    Raises:
        KeyError: there is no such part.
    """
    return levels.including(names, PARTS) or frozenset(PARTS)

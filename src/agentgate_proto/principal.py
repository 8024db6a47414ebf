"""Principals: who is on the other end, by token, and what their role may do."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a principal is there for. A role does only what the method table grants it."""

    AGENT = "agent"
    """Asks for tools."""
    APPROVER = "approver"
    """A person who answers approvals."""
    OPERATOR = "operator"
    """Runs the gateway: sees health and waiting approvals, and answers them too."""
    CONSOLE = "console"
    """A person's program that talks to the named agents of a gateway; each needs its password."""
    RELAY = "relay"
    """Another gateway in front of this one: asks for tools and talks to named agents, on behalf of
    its own principals."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom the gateway knows by a token. The name is unique within a gateway.

    Attributes:
        name, role: who it is.
        approves: of a relay: the yes of a person there counts here.
    """

    name: str
    role: Role
    approves: bool = False

"""Mutes: agents that somebody does not want to be asked about for a time."""

from __future__ import annotations

import msgspec

from agentgate_proto.records.request import rfc3339


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is asked about this agent's requests until then, UTC seconds.

    Attributes:
        agent: the principal.
        until: when it ends; not after ``at``: somebody has ended it.
        by, channel: who has said so, and where.
        at: when, UTC seconds.
    """

    agent: str
    until: float
    by: str
    channel: str
    at: float


class MuteView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mute as people and programs see it. Times are RFC 3339.

    Attributes:
        agent: the principal about whose requests nobody is asked.
        until: when that ends; "": it is over.
        by, channel: who has said so last, and where.
    """

    agent: str
    until: str = ""
    by: str
    channel: str


def mute_view(mute: Mute) -> MuteView:
    """Show a mute, which is over if it ends when it was made."""
    until = rfc3339(mute.until) if mute.until > mute.at else ""
    return MuteView(agent=mute.agent, until=until, by=mute.by, channel=mute.channel)

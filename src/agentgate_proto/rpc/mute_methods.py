"""The methods by which people let nobody be asked about an agent for a time."""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.mute import MuteView

AgentName = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]

MUTE_MINUTES_MAX = 10_080.0
"""A week: who wants an agent silent for longer denies it in the policy."""


class MuteAgent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask nobody about an agent's requests for a time. What would ask is refused with -32006.

    What needs no person goes on, and what waits already may be answered.

    Attributes:
        agent: the principal.
        minutes: for how long; 0 ends it.
    """

    agent: AgentName
    minutes: Annotated[float, msgspec.Meta(ge=0, le=MUTE_MINUTES_MAX)] = 60.0


class ListMutes(msgspec.Struct, frozen=True, kw_only=True):
    """List the agents about whose requests nobody is asked at present."""


class MuteList(msgspec.Struct, frozen=True):
    """The agents about whose requests nobody is asked at present."""

    mutes: list[MuteView]

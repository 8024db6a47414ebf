"""Muting: agents about whose requests nobody is asked for a time, because somebody said so.

What needs no person goes on; what would ask one is refused at once, and says who wants that and
until when. What waits already goes on waiting, and may be answered.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentgate_proto.limits import RETRY_AFTER_MAX_S
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.request import rfc3339

MUTES_MAX = 1_000
"""Agents that are muted; a person can look through a list of them."""


class Muting:
    """See the module."""

    def __init__(self) -> None:
        self._mutes: dict[str, Mute] = {}

    def restore(self, mutes: Iterable[Mute]) -> None:
        """Take up what a former process left."""
        self._mutes = {mute.agent: mute for mute in mutes}

    def put(self, mute: Mute) -> str:
        """Mute an agent, for longer or shorter than before, or no longer.

        Returns:
            why that can't be, or "".
        """
        self.listed(mute.at)
        if mute.until <= mute.at:
            self._mutes.pop(mute.agent, None)
        elif mute.agent not in self._mutes and len(self._mutes) >= MUTES_MAX:
            return f"{MUTES_MAX} agents are muted already"
        else:
            self._mutes[mute.agent] = mute
        return ""

    def listed(self, now: float) -> list[Mute]:
        """The mutes in force; those that are over are forgotten."""
        self._mutes = {agent: mute for agent, mute in self._mutes.items() if mute.until > now}
        return list(self._mutes.values())

    def objection(self, agent: str, now: float) -> tuple[str, float] | None:
        """Say why nobody is asked for an agent, and for how many seconds; None: somebody is."""
        mute = self._mutes.get(agent)
        if mute is None or mute.until <= now:
            return None
        text = f"muted by {mute.by} until {rfc3339(mute.until)}: nobody is asked before"
        return text, min(mute.until - now, RETRY_AFTER_MAX_S)

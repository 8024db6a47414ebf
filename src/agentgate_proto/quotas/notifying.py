"""Notifying: which ask people are told of next, so that no agent can ring a phone all day.

One of these for each channel that rings. An ask waits here until it is its turn: each agent has
some notifications a minute, all at once if they come so, and of the agents that have any left the
one that was told of longest ago comes first. So an agent that asks a hundred times holds up its own
asks and nobody else's. What is over before its turn has come is never told of.

An agent whose asks are denied or withdrawn in a row is slowed down: each beyond a few doubles what
one notification takes of its share. A yes ends the row, and so does time.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

WINDOW_S = 60.0
"""What a share is counted over."""

ROW_MAX = 3
"""Asks denied or withdrawn in a row that slow nobody down: people change their minds."""

SLOWNESS_MAX = 8.0
"""An agent that is denied all the time is still heard: an eighth as often."""

FORGIVEN_S = 600.0
"""How long a row is remembered after the last of it."""

AGENTS_MAX = 10_000
"""Agents that are remembered; beyond it those that ask nothing are forgotten, the oldest first."""

ROUNDING_S = 1e-6
"""Who waited as told has a turn, whatever adding the pause to a clock has cost."""


class Agent:
    """What is known of one agent on one channel."""

    __slots__ = ("held", "refused", "refused_at", "told_at", "used_upto")

    def __init__(self, now: float) -> None:
        self.held: dict[str, None] = {}
        self.refused = 0
        self.refused_at = now
        self.told_at = -inf
        self.used_upto = now

    def row(self, now: float) -> int:
        """How many asks were denied or withdrawn in a row, lately."""
        return self.refused if now - self.refused_at < FORGIVEN_S else 0

    def slowness(self, now: float) -> float:
        """How many notifications' worth one takes."""
        excess = min(max(self.row(now) - ROW_MAX, 0), 10)
        return min(2.0**excess, SLOWNESS_MAX)


class Notifying:
    """See the module. Times are in seconds, of one clock that does not go back.

    Args:
        per_minute: notifications of one agent.
    """

    def __init__(self, per_minute: int) -> None:
        self.interval_s = WINDOW_S / per_minute
        self._agents: dict[str, Agent] = {}
        self._asks: dict[str, str] = {}

    # What happens

    def opened(self, rid: str, agent: str, now: float) -> None:
        """An ask waits, and people are to be told of it when it has its turn."""
        if rid in self._asks:
            return
        self._asks[rid] = agent
        self._agent(agent, now).held[rid] = None

    def known(self, rid: str, agent: str, now: float) -> None:
        """People were told of this ask in a former life, or by something else."""
        self._asks[rid] = agent
        self._agent(agent, now).held.pop(rid, None)

    def over(self, rid: str, status: str, now: float) -> None:
        """An ask is settled; it will not be told of if it was not.

        Args:
            rid: the ask.
            status: of the approval: "approved", "denied", "expired" or "cancelled".
            now: seconds.
        """
        name = self._asks.pop(rid, None)
        if name is None:
            return
        agent = self._agent(name, now)
        agent.held.pop(rid, None)
        if status == "approved":
            agent.refused = 0
        elif status != "expired":
            agent.refused = agent.row(now) + 1
            agent.refused_at = now

    # What to do

    def turn(self, now: float, besides: Collection[str] = ()) -> str:
        """Return the ask to tell people of now, and count it; "": there is none.

        Args:
            now: seconds.
            besides: agents whose asks wait in silence.
        """
        ready = [
            agent
            for name, agent in self._agents.items()
            if agent.held and name not in besides and self._room_at(agent, now) <= now + ROUNDING_S
        ]
        if not ready:
            return ""
        agent = min(ready, key=told_at)  # of those told of never, the one that asked first
        rid = next(iter(agent.held))
        del agent.held[rid]
        agent.used_upto = max(agent.used_upto, now) + self.interval_s * agent.slowness(now)
        agent.told_at = now
        return rid

    def held(self, now: float, besides: Collection[str] = ()) -> dict[str, int]:
        """How many asks of each agent wait for room; those in silence are left out."""
        return {
            name: len(agent.held)
            for name, agent in self._agents.items()
            if agent.held and name not in besides and self._room_at(agent, now) > now + ROUNDING_S
        }

    def next_deadline(self, now: float, besides: Collection[str] = ()) -> float | None:
        """Return when an ask that is held has its turn, or None. Changes nothing."""
        times = [
            self._room_at(agent, now)
            for name, agent in self._agents.items()
            if agent.held and name not in besides
        ]
        return max(min(times), now) if times else None

    def is_held(self, rid: str) -> bool:
        """Whether people were not told of an ask yet."""
        name = self._asks.get(rid)
        return name is not None and rid in self._agents[name].held

    # Tables

    def _room_at(self, agent: Agent, now: float) -> float:
        """When the next notification of an agent fits its share."""
        return agent.used_upto + self.interval_s * agent.slowness(now) - self._share_s(agent, now)

    def _share_s(self, agent: Agent, now: float) -> float:
        """How far ahead an agent may use its share: one that is slowed has no more at once."""
        return max(WINDOW_S, self.interval_s * agent.slowness(now))

    def _agent(self, name: str, now: float) -> Agent:
        agent = self._agents.get(name)
        if agent is None:
            if len(self._agents) >= AGENTS_MAX:
                self._forget()
            agent = self._agents[name] = Agent(now)
        return agent

    def _forget(self) -> None:
        """Let go of the first agent that asks nothing."""
        asking = set(self._asks.values())
        for name in self._agents:
            if name not in asking:
                del self._agents[name]
                return


def told_at(agent: Agent) -> float:
    """When people were last told of an ask of this agent."""
    return agent.told_at

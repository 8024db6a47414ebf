"""The grants: which are in force, how often each was used, and how one ends.

A use counts in memory at once, and is written with the request that uses it; that request starts
when this is durable. A revocation counts in memory at once too, so that no request of the next
moment slips through, and is reported when it is durable. If it cannot be written the grant stays
ended here, whoever revoked it is told so, and the write is made again until it holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from agentgate_proto.ledger.effects import Effect, Revoked
from agentgate_proto.ledger.journal import Journal
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import PutGrant

TOOL_CHANGED = "the gateway: the tool changed"
"""Who has ended a grant that nobody has revoked."""


class Grants:
    """All grants that are remembered.

    Args:
        limits: caps and times.
        journal: numbers the writes.
        effects: the ledger's output queue.

    Attributes:
        unsaved: ids of grants whose end could not be written yet.
    """

    def __init__(self, limits: LedgerLimits, journal: Journal, effects: deque[Effect]) -> None:
        self.limits = limits
        self.unsaved: dict[str, None] = {}
        self._journal = journal
        self._effects = effects
        self._grants: dict[str, Grant] = {}
        self._proposed: dict[str, Grant] = {}
        self._in_force: dict[tuple[str, str], dict[str, None]] = {}
        self._writes: dict[int, tuple[str, str, str]] = {}

    def restore(self, grants: list[Grant], now: float) -> None:
        """Take up what a former process left."""
        for grant in grants:
            self._grants[grant.id] = grant
            if not grant.ended(now):
                self._begin(grant)
        self._forget(now)

    def listed(self, now: float) -> list[tuple[Grant, str]]:
        """Return the grants with how each ended ("": it is in force), newest first."""
        self._forget(now)
        return [(grant, self.end_of(grant, now)) for grant in reversed(self._grants.values())]

    def end_of(self, grant: Grant, now: float) -> str:
        """Return how a grant ended, or "". What has expired stays so if the clock jumps back."""
        if grant.id in self._in_force.get((grant.agent, grant.tool), ()):
            return ""
        return grant.ended(now) or "expired"

    # A grant is given

    def room_for(self, agent: str, now: float) -> str:
        """Say why no further grant can be given for an agent, or ""."""
        self._forget(now)
        held = [*self._proposed.values()]
        held += [self._grants[grant_id] for ids in self._in_force.values() for grant_id in ids]
        of_agent = sum(grant.agent == agent for grant in held)
        if of_agent >= self.limits.grants_of_agent_max:
            return f"{of_agent} grants of {agent} are in force already: revoke some"
        if len(held) >= self.limits.grants_max:
            return f"{len(held)} grants are in force already: revoke some"
        return ""

    def propose(self, grant: Grant) -> None:
        """Keep a place for a grant whose approval is being written."""
        self._proposed[grant.id] = grant

    def settle(self, grant_id: str, *, given: bool) -> None:
        """The approval that makes a grant is durable, or could not be written."""
        grant = self._proposed.pop(grant_id, None)
        if grant is not None and given:
            self._grants[grant.id] = grant
            if grant.uses < grant.uses_max:
                self._begin(grant)

    # A grant is used

    def use(self, record: Record, args: Mapping[str, Any], now: float) -> Grant | None:
        """Return the grant that covers a request, with this use counted; None: there is none."""
        for grant_id in list(self._in_force.get((record.principal, record.tool), ())):
            grant = self._grants[grant_id]
            if grant.ended(now):
                self._end(grant)
            elif grant.covers(args, record.relayed.principal, record.definition):
                grant = self._grants[grant_id] = replace(grant, uses=grant.uses + 1)
                if grant.uses >= grant.uses_max:
                    self._end(grant)
                return grant
        return None

    def give_back(self, grant_id: str) -> None:
        """A request that was to use a grant could not be stored, and did not run."""
        grant = self._grants.get(grant_id)
        if grant is not None:
            was_used_up = grant.uses >= grant.uses_max
            grant = self._grants[grant_id] = replace(grant, uses=grant.uses - 1)
            if was_used_up and not grant.revoked_at:
                self._begin(grant)

    # A grant is revoked

    def revoke(self, ticket: str, grant_id: str, *, by: str, now: float) -> None:
        """End a grant; ``Revoked`` follows. It need not be in force."""
        grant = self._grants.get(grant_id)
        if grant is None:
            self._effects.append(Revoked(ticket, None))
            return
        end = self.end_of(grant, now)
        if not end:
            end = "revoked"
            self._end(grant)
        if not grant.revoked_at:  # what is over too: neither a clock nor a use may bring it back
            self._grants[grant_id] = replace(grant, revoked_at=now, revoked_by=by)
        self._write(grant_id, ticket, end)

    def void(self, current: Mapping[str, str], now: float) -> None:
        """End the grants for tools that are others now; see ``abandoning``. They cover none as it
        is, and who looks at them should see so."""
        in_force = [grant_id for ids in self._in_force.values() for grant_id in ids]
        for grant in map(self._grants.__getitem__, in_force):
            if grant.definition and current.get(grant.tool, grant.definition) != grant.definition:
                self._end(grant)
                self._grants[grant.id] = replace(grant, revoked_at=now, revoked_by=TOOL_CHANGED)
                self._write(grant.id)

    def _write(self, grant_id: str, ticket: str = "", end: str = "") -> None:
        write = self._journal.write(PutGrant(self._grants[grant_id]))
        self._writes[write.number] = grant_id, ticket, end
        self._effects.append(write)

    def written(self, number: int, problem: str = "") -> None:
        """The store says what became of a write; those of others are none of our business."""
        if number not in self._writes:
            return
        grant_id, ticket, end = self._writes.pop(number)
        if problem:
            self.unsaved[grant_id] = None
        else:
            self.unsaved.pop(grant_id, None)
        if ticket:
            self._effects.append(Revoked(ticket, self._grants[grant_id], end, problem))

    def save_again(self) -> None:
        """Write once more what could not be written."""
        ids, self.unsaved = self.unsaved, {}
        for grant_id in ids:
            self._write(grant_id)

    # Tables

    def _begin(self, grant: Grant) -> None:
        self._in_force.setdefault((grant.agent, grant.tool), {})[grant.id] = None

    def _end(self, grant: Grant) -> None:
        key = (grant.agent, grant.tool)
        ids = self._in_force[key]
        del ids[grant.id]
        if not ids:
            del self._in_force[key]

    def _forget(self, now: float) -> None:
        """End what has expired; forget what has been over for long, or is too much to list."""
        over = []
        for grant in self._grants.values():
            if not self.end_of(grant, now):
                if not grant.ended(now):
                    continue
                self._end(grant)
            over.append(grant)
        excess = len(over) - self.limits.grants_over_max
        written = {grant_id for grant_id, _, _ in self._writes.values()}
        for place, grant in enumerate(over):
            old = grant.expires_at < now - self.limits.grants_over_s
            kept = grant.id in self.unsaved or grant.id in written
            if (old or place < excess) and not kept:
                del self._grants[grant.id]

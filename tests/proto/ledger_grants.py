"""What the checker knows of grants: who gave which, what ran under each, which are revoked."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from agentgate_proto.ledger.effects import Revoked
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Record

if TYPE_CHECKING:
    from tests.proto.ledger_world import World


class GrantChecker:
    """A plain reference for grants.

    Attributes:
        revoked: ids that nobody may use from now on: revoked, in this process or durably.
        judged: for each request what was revoked, and the time, when it was judged.
        ran: the rids of the requests that ran under each grant.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.revoked: set[str] = set()
        self.judged: dict[str, tuple[frozenset[str], float]] = {}
        self.ran: defaultdict[str, set[str]] = defaultdict(set)

    def judging(self, rid: str) -> None:
        self.judged[rid] = frozenset(self.revoked), self.world.now

    def revoking(self, grant_id: str) -> None:
        if grant_id in self.world.store.grants:
            self.revoked.add(grant_id)

    def told(self, revoked: Revoked) -> None:
        """Whoever revoked a grant is told that it is over when the disk says so."""
        if revoked.grant is None or revoked.problem:
            return
        stored = self.world.store.grants[revoked.grant.id]
        assert revoked.end
        assert stored.revoked_at or revoked.end != "revoked", "told before it was durable"

    def killed(self) -> None:
        grants = self.world.store.grants.values()
        self.revoked = {grant.id for grant in grants if grant.revoked_at}

    def started(self, disk: Record, decision: Decision, *, was_unknown: bool) -> None:
        """A request runs under a grant: somebody has given it, for this, and it is not over."""
        grant = self.world.store.grants[disk.grant]
        first = self.world.store.history[grant.rid]
        assert any(row.grant == grant.id and row.approver == grant.approver for row in first)
        assert decision.action is Action.ASK
        assert (decision.approvers, decision.code, was_unknown) == (1, False, False)
        same = (grant.agent, grant.tool, grant.definition)
        assert same == (disk.principal, disk.tool, disk.definition)
        args, fixed = json.loads(bytes(disk.args)), json.loads(bytes(grant.args))
        assert {name: value for name, value in args.items() if name not in grant.any_args} == fixed
        revoked, at = self.judged[disk.rid]
        assert grant.id not in revoked, "it was revoked before"
        assert at < grant.expires_at, "it had expired"
        self.ran[grant.id].add(disk.rid)
        uses = 1 + len(self.ran[grant.id])
        assert uses <= grant.uses <= grant.uses_max, "the use is not durable, or one too many"
        assert grant.approver in disk.rule, "the record does not say so"

    def check(self) -> None:
        """The tables of the ledger hold what they say, and no more than they may."""
        grants = self.world.ledger._lifecycle.grants
        in_force = [grant_id for ids in grants._in_force.values() for grant_id in ids]
        assert all(grants._in_force.values()), "an empty table leaks"
        held = [grants._grants[grant_id] for grant_id in in_force] + [*grants._proposed.values()]
        assert len(held) <= self.world.limits.grants_max  # I9
        for grant in held:
            of_agent = sum(other.agent == grant.agent for other in held)
            assert of_agent <= self.world.limits.grants_of_agent_max
            assert not grant.revoked_at
        limits, kept = self.world.limits, len(grants.unsaved) + len(grants._writes)
        assert len(grants._grants) <= limits.grants_over_max + limits.grants_max + kept
        lives = self.world.ledger._lifecycle.live
        for grant in grants._proposed.values():
            assert lives[grant.rid].record.grant == grant.id, "a proposed grant leaks"
        assert set(grants.unsaved) <= set(grants._grants)

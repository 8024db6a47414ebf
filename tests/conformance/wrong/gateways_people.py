"""Mistakes of a gateway with people: approvals, grants, codes, and the yes of a relay."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

DECIDING = "agentgate_proto/ledger/deciding.py"
LIFECYCLE = "agentgate_proto/ledger/lifecycle.py"
GRANTS = "agentgate_proto/ledger/grants.py"
GRANT = "agentgate_proto/records/grant.py"
DESK = "agentgate_server/approvals/desk.py"
CODES = "agentgate_server/approvals/codes.py"
RELAYING = "agentgate_proto/ledger/relaying.py"
BEHALF = "agentgate_proto/rpc/behalf.py"

OF_PEOPLE = (
    # Approvals
    Mutation(
        "report an approval when it is opened, and never again",
        "agentgate_server/approvals/watchers.py",
        "        view = short_view(view)\n",
        '        view = short_view(view)\n        if view.status != "waiting":\n'
        "            return\n",
        found_by=("two people say yes",),
        rule="D1",
    ),
    Mutation(
        "answer a late yes as if it had counted",
        DESK,
        "        elif effect.won:\n",
        "        elif effect.won or True:\n",
        found_by=("an answer too late", "withdrawn before a yes"),
        rule="D5",
    ),
    Mutation(
        "say -32009 of an approval that there is not",
        DESK,
        '            reply.error(ErrorCode.NOT_FOUND, "There is no approval with this id", None)\n',
        '            reply.error(ErrorCode.ALREADY_SETTLED, "There is no such approval", None)\n',
        found_by=("a decision about nothing",),
        rule="D6",
    ),
    Mutation(
        "let a yes cover all that is identical afterwards",
        DECIDING,
        "        grant = None\n        if problem is None and verdict.grant is not None:\n",
        "        grant = None\n"
        "        if record.approvers_needed == 1 and not record.needs_code and not verdict.grant:\n"
        '            terms = grant_of.__globals__["GrantTerms"](minutes=60.0)\n'
        "            verdict = replace(verdict, grant=terms)\n"
        "        if problem is None and verdict.grant is not None:\n",
        found_by=("a yes is for one request",),
        rule="D7",
    ),
    Mutation(
        "ask people for an agent that is muted",
        DECIDING,
        "        muted = self.muting.objection(principal, now)\n",
        "        muted = None\n",
        found_by=("an agent is muted",),
        rule="D35",
    ),
    Mutation(
        "ask nobody about an agent whose mute was ended",
        "agentgate_proto/ledger/muting.py",
        "            self._mutes.pop(mute.agent, None)\n",
        "            pass\n",
        found_by=("an agent is muted",),
        rule="D35",
    ),
    Mutation(
        "let approvals wait for ever",
        DECIDING,
        "                expires_at=now + self.limits.approval_s,\n",
        "                expires_at=now + 1_000 * self.limits.approval_s,\n",
        found_by=("nobody answers",),
        rule="D8",
    ),
    Mutation(
        "ask again about what a person is asked already",
        DECIDING,
        "            if asked.phase is Phase.WAITING and same and len(keys) <= 1:\n",
        "            if asked.phase is Phase.DONE and same and len(keys) <= 1:\n",
        found_by=("an identical ask joins",),
        rule="D11",
    ),
    Mutation(
        "run at the first yes of several",
        DECIDING,
        "            if len(record.endorsements) < record.approvers_needed:\n",
        "            if len(record.endorsements) < 1:\n",
        found_by=("two people say yes",),
        rule="D12",
    ),
    Mutation(
        "give a yes that is not the last more time",
        DECIDING,
        "                live.record = record\n                live.endorsing = verdict.ticket\n",
        "                record = replace(record, expires_at=record.expires_at + 60.0)\n"
        "                live.record = record\n                live.endorsing = verdict.ticket\n",
        found_by=("one yes is too few in time", "one yes outlives the gateway"),
        rule="D13",
    ),
    Mutation(
        "count two yeses of one person",
        DECIDING,
        "        if any(said.approver == verdict.approver for said in record.endorsements):\n"
        "            missing",
        "        if False:\n            missing",
        found_by=("the same person twice",),
        rule="D14",
    ),
    Mutation(
        "go on asking after the no of one of several",
        DECIDING,
        "        elif not verdict.approve:\n",
        "        elif not verdict.approve and record.approvers_needed > 1:\n"
        '            self._effects.append(Decided(ticket, False, live.approval, "others may"))\n'
        "        elif not verdict.approve:\n",
        found_by=("one no of several", "one's own no after a yes"),
        rule="D15",
    ),
    # Codes
    Mutation(
        "take a yes without a code",
        DECIDING,
        "        if record.needs_code and not verdict.verified:\n",
        "        if False:\n",
        found_by=("a yes without a code",),
        rule="D17",
    ),
    Mutation(
        "take a code as often as it is given",
        CODES,
        "        if step is not None and step > approver.used_upto:\n",
        "        if step is not None:\n",
        found_by=("a good code counts once", "a used code outlives the gateway"),
        rule="D18",
    ),
    Mutation(
        "forget at a restart which codes were used",
        CODES,
        "            approver.used_upto = int(at) // STEP_S + DRIFT_STEPS if at else 0\n",
        "            approver.used_upto = 0\n",
        found_by=("a used code outlives the gateway",),
        rule="D18",
    ),
    Mutation(
        "look at as many codes as are tried",
        CODES,
        "WRONG_MAX = 5\n",
        "WRONG_MAX = 5_000\n",
        found_by=("too many wrong codes",),
        rule="D19",
    ),
    Mutation(
        "use up a code by a no",
        DESK,
        "            verified = approve and grant is None and self._is_verified("
        "rid, approver, code, now)\n",
        "            verified = self._is_verified(rid, approver, code, now) and grant is None\n",
        found_by=("a good code counts once",),
        rule="D21",
    ),
    # Grants
    Mutation(
        "let a grant cover whatever arguments",
        GRANT,
        "        return canonical_args(fixed) == bytes(self.args)\n",
        "        return True or canonical_args(fixed) == bytes(self.args)\n",
        found_by=("a grant for exactly this",),
        rule="D22",
    ),
    Mutation(
        "let a grant cover exactly what was approved, whatever it says",
        GRANT,
        "if name not in self.any_args}\n",
        "if name or self.any_args}\n",
        found_by=("a grant for what may differ",),
        rule="D22",
    ),
    Mutation(
        "forget grants at a restart",
        LIFECYCLE,
        "        self.grants.restore(restored.grants, now)\n",
        "",
        found_by=("a grant outlives the gateway",),
        rule="D22",
    ),
    Mutation(
        "take a grant without bounds",
        GRANT,
        "        if self.minutes is None and self.uses is None:\n",
        "        if False:\n",
        found_by=("a grant without bounds",),
        rule="D23",
    ),
    Mutation(
        "take a grant with what several people must approve",
        DECIDING,
        "        if verdict.grant is not None and (record.needs_code or"
        " record.approvers_needed > 1):\n",
        "        if verdict.grant is not None and record.needs_code:\n",
        found_by=("no grant where several must say yes",),
        rule="D24",
    ),
    Mutation(
        "say that a grant is revoked and go on using it",
        GRANTS,
        "            self._end(grant)\n        if not grant.revoked_at:",
        "        if grant.revoked_at:",
        found_by=("a grant is revoked",),
        rule="D27",
    ),
    # Relays
    Mutation(
        "let every agent speak for others",
        BEHALF,
        "    if (behalf is not None or says_more) and role is not Role.RELAY:\n",
        "    if False:\n",
        found_by=("an agent speaks for itself",),
        rule="Y2",
    ),
    Mutation(
        "take what was here before",
        BEHALF,
        "    if behalf is not None and epoch in behalf.hops:\n",
        "    if behalf is not None and epoch == behalf.hops:\n",
        found_by=("a request that was here before",),
        rule="Y3",
    ),
    Mutation(
        "run what a relay wants a person asked about",
        RELAYING,
        "    if relayed.must_ask and decision.action is Action.ALLOW:\n",
        "    if relayed.must_ask and decision.action is Action.DENY:\n",
        found_by=("a relay asks on behalf of somebody",),
        rule="Y6",
    ),
    Mutation(
        "take the yes of every relay",
        "agentgate_server/gate/calls.py",
        "            approved = params.approved if principal.approves else None\n",
        "            approved = params.approved\n",
        found_by=("a yes at a relay that is not trusted with it",),
        rule="Y8",
    ),
    Mutation(
        "take one yes of a relay for two",
        RELAYING,
        "    takes_one = decision.approvers == 1 and not decision.code\n",
        "    takes_one = True\n",
        found_by=("a yes at a relay that is trusted with it",),
        rule="Y8",
    ),
    Mutation(
        "join asks on behalf of different people",
        DECIDING,
        "            same = same and asked.relayed.principal == record.relayed.principal\n",
        "",
        found_by=("on behalf of two",),
        rule="Y9",
    ),
    Mutation(
        "tell a yes that was not stored",
        DECIDING,
        "                self._write(live, After.ENDORSED, None)\n",
        "                self.endorsed(live)\n",
        found_by=("one yes outlives the gateway",),
        rule="D4",
    ),
)

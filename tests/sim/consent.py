"""Consent: who said yes to what, and what runs on the strength of it (I4, I5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET
from tests.sim.tools import FORBIDDEN_TONE

from agentgate_proto.digest import digest_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Decided, Run
from agentgate_proto.records.approval import ApprovalView, approval_status
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Phase, Record

if TYPE_CHECKING:
    from tests.sim.people import Answer as HumanAnswer
    from tests.sim.world import World

    from agentgate_proto.ledger.ledger import Ledger
    from agentgate_server.policy import Policy


class Consent:
    """See the module.

    Attributes:
        judgements: what the policy said to each request, and whether an unknown outcome of the
            same was on disk then.
        judgements_of: the same by what was asked: (principal, digest).
        said: what each person has said to each approval, by (rid, person).
        uses: the requests that ran under each grant.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.disk = world.disk
        self.fail = world.fail
        self.judgements: dict[str, tuple[Decision, bool]] = {}
        self.judgements_of: dict[tuple[str, str], tuple[Decision, bool]] = {}
        self.judged_at: dict[str, float] = {}
        self.judged_utc: dict[str, float] = {}
        self.said: dict[tuple[str, str], set[bool]] = defaultdict(set)
        self.won: dict[str, tuple[str, bool]] = {}
        self.uses: dict[str, set[str]] = {}
        self.tones: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.revoked_at: dict[str, float] = {}

    def judged(self, record: Record, args: Mapping[str, Any], decision: Decision) -> None:
        """The policy has spoken."""
        if record.rid in self.judgements:
            self.fail(f"{record.rid} is judged twice")
        was_unknown = (record.principal, record.digest) in self.disk.unknown
        self.judgements[record.rid] = decision, was_unknown
        self.judgements_of[record.principal, record.digest] = decision, was_unknown
        self.judged_at[record.rid] = self.world.timeline.now
        self.judged_utc[record.rid] = self.world.utc()

    def judged_again(self, ledger: Ledger, policy: Policy) -> None:
        """Another policy was put in force: nothing that it denies waits any longer."""
        for live in ledger._lifecycle.live.values():
            if live.record.phase is Phase.WAITING:
                self.world.count("judged again")
                if self._says(policy, live.record).action is Action.DENY:
                    self.fail(f"I4: {live.record.signature} is denied by policy and still waits")

    def approving(self, record: Record, policy: Policy) -> None:
        """A yes is about to be stored: the policy in force at this moment must allow it."""
        decision = self._says(policy, record.as_approved)
        yeses = {record.approver, *(one.approver for one in record.endorsements)}
        if decision.action is Action.DENY:
            self.fail(f"I4: {record.signature} is approved while the policy denies it")
        elif decision.action is Action.ASK and len(yeses) < decision.approvers:
            self.fail(f"I4: {record.signature} is approved by {yeses} alone")

    def _says(self, policy: Policy, record: Record) -> Decision:
        return policy.decide(
            agent=record.principal,
            tool=record.tool,
            effects=record.effects,
            args=msgspec.json.decode(record.args),
            now=self.world.utc(),
        )

    def may_run(self, record: Record, row: Record | None) -> None:
        """I4, and that a repeat of what is unknown asks a person."""
        judgement = self.judgements.get(record.rid)
        if judgement is None:  # it had joined an identical one, which was withdrawn later
            judgement = self.judgements_of[record.principal, record.digest]
        decision, was_unknown = judgement
        if decision.action is Action.DENY:
            self.fail(f"I4: {record.signature} was denied by policy and runs")
        asks = was_unknown and decision.ask_again_after_unknown
        if decision.action is Action.ALLOW and not asks:
            return
        if record.grant and record.grant != f"g{record.rid}":
            self._may_use(record)
            return
        if row is not None and row.approvers_needed > 1:
            yeses = {one.approver for one in row.endorsements}
            if len(yeses) < decision.approvers or row.approver not in yeses:
                self.fail(f"I4: {record.signature} runs with the yes of {yeses} only")
            for one in yeses:
                if True not in self.said[record.rid, one]:
                    self.fail(f"I4: {record.signature} runs, and {one} never said yes")
        if row is None or not row.decided_at:
            self.fail(f"I4: {record.signature} runs and nobody said yes")
        elif True not in self.said[record.rid, row.approver]:
            self.fail(f"I4: {record.signature} runs, and {row.approver} never said yes")
        elif row.decided_at >= row.expires_at:
            self.fail(f"I4: {record.signature} was approved after it had expired")

    def runs(self, run: Run, record: Record, row: Record | None) -> None:
        """I4: what runs is what was approved last, to the digest, and somebody made it so."""
        digest = digest_of(run.tool, run.args)
        if row is None or row.edit is None:
            if digest != record.digest:
                self.fail(f"I4: {record.signature} was asked, and something else runs")
            was_asked = row is not None and row.decided_at and row.expires_at
            if row is not None and was_asked and "" not in self.tones[record.rid, row.approver]:
                self.fail(f"I4: {row.approver} approved {record.signature} edited; it runs so")
            return
        self.world.count("edited runs")
        tone = msgspec.json.decode(run.args)["tone"]
        if digest != row.edit.digest:
            self.fail(f"I4: {row.edit.signature} was approved, and something else runs")
        elif tone not in self.tones[record.rid, row.approver]:
            self.fail(f"I4: {row.approver} never made {row.edit.signature} of it")
        elif tone == FORBIDDEN_TONE:
            self.fail(f"I4: {row.edit.signature} is denied by policy and runs")

    def told(self, row: Record, outcome: Outcome) -> None:
        """Its agent is told what ran, and what was said, where people have said or changed it."""
        if outcome.status is not Status.EXECUTED or row.joined:
            return  # a repeat hears what the first has heard
        edited = UNSET if row.edit is None else row.edit.for_agent
        if "." in row.tool:  # people of the gateway behind may have said and changed something, too
            is_told = row.words in outcome.word and edited in (UNSET, outcome.edited)
        else:
            is_told = (outcome.edited, outcome.word) == (edited, row.words)
        if not is_told:
            self.fail(f"{row.signature}: its agent is not told what people made of it")

    def _may_use(self, record: Record) -> None:
        """I4, under a grant: it is on disk, covers this, and is not used up or revoked."""
        self.world.count("runs under a grant")
        grant = self.disk.known_grant(record.grant)
        if grant is None:
            self.fail(f"I4: {record.signature} runs under a grant that nobody has stored")
            return
        args, fixed = msgspec.json.decode(record.args), msgspec.json.decode(grant.args)
        differ = {name: value for name, value in args.items() if name not in grant.any_args}
        if differ != fixed or (grant.agent, grant.tool) != (record.principal, record.tool):
            self.fail(f"I4: {record.signature} runs under a grant that does not cover it")
        if True not in self.said[grant.rid, grant.approver]:
            self.fail(f"I4: {grant.approver} never gave grant {grant.id}")
        uses = self.uses.setdefault(grant.id, {grant.rid})
        uses.add(record.rid)
        if len(uses) > grant.uses_max:
            self.fail(f"I4: grant {grant.id} for {grant.uses_max} is used {len(uses)} times")
        if self.revoked_at.get(grant.id, float("inf")) < self.judged_at[record.rid]:
            self.fail(f"I4: {record.signature} runs under a grant that was revoked before")
        if self.judged_utc[record.rid] >= grant.expires_at:
            self.fail(f"I4: {record.signature} runs under a grant that had expired")

    def revoked(self, grant_id: str) -> None:
        """Somebody is told that a grant is over."""
        self.world.count("grants revoked")
        self.revoked_at.setdefault(grant_id, self.world.timeline.now)
        grant = self.disk.known_grant(grant_id)
        if grant is None or not grant.ended(self.world.utc()):
            self.fail(f"I5: somebody is told that grant {grant_id} is over; on disk it is not")

    def announced(self, record: Record) -> None:
        """The gate is about to show an approval."""
        row = self.disk.known(record.rid)
        if row is None:
            self.fail(f"I5: {record.signature} is shown and not on disk")
        elif approval_status(row) != approval_status(record) and record.phase is not Phase.WAITING:
            self.fail(f"I5: {record.signature} is shown as {record.phase}, on disk {row.phase}")

    def decided(self, decided: Decided) -> None:
        """The gate is about to tell somebody what came of an answer."""
        record = decided.record
        if not decided.won:
            if record is not None and not decided.problem and record.phase is Phase.WAITING:
                self.fail(f"I5: an answer to {record.signature} is refused, and it still waits")
            return
        assert record is not None
        row = self.disk.known(record.rid)
        if record.phase is Phase.WAITING and record.endorsements:
            if row is None or row.endorsements[: len(record.endorsements)] != record.endorsements:
                self.fail(f"I5: one yes for {record.signature} counts and is not on disk")
        elif row is None or not row.decided_at or row.approver != record.approver:
            self.fail(f"I5: a decision about {record.signature} counts and is not on disk")

    def shown(self, view: ApprovalView) -> None:
        """Somebody sees an approval."""
        row = self.disk.known(view.id)
        if row is None:
            self.fail(f"I5: approval {view.signature} is shown and not on disk")
        elif view.status != "waiting" and view.status != approval_status(row):
            self.fail(f"I5: {view.signature} is shown as {view.status}")

    def answers(self, answer: HumanAnswer, who: str) -> None:
        """A person is about to answer."""
        word = "approves" if answer.yes else "denies"
        self.world.tell(who, word, answer.rid)
        self.said[answer.rid, who].add(answer.yes)
        if answer.yes:
            self.tones[answer.rid, who].add(tone_of(answer.edit))

    def answer_taken(self, answer: HumanAnswer) -> None:
        """A person is told that the answer counts."""
        self.world.count("answers taken")
        row = self.disk.known(answer.rid)
        if row is not None and any(one.approver == answer.by for one in row.endorsements):
            return  # one yes of several
        if row is None or row.approver != answer.by:
            self.fail(f"I5: {answer.by} is told that the answer counts, and it is not on disk")
            return
        if (approval_status(row) == "approved") is not answer.yes:
            self.fail(f"I5: {answer.by} is told that the answer counts; on disk is another")
        won = self.won.setdefault(answer.rid, (answer.by, answer.yes))
        if won != (answer.by, answer.yes):
            self.fail(f"I5: two answers count for {row.signature}")

    def answer_refused(self, answer: HumanAnswer, code: int) -> None:
        """A person is told that the answer came too late, or could not be taken."""
        self.world.count(
            "answers too late" if code == ErrorCode.ALREADY_SETTLED else "answers lost"
        )
        row = self.disk.known(answer.rid)
        if row is not None and any(one.approver == answer.by for one in row.endorsements):
            return  # they have said yes already, and others must
        if code == ErrorCode.ALREADY_SETTLED and row is not None and row.phase is Phase.WAITING:
            self.fail(f"I5: {answer.by} is told that {row.signature} is settled; it waits")


def tone_of(edit: EditTerms | None) -> str:
    """What an answer makes of a request's tone; "": nothing."""
    return "" if edit is None else str(edit.set["tone"])

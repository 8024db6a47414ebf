"""Deciding: a request waits for people, until they, time or its caller end that.

A yes of several people is taken one at a time: while one is being written, what others answer is
held, and goes on when that one is durable. So nobody is refused because somebody else was as quick,
and every yes that is shown was stored.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from heapq import heappop, heappush

from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.delivery import Delivery
from agentgate_proto.ledger.effects import ApprovalChanged, Decided, Effect, Waiting
from agentgate_proto.ledger.grants import Grants
from agentgate_proto.ledger.journal import After
from agentgate_proto.ledger.live import Caller, Live, Verdict
from agentgate_proto.ledger.muting import Muting
from agentgate_proto.ledger.rejudging import JudgeAgain, Rejudging
from agentgate_proto.ledger.steps import answered, done, own_row
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.withdrawals import Withdrawals
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.grant import Grant, grant_of
from agentgate_proto.records.outcome import Outcome, Status, ended
from agentgate_proto.records.request import Endorsement, Phase, Record

EXPIRED = ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)

EXPIRIES_SPARE = 64
"""Times of approvals that are over, kept beyond one for each request until they are swept out."""

WriteLive = Callable[[Live, After, Grant | None], None]
Problem = tuple[ErrorCode, str]


class Deciding:
    """The approvals that wait.

    Args:
        limits: caps and times.
        live: the requests under way, by rid; shared with the ledger.
        delivery: where callers are.
        grants: what an approval may bring into being.
        effects: the ledger's output queue.
        write: stores a request as it stands.
        judge: the policy in force.
    """

    def __init__(
        self,
        limits: LedgerLimits,
        live: dict[str, Live],
        delivery: Delivery,
        grants: Grants,
        effects: deque[Effect],
        write: WriteLive,
        judge: JudgeAgain,
    ) -> None:
        self.limits = limits
        self._live = live
        self._delivery = delivery
        self._grants = grants
        self._effects = effects
        self._write = write
        self._rejudging = Rejudging(judge, self.withdraw, self._demand)
        self.muting = Muting()
        self.withdrawals = Withdrawals(limits.withdrawals_per_hour)
        self._waiting: Counter[str] = Counter()
        self._alike: dict[tuple[str, str], dict[str, Live]] = {}
        self._expiries: list[tuple[float, str]] = []

    # A person is to be asked

    def objection(self, principal: str, now: float) -> tuple[str, float] | None:
        """Say why no further approval of a principal may wait, and when to ask again, seconds."""
        if self._waiting[principal] >= self.limits.waiting_max:
            return f"{self.limits.waiting_max} approvals wait for a person already", 10.0
        muted = self.muting.objection(principal, now)
        return muted or self.withdrawals.objection(principal, now)

    def ask(self, live: Live, decision: Decision, warning: str, now: float) -> None:
        """Let people decide, when the question is durable; there must be room for it."""
        self._wait(
            live,
            replace(
                live.record,
                phase=Phase.WAITING,
                warning=warning,
                expires_at=now + self.limits.approval_s,
                approvers_needed=decision.approvers,
                needs_code=decision.code,
            ),
        )

    def ask_again(self, live: Live, withdrawn: Record) -> None:
        """Ask for one that had joined a request whose caller has withdrawn it; it takes its place.

        Who said yes said so to the other request, and is asked again.
        """
        self._wait(
            live,
            replace(
                own_row(live.record, withdrawn),
                phase=Phase.WAITING,
                endorsements=(),
                outcome=None,
                resolved_at=0.0,
            ),
        )

    def _wait(self, live: Live, record: Record) -> None:
        live.record = record
        self._reserve(live)
        self._watch(live)
        self._write(live, After.ASK, None)

    def restore(self, live: Live) -> None:
        """Take up an approval that waited when a former process ended, or end it at once."""
        self._reserve(live)
        self._watch(live)
        if live.abandoned:
            self.withdraw(live)
        else:
            self.show(live)

    def asked(self, live: Live) -> None:
        """The question is durable: show it, and tell the callers that want to know."""
        self.show(live)
        for caller in live.callers:
            self.tell_waiting(live, caller)
        self._rejudging.go_on(live)

    def tell_waiting(self, live: Live, caller: Caller) -> None:
        """Tell a caller that a person is asked, if that is so and the client wants to know."""
        link = self._delivery.link_of(live, caller)
        if link is not None and link.progress and live.approval is not None:
            record = live.approval
            if caller.record is not None:
                record = own_row(caller.record, record)
            elif caller.only_hears:
                record = replace(record, client_id=caller.client_id, request_id=caller.request_id)
            self._delivery.emit(link, Waiting(link.number, record))

    def twin(self, live: Live, decision: Decision, warning: str) -> Live | None:
        """Return a waiting approval of the very same thing, to join instead of asking twice.

        An old client has an approval of its own: what joins is in memory only, and it never sends
        again what a crash has wiped.
        """
        record = live.record
        if not record.client_id:
            return None
        demand = (decision.approvers, decision.code, warning)
        for other in self._alike.get((record.principal, record.digest), {}).values():
            asked = other.record
            same = (asked.approvers_needed, asked.needs_code, asked.warning) == demand
            same = same and asked.relayed.principal == record.relayed.principal
            same = same and asked.definition == record.definition
            keys = {live.key, other.key} - {""}
            if asked.phase is Phase.WAITING and same and len(keys) <= 1:
                return other
        return None

    # People answer

    def decide(self, live: Live, verdict: Verdict) -> None:
        """Take a person's answer to an approval, if it still waits; ``Decided`` follows."""
        record, ticket = live.record, verdict.ticket
        if live.approval is None or not (live.settling or record.phase is Phase.WAITING):
            self._effects.append(Decided(ticket, False, live.approval))
        elif len(live.tickets) + len(live.held) >= self.limits.joined_max:
            text = f"{self.limits.joined_max} people answer it at this moment; look again"
            self._effects.append(Decided(ticket, False, live.approval, text))
        elif live.settling:
            live.tickets.append(ticket)
        elif live.endorsing:
            live.held.append(verdict)
        elif verdict.at >= record.expires_at:
            live.tickets.append(ticket)
            self._end(live, EXPIRED, verdict.at)
        elif not verdict.approve:
            live.tickets.append(ticket)
            live.record = answered(record, verdict)
            denied = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON, verdict.word)
            self._end(live, denied, verdict.at)
        else:
            self._approve(live, verdict)

    def _approve(self, live: Live, verdict: Verdict) -> None:
        """Take a yes: the last that it takes, or one of several."""
        denied = self._rejudging.look(live, verdict.at)
        if live.record.phase is Phase.DONE:
            live.tickets.append(verdict.ticket)
            return
        record = live.record
        problem = self._objection(record, verdict)
        if denied:
            text = f"no yes counts at this moment: {denied}; it still waits"
            problem = ErrorCode.DENIED_BY_POLICY, text
        if problem is None and verdict.edit is not None:
            edited = replace(record, edit=verdict.edit)
            record, problem = edited, self.objection_to_edit(edited, verdict.at)
        grant = None
        if problem is None and verdict.grant is not None:
            try:
                by, channel, at = verdict.approver, verdict.channel, verdict.at
                grant = grant_of(record.as_approved, verdict.grant, by, channel, at)
            except ValueError as error:
                problem = ErrorCode.INVALID_PARAMS, str(error)
        if problem is not None:
            code, text = problem
            self._effects.append(Decided(verdict.ticket, False, live.approval, text, code))
            return
        if record.approvers_needed > 1:
            said = verdict.word
            endorsement = Endorsement(verdict.approver, verdict.channel, verdict.at, said)
            record = replace(record, endorsements=(*record.endorsements, endorsement))
            if len(record.endorsements) < record.approvers_needed:
                live.record = record
                live.endorsing = verdict.ticket
                self._write(live, After.ENDORSED, None)
                return
        live.tickets.append(verdict.ticket)
        record = answered(record, verdict)
        if grant is not None:
            self._grants.propose(grant)
            record = replace(record, grant=grant.id)
        live.record = replace(record, phase=Phase.APPROVED)
        self._write(live, After.APPROVED, grant)

    def objection_to_edit(self, edited: Record, now: float) -> Problem | None:
        """Say why a request that waits can't be approved as it is edited: it goes on waiting.

        The policy is asked about what is to run, and a yes given now is good for what it asks now.
        """
        if edited.approvers_needed > 1:
            text = (
                "this takes several people, who say yes to the very same: deny it with a word, so "
                "that its agent asks for what you mean"
            )
            return ErrorCode.INVALID_PARAMS, text
        objection = self._rejudging.objection_to(edited.as_approved, now)
        if objection:
            text = f"not as it is edited: {objection}; it still waits as it was asked"
            return ErrorCode.DENIED_BY_POLICY, text
        return None

    def _objection(self, record: Record, verdict: Verdict) -> Problem | None:
        """Say why this yes does not count."""
        if any(said.approver == verdict.approver for said in record.endorsements):
            missing = record.approvers_needed - len(record.endorsements)
            text = f"you have said yes already; {missing} more must: somebody else"
            return ErrorCode.ALREADY_SETTLED, text
        if verdict.nameless and record.approvers_needed > 1:
            text = (
                "this takes several people, and whether you are another one is not known: "
                "the operator must give you a name"
            )
            return ErrorCode.FORBIDDEN, text
        if verdict.grant is not None and (record.needs_code or record.approvers_needed > 1):
            text = "no grant for what takes several people or a one-time code each time"
            return ErrorCode.INVALID_PARAMS, text  # first: no code is used up for this
        if record.needs_code and not verdict.verified:
            return ErrorCode.CODE_NEEDED, "saying yes to this takes a one-time code"
        if verdict.grant is None:
            return None
        full = self._grants.room_for(record.principal, verdict.at)
        return (ErrorCode.LIMIT_EXCEEDED, full) if full else None

    # What was written

    def endorsed(self, live: Live) -> None:
        """One yes of several is durable: show it, and go on with what others have answered."""
        self._effects.append(Decided(live.endorsing, True, live.approval))
        live.endorsing = ""
        self.show(live)
        self._rejudging.go_on(live)
        self._take_held(live)

    def not_endorsed(self, live: Live, reason: str) -> None:
        """One yes of several could not be stored, so it does not count."""
        text = f"your answer could not be stored ({reason}); the approval still waits"
        self._effects.append(Decided(live.endorsing, False, live.approval, text))
        live.endorsing = ""
        if not live.settling:
            assert live.stored is not None, "people see it, so it is stored"
            live.record = live.stored
        self._rejudging.go_on(live)
        self._take_held(live)

    def _take_held(self, live: Live) -> None:
        held, live.held = live.held, []
        for verdict in held:
            self.decide(live, verdict)

    def close(self, live: Live) -> None:
        """Tell everybody how the waiting ended: it is durable."""
        self.release(live)
        self._grants.settle(live.record.grant, given=True)
        self.answer_tickets(live, "")
        self.show(live)

    def reopen(self, live: Live, waiting: Record) -> None:
        """A person's decision could not be stored: the approval still waits, or is withdrawn."""
        self._grants.settle(live.record.grant, given=False)
        live.record = waiting
        if live.withdrawn_at:
            self.withdraw(live)
        else:
            self._watch(live)

    def answer_tickets(self, live: Live, problem: str) -> None:
        """Tell those who answered what came of it."""
        for place, ticket in enumerate(live.tickets):
            won = not problem and place == 0 and live.record.decided_at > 0.0
            self._effects.append(Decided(ticket, won, live.approval, problem))
        live.tickets.clear()

    def show(self, live: Live) -> None:
        """Show an approval as it stands on disk; what people were not asked about is none."""
        if live.approval is not None:
            self._effects.append(ApprovalChanged(live.approval))

    # The policy has changed

    def judge_again(self, now: float) -> None:
        """Another policy is in force: what waits must meet it, too."""
        for live in list(self._live.values()):
            self._rejudging.look(live, now)

    def _demand(self, live: Live) -> None:
        self._write(live, After.DEMANDED, None)

    # The waiting ends without a person

    def withdraw(self, live: Live) -> None:
        """Its caller does not want it any more."""
        self._end(live, live.withdrawn_as, live.withdrawn_at)

    def expire_due(self, now: float) -> None:
        """End what nobody has answered in time."""
        while self._expiries and self._expiries[0][0] <= now:
            live = self._live.get(heappop(self._expiries)[1])
            if live is not None and live.record.phase is Phase.WAITING:
                self._end(live, EXPIRED, now)

    def next_deadline(self) -> float | None:
        """Return when ``expire_due`` wants to be called, or None. Changes nothing."""
        return self._expiries[0][0] if self._expiries else None

    def _end(self, live: Live, outcome: Outcome, now: float) -> None:
        live.record = done(live.record, outcome, now)
        live.tickets += [verdict.ticket for verdict in live.held]
        live.held.clear()
        self._write(live, After.ANSWER, None)

    # Tables

    def _reserve(self, live: Live) -> None:
        record = live.record
        self._waiting[record.principal] += 1
        self._alike.setdefault((record.principal, record.digest), {})[record.rid] = live

    def release(self, live: Live) -> None:
        """Give the place of an approval to others: its end, or that it never was, is certain."""
        record = live.record
        self._waiting[record.principal] -= 1
        alike = self._alike[record.principal, record.digest]
        del alike[record.rid]
        if not alike:
            del self._alike[record.principal, record.digest]

    def _watch(self, live: Live) -> None:
        """See to it that a waiting approval expires; drop those that are over, now and then."""
        heappush(self._expiries, (live.record.expires_at, live.record.rid))
        if len(self._expiries) > 2 * len(self._live) + EXPIRIES_SPARE:
            waiting = (a.record for a in self._live.values() if a.record.phase is Phase.WAITING)
            self._expiries = sorted((record.expires_at, record.rid) for record in waiting)

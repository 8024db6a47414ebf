"""The lifecycle: what happens to a request once it is taken, step by step.

received → (allow) → running → done            received → (deny) → done
received → (ask) → waiting → approved → running → done, or waiting → done
received → (ask, but a grant covers it) → running → done

Each method makes one step: it changes the record in memory, queues the write, and leaves what
depends on that write to ``durable``. See ``ledger`` for the three rules behind the order. Of one
request at most one write is under way, but for an end of the waiting that follows the ask, or one
yes of several, at once. What people do is in ``deciding``, what twins do in ``coalescing``,
which these are in ``rejoining``, how callers withdraw in ``withdrawing``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.abandoning import Abandoning
from agentgate_proto.ledger.coalescing import Joining
from agentgate_proto.ledger.deciding import Deciding
from agentgate_proto.ledger.delivery import Delivery
from agentgate_proto.ledger.denying import Denying
from agentgate_proto.ledger.effects import Effect, Purpose, Question, Refusal, Run, Token
from agentgate_proto.ledger.grants import Grants
from agentgate_proto.ledger.journal import After, Journal
from agentgate_proto.ledger.links import Link
from agentgate_proto.ledger.live import Live, came, crowded
from agentgate_proto.ledger.rejoining import Rejoining, answers, looks_back, may_join
from agentgate_proto.ledger.rejudging import JudgeAgain, ruled
from agentgate_proto.ledger.steps import done
from agentgate_proto.ledger.unknowns import MAY_HAVE_RUN, Unknowns
from agentgate_proto.ledger.withdrawing import Withdrawing
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.held import Held
from agentgate_proto.quotas.rates import Allowances
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.outcome import Outcome, unknown
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.records.storage import FindTwin, MarkDelivered, Put, Restored, record_bytes

RETRY_PAUSE_MAX_S = 30.0


class Lifecycle:
    """All requests under way.

    Args:
        limits: caps and times.
        effects: the ledger's output queue.
        judge_again: the policy, for what waits.

    Attributes:
        live: the requests under way, by rid.
        held: what they take in memory.
        allowances: what may be asked for in a minute, and may come of it.
    """

    def __init__(
        self, limits: LedgerLimits, effects: deque[Effect], judge_again: JudgeAgain
    ) -> None:
        self.limits = limits
        self.live: dict[str, Live] = {}
        self.held = Held(limits.held_bytes_of_principal_max, limits.held_bytes_max)
        self.allowances = Allowances(limits.per_minute)
        self.journal = Journal()
        self.delivery = Delivery(self.live, effects)
        self.joining = Joining(self.live, self.delivery)
        self.rejoining = Rejoining()
        self.grants = Grants(limits, self.journal, effects)
        self.deciding = Deciding(
            limits, self.live, self.delivery, self.grants, effects, self._write, judge_again
        )
        self.abandoning = Abandoning(self.live, self.deciding.withdraw)
        self.withdrawing = Withdrawing(self.joining, self.deciding, effects, self.finish)
        self.denying = Denying(limits, self.delivery, self.finish, self.remove)
        self._effects = effects
        self._unknowns = Unknowns(limits.unknown_max)
        self._retries: dict[str, After] = {}
        self._retry_at: float | None = None
        self._retry_pause = limits.write_retry_s

    def restore(self, restored: Restored, now: float, changed: Collection[str] = ()) -> None:
        """Take up what a former process left; ``changed`` as for :meth:`Ledger.restore`."""
        self.grants.restore(restored.grants, now)
        self.deciding.muting.restore(restored.mutes)
        for record in restored.unknown:
            self._unknowns.mark(record)
        for record in restored.active:
            live = self.live[record.rid] = Live(record)
            live.stored = record
            self.hold(live, record_bytes(record))
            self.rejoining.add(live)
            self.delivery.adopt_restored(live)
            if record.idempotency_key:
                self.joining.idempotent[record.principal, record.idempotency_key] = record.rid
            if record.rid in changed:
                self.abandoning.changed(live, now)
            if record.phase is Phase.WAITING:
                self.deciding.restore(live)
            elif record.phase is Phase.RUNNING and record.effects is Effects.WRITE:
                self._unknowns.mark(record)
                self.finish(live, unknown("the gateway died while the tool ran"), now)
            else:
                self._start(live)

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        at, retry_at = self.deciding.next_deadline(), self._retry_at
        return at if retry_at is None or (at is not None and at < retry_at) else retry_at

    def handle_timer(self, now: float) -> None:
        """Expire approvals and repeat failed writes that are due."""
        self.deciding.expire_due(now)
        # A clock that was set back must not put a retry off by more than its pause.
        if self._retry_at is not None and not now < self._retry_at <= now + RETRY_PAUSE_MAX_S:
            self._retry_at = None
            self._retry_pause = min(self._retry_pause * 2, RETRY_PAUSE_MAX_S)
            retries, self._retries = self._retries, {}
            for rid, after in retries.items():
                self._write(self.live[rid], after)
            self.grants.save_again()

    def hold(self, live: Live, size: int) -> None:
        """A request takes so many bytes of memory, or so many more, until it is over."""
        live.size += size
        self.held.add(live.record.principal, size)

    # Policy has spoken

    def judged(self, live: Live, decision: Decision, args: Mapping[str, Any], now: float) -> None:
        """Go the way that the policy says; ``args`` are as the tool gets them."""
        live.record = record = ruled(live.record, decision)
        live.args = live.bound = None
        if decision.action is Action.DENY:
            self.denying.deny(live, decision, now)
            return
        twin = self.rejoining.twin(live, decision) if may_join(live) else None
        if twin is not None:
            self._repeat(live, twin, now)
            return
        self.rejoining.add(live)
        if may_join(live) and looks_back(live, decision):
            live.args, live.decision = dict(args), decision
            query = FindTwin(record.principal, record.digest, now - live.join_s)
            self._effects.append(Question(query, Token(Purpose.TWIN, rid=record.rid)))
        else:
            self._let(live, decision, args, now)

    def looked_back(self, live: Live, found: Record | None, now: float) -> None:
        """The store has said what a request may be a repeat of; policy has spoken already."""
        args, decision = live.args or {}, live.decision
        live.args = live.decision = None
        assert decision is not None, "the store is asked when policy has spoken"
        if live.withdrawn_at:
            self.finish(live, live.withdrawn_as, now)
        elif found is not None and answers(found, live.record, decision):
            self._end_as(live, found, now)
        else:
            self._let(live, decision, args, now)

    def _repeat(self, live: Live, twin: Live, now: float) -> None:
        """A request is the one that is under way; if that has its outcome, it ends so, too.

        An end of the waiting that is being written may fail to be: then both go on waiting.
        """
        if twin.record.phase is Phase.DONE and not twin.settling:
            self._end_as(live, twin.record, now)
        else:
            self.join(live, twin)

    def _end_as(self, live: Live, found: Record, now: float) -> None:
        """End a repeat as the request that it repeats; it has a row of its own, for its id (I3).

        That one need not be kept for a client that has its outcome by this one.
        """
        live.record = replace(
            live.record,
            phase=Phase.DONE,
            outcome=found.outcome,
            resolved_at=found.resolved_at,
            joined=found.joined or found.rid,
        )
        assert found.outcome is not None, "it is done"
        self.allowances.of(found.principal, now).brings(now, live.copies_of(found.outcome))
        self.denying.over(live, now)
        self._write(live, After.ANSWER)
        if not found.delivered and found.client_id == live.record.client_id:
            self.mark_delivered((found.rid,))

    def _let(self, live: Live, decision: Decision, args: Mapping[str, Any], now: float) -> None:
        """Run what is new, or ask about it."""
        record = live.record
        repeats_unknown = self._unknowns.repeats(record)
        if repeats_unknown and (decision.action is Action.ASK or decision.ask_again_after_unknown):
            self._ask(live, decision, MAY_HAVE_RUN, now)
        elif decision.action is Action.ALLOW:
            self._start(live)
        elif decision.approvers > 1 or decision.code:
            self._ask(live, decision, "", now)
        elif (grant := self.grants.use(record, args, now)) is not None:
            rule = f"{decision.rule} (grant by {grant.approver})"
            live.record = replace(record, rule=rule, grant=grant.id)
            self._start(live, grant)
        else:
            self._ask(live, decision, "", now)

    def _ask(self, live: Live, decision: Decision, warning: str, now: float) -> None:
        """Let people decide: with somebody who asks the same, or if there is room for one more."""
        twin = self.deciding.twin(live, decision, warning)
        if twin is not None:
            self.join(live, twin)
        elif (objection := self.deciding.objection(live.record.principal, now)) is not None:
            self.refuse(live, ErrorCode.LIMIT_EXCEEDED, *objection)
        else:
            self.deciding.ask(live, decision, warning, now)

    def join(self, live: Live, first: Live) -> None:
        """Let a request wait for the outcome of one that came first."""
        most = self.held.joined_max(first.record.principal, first.record.tool)
        most = min(self.limits.joined_max, most)
        if len(live.callers) + len(first.callers) > 1 + most:
            self.refuse(live, ErrorCode.LIMIT_EXCEEDED, crowded(most), 1.0)
            return
        callers = list(live.callers)
        self.rejoining.forget(live)
        self.joining.forget(live)
        self.hold(live, -live.foreseen)
        self.joining.join(live, first)
        if first.public:
            self.delivery.answer(first, first.record.rid)
        for caller in callers:
            self.deciding.tell_waiting(first, caller)

    def hear(self, live: Live, link: Link, request_id: int | str) -> None:
        """Let somebody hear of a request who has not asked for it."""
        if len(live.callers) > self.limits.joined_max:
            code, text = ErrorCode.LIMIT_EXCEEDED, crowded(self.limits.joined_max)
            self.delivery.emit(link, Refusal(link.number, request_id, code, text, 1.0))
            return
        caller = self.joining.hear(live, link, request_id)
        if live.public:
            self.delivery.answer(live, live.record.rid)
        self.deciding.tell_waiting(live, caller)

    def _start(self, live: Live, grant: Grant | None = None) -> None:
        """Run the tool; a ``write`` only when the intention is durable (I2)."""
        if live.withdrawn_at:
            self.finish(live, live.withdrawn_as, live.withdrawn_at)
            return
        live.record = replace(live.record, phase=Phase.RUNNING)
        if live.needs_intention:
            self._write(live, After.RUN, grant)
        else:
            self._run(live.record)

    def _run(self, record: Record) -> None:
        self._effects.append(Run.of(record))

    # The request ends

    def finished(self, rid: str, outcome: Outcome, now: float) -> None:
        """The tool is over."""
        live = self.live.get(rid)
        if live is None or not live.started:
            return
        self._unknowns.ended(live.record, outcome)
        self.finish(live, outcome, now)

    def finish(self, live: Live, outcome: Outcome, now: float) -> None:
        """Give a request its outcome; it need not be durable first if the store knows nothing."""
        live.record = done(live.record, outcome, now)
        self.hold(live, came(self.held, live, outcome))
        self.allowances.of(live.record.principal, now).brings(now, live.copies_of(outcome))
        if live.stored is None:
            self.denying.over(live, now)
            self._publish(live)
        self._write(live, After.ANSWER)

    def refuse(
        self, live: Live, code: ErrorCode, text: str, retry_after_s: float | None = None
    ) -> None:
        """Drop a request that was not taken after all; nothing of it ran."""
        for caller in live.callers:
            link = self.delivery.link_of(live, caller)
            if link is not None:
                refusal = Refusal(link.number, caller.request_id, code, text, retry_after_s)
                self.delivery.emit(link, refusal)
        self.remove(live)

    def remove(self, live: Live) -> None:
        """Forget a request: it is over."""
        self.withdrawing.answer_cancels(live)
        self.rejoining.forget(live)
        self.joining.forget(live)
        for caller in live.callers:
            self.delivery.release(live, caller)
        self.held.add(live.record.principal, -live.size)
        del self.live[live.record.rid]

    # The store has spoken

    def _write(self, live: Live, after: After, grant: Grant | None = None) -> None:
        change = Put(live.record, self.joining.rows(live), grant, live.is_told)
        self._effects.append(self.journal.write(change, after, urgent=not live.public))

    def mark_delivered(self, rids: tuple[str, ...]) -> None:
        """The clients have these outcomes; some may not be durable yet."""
        for rid in rids:
            live = self.delivery.live_of(rid)
            if live is not None:
                self.joining.mark_delivered(live, rid)
        self._effects.append(self.journal.write(MarkDelivered(rids), urgent=False))

    def durable(self, upto: int) -> None:
        """Do what these writes allow."""
        self._retry_pause = self.limits.write_retry_s
        for entry in self.journal.reported(upto):
            self.grants.written(entry.number)
            live = self.live.get(entry.rid)
            if live is not None:
                settled = live.settling
                live.stored = entry.record
                self._go_on(live, entry.after, settled=settled)

    def write_failed(self, upto: int, reason: str, now: float) -> None:
        """Undo what these writes were to make possible, or keep them for later."""
        for entry in self.journal.reported(upto, reason):
            self.grants.written(entry.number, reason)
            live = self.live.get(entry.rid)
            if live is not None:
                self._undo(live, entry.after, reason)
        if (self._retries or self.grants.unsaved) and self._retry_at is None:
            self._retry_at = now + self._retry_pause

    def _go_on(self, live: Live, after: After, *, settled: bool) -> None:
        """Do what a write allows; ``settled``: it is what ended the waiting."""
        match after:
            case After.ASK:
                self.deciding.asked(live)
            case After.ENDORSED:
                self.deciding.endorsed(live)
            case After.DEMANDED:
                self.deciding.show(live)
            case After.APPROVED:
                self.deciding.close(live)
                self.withdrawing.answer_cancels(live)
                self._start(live)
            case After.RUN if live.withdrawn_at:
                self.finish(live, live.withdrawn_as, live.withdrawn_at)
            case After.RUN:
                self._run(live.record)
            case _:
                self._end(live, settled=settled)

    def _end(self, live: Live, *, settled: bool) -> None:
        """The outcome is durable: tell it, and go on with those whom it does not concern."""
        if settled:
            self.deciding.close(live)
            heirs = self.joining.heirs(live)
            if heirs is not None and self.abandoning.catches(heirs):
                self.finish(heirs, heirs.withdrawn_as, heirs.withdrawn_at)
            elif heirs is not None:
                self.rejoining.add(heirs)
                self.deciding.ask_again(heirs, live.record)
        else:
            self.deciding.show(live)
        self._publish(live)
        self.remove(live)

    def _undo(self, live: Live, after: After, reason: str) -> None:
        if after is After.ENDORSED:
            self.deciding.not_endorsed(live, reason)
            return
        if after is After.DEMANDED or (after is After.ASK and live.settling):
            return  # each yes is judged anew; its end is being written, and that write decides
        if live.stored is None and (after is not After.ANSWER or live.settling):
            if live.record.expires_at:
                self.deciding.release(live)
            else:
                self.grants.give_back(live.record.grant)
            text = f"cannot store the request: {reason}; nothing was run"
            self.refuse(live, ErrorCode.INTERNAL_ERROR, text)
            return
        if live.settling:
            text = f"the decision could not be stored ({reason}); the approval still waits"
            self.deciding.answer_tickets(live, text)
            if live.stored is not None and live.record.decided_at:
                self.deciding.reopen(live, live.stored)
                self.abandoning.catches(live)
                return
        elif live.record.phase is Phase.DONE:
            self._publish(live)
        self._retries[live.record.rid] = after

    def _publish(self, live: Live) -> None:
        live.public = True
        self.delivery.answer(live, live.record.rid)
        self.withdrawing.answer_cancels(live)

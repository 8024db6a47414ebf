"""The lifecycle: what happens to a request once it is taken, step by step.

received → (allow) → running → done            received → (deny) → done
received → (ask) → waiting → approved → running → done, or waiting → done

Each method makes one step: it changes the record in memory, queues the write, and leaves what
depends on that write to ``durable``. See ``ledger`` for the three rules behind the order. Of one
request at most one write is under way, but for an end of the waiting that follows the ask at once.
"""

from __future__ import annotations

from collections import Counter, deque
from heapq import heappop, heappush

from msgspec.structs import replace

from agentgate_proto.decision import Action, Decision
from agentgate_proto.delivery import Delivery
from agentgate_proto.effects import (
    Answer,
    AnswerCancel,
    ApprovalChanged,
    Decided,
    Effect,
    Refusal,
    Run,
    Stop,
    Waiting,
)
from agentgate_proto.errors import ErrorCode
from agentgate_proto.journal import After, Journal
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.links import Link
from agentgate_proto.live import Caller, Live
from agentgate_proto.outcome import Outcome, Status, ended, unknown
from agentgate_proto.record import Effects, Phase, Record
from agentgate_proto.storage import MarkDelivered, Put, Restored

MAY_HAVE_RUN = "an earlier request for exactly this ended as unknown: it may already have run"
CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)
RETRY_PAUSE_MAX_S = 30.0
EXPIRIES_SPARE = 64
"""Times of approvals that are over, kept beyond one for each request until they are swept out."""


class Lifecycle:
    """All requests under way.

    Args:
        limits: caps and times.
        effects: the ledger's output queue.

    Attributes:
        live: the requests under way, by rid.
        idempotent: their idempotency keys, by (principal, key).
    """

    def __init__(self, limits: LedgerLimits, effects: deque[Effect]) -> None:
        self.limits = limits
        self.live: dict[str, Live] = {}
        self.idempotent: dict[tuple[str, str], str] = {}
        self.journal = Journal()
        self.delivery = Delivery(self.live, effects)
        self._effects = effects
        self._waiting: Counter[str] = Counter()
        self._unknown: dict[tuple[str, str], None] = {}
        self._expiries: list[tuple[float, str]] = []
        self._retries: dict[str, After] = {}
        self._retry_at: float | None = None
        self._retry_pause = limits.write_retry_s

    def restore(self, restored: Restored, now: float) -> None:
        """Take up what a former process left."""
        for record in restored.unknown:
            self._mark_unknown(record)
        for record in restored.active:
            live = self.live[record.rid] = Live(record)
            live.stored = record
            self.delivery.adopt_restored(live)
            if record.idempotency_key:
                self.idempotent[record.principal, record.idempotency_key] = record.rid
            if record.phase is Phase.WAITING:
                self._waiting[record.principal] += 1
                self._watch(live)
                self._show(live)
            elif record.phase is Phase.RUNNING and record.effects is Effects.WRITE:
                self._mark_unknown(record)
                self.finish(live, unknown("the gateway died while the tool ran"), now)
            else:
                self._start(live)

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        expiry = self._expiries[0][0] if self._expiries else None
        return min((at for at in (expiry, self._retry_at) if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Expire approvals and repeat failed writes that are due."""
        while self._expiries and self._expiries[0][0] <= now:
            live = self.live.get(heappop(self._expiries)[1])
            if live is not None and live.record.phase is Phase.WAITING:
                self._expire(live, now)
        # A clock that was set back must not put a retry off by more than its pause.
        if self._retry_at is not None and not now < self._retry_at <= now + RETRY_PAUSE_MAX_S:
            self._retry_at = None
            self._retry_pause = min(self._retry_pause * 2, RETRY_PAUSE_MAX_S)
            retries, self._retries = self._retries, {}
            for rid, after in retries.items():
                self._write(self.live[rid], after)

    # Policy has spoken

    def judged(self, live: Live, decision: Decision, now: float) -> None:
        """Go the way that the policy says."""
        live.args = None
        live.record = record = replace(
            live.record, rule=decision.rule, description=decision.description
        )
        repeats_unknown = (record.principal, record.digest) in self._unknown
        if decision.action is Action.DENY:
            code = ErrorCode.DENIED_BY_POLICY
            self.finish(live, ended(Status.DENIED, code, decision.description), now)
        elif decision.action is Action.ASK or (
            repeats_unknown and decision.ask_again_after_unknown
        ):
            self._ask(live, MAY_HAVE_RUN if repeats_unknown else "", now)
        else:
            self._start(live)

    def _ask(self, live: Live, warning: str, now: float) -> None:
        """Let a person decide, if there is room for one more question."""
        principal = live.record.principal
        if self._waiting[principal] >= self.limits.waiting_max:
            text = f"{self.limits.waiting_max} approvals wait for a person already"
            self.refuse(live, ErrorCode.LIMIT_EXCEEDED, text, 10.0)
            return
        self._waiting[principal] += 1
        expires_at = now + self.limits.approval_s
        live.record = replace(
            live.record, phase=Phase.WAITING, warning=warning, expires_at=expires_at
        )
        self._watch(live)
        self._write(live, After.ASK)

    def _watch(self, live: Live) -> None:
        """See to it that a waiting approval expires; drop those that are over, now and then."""
        heappush(self._expiries, (live.record.expires_at, live.record.rid))
        if len(self._expiries) > 2 * len(self.live) + EXPIRIES_SPARE:
            waiting = (a.record for a in self.live.values() if a.record.phase is Phase.WAITING)
            self._expiries = sorted((record.expires_at, record.rid) for record in waiting)

    def _start(self, live: Live) -> None:
        """Run the tool; a ``write`` only when the intention is durable (I2)."""
        if live.withdrawn_at:
            self.finish(live, CANCELLED, live.withdrawn_at)
            return
        live.record = replace(live.record, phase=Phase.RUNNING)
        if live.record.effects is Effects.WRITE:
            self._write(live, After.RUN)
        else:
            self._run(live.record)

    def _run(self, record: Record) -> None:
        self._effects.append(Run(record.rid, record.tool, bytes(record.args)))

    # The request ends

    def finished(self, rid: str, outcome: Outcome, now: float) -> None:
        """The tool is over."""
        live = self.live.get(rid)
        if live is None or not live.started:
            return
        if outcome.status is Status.UNKNOWN:
            self._mark_unknown(live.record)
        elif live.record.warning:  # it was run again by somebody who knew
            self._unknown.pop((live.record.principal, live.record.digest), None)
        self.finish(live, outcome, now)

    def finish(self, live: Live, outcome: Outcome, now: float) -> None:
        """Give a request its outcome; it need not be durable first if the store knows nothing."""
        live.record = done(live.record, outcome, now)
        if live.stored is None:
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
        record = live.record
        self._answer_cancels(live)
        for caller in live.callers:
            self.delivery.release(live, caller)
        del self.live[record.rid]
        key = (record.principal, record.idempotency_key)
        if self.idempotent.get(key) == record.rid:
            del self.idempotent[key]

    # A person decides, a caller withdraws, time passes

    def decide(
        self, ticket: str, live: Live, *, approve: bool, approver: str, channel: str, now: float
    ) -> None:
        """Take a person's answer to a waiting approval, if it is the first."""
        record = live.record
        if live.approval is None or not (live.settling or record.phase is Phase.WAITING):
            self._effects.append(Decided(ticket, False, live.approval))
        elif len(live.tickets) >= self.limits.joined_max:
            problem = f"{self.limits.joined_max} people answer it at this moment; look again"
            self._effects.append(Decided(ticket, False, live.approval, problem))
        else:
            live.tickets.append(ticket)
            if live.settling:
                return
            if now >= record.expires_at:
                self._expire(live, now)
                return
            decided = replace(record, approver=approver, channel=channel, decided_at=now)
            if approve:
                live.record = replace(decided, phase=Phase.APPROVED)
                self._write(live, After.APPROVED)
            else:
                live.record = done(decided, ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON), now)
                self._write(live, After.ANSWER)

    def cancel(self, live: Live, link: Link, call_id: int | str | None, now: float) -> None:
        """Withdraw a request for its caller, if that is still possible."""
        phase = live.record.phase
        if len(live.callers) > 1 or (phase is Phase.DONE and not live.settling):
            status = "too_late"
        elif phase is Phase.RUNNING:
            status = "stopping"
            if live.started:
                self._effects.append(Stop(live.record.rid))
            else:
                live.withdrawn_at = now
        else:
            live.withdrawn_at = now
            live.cancels = [a for a in live.cancels if self.delivery.links.get(a[0]) is not None]
            live.cancels.append((link.number, call_id))
            if phase is Phase.WAITING:
                self._withdraw(live)
            return
        self.delivery.emit(link, AnswerCancel(link.number, call_id, status))

    def leave(self, live: Live, caller: Caller, link: Link, call_id: int | str | None) -> None:
        """Withdraw a request that had joined another one; that one goes on."""
        status = "too_late"
        if live.record.phase not in (Phase.RUNNING, Phase.DONE):
            status = "cancelled"
            live.callers.remove(caller)
            self.delivery.release(live, caller)
            self.delivery.emit(link, Answer(link.number, caller.request_id, CANCELLED, ""))
        self.delivery.emit(link, AnswerCancel(link.number, call_id, status))

    def _withdraw(self, live: Live) -> None:
        live.record = done(live.record, CANCELLED, live.withdrawn_at)
        self._write(live, After.ANSWER)

    def _expire(self, live: Live, now: float) -> None:
        expired = ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)
        live.record = done(live.record, expired, now)
        self._write(live, After.ANSWER)

    # The store has spoken

    def _write(self, live: Live, after: After) -> None:
        self._effects.append(self.journal.write(Put(live.record), after, urgent=not live.public))

    def mark_delivered(self, rids: tuple[str, ...]) -> None:
        """The clients have these outcomes; some may not be durable yet."""
        for rid in rids:
            live = self.live.get(rid)
            if live is not None:
                live.record = replace(live.record, delivered=True)
        self._effects.append(self.journal.write(MarkDelivered(rids), urgent=False))

    def durable(self, upto: int) -> None:
        """Do what these writes allow."""
        self._retry_pause = self.limits.write_retry_s
        for entry in self.journal.reported(upto):
            live = self.live.get(entry.rid)
            if live is not None:
                settled = live.settling
                live.stored = entry.record
                self._go_on(live, entry.after, settled=settled)

    def write_failed(self, upto: int, reason: str, now: float) -> None:
        """Undo what these writes were to make possible, or keep them for later."""
        for entry in self.journal.reported(upto, reason):
            live = self.live.get(entry.rid)
            if live is not None:
                self._undo(live, entry.after, reason)
        if self._retries and self._retry_at is None:
            self._retry_at = now + self._retry_pause

    def _go_on(self, live: Live, after: After, *, settled: bool) -> None:
        """Do what a write allows; ``settled``: it is what ended the waiting."""
        match after:
            case After.ASK:
                self._show(live)
                link = self.delivery.link_of(live, live.callers[0])
                if link is not None and link.progress and live.stored is not None:
                    self.delivery.emit(link, Waiting(link.number, live.stored))
            case After.APPROVED:
                self._close_approval(live)
                self._answer_cancels(live)
                self._start(live)
            case After.RUN if live.withdrawn_at:
                self.finish(live, CANCELLED, live.withdrawn_at)
            case After.RUN:
                self._run(live.record)
            case _:
                if settled:
                    self._close_approval(live)
                else:
                    self._show(live)
                self._publish(live)
                self.remove(live)

    def _undo(self, live: Live, after: After, reason: str) -> None:
        if after is After.ASK and live.settling:
            return  # its end is being written already, and that write decides
        if live.stored is None and (after is not After.ANSWER or live.settling):
            if live.record.expires_at:
                self._waiting[live.record.principal] -= 1
            text = f"cannot store the request: {reason}; nothing was run"
            self.refuse(live, ErrorCode.INTERNAL_ERROR, text)
            return
        if live.settling:
            text = f"the decision could not be stored ({reason}); the approval still waits"
            self._answer_tickets(live, text)
            if live.stored is not None and live.record.decided_at:
                self._reopen(live, live.stored)
                return
        elif live.record.phase is Phase.DONE:
            self._publish(live)
        self._retries[live.record.rid] = after

    def _reopen(self, live: Live, waiting: Record) -> None:
        """A person's decision could not be stored: the approval still waits, or is withdrawn."""
        live.record = waiting
        if live.withdrawn_at:
            self._withdraw(live)
        else:
            self._watch(live)

    def _close_approval(self, live: Live) -> None:
        """Tell everybody how the waiting ended: it is durable."""
        self._waiting[live.record.principal] -= 1
        self._answer_tickets(live, "")
        self._show(live)

    def _show(self, live: Live) -> None:
        if live.approval is not None:
            self._effects.append(ApprovalChanged(live.approval))

    def _answer_tickets(self, live: Live, problem: str) -> None:
        for place, ticket in enumerate(live.tickets):
            won = not problem and place == 0 and live.record.decided_at > 0.0
            self._effects.append(Decided(ticket, won, live.approval, problem))
        live.tickets.clear()

    def _answer_cancels(self, live: Live) -> None:
        outcome, status = live.record.outcome, "too_late"
        if live.record.phase is Phase.APPROVED:
            status = "stopping"
        elif outcome is None or outcome.status is Status.CANCELLED:
            status = "cancelled"
        for number, call_id in live.cancels:
            link = self.delivery.links.get(number)
            if link is not None:
                self.delivery.emit(link, AnswerCancel(number, call_id, status))
        live.cancels.clear()

    def _publish(self, live: Live) -> None:
        live.public = True
        self.delivery.answer(live, live.record.rid)
        self._answer_cancels(live)

    def _mark_unknown(self, record: Record) -> None:
        """Remember that this may have run; beyond the cap the oldest is forgotten."""
        self._unknown[record.principal, record.digest] = None
        if len(self._unknown) > self.limits.unknown_max:
            del self._unknown[next(iter(self._unknown))]


def done(record: Record, outcome: Outcome, now: float) -> Record:
    """The record, ended; nobody has its outcome yet."""
    return replace(record, phase=Phase.DONE, outcome=outcome, resolved_at=now, delivered=False)

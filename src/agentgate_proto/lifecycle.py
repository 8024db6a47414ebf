"""The lifecycle: what happens to a request once it is taken, step by step.

received → (allow) → running → done            received → (deny) → done
received → (ask) → waiting → approved → running → done, or waiting → done

Each method makes one step: it changes the record in memory, queues the write, and leaves what
depends on that write to ``durable``. See ``ledger`` for the three rules behind the order.
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
from agentgate_proto.journal import After, Entry, Journal
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.links import Link
from agentgate_proto.live import Joined, Live
from agentgate_proto.outcome import Outcome, Status, ended, unknown
from agentgate_proto.record import Effects, Phase, Record
from agentgate_proto.storage import Change, Put, Restored

MAY_HAVE_RUN = "an earlier request for exactly this ended as unknown: it may already have run"
CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)
RETRY_PAUSE_MAX_S = 30.0


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
        self._retries: list[Entry] = []
        self._retry_at: float | None = None
        self._retry_pause = limits.write_retry_s

    def restore(self, restored: Restored, now: float) -> None:
        """Take up what a former process left."""
        for record in restored.unknown:
            self._mark_unknown(record)
        for record in restored.active:
            live = self.live[record.rid] = Live(record)
            live.stored = True
            self.delivery.adopt_restored(live)
            if record.idempotency_key:
                self.idempotent[record.principal, record.idempotency_key] = record.rid
            if record.phase is Phase.WAITING:
                self._waiting[record.principal] += 1
                heappush(self._expiries, (record.expires_at, record.rid))
                self._go_on(live, After.ASK)
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
        if self._retry_at is not None and self._retry_at <= now:
            self._retry_at = None
            self._retry_pause = min(self._retry_pause * 2, RETRY_PAUSE_MAX_S)
            retries, self._retries = self._retries, []
            for entry in retries:
                self.write(entry.change, entry.rid, entry.after)

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
        heappush(self._expiries, (expires_at, live.record.rid))
        self.write(Put(live.record), live.record.rid, After.ASK)

    def _start(self, live: Live) -> None:
        """Run the tool; a ``write`` only when the intention is durable (I2)."""
        live.record = replace(live.record, phase=Phase.RUNNING)
        if live.record.effects is Effects.WRITE:
            self.write(Put(live.record), live.record.rid, After.RUN)
        else:
            self._go_on(live, After.RUN)

    # The request ends

    def finished(self, rid: str, outcome: Outcome, now: float) -> None:
        """The tool is over."""
        live = self.live.get(rid)
        if live is None or live.record.phase is not Phase.RUNNING:
            return
        if outcome.status is Status.UNKNOWN:
            self._mark_unknown(live.record)
        else:
            self._unknown.pop((live.record.principal, live.record.digest), None)
        self.finish(live, outcome, now)

    def finish(self, live: Live, outcome: Outcome, now: float) -> None:
        """Give a request its outcome; what the store does not know yet need not wait for it."""
        live.record = replace(live.record, phase=Phase.DONE, outcome=outcome, resolved_at=now)
        if live.stored:
            self.write(Put(live.record), live.record.rid, After.ANSWER)
            return
        self._tell(live)
        self.remove(live)
        self.write(Put(live.record))

    def refuse(
        self, live: Live, code: ErrorCode, text: str, retry_after_s: float | None = None
    ) -> None:
        """Drop a request that was not taken after all; nothing of it ran."""
        record = live.record
        self.refuse_at(record, live.link, record.request_id, code, text, retry_after_s)
        for joined in live.joined:
            mine = replace(record, client_id=joined.client_id)
            self.refuse_at(mine, joined.link, joined.request_id, code, text, retry_after_s)
        self._answer_cancels(live)
        self.remove(live)

    def refuse_at(
        self,
        record: Record,
        number: int,
        request_id: int | str,
        code: ErrorCode,
        text: str,
        retry_after_s: float | None = None,
    ) -> None:
        """Answer one request with an error, if its client is there."""
        link = self.delivery.links.of_client(record.principal, record.client_id, number)
        if link is not None:
            self._effects.append(Refusal(link.number, request_id, code, text, retry_after_s))

    def remove(self, live: Live) -> None:
        """Forget a request: it is over."""
        record = live.record
        self.delivery.release(live)
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
        if live.before is not None:
            live.tickets.append(ticket)
            return
        if record.phase is not Phase.WAITING or not live.asked:
            known = record if record.expires_at and live.asked else None
            self._effects.append(Decided(ticket, False, known))
            return
        live.tickets.append(ticket)
        if now >= record.expires_at:
            self._expire(live, now)
            return
        live.won = True
        decided = replace(record, approver=approver, channel=channel, decided_at=now)
        if approve:
            approved = replace(decided, phase=Phase.APPROVED)
            self._settle(live, approved, After.APPROVED)
        else:
            denied = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON)
            self._settle(live, done(decided, denied, now), After.ANSWER)

    def cancel(self, live: Live, link: Link, call_id: int | str | None, now: float) -> None:
        """Withdraw a request for its caller, if that is still possible."""
        status = "too_late"
        if live.before is None and not live.joined:
            if live.record.phase is Phase.WAITING:
                live.cancels.append((link.number, call_id))
                self._settle(live, done(live.record, CANCELLED, now), After.ANSWER)
                return
            if live.record.phase is Phase.RECEIVED:
                status = "cancelled"
                self.finish(live, CANCELLED, now)
            elif live.record.phase is Phase.RUNNING:
                status = "stopping"
                self._effects.append(Stop(live.record.rid))
        self._effects.append(AnswerCancel(link.number, call_id, status))

    def leave(self, live: Live, joined: Joined, link: Link, call_id: int | str | None) -> None:
        """Withdraw a request that had joined another one; that one goes on."""
        live.joined.remove(joined)
        self.delivery.links.requests_at(link).pop(joined.request_id, None)
        self._effects.append(Answer(link.number, joined.request_id, CANCELLED, ""))
        self._effects.append(AnswerCancel(link.number, call_id, "cancelled"))

    def _expire(self, live: Live, now: float) -> None:
        if live.before is None:
            expired = ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)
            self._settle(live, done(live.record, expired, now), After.ANSWER)

    def _settle(self, live: Live, record: Record, after: After) -> None:
        """End the waiting, in memory at once, for everybody else when it is durable."""
        live.before = live.record
        live.record = record
        self.write(Put(record), record.rid, after)

    # The store has spoken

    def write(self, change: Change, rid: str = "", after: After = After.NOTHING) -> None:
        """Queue a write and what it allows."""
        self._effects.append(self.journal.write(change, rid, after))

    def durable(self, upto: int) -> None:
        """Do what these writes allow."""
        self._retry_pause = self.limits.write_retry_s
        for entry in self.journal.durable(upto):
            live = self.live.get(entry.rid)
            if live is not None:
                live.stored = True
                self._go_on(live, entry.after)

    def write_failed(self, upto: int, reason: str, now: float) -> None:
        """Undo what these writes were to make possible, or keep them for later."""
        for entry in self.journal.failed(upto, reason):
            live = self.live.get(entry.rid)
            if live is not None:
                self._undo(live, entry, reason)
        if self._retries and self._retry_at is None:
            self._retry_at = now + self._retry_pause

    def _go_on(self, live: Live, after: After) -> None:
        record = live.record
        match after:
            case After.ASK:
                live.asked = True
                self._effects.append(ApprovalChanged(live.shown))
                link = self.delivery.links.of_client(record.principal, record.client_id, live.link)
                if link is not None and link.progress:
                    self._effects.append(Waiting(link.number, record))
            case After.APPROVED:
                self._close_approval(live)
                self._start(live)
            case After.RUN:
                self._effects.append(Run(record.rid, record.tool, bytes(record.args)))
            case _:
                if live.before is not None:
                    self._close_approval(live)
                elif live.asked:
                    self._effects.append(ApprovalChanged(record))
                if not live.answered:
                    self._tell(live)
                self.remove(live)

    def _undo(self, live: Live, entry: Entry, reason: str) -> None:
        text = f"cannot store the request: {reason}; nothing was run"
        if entry.after is After.ASK:
            self._waiting[live.record.principal] -= 1
            self.refuse(live, ErrorCode.INTERNAL_ERROR, text)
        elif entry.after is After.RUN and not live.stored:
            self.refuse(live, ErrorCode.INTERNAL_ERROR, text)
        elif live.won and live.before is not None:
            self._reopen(live, reason)
        else:
            if live.before is None and live.record.phase is Phase.DONE and not live.answered:
                self._tell(live)
            self._retries.append(entry)

    def _close_approval(self, live: Live) -> None:
        """Tell everybody how the waiting ended: it is durable."""
        live.before = None
        self._waiting[live.record.principal] -= 1
        for place, ticket in enumerate(live.tickets):
            won = live.won and place == 0
            self._effects.append(Decided(ticket, won, live.record))
        live.tickets.clear()
        live.won = False
        self._effects.append(ApprovalChanged(live.record))
        self._answer_cancels(live)

    def _reopen(self, live: Live, reason: str) -> None:
        """A person's decision could not be stored: the approval still waits."""
        assert live.before is not None
        live.record, live.before, live.won = live.before, None, False
        problem = f"the decision could not be stored ({reason}); the approval still waits"
        for ticket in live.tickets:
            self._effects.append(Decided(ticket, False, live.record, problem))
        live.tickets.clear()
        heappush(self._expiries, (live.record.expires_at, live.record.rid))

    def _answer_cancels(self, live: Live) -> None:
        for number, call_id in live.cancels:
            self._effects.append(AnswerCancel(number, call_id, "cancelled"))
        live.cancels.clear()

    def _tell(self, live: Live) -> None:
        assert live.record.outcome is not None, "only a request that is done has an outcome"
        live.answered = True
        self.delivery.answer(live, live.record.outcome)

    def _mark_unknown(self, record: Record) -> None:
        """Remember that this may have run; beyond the cap the oldest is forgotten."""
        self._unknown[record.principal, record.digest] = None
        if len(self._unknown) > self.limits.unknown_max:
            del self._unknown[next(iter(self._unknown))]


def done(record: Record, outcome: Outcome, now: float) -> Record:
    """The record, ended."""
    return replace(record, phase=Phase.DONE, outcome=outcome, resolved_at=now)

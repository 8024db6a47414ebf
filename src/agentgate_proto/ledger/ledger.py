"""The ledger: every request, from the ask to the outcome, beyond sockets and processes.

Theory of operation. The ledger is told what happened (a request came, a person decided, a tool
finished, a write is durable, a connection went) and queues what must be done about it as effects.
It outlives connections, and by its records it outlives processes. Three rules order everything:

1. Each step that something else depends on is written first, and the effect that depends on it is
   queued when that write is durable (``journal.After``). A person is asked when the waiting
   request is durable; a decision shows as taken when it is durable; a ``write`` tool starts when
   the intention is durable, and any tool when the use of the grant that covers it is; its outcome
   is told when it is durable. An allowed ``read`` depends on nothing, so it runs and is answered at
   once, and its row follows.
2. What is reserved in memory counts at once, before any write: an id, a place under a cap, the
   first decision on an approval, a use of a grant. So two that come together cannot both have it.
3. A write that fails undoes what was reserved, and says so; only the outcome of a tool that did
   run is kept, told live, and written again until it holds.

This file wires the parts and holds no rules: ``admission`` takes requests, ``lifecycle`` moves
them on, ``deciding`` lets people decide, ``joining`` lets identical ones wait together, ``grants``
knows what needs no further asking, ``delivery`` brings outcomes home, and ``collecting`` those that
their clients have missed.

Times are UTC seconds: deadlines outlive processes. A clock that jumps may expire an approval early
or late, and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.admission import Admission, Asked, Judge
from agentgate_proto.ledger.collecting import Collecting
from agentgate_proto.ledger.effects import Decided, Effect, Purpose, Question, Token
from agentgate_proto.ledger.lifecycle import Lifecycle
from agentgate_proto.ledger.links import Link
from agentgate_proto.ledger.live import Verdict
from agentgate_proto.ledger.rejudging import JudgeAgain
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.denials import Untold
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.storage import Answer, DropNote, FindRid, PutMute, PutNote, Restored


class Ledger:
    """See the module. Drain ``next_effect`` after every call.

    Args:
        judge: the policy.
        limits: caps and times.
        judge_again: the same policy, asked about what it was asked about before, so that nothing is
            counted; None: ``judge`` counts nothing.

    Attributes:
        held: what principals have in memory; who keeps an outcome besides counts it there.
    """

    def __init__(
        self,
        judge: Judge,
        limits: LedgerLimits | None = None,
        judge_again: JudgeAgain | None = None,
    ) -> None:
        self.limits = limits or LedgerLimits()
        self._effects: deque[Effect] = deque()
        self._judge_again = judge_again
        self._lifecycle = Lifecycle(self.limits, self._effects, self._judged_again)
        self.held = self._lifecycle.held
        self._delivery = self._lifecycle.delivery
        self._collecting = Collecting(self._delivery, self._effects)
        self._admission = Admission(judge, self._lifecycle, self._effects)

    # Output

    def next_effect(self) -> Effect | None:
        """Return the next thing to do, or None."""
        return self._effects.popleft() if self._effects else None

    def next_deadline(self) -> float | None:
        """Return the UTC second at which ``handle_timer`` wants to be called. Changes nothing."""
        return self._lifecycle.next_deadline()

    @property
    def waiting(self) -> list[Record]:
        """The approvals that people may answer now, oldest first."""
        shown = (live.approval for live in self._lifecycle.live.values())
        return [record for record in shown if record and record.phase is Phase.WAITING]

    def approval(self, rid: str) -> Record | None:
        """The approval with this rid, if people may answer it now."""
        live = self._lifecycle.live.get(rid)
        record = live.approval if live is not None else None
        return record if record is not None and record.phase is Phase.WAITING else None

    def record(self, rid: str) -> Record | None:
        """The request with this rid as it stands, if it is under way."""
        live = self._lifecycle.live.get(rid)
        return live.record if live is not None else None

    def objection_to_edit(self, rid: str, edit: Edit, now: float) -> tuple[ErrorCode, str] | None:
        """Say why an approval that waits can't be given to what a person makes of it, or None."""
        record = self._lifecycle.live[rid].record
        return self._lifecycle.deciding.objection_to_edit(replace(record, edit=edit), now)

    def repeats(self, rid: str) -> int:
        """How many identical requests have joined this one."""
        live = self._lifecycle.live.get(rid)
        return len(live.joined) if live is not None else 0

    def grants(self, now: float) -> list[tuple[Grant, str]]:
        """The grants, newest first, each with how it ended ("": it is in force)."""
        return self._lifecycle.grants.listed(now)

    def mutes(self, now: float) -> list[Mute]:
        """The agents about whose requests nobody is asked at present."""
        return self._lifecycle.deciding.muting.listed(now)

    @property
    def running(self) -> list[Record]:
        """The requests whose tool may be running."""
        records = (live.record for live in self._lifecycle.live.values())
        return [record for record in records if record.phase is Phase.RUNNING]

    @property
    def active(self) -> int:
        """How many requests are under way."""
        return len(self._lifecycle.live)

    def is_active(self, rid: str) -> bool:
        """Whether a request is under way."""
        return rid in self._lifecycle.live

    @property
    def problem(self) -> str:
        """Why the store takes no writes at present, or nothing."""
        return self._lifecycle.journal.problem

    def to_tell(self, now: float) -> list[Untold]:
        """Return the requests that the audit is to tell together by now; they are told then."""
        return self._lifecycle.denying.untold(now)

    @property
    def judge(self) -> Judge:
        """The policy in force; assign another one to replace it for requests to come."""
        return self._admission.judge

    @judge.setter
    def judge(self, judge: Judge) -> None:
        self._admission.judge = judge

    def close_door(self, why: str) -> None:
        """Take nothing new any more; "": take it again. What is under way goes on."""
        self._admission.closed = why

    def _judged_again(self, record: Record, args: Mapping[str, Any], now: float) -> Decision:
        return (self._judge_again or self._admission.judge)(record, args, now)

    # Input: time and the store

    def restore(self, restored: Restored, now: float, changed: Collection[str] = ()) -> None:
        """Take up what a former process left. Call once, before anything else.

        Args:
            restored: that.
            now: UTC seconds.
            changed: rids of requests whose tools would get something else by now than what was
                asked for, and seen; what has not started of these ends as if the tool had changed.
        """
        self._admission.restore(restored.old_at)
        self._lifecycle.restore(restored, now, changed)
        self.judge_again(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._lifecycle.handle_timer(now)

    def durable(self, upto: int) -> None:
        """All writes up to this number are on disk."""
        self._lifecycle.durable(upto)

    def write_failed(self, upto: int, reason: str, now: float) -> None:
        """Those writes up to this number that are not durable were not made, and why."""
        self._lifecycle.write_failed(upto, reason, now)

    def answered(self, token: Token, answer: Answer, now: float) -> None:
        """The store answered a question."""
        match token.purpose, answer:
            case Purpose.ATTACH, int():
                self._delivery.attached(token, answer)
            case Purpose.COLLECT, list():
                self._collecting.collected(token, answer)
            case Purpose.LATE, Record():
                self._collecting.late(answer)
            case Purpose.LATE, list():
                self._collecting.go_on(token, answer)
            case Purpose.DECIDE, Record(expires_at=at) if at:
                self._effects.append(Decided(token.ticket, False, answer))
            case Purpose.DECIDE, _:
                self._effects.append(Decided(token.ticket, False, None))
            case Purpose.TWIN, Record() | None:
                self._admission.looked_back(token, answer, now)
            case Purpose.REQUEST | Purpose.IDEMPOTENCY, Record() | None:
                self._admission.looked_up(token, answer, now)

    def answer_failed(self, token: Token, reason: str) -> None:
        """The store could not answer a question."""
        text = f"the gateway cannot read its store: {reason}"
        match token.purpose:
            case Purpose.ATTACH:
                self._delivery.attach_failed(token, text)
            case Purpose.COLLECT:
                self._collecting.collect_failed(token, text)
            case Purpose.DECIDE:
                self._effects.append(Decided(token.ticket, False, None, text))
            case Purpose.LATE:
                pass  # the outcomes stay undelivered, for the client to collect
            case _:
                self._admission.look_up_failed(token, text)

    def note(self, change: PutNote | DropNote) -> None:
        """A channel wants this kept or forgotten; nothing of a request depends on it."""
        self._effects.append(self._lifecycle.journal.write(change))

    # Input: connections

    def attach(self, link: int, principal: str, client_id: str, *, progress: bool = False) -> None:
        """A connection gave a good token; ``Attached`` follows."""
        self._delivery.attach(Link(link, principal, client_id, progress=progress))

    def detach(self, link: int) -> None:
        """A connection is gone; its requests go on."""
        self._delivery.detach(link)

    def collect(self, link: int, call_id: int | str | None) -> None:
        """``get_pending_results`` came; ``AnswerPending`` follows."""
        self._collecting.collect(link, call_id)

    def received(self, link: int, rids: tuple[str, ...]) -> None:
        """A connection reports that its client has these outcomes for certain (I6)."""
        mine = self._collecting.received(link, rids)
        if mine:
            self._lifecycle.mark_delivered(mine)

    # Input: requests, tools and people

    def admits(self, link: int, request_id: int | str, size: int, now: float) -> bool:
        """Say whether a request may be looked at, and count it; see :meth:`Admission.admits`."""
        return self._admission.admits(link, request_id, size, now)

    def receive(self, asked: Asked, now: float) -> None:
        """A tool request came that ``admits`` let in."""
        self._admission.receive(asked, now)

    def objection_to_listing(
        self, principal: str, now: float, size: int = 0
    ) -> tuple[str, float] | None:
        """Say why a principal may not list now, or do what else is not in proportion, and for how
        many seconds; it counts as a request of so many bytes."""
        pause, text = self._admission.count(principal, size, now)
        return (text, pause) if pause else None

    def owe(self, principal: str, size: int, now: float) -> None:
        """Count what a listing has read as bytes of its principal's requests."""
        self._lifecycle.allowances.of(principal, now).owe(now, size)

    def results_pause(self, principal: str, now: float) -> float:
        """Return for how many seconds no tool should begin for a principal: it has brought much."""
        return self._lifecycle.allowances.of(principal, now).results_pause(now)

    def under_way(self, rid: str) -> Record | None:
        """The request under way with this rid, or the one that it has joined, as that stands."""
        live = self._delivery.live_of(rid)
        return live.record if live is not None else None

    def newest(self, principal: str, digest: str) -> str:
        """The rid of a principal's newest request under way that was written so, or "".

        Args:
            principal: the name.
            digest: of tool and arguments as they are written.
        """
        live = self._lifecycle.rejoining.newest(principal, digest)
        return live.record.rid if live is not None else ""

    def waits_as(self, rid: str, client_id: str) -> list[int | str]:
        """The ids under which a client waits for a request under way, or for one that joined it."""
        live = self._delivery.live_of(rid)
        callers = live.callers if live is not None else []
        return [caller.request_id for caller in callers if caller.client_id == client_id]

    def waits_for(self, link: int, request_id: int | str) -> Record | None:
        """The request under way that an id of this link waits for, as it stands."""
        found = self._delivery.links.get(link)
        rid = self._delivery.rid_of(found, request_id) if found is not None else ""
        return self.record(rid) if rid else None

    def identity(self, link: int, request_id: int | str) -> str:
        """The digest of what was asked under an id of this link, as it was written, while the
        request that it waits for is under way; "" else."""
        found, record = self._delivery.links.get(link), self.waits_for(link, request_id)
        if found is None or record is None:
            return ""
        caller = self._delivery.caller_of(self._lifecycle.live[record.rid], found, request_id)
        return (caller.record or record).identity

    def hear(self, link: int, rid: str, request_id: int | str) -> bool:
        """Let a link hear of a request of another client; see :meth:`Admission.hear`."""
        return self._admission.hear(link, rid, request_id)

    def hear_no_more(self, link: int, request_id: int | str) -> None:
        """Nobody looks any more under this id, if it only was one to ``hear`` under."""
        found = self._delivery.links.get(link)
        if found is not None:
            self._lifecycle.joining.hear_no_more(found, request_id)

    def tell_again(self, link: int, request_id: int | str) -> None:
        """Tell an outcome that can be told and was not; ``untold`` it was, and not durable yet."""
        found = self._delivery.links.get(link)
        record = self.waits_for(link, request_id)
        if found is not None and record is not None:
            live = self._lifecycle.live[record.rid]
            if live.public:
                self._delivery.answer(live, record.rid)

    def told(self, link: int, row: Record) -> None:
        """A link has an outcome from the store; see :meth:`Delivery.told`."""
        self._delivery.told(link, row)

    def untold(self, link: int, rid: str) -> None:
        """An outcome was sent on a link, and nobody was there; see :meth:`Delivery.untold`."""
        self._delivery.untold(link, rid)

    def cancel(
        self, number: int, call_id: int | str | None, request_id: int | str, now: float
    ) -> None:
        """A client withdraws a request of its own; ``AnswerCancel`` follows."""
        link = self._delivery.links.get(number)
        if link is not None:
            live = self._lifecycle.live.get(self._delivery.rid_of(link, request_id))
            self._lifecycle.withdrawing.cancel(live, link, call_id, request_id, now)

    def banish(self, known: Collection[str], now: float) -> None:
        """Withdraw what principals who are none any more have asked for and has not started.

        Args:
            known: names of those who still are.
            now: UTC seconds.
        """
        self._lifecycle.abandoning.banish(known, now)

    def void(self, current: Mapping[str, str], now: float) -> None:
        """End what was asked of tools that are not those any more, and has not started.

        Approvals close on every channel; who asked is told that the tool changed, or is gone, and
        that nothing was run. Grants for it end.

        Args:
            current: definitions of tools by their names (``Record.definition``); "": there is no
                such tool any more.
            now: UTC seconds.
        """
        self._lifecycle.abandoning.void(current, now)
        self._lifecycle.grants.void(current, now)

    def finished(self, rid: str, outcome: Outcome, now: float) -> None:
        """The tool that ``Run`` started is over."""
        self._lifecycle.finished(rid, outcome, now)

    def decide(self, rid: str, verdict: Verdict) -> None:
        """A person answered; ``Decided`` follows. The first durable answer wins (I5)."""
        live = self._lifecycle.live.get(rid)
        if live is None:
            token = Token(Purpose.DECIDE, rid=rid, ticket=verdict.ticket)
            self._effects.append(Question(FindRid(rid), token))
        else:
            self._lifecycle.deciding.decide(live, verdict)

    def judge_again(self, now: float) -> None:
        """Another policy is in force: judge what waits for people again.

        What it denies ends, and is told on every channel; what it demands besides, people are asked
        from now on. See :mod:`agentgate_proto.ledger.rejudging`.
        """
        self._lifecycle.deciding.judge_again(now)

    def mute(self, mute: Mute) -> str:
        """A person does not want to be asked about an agent for a time, or does again.

        That holds at once, and after a restart when it is durable.

        Returns:
            why that can't be, or "".
        """
        problem = self._lifecycle.deciding.muting.put(mute)
        if not problem:
            self._effects.append(self._lifecycle.journal.write(PutMute(mute)))
        return problem

    def revoke(self, ticket: str, grant_id: str, *, by: str, now: float) -> None:
        """A person ends a grant; ``Revoked`` follows."""
        self._lifecycle.grants.revoke(ticket, grant_id, by=by, now=now)

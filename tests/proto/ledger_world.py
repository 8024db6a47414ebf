"""A world around a ledger: store, clock, tools, people and clients, all in the hands of the test.

Nothing happens by itself. The ledger's writes and questions queue up until the test lets the store
work (``sync``, or ``work`` and ``report``); a tool runs until the test finishes it; what is sent on
a connection stays there until the test has it read and acknowledged. ``kill`` ends the process at
any of these points and starts another one from exactly what was durable.

Everything goes past a :class:`~tests.proto.ledger_checker.Checker`, which knows I1 to I10.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import Any

import msgspec
from tests.proto.ledger_checker import Checker
from tests.proto.ledger_policy import effects_of, usual_policy
from tests.proto.ledger_store import Store

from agentgate_proto.ledger.abandoning import CHANGED
from agentgate_proto.ledger.admission import Asked
from agentgate_proto.ledger.effects import (
    Answer,
    AnswerCancel,
    AnswerPending,
    ApprovalChanged,
    Attached,
    Decided,
    Question,
    Refusal,
    Revoked,
    Run,
    Stop,
    TakenOver,
    TurnedAway,
    Waiting,
    Write,
)
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.ledger.live import Verdict
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.outcome import Outcome, executed
from agentgate_proto.records.request import NOT_RELAYED, Phase, Record, Relayed

NOON = 1_800_000_000.0
"""When a world begins, UTC seconds."""

RequestId = int | str
Frame = (
    Answer | Refusal | AnswerPending | AnswerCancel | Waiting | Attached | TakenOver | TurnedAway
)


class Connection:
    """One authenticated connection, with both of its ends.

    Attributes:
        open: the gateway has not been told that it is gone, and has not closed it.
        reachable: what the gateway sends arrives.
        sent: what the gateway sent, in order.
        frames: what arrived of it.
        unreceipted: rids that arrived and are not acknowledged.
        in_flight: rids that the gateway sent and has no receipt for.
    """

    def __init__(self, number: int, principal: str, client_id: str) -> None:
        self.number = number
        self.principal = principal
        self.client_id = client_id
        self.open = True
        self.reachable = True
        self.sent: list[Frame] = []
        self.frames: list[Frame] = []
        self.unreceipted: list[str] = []
        self.in_flight: list[str] = []

    def of(self, kind: type[Any]) -> list[Any]:
        """The frames of one kind."""
        return [frame for frame in self.frames if isinstance(frame, kind)]

    @property
    def outcomes(self) -> dict[RequestId, Outcome]:
        """What was answered, by id."""
        return {answer.request_id: answer.outcome for answer in self.of(Answer)}

    @property
    def refusals(self) -> dict[RequestId | None, Refusal]:
        """What was refused, by id."""
        return {refusal.request_id: refusal for refusal in self.of(Refusal)}

    @property
    def cancels(self) -> dict[RequestId | None, str]:
        """What became of each ``cancel_request``, by its own id."""
        return {answer.call_id: answer.status for answer in self.of(AnswerCancel)}

    @property
    def collected(self) -> list[Record]:
        """The rows of every reply to ``get_pending_results``."""
        return [row for reply in self.of(AnswerPending) for row in reply.records]


class World:
    """See the module.

    Args:
        limits: of the ledger.

    Attributes:
        ledger: of the process that lives now.
        store: outlives processes.
        now: the clock, UTC seconds; requests take it on by a little.
        policy: the decision for each tool.
        edit_policy: the decision for what a person has edited; None: it is as for any.
        edits: digests of that.
        running: the tools that run in this process, by rid.
        stopped: rids of tools that the ledger wanted stopped.
        approvals: what channels show: each approval as it was announced last.
        decided, revoked: what each ticket was told.
        definitions: of the tools that have one.
    """

    def __init__(self, limits: LedgerLimits | None = None) -> None:
        self.limits = limits or LedgerLimits()
        self.store = Store()
        self.now = NOON
        self.policy = usual_policy()
        self.edit_policy: Decision | None = None
        self.edits: dict[str, Edit] = {}
        self.definitions: dict[str, str] = {}
        self.connections: dict[int, Connection] = {}
        self.checker = Checker(self)
        self._numbers = count(1)
        self._boot()

    def _boot(self, changed: Collection[str] = ()) -> None:
        self.running: dict[str, Run] = {}
        self.stopped: list[str] = []
        self.approvals: dict[str, Record] = {}
        self.decided: dict[str, Decided] = {}
        self.revoked: dict[str, Revoked] = {}
        self.ledger = Ledger(self._judge, self.limits, self._judge_again)
        self.ledger.restore(self.store.restore(), self.now, changed)
        self.drain()

    def _judge(self, record: Record, args: Any, now: float) -> Decision:
        decision = self.policy[record.tool]
        self.checker.judged(record, args, decision)
        return decision

    def _judge_again(self, record: Record, args: Any, now: float) -> Decision:
        decision = self.edit_policy if record.digest in self.edits else None
        decision = decision or self.policy[record.tool]
        self.checker.judged_again(record, args, decision)
        return decision

    # Effects

    def drain(self) -> None:
        """Do what the ledger wants done."""
        while (effect := self.ledger.next_effect()) is not None:
            match effect:
                case Write() | Question():
                    self.store.queue.append(effect)
                case Run():
                    self._start(effect)
                case Stop(rid):
                    assert rid in self.running, "only a tool that runs can be stopped"
                    self.stopped.append(rid)
                case ApprovalChanged(record):
                    self.checker.announced(record)
                    self.approvals[record.rid] = record
                case Decided():
                    self.checker.decision_told(effect)
                    self.decided[effect.ticket] = effect
                case Revoked():
                    self.checker.grants.told(effect)
                    self.revoked[effect.ticket] = effect
                case _:
                    self._send(self.connections[effect.link], effect)
        self.checker.check()
        lifecycle = self.ledger._lifecycle
        sizes = sum(live.size for live in lifecycle.live.values())
        assert lifecycle.held.total == sizes, "what is held is what is under way"

    def _start(self, run: Run) -> None:
        """Run a tool, if it is the one that was asked for; see ``gate.running``."""
        if run.definition == self.definitions.get(run.tool, run.definition):
            self.checker.started(run)
            self.running[run.rid] = run
        else:
            assert run.rid in self.checker.left_over, "it was void before it started"
            self.ledger.finished(run.rid, CHANGED, self.now)

    def change(self, tool: str) -> None:
        """Let a tool be another one from now on."""
        self.definitions[tool] = f"d{next(self._numbers)}"
        self.ledger.void({tool: self.definitions[tool]}, self.now)
        self.drain()

    def _send(self, connection: Connection, frame: Frame) -> None:
        self.checker.sent(connection, frame)
        connection.sent.append(frame)
        rids: list[str] = []
        if isinstance(frame, Answer) and frame.rid:
            rids = [frame.rid]
        elif isinstance(frame, AnswerPending):
            rids = [record.rid for record in frame.records]
        elif isinstance(frame, TakenOver):
            connection.open = False
        connection.in_flight += rids
        if connection.reachable:
            connection.frames.append(frame)
            if not connection.client_id:  # the pong after a row is no receipt of the answer
                connection.unreceipted = [a for a in connection.unreceipted if a not in rids]
            connection.unreceipted += rids

    # The store

    def work(
        self, entries: int = 1_000_000, problem: str = "", *, unreadable: bool = False
    ) -> None:
        """Let the store do a batch, and not report it yet."""
        self.store.work(entries, problem, unreadable=unreadable)

    def report(self) -> None:
        """Let the store report the batch that it did."""
        batch = self.store.batch
        if batch is None:
            return
        if batch.upto and batch.problem:
            self.checker.write_failed(batch.upto)
            self.ledger.write_failed(batch.upto, batch.problem, self.now)
        elif batch.upto:
            self.ledger.durable(batch.upto)
        self.drain()
        while batch.answers:
            token, answer, failed = batch.answers.popleft()
            if failed:
                self.ledger.answer_failed(token, "the disk is gone")
            else:
                self.ledger.answered(token, answer, self.now)
            self.drain()
        self.store.batch = None

    def sync(self) -> None:
        """Let the store do and report all there is, and what follows from it."""
        self.report()
        while self.store.queue:
            self.work()
            self.report()

    def fail(self, problem: str = "disk full") -> None:
        """Let all writes in the queue fail."""
        self.report()
        self.work(problem=problem)
        self.report()

    def kill(self, changed: Collection[str] = ()) -> None:
        """Kill the process: only what is durable outlives it. Start another one, in which these
        requests' tools would get something else than was asked for."""
        self.store.queue.clear()
        self.store.batch = None
        for connection in self.connections.values():
            connection.open = False
        self.checker.killed()
        self._boot(changed)

    # Time

    def wait(self, seconds: float) -> None:
        """Let the clock go on, or jump back; the ledger's timer fires if it is due."""
        self.now += seconds
        deadline = self.ledger.next_deadline()
        if deadline is not None and deadline <= self.now:
            self.tick()

    def tick(self) -> None:
        """Wake the ledger."""
        self.ledger.handle_timer(self.now)
        self.checker.woken()
        self.drain()

    # Connections

    def connect(self, principal: str, client_id: str = "", *, progress: bool = False) -> Connection:
        """Attach a connection; ``sync`` until it is told that it is authenticated."""
        connection = Connection(next(self._numbers), principal, client_id)
        self.connections[connection.number] = connection
        self.ledger.attach(connection.number, principal, client_id, progress=progress)
        self.drain()
        return connection

    def client(self, principal: str = "agent", client_id: str = "c1", **kw: bool) -> Connection:
        """Attach a connection that names its client, and wait until it is authenticated."""
        connection = self.connect(principal, client_id, **kw)
        self.sync()
        return connection

    def lose(self, connection: Connection) -> None:
        """The gateway learns that a connection is gone."""
        connection.open = connection.reachable = False
        self.ledger.detach(connection.number)
        self.drain()

    def receive(
        self,
        connection: Connection,
        request_id: RequestId,
        tool: str = "write",
        key: str = "",
        relayed: Relayed = NOT_RELAYED,
        definition: str | None = None,
        join_s: float = 0.0,
        bound: dict[str, Any] | None = None,
        why: str = "",
        **args: Any,
    ) -> str:
        """Have a tool request arrive; return the rid that it gets if it is a new one."""
        self.now += 0.001
        asked = Asked(
            link=connection.number,
            rid=f"r{next(self._numbers)}",
            request_id=request_id,
            tool=tool,
            args=args,
            bound=bound,
            effects=effects_of(tool),
            signature=f"{tool}({args})",
            idempotency_key=key,
            relayed=relayed,
            definition=self.definitions.get(tool, "") if definition is None else definition,
            join_s=join_s,
            why=why,
        )
        self.checker.asked(connection, asked)
        if self.ledger.admits(connection.number, request_id, 1_000, self.now):
            self.ledger.receive(asked, self.now)
        self.drain()
        return asked.rid

    def hear(self, connection: Connection, rid: str, request_id: RequestId) -> bool:
        """Let a connection hear of a request under a new id; return whether it will."""
        self.checker.hearing(connection, rid, request_id)
        heard = self.ledger.hear(connection.number, rid, request_id)
        self.drain()
        return heard

    def hear_no_more(self, connection: Connection, request_id: RequestId) -> None:
        """A connection wants to hear no more under an id."""
        self.ledger.hear_no_more(connection.number, request_id)
        self.drain()

    def collect(self, connection: Connection, call_id: RequestId | None) -> None:
        """Have ``get_pending_results`` arrive."""
        self.checker.collecting(connection, call_id)
        self.ledger.collect(connection.number, call_id)
        self.drain()

    def cancel(self, connection: Connection, call_id: RequestId, request_id: RequestId) -> None:
        """Have ``cancel_request`` arrive."""
        self.checker.cancelling(connection, call_id, request_id)
        self.ledger.cancel(connection.number, call_id, request_id, self.now)
        self.drain()

    def ack(self, connection: Connection, outcomes: int = 1_000_000) -> None:
        """Have receipts arrive for the first outcomes that arrived."""
        rids, connection.unreceipted = (
            connection.unreceipted[:outcomes],
            connection.unreceipted[outcomes:],
        )
        self.checker.acknowledged(connection, rids)
        connection.in_flight = [rid for rid in connection.in_flight if rid not in rids]
        self.ledger.received(connection.number, tuple(rids))
        self.drain()

    # Tools and people

    def finish(self, rid: str, outcome: Outcome | None = None) -> Outcome:
        """Have a tool end, by default well and with a result that is its own."""
        run = self.running.pop(rid)
        outcome = outcome or executed(msgspec.json.encode({"run": run.rid}))
        self.checker.finished(rid, outcome)
        self.ledger.finished(rid, outcome, self.now)
        self.drain()
        return outcome

    def decide(
        self,
        rid: str,
        *,
        approve: bool,
        by: str = "ann",
        channel: str = "http",
        verified: bool = False,
        grant: GrantTerms | None = None,
        nameless: bool = False,
        word: str = "",
        edit: Edit | None = None,
    ) -> str:
        """Have a person answer; return the ticket."""
        if edit is not None:
            self.edits[edit.digest] = edit
        ticket = f"t{next(self._numbers)}"
        verdict = Verdict(
            ticket=ticket,
            approve=approve,
            approver=by,
            channel=channel,
            at=self.now,
            verified=verified,
            grant=grant,
            nameless=nameless,
            word=word,
            edit=edit,
        )
        self.checker.deciding(ticket, rid, verdict)
        self.ledger.decide(rid, verdict)
        self.drain()
        return ticket

    def revoke(self, grant_id: str, *, by: str = "ann") -> str:
        """Have a person end a grant; return the ticket."""
        ticket = f"t{next(self._numbers)}"
        self.checker.grants.revoking(grant_id)
        self.ledger.revoke(ticket, grant_id, by=by, now=self.now)
        self.drain()
        return ticket

    def approve(self, rid: str, **kw: Any) -> str:
        """Have a person say yes."""
        return self.decide(rid, approve=True, **kw)

    def deny(self, rid: str, **kw: str) -> str:
        """Have a person say no."""
        return self.decide(rid, approve=False, **kw)

    @property
    def waiting(self) -> list[str]:
        """The rids of the approvals that people can answer."""
        return [record.rid for record in self.ledger.waiting]

    def phase(self, rid: str) -> Phase | None:
        """Where a request is according to the disk."""
        row = self.store.rows.get(rid)
        return row.phase if row is not None else None

"""A store in memory, for tests of the ledger: it works, fails and reports when the test says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from msgspec.structs import replace

from agentgate_proto.ledger.effects import Question, Token, Write
from agentgate_proto.limits import ID_COUNTED_MAX
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.storage import (
    Answer,
    Change,
    FindIdempotencyKey,
    FindRequest,
    FindRid,
    FindTwin,
    HighestId,
    MarkDelivered,
    Put,
    PutGrant,
    PutMute,
    Query,
    Restored,
    Undelivered,
    as_many_as,
    may_be_repeated,
)

RAN = (Status.EXECUTED, Status.FAILED)


@dataclass
class Batch:
    """What the store has done and not reported yet.

    Attributes:
        upto: number of the last write in it; 0: there was none.
        problem: why the writes were not made; "": they were.
        answers: to the questions in it, and whether they could not be answered.
    """

    upto: int
    problem: str
    answers: deque[tuple[Token, Answer, bool]]


@dataclass
class Store:
    """Keeps the promises of ``agentgate_proto.records.storage``.

    Attributes:
        rows: what is durable, by rid, in the order of the first put.
        history: every state that was durable, by rid.
        superseded: rids that ended unknown, where somebody ran the same again since.
        grants: what is durable, by id.
        mutes: what is durable, by agent.
        queue: what the ledger wants and the store has not looked at.
        batch: what the store has done and not reported.
        was_unreadable: some question could not be answered.
    """

    rows: dict[str, Record] = field(default_factory=dict)
    history: dict[str, list[Record]] = field(default_factory=dict)
    superseded: set[str] = field(default_factory=set)
    grants: dict[str, Grant] = field(default_factory=dict)
    mutes: dict[str, Mute] = field(default_factory=dict)
    queue: deque[Write | Question] = field(default_factory=deque)
    batch: Batch | None = None
    was_unreadable: bool = False

    def work(self, entries: int, problem: str = "", *, unreadable: bool = False) -> None:
        """Do the first entries of the queue as one batch: the writes, then the questions.

        Args:
            entries: how many.
            problem: why the writes fail, all of them, or "".
            unreadable: the questions fail too.
        """
        assert self.batch is None, "report the last batch first"
        taken = [self.queue.popleft() for _ in range(min(entries, len(self.queue)))]
        writes = [entry for entry in taken if isinstance(entry, Write)]
        if not problem:
            self.commit(write.change for write in writes)
        questions = [entry for entry in taken if isinstance(entry, Question)]
        answers = deque(
            (entry.token, None if unreadable else self.answer(entry.query), unreadable)
            for entry in questions
        )
        self.was_unreadable |= unreadable and bool(questions)
        self.batch = Batch(writes[-1].number if writes else 0, problem, answers)

    def asked_about(self) -> set[str]:
        """The rids about which a question is not answered yet."""
        tokens = [token for token, _, _ in self.batch.answers] if self.batch is not None else []
        tokens += [entry.token for entry in self.queue if isinstance(entry, Question)]
        return {token.rid for token in tokens}

    def commit(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if isinstance(change, Put):
                self._put(change.record)
                for record in change.joined:
                    self._keep(record)
                if change.grant is not None:
                    self.grants[change.grant.id] = change.grant
            elif isinstance(change, PutGrant):
                self.grants[change.grant.id] = change.grant
            elif isinstance(change, PutMute):
                self.mutes[change.mute.agent] = change.mute
            elif isinstance(change, MarkDelivered):
                for rid in change.rids:
                    if rid in self.rows:
                        self._put(replace(self.rows[rid], delivered=True))

    def _keep(self, record: Record) -> None:
        self.rows[record.rid] = record
        self.history.setdefault(record.rid, []).append(record)

    def _put(self, record: Record) -> None:
        self._keep(record)
        if record.outcome is None or record.outcome.status not in RAN:
            return
        if not record.warning and record.edit is None:
            return
        ran = record.as_approved.digest
        for row in self.rows.values():
            if row.rid == record.rid:
                return
            same = row.edit is None and (row.principal, row.digest) == (record.principal, ran)
            if same and row.resolved_at <= record.resolved_at:
                self.superseded.add(row.rid)

    def answer(self, query: Query) -> Answer:
        match query:
            case FindRequest(principal, client_id, request_id):
                mine = self._of(principal, client_id)
                return last(row for row in mine if row.request_id == request_id)
            case FindIdempotencyKey(principal, key):
                rows = (row for row in self.rows.values() if row.principal == principal)
                return last(row for row in rows if row.idempotency_key == key)
            case FindTwin(principal, digest, since, as_written):
                alike = [
                    row
                    for row in self.rows.values()
                    if (row.principal, row.phase) == (principal, Phase.DONE)
                    if (row.written if as_written else row.digest) == digest
                    if may_be_repeated(row) and row.resolved_at >= since
                ]
                return max(reversed(alike), key=attrgetter("resolved_at"), default=None)
            case FindRid(rid):
                return self.rows.get(rid)
            case HighestId(principal, client_id):
                ids = [row.request_id for row in self._of(principal, client_id)]
                counted = (a for a in ids if isinstance(a, int) and a <= ID_COUNTED_MAX)
                return max(counted, default=0)
            case Undelivered(principal, client_id, limit, newest_first, besides, bytes_max):
                mine = (a for a in self._of(principal, client_id) if a.rid not in besides)
                rows = [a for a in mine if a.phase is Phase.DONE and not a.delivered]
                return as_many_as((rows[::-1] if newest_first else rows)[:limit], bytes_max)
            case _:
                raise AssertionError(f"the ledger never asks {query!r}")

    def _of(self, principal: str, client_id: str) -> Iterator[Record]:
        key = (principal, client_id)
        return (row for row in self.rows.values() if (row.principal, row.client_id) == key)

    def restore(self) -> Restored:
        """What a new process starts from."""
        unknown = {
            (row.principal, row.digest, row.as_approved.digest): row
            for row in self.rows.values()
            if row.outcome is not None and row.outcome.status is Status.UNKNOWN
            if row.rid not in self.superseded
        }
        active = [row for row in self.rows.values() if row.phase is not Phase.DONE]
        grants = list(self.grants.values())
        old = [row.created_at for row in self.rows.values() if not row.client_id]
        return Restored(
            epoch="test",
            active=active,
            unknown=list(unknown.values()),
            grants=grants,
            mutes=list(self.mutes.values()),
            old_at=max(old, default=0.0),
        )


def last(rows: Iterable[Record]) -> Record | None:
    found = None
    for row in rows:
        found = row
    return found

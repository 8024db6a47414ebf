"""The disk: it keeps exactly what was committed, whoever dies, and looks at what it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import msgspec
from tests.server.store.model import MemoryEngine
from tests.sim.books import Books
from tests.sim.faults import Killed, Violation
from tests.sim.plan import Retention
from tests.sim.timeline import Timeline

from agentgate_proto.audit.events import entries_of
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.outcome import RAN, Status
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.records.retention import COLLECTED_WITHIN_S
from agentgate_proto.records.session import DropSession, PutSession
from agentgate_proto.records.storage import (
    Answer,
    Change,
    Put,
    Query,
    Restored,
    SessionAnswer,
    SessionQuery,
)
from agentgate_server.store.engine import StoreError

RANK = {Phase.WAITING: 0, Phase.APPROVED: 1, Phase.RUNNING: 2, Phase.DONE: 3}


class Disk(MemoryEngine):
    """A store whose troubles are in the hands of the world.

    Args:
        timeline: the world's time.
        waiting_max: approvals of one principal that may wait.
        retention: what is kept, and for how long.
        utc: the system's clock.

    Attributes:
        full, unreadable: why commits, or questions, fail at present; "": they do not.
        kills: when the process is to die: "before" or "after" the next commit, or "".
        waiting: approvals that wait, by principal.
        unknown: the newest record of each (principal, digest) that ended as unknown, until
            somebody ran the same again knowing that.
        unknown_at, known_at: when tools ended so, and when such runs did: their rows come later.
        failures: commits and questions that failed.
        failed_at: when a commit failed last.
        books: what the audit says.
        committed: looks at each change of a session.
        gone: what retention has deleted.
        freed: of each content, the requests that are gone, and those of them that had a key, or
            whose client had not heard of their end.
    """

    def __init__(
        self,
        timeline: Timeline,
        waiting_max: int,
        retention: Retention,
        utc: Callable[[], float],
    ) -> None:
        super().__init__(
            "sim",
            keep_days=retention.keep_days,
            keep_undelivered_days=retention.keep_undelivered_days,
            keep_rows_max=retention.rows_max,
            utc=utc,
            monotonic=lambda: timeline.now,
        )
        self.timeline = timeline
        self.waiting_max = waiting_max
        self.books = Books()
        self.gone: dict[str, Record] = {}
        self.grants_gone: dict[str, Grant] = {}
        self.freed: Counter[tuple[int, bool]] = Counter()
        self.ended_at: dict[str, float] = {}
        self.full = ""
        self.unreadable = ""
        self.kills = ""
        self.waiting: Counter[str] = Counter()
        self.unknown: dict[tuple[str, str], Record] = {}
        self.unknown_at: dict[str, float] = {}
        self.known_at: dict[tuple[str, str], float] = {}
        self.failures = 0
        self.failed_at = -1.0
        self.commits = 0
        self.committed: Callable[[PutSession | DropSession], None] = nobody

    def commit(self, changes: Sequence[Change]) -> None:
        kills, self.kills = self.kills, ""
        if kills == "before":
            raise Killed("just before a commit")
        if self.full:
            self.failures += 1
            self.failed_at = self.timeline.now
            self.kills = kills
            raise StoreError(self.full)
        self.commits += 1
        for change in changes:  # one by one, so that each is compared with the one before it
            if isinstance(change, Put):
                for record in (change.record, *change.joined):
                    if not change.is_told:
                        self.books.count(record)
                    self._look_at(record)
                if change.grant is not None and change.grant.uses > change.grant.uses_max:
                    raise Violation(f"I4: grant {change.grant.id} is used too often")
            elif isinstance(change, PutSession | DropSession):
                self.committed(change)
            super().commit((change,))
            self.books.append(entries_of(change))
        if kills == "after":
            raise Killed("just after a commit")

    def answer(self, query: Query) -> Answer:
        if self.unreadable:
            self.failures += 1
            raise StoreError(self.unreadable)
        return super().answer(query)

    def answer_session(self, query: SessionQuery) -> SessionAnswer:
        if self.unreadable:
            self.failures += 1
            raise StoreError(self.unreadable)
        return super().answer_session(query)

    def restore(self) -> Restored:
        if self.unreadable:
            raise StoreError(self.unreadable)
        return super().restore()

    def prune(self, now: float, ran_s: float) -> int:
        if self.full:
            self.failures += 1
            raise StoreError(self.full)
        kept, grants = dict(self.kept), dict(self.grants)
        deleted = super().prune(now, ran_s)
        if deleted:
            for rid in kept.keys() - self.kept.keys():
                self._look_at_deleted(kept[rid], kept)
        for grant_id in grants.keys() - self.grants.keys():
            self.grants_gone[grant_id] = grants[grant_id]
        return deleted

    def known(self, rid: str) -> Record | None:
        """The record as it is, or was when retention deleted it."""
        return self.kept.get(rid) or self.gone.get(rid)

    def known_grant(self, grant_id: str) -> Grant | None:
        """The grant as it is, or was when retention deleted it."""
        return self.grants.get(grant_id) or self.grants_gone.get(grant_id)

    def close_books(self) -> None:
        """At the end of the world, the audit and the rows tell the same."""
        self.books.compare(chain(self.kept.values(), self.gone.values()))

    def _look_at_deleted(self, record: Record, before: dict[str, Record]) -> None:
        """What is not over stays; what nobody has collected stays for its time (I6), unless its
        principal has more than its share of the cap.
        """
        if record.phase is not Phase.DONE:
            raise Violation(f"{record.rid} is deleted, and it is {record.phase}")
        age = self.timeline.now - self.ended_at[record.rid]
        early = not record.delivered and age < self.keep_undelivered_s
        if early and (age < COLLECTED_WITHIN_S or len(before) <= self.keep_rows_max):
            raise Violation(f"I6: the outcome of {record.rid} is deleted after {age:.1f} s")
        if is_guard(record) and (early or self._is_early(record)):
            self._look_at_forgotten(record, before)
        self.gone[record.rid] = record
        may_come_again = bool(record.idempotency_key) or not record.delivered
        self.freed[msgspec.json.decode(record.args).get("n", 0), may_come_again] += 1
        thing = (record.principal, record.digest)
        if (last := self.unknown.get(thing)) is not None and last.rid == record.rid:
            del self.unknown[thing]

    def _is_early(self, record: Record) -> bool:
        """Whether it went by the cap on rows, and not by the clock of retention."""
        assert self.clock.shows is not None, "it was looked at just now"
        return record.resolved_at >= self.clock.shows - self.kept_s(record)

    def _look_at_forgotten(self, record: Record, before: dict[str, Record]) -> None:
        """What keeps a write from running twice goes early only where there is too much of it (I2).

        Not for what was denied or read, beyond what each is assured of, and not for what others ran
        while its principal has no more than its share of the cap.
        """
        guards = Counter(row.principal for row in before.values() if is_guard(row))
        others = Counter(row.principal for row in before.values() if not is_guard(row))
        assured = self.keep_rows_max // 2 // len({*guards, *others})
        kept = (min(n, max(0, assured - guards[who])) for who, n in others.items())
        room = self.keep_rows_max - sum(kept)
        if guards.total() <= room or guards[record.principal] * len(guards) <= room:
            raise Violation(f"I2: {record.rid} is forgotten in its promised time")

    def _look_at(self, record: Record) -> None:
        """A request only goes forward, and what it has come to stays (I3)."""
        before = self.kept.get(record.rid)
        if before is not None:
            if RANK[record.phase] < RANK[before.phase]:
                raise Violation(f"{record.rid} goes back from {before.phase} to {record.phase}")
            if before.outcome is not None and record.outcome != before.outcome:
                raise Violation(f"I3: the outcome of {record.rid} changes on disk")
            if before.decided_at and record.approver != before.approver:
                raise Violation(f"I5: somebody else has decided about {record.rid}")
            if before.phase is Phase.WAITING:
                self.waiting[record.principal] -= 1
            same = (before.principal, before.client_id, before.request_id, before.digest)
            if same != (record.principal, record.client_id, record.request_id, record.digest):
                raise Violation(f"{record.rid} becomes another request")
        if record.phase is Phase.WAITING:
            self.waiting[record.principal] += 1
            if self.waiting[record.principal] > self.waiting_max:
                raise Violation(f"I9: more than {self.waiting_max} approvals wait")
        if record.outcome is not None:
            self.ended_at.setdefault(record.rid, self.timeline.now)
        if record.outcome is not None and record.outcome.status is Status.UNKNOWN:
            thing = (record.principal, record.digest)
            ended_at = self.unknown_at.get(record.rid, self.timeline.now)
            if self.known_at.get(thing, -1.0) < ended_at:
                self.unknown[thing] = record


def nobody(change: PutSession | DropSession) -> None:
    """Nobody looks at it."""


def is_guard(record: Record) -> bool:
    """Whether a write may have run under a key, or unknown to its client, or is not over."""
    if record.outcome is None:
        return True
    if record.effects is Effects.READ:
        return False
    if record.outcome.status is Status.UNKNOWN:
        return True
    return record.outcome.status in RAN and bool(record.idempotency_key or not record.delivered)

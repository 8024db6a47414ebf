"""The contract of a store in the plainest way: an :class:`Engine` that keeps records in a dict.

What the real engines are compared with, and what the simulator uses for a disk: it keeps what was
committed for as long as the object lives, whatever happens to those who use it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import assert_never

import msgspec
from tests.proto.session_store import SessionStore

from agentgate_proto.audit.chain import Head
from agentgate_proto.limits import ID_COUNTED_MAX
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.cutting import as_kept
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.retention import (
    Rank,
    RetentionClock,
    collected_before,
    excess,
    first_end,
    kept_bytes,
    rank_of,
)
from agentgate_proto.records.session import DropSession, PutSession
from agentgate_proto.records.storage import (
    Answer,
    Change,
    DropNote,
    FindIdempotencyKey,
    FindRequest,
    FindRid,
    FindTwin,
    HighestId,
    ListNotes,
    ListRequests,
    MarkDelivered,
    Put,
    PutAudit,
    PutGrant,
    PutMute,
    PutNote,
    Query,
    Restored,
    SessionAnswer,
    SessionQuery,
    Undelivered,
    may_be_repeated,
    record_bytes,
)
from agentgate_server.store.pace import Doubt

DAY_S = 86_400.0

RESOLVED_AT = attrgetter("resolved_at")


def goes_first(record: Record) -> tuple[bool, float, int]:
    """In which order records of one agent and rank go before their time."""
    return not record.delivered, record.resolved_at, record.delivered * kept_bytes(record)


class MemoryEngine:
    """A store without a disk. Attributes and arguments as for the SQLite engine."""

    def __init__(
        self,
        epoch: str = "memory",
        *,
        keep_days: float = 7.0,
        keep_undelivered_days: float = 30.0,
        keep_rows_max: int = 100_000,
        keep_bytes_max: int = 2**30,
        utc: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.utc = utc
        self.monotonic = monotonic
        self.epoch = epoch
        self.keep_s = keep_days * DAY_S
        self.keep_undelivered_s = keep_undelivered_days * DAY_S
        self.keep_rows_max = keep_rows_max
        self.keep_bytes_max = keep_bytes_max
        # Oldest first: a dict keeps a key's place when its value is replaced.
        self.kept: dict[str, Record] = {}
        self.puts = 0
        self.places: dict[str, int] = {}
        self.unknown_rids: dict[str, None] = {}
        self.superseded: set[str] = set()
        self.grants: dict[str, Grant] = {}
        self.mutes: dict[str, Mute] = {}
        self.notes: dict[tuple[str, str], str] = {}
        self.audit: list[AuditEntry] = []
        self.sessions = SessionStore()
        self.clock = RetentionClock()
        self.forgotten = 0
        self.cut = 0

    @property
    def doubts(self) -> list[Doubt]:
        return []

    @property
    def head(self) -> Head | None:
        return None

    def reopen(self) -> None:
        """Another process goes on: all that it has run comes after what set the clock back."""
        self.clock = RetentionClock(self.clock.shows, self.monotonic())

    def commit(self, changes: Sequence[Change]) -> None:
        self.sessions.commit(changes)
        first = first_end(changes)
        if self.clock.is_ahead_of(first, self.monotonic()):
            self.clock.set_back(first)
        for change in changes:
            match change:
                case Put():
                    self.put(change)
                case PutGrant(grant):
                    self.grants[grant.id] = grant
                case PutMute(mute):
                    self.mutes[mute.agent] = mute
                case MarkDelivered(rids):
                    for rid in rids:
                        if rid in self.kept:
                            found = self.kept[rid]
                            self.kept[rid] = msgspec.structs.replace(found, delivered=True)
                case PutNote(channel, rid, value):
                    if rid in self.kept:
                        self.notes[channel, rid] = value
                case PutAudit(entry):
                    self.audit.append(entry)
                case DropNote(channel, rid):
                    self.notes.pop((channel, rid), None)
                case PutSession() | DropSession():
                    pass  # the sessions have had them
                case _:
                    assert_never(change)

    def put(self, change: Put) -> None:
        """Apply this change."""
        for row in (change.record, *change.joined):
            self.puts += 1
            self.places.setdefault(row.rid, self.puts)
            self.kept[row.rid] = as_kept(row)
            if is_unknown(row):
                self.unknown_rids[row.rid] = None
            else:
                self.unknown_rids.pop(row.rid, None)
        self.supersede(change.record)
        if change.grant is not None:
            self.grants[change.grant.id] = change.grant

    def answer(self, query: Query) -> Answer:
        match query:
            case FindRequest(principal, client_id, request_id):
                key = (principal, client_id, request_id)
                return self.newest(lambda r: (r.principal, r.client_id, r.request_id) == key)
            case FindIdempotencyKey(_, ""):
                return None
            case FindIdempotencyKey(principal, key):
                return self.newest(lambda r: (r.principal, r.idempotency_key) == (principal, key))
            case FindTwin(principal, digest, since, as_written):
                alike = self.all(
                    lambda r: (
                        (r.principal, r.written if as_written else r.digest) == (principal, digest)
                    )
                )
                alike = [r for r in alike if r.phase is Phase.DONE and r.resolved_at >= since]
                alike = [r for r in alike if may_be_repeated(r)]
                return max(reversed(alike), key=lambda r: r.resolved_at, default=None)
            case FindRid(rid):
                return self.kept.get(rid)
            case HighestId(principal, client_id):
                mine = self.all(lambda r: (r.principal, r.client_id) == (principal, client_id))
                ids = [r.request_id for r in mine if isinstance(r.request_id, int)]
                ids = [each for each in ids if each <= ID_COUNTED_MAX]
                return max(ids, default=0)
            case Undelivered(principal, client_id, limit, newest_first, besides, bytes_max):
                mine = self.all(lambda r: (r.principal, r.client_id) == (principal, client_id))
                found = [r for r in mine if r.phase is Phase.DONE and not r.delivered]
                found = [r for r in found if r.rid not in besides]
                return up_to((found[::-1] if newest_first else found)[:limit], bytes_max)
            case ListRequests(principal, limit, open_only, before, bytes_max):
                if before and before not in self.kept:
                    return None
                found = self.all(
                    lambda r: (
                        (principal is None or r.principal == principal)
                        and not (open_only and r.phase is Phase.DONE and r.delivered)
                    )
                )
                if before:
                    older = list(self.kept)[: list(self.kept).index(before)]
                    found = [r for r in found if r.rid in older]
                return up_to(found[::-1][:limit], bytes_max)
            case ListNotes(channel, limit, rid):
                of_channel = [key for key in sorted(self.notes) if key[0] == channel]
                wanted = [key for key in of_channel if rid in ("", key[1])]
                return {key[1]: self.notes[key] for key in wanted[:limit]}
            case _:
                assert_never(query)

    def answer_session(self, query: SessionQuery) -> SessionAnswer:
        return self.sessions.answer(query)

    def restore(self) -> Restored:
        unknown = {
            (record.principal, record.digest): record
            for record in self.all(is_unknown)
            if record.rid not in self.superseded
        }
        return Restored(
            epoch=self.epoch,
            active=self.all(lambda r: r.phase is not Phase.DONE),
            unknown=list(unknown.values()),
            grants=list(self.grants.values()),
            mutes=[self.mutes[agent] for agent in sorted(self.mutes)],
            coded_at=self.coded_at(),
            old_at=max((r.created_at for r in self.all(is_open_of_old)), default=0.0),
            sessions=self.sessions.restore(self.utc()),
        )

    def prune(self, now: float, ran_s: float) -> int:
        """Delete all that retention does not keep, at once."""
        done = [record for record in self.kept.values() if record.phase is Phase.DONE]
        oldest = min(map(RESOLVED_AT, done), default=None)
        now = self.clock.look(self.monotonic(), ran_s, now, oldest)
        for grant in list(self.grants.values()):
            if grant.expires_at < now - self.keep_s:
                del self.grants[grant.id]
        self.mutes = {a: mute for a, mute in self.mutes.items() if mute.until >= now}
        gone = {r.rid for r in done if r.resolved_at < now - self.kept_s(r)}
        early = self.too_many([r for r in self.kept.values() if r.rid not in gone], now)
        self.forgotten += len(early)
        gone |= early
        for rid in gone:
            del self.kept[rid]
            del self.places[rid]
            self.unknown_rids.pop(rid, None)
            self.superseded.discard(rid)
            self.notes = {key: value for key, value in self.notes.items() if key[1] != rid}
        return len(gone)

    def kept_s(self, record: Record) -> float:
        """How long a record is kept that is done."""
        return self.keep_s if record.delivered else self.keep_undelivered_s

    def too_many(self, stay: list[Record], now: float) -> set[str]:
        """Which of these go because there are too many, or too much in them."""
        rows: Counter[tuple[str, Rank]] = Counter()
        sizes: Counter[tuple[str, Rank]] = Counter()
        for record in stay:
            rows[record.principal, rank_of(record)] += 1
            sizes[record.principal, rank_of(record)] += kept_bytes(record)
        many, large = excess(rows, self.keep_rows_max), excess(sizes, self.keep_bytes_max)
        early = set()
        late = collected_before(now)
        done = [
            record
            for record in stay
            if record.phase is Phase.DONE and (record.delivered or record.resolved_at < late)
        ]
        for record in sorted(done, key=goes_first):
            whose = record.principal, rank_of(record)
            if many.get(whose, 0) > 0 or large.get(whose, 0) > 0:
                many[whose] = many.get(whose, 0) - 1
                large[whose] = large.get(whose, 0) - kept_bytes(record)
                early.add(record.rid)
        return early

    def close(self) -> None:
        """A dict needs no closing."""

    def coded_at(self) -> float:
        coded = self.all(lambda r: r.needs_code)
        ends = [record.decided_at for record in coded]
        yeses = [said.at for r in coded if r.phase is not Phase.DONE for said in r.endorsements]
        return max([*ends, *yeses], default=0.0)

    def supersede(self, record: Record) -> None:
        """Clear the older unknown outcomes of the same thing, if this record ran it again."""
        ran = (Status.EXECUTED, Status.FAILED)
        if record.outcome is None or record.outcome.status not in ran or not record.warning:
            return
        for rid in self.unknown_rids:
            other = self.kept[rid]
            same = (other.principal, other.digest) == (record.principal, record.digest)
            older = self.places[rid] < self.places[record.rid]
            if same and older and other.resolved_at <= record.resolved_at:
                self.superseded.add(rid)

    def all(self, wanted: Callable[[Record], bool]) -> list[Record]:
        """The records that are wanted, oldest first."""
        return [record for record in self.kept.values() if wanted(record)]

    def newest(self, wanted: Callable[[Record], bool]) -> Record | None:
        """The newest record that is wanted."""
        return next(filter(wanted, reversed(self.kept.values())), None)


def is_open_of_old(record: Record) -> bool:
    """Whether an old client may still wait for this."""
    return not record.client_id and not (record.phase is Phase.DONE and record.delivered)


def is_unknown(record: Record) -> bool:
    """Whether nobody knows how the request ended."""
    return record.outcome is not None and record.outcome.status is Status.UNKNOWN


def up_to(rows: list[Record], bytes_max: int) -> list[Record]:
    """The rows up to the one with which they are too much."""
    for count in range(1, len(rows)):
        if sum(map(record_bytes, rows[:count])) > bytes_max:
            return rows[:count]
    return rows

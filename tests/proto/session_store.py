"""The contract of a store in the plainest way, for sessions: what was committed, in dicts.

What the real engines are compared with, and what the tests of the core and the simulator use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import assert_never

from msgspec.structs import replace

from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session import (
    WATCHED_ONLY,
    DropSession,
    FindSession,
    ListSessions,
    LogRow,
    PutSession,
    ReadLog,
    RestoredSessions,
    SessionRecord,
    Spent,
    SumUsage,
    UsageBy,
    as_many_rows_as,
)
from agentgate_proto.records.storage import Change, SessionAnswer, SessionQuery
from agentgate_proto.records.usage import UsageRow, UsageStatus, UsageSum, added


class SessionStore:
    """Keeps the promises of ``agentgate_proto.records.session``.

    Attributes:
        sessions: what is stored, by id, in the order of the first put.
        logs: the rows of each, by their first offset.
        usage: what is stored, by id.
        changes: what was committed, in order: for tests that look back.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, SessionRecord] = {}
        self.logs: dict[str, dict[int, LogRow]] = {}
        self.usage: dict[str, UsageRow] = {}
        self.changes: list[PutSession | DropSession] = []

    def commit(self, changes: Iterable[Change]) -> None:
        """Apply those of the changes that are about sessions, in order."""
        for change in changes:
            match change:
                case PutSession(session, rows, usage):
                    self.changes.append(change)
                    self.sessions[session.id] = session
                    log = self.logs.setdefault(session.id, {})
                    log.update((row.first, row) for row in rows)
                    for row in list(log.values()):
                        if row.end <= session.oldest:
                            del log[row.first]
                    self.usage.update((row.id, row) for row in usage)
                case DropSession(id=session_id, principal=principal):
                    self.changes.append(change)
                    found = self.sessions.get(session_id)
                    if found is not None and found.principal == principal:
                        self.drop(session_id)
                case _:
                    pass

    def answer(self, query: SessionQuery) -> SessionAnswer:
        """Answer as the query's docstring says."""
        match query:
            case FindSession(session_id):
                return self.sessions.get(session_id)
            case ListSessions():
                return self.listed(query)
            case ReadLog():
                return as_many_rows_as(self.rows_of(query), query.bytes_max)
            case SumUsage():
                return self.sums(query)
            case _:
                assert_never(query)

    def restore(self, now: float) -> RestoredSessions:
        """What a new process starts from.

        Args:
            now: UTC seconds; they say which month it is.
        """
        reserved = [row for row in self.usage.values() if row.status is UsageStatus.RESERVED]
        month = rfc3339(now)[:7] + "-01"
        spent: dict[tuple[str, str, str], int] = {}
        for row in self.usage.values():
            if row.day >= month and row.cost_micros is not None:
                key = row.principal, row.model, row.day
                spent[key] = spent.get(key, 0) + row.cost_micros
        kept: Counter[str] = Counter()
        for session in self.sessions.values():
            kept[session.principal] += session.log_bytes
        return RestoredSessions(
            running=[session for session in self.sessions.values() if session.run is not None],
            reserved=sorted(reserved, key=lambda row: (row.at, row.id)),
            spent=[
                Spent(principal=principal, model=model, day=day, micros=micros)
                for (principal, model, day), micros in sorted(spent.items())
            ],
            counts=dict(Counter(session.principal for session in self.sessions.values())),
            log_bytes=dict(kept),
        )

    def idle(self, before: float) -> list[SessionRecord]:
        """Sessions that have not changed since then, the oldest first."""
        found = [
            session
            for session in self.sessions.values()
            if session.run is None and session.updated_at < before
        ]
        return sorted(found, key=lambda session: session.updated_at)

    def prune(self, usage_before: float) -> int:
        """Delete usage from before then.

        Returns:
            how many rows these were.
        """
        old = [
            row.id
            for row in self.usage.values()
            if row.status is UsageStatus.SETTLED and row.at < usage_before
        ]
        for usage_id in old:
            del self.usage[usage_id]
        return len(old)

    def drop(self, session_id: str) -> None:
        """Forget a session that is stored."""
        del self.sessions[session_id]
        del self.logs[session_id]

    def listed(self, query: ListSessions) -> list[SessionRecord] | None:
        """Answer this query."""
        found = list(self.sessions.values())
        if query.before:
            before = self.sessions.get(query.before)
            if before is None or query.principal not in (None, before.principal):
                return None
            found = found[: list(self.sessions).index(query.before)]
        found = [
            session
            for session in reversed(found)
            if query.principal in (None, session.principal)
            and query.user_id in ("", session.user_id)
        ]
        return found[: query.limit]

    def rows_of(self, query: ReadLog) -> Iterator[LogRow]:
        """The rows that are asked for, at most so many, however many bytes they have."""
        rows = sorted(self.logs.get(query.session, {}).values(), key=lambda row: row.first)
        found = [
            row
            for row in rows
            if row.end > query.after and not (query.history_only and row.kind in WATCHED_ONLY)
        ]
        for row in found[: query.limit]:
            yield row if query.history_only else replace(row, blocks=b"")

    def sums(self, query: SumUsage) -> list[UsageSum]:
        """Answer this query."""
        sums: dict[str, UsageSum] = {}
        if query.by is UsageBy.TOTAL:
            sums[""] = UsageSum(key="")
        for row in self.usage.values():
            whose = query.principal in (None, row.principal) and query.session in ("", row.session)
            if whose and row.day >= query.since:
                key = key_of(row, query.by)
                sums[key] = with_row(sums.get(key, UsageSum(key=key)), row)
        if query.by is UsageBy.DAY:
            return sorted(sums.values(), key=lambda one: one.key, reverse=True)[: query.limit]
        return sorted(sums.values(), key=lambda one: (-one.cost_micros, one.key))[: query.limit]


def key_of(row: UsageRow, by: UsageBy) -> str:
    """What a row has in common with the others of its sum."""
    match by:
        case UsageBy.MODEL:
            return row.model
        case UsageBy.DAY:
            return row.day
        case UsageBy.PRINCIPAL:
            return row.principal
        case UsageBy.SESSION:
            return row.session
        case UsageBy.TOTAL:
            return ""
        case _:
            assert_never(by)


def with_row(one: UsageSum, row: UsageRow) -> UsageSum:
    """A sum with one request more."""
    cost = row.cost_micros or 0
    return UsageSum(
        key=one.key,
        usage=added(one.usage, row.usage),
        cost_micros=one.cost_micros + cost,
        unknown=one.unknown + (row.cost_micros is None),
        requests=one.requests + 1,
        reserved_micros=one.reserved_micros + cost * (row.status is UsageStatus.RESERVED),
    )

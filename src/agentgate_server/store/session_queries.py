"""What the SQLite engine answers about sessions, and what they need after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar, assert_never

from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session import (
    FindSession,
    ListSessions,
    LogRow,
    ReadLog,
    RestoredSessions,
    SessionRecord,
    SumUsage,
    UsageBy,
    as_many_rows_as,
)
from agentgate_proto.records.storage import NO_BOUND, SessionAnswer, SessionQuery
from agentgate_proto.records.usage import UsageSum
from agentgate_server.store import session_statements as statements
from agentgate_server.store import usage_sums
from agentgate_server.store.rows import Row, Value
from agentgate_server.store.session_rows import (
    count_of_row,
    log_of_row,
    session_of_row,
    spent_of_row,
    sum_of_row,
    usage_of_row,
)

T = TypeVar("T")


class Reader(Protocol):
    """Reads rows of the database."""

    def rows(
        self,
        sql: str,
        values: Sequence[Value],
        read: Callable[[Row], T],
        take: Callable[[Iterator[T]], list[T]] = ...,
    ) -> list[T]:
        """What all rows mean, or those that are taken.

        Raises:
            StoreError: they cannot be read, or mean nothing.
        """
        ...


def answer(reader: Reader, query: SessionQuery) -> SessionAnswer:
    """Answer from what is committed.

    Raises:
        StoreError: the file cannot be read, or is damaged.
    """
    match query:
        case FindSession(session_id):
            found = reader.rows(statements.FIND_SESSION, (session_id,), session_of_row)
            return found[0] if found else None
        case ListSessions():
            return listed(reader, query)
        case ReadLog():
            return log(reader, query)
        case SumUsage():
            return sums(reader, query)
        case _:
            assert_never(query)


def restored(reader: Reader, utc: float) -> RestoredSessions:
    """Read what sessions need after a restart.

    Args:
        reader: of the file.
        utc: what the system's clock shows: that says which month it is.

    Raises:
        StoreError: the file cannot be read, or is damaged.
    """
    counted = reader.rows(statements.COUNT_SESSIONS, (), count_of_row)
    return RestoredSessions(
        running=reader.rows(statements.RUNNING, (), session_of_row),
        reserved=reader.rows(statements.RESERVED, (), usage_of_row),
        spent=reader.rows(usage_sums.SPENT, (first_of_month(utc),), spent_of_row),
        counts={principal: count for principal, count, _ in counted},
        log_bytes={principal: size for principal, _, size in counted},
    )


def first_of_month(utc: float) -> str:
    """The first day of the month that it is, UTC: ``2026-11-01``."""
    return f"{rfc3339(utc)[:7]}-01"


def listed(reader: Reader, query: ListSessions) -> list[SessionRecord] | None:
    """Answer this query."""
    before = NO_BOUND
    if query.before:
        place = place_of(reader, query.before)
        if place is None or not is_of(reader, query.before, query.principal):
            return None
        before, _ = place
    rest = before, query.user_id, query.limit
    if query.principal is None:
        return reader.rows(statements.LIST_SESSIONS, rest, session_of_row)
    values = query.principal, *rest
    return reader.rows(statements.LIST_SESSIONS_PRINCIPAL, values, session_of_row)


def log(reader: Reader, query: ReadLog) -> list[LogRow]:
    """Answer this query."""
    place = place_of(reader, query.session)
    if place is None:
        return []
    seq, oldest = place
    return reader.rows(
        statements.READ_HISTORY if query.history_only else statements.READ_LOG,
        (seq, max(query.after, oldest), query.limit),
        log_of_row,
        lambda rows: as_many_rows_as(rows, query.bytes_max),
    )


def place_of(reader: Reader, session_id: str) -> tuple[int, int] | None:
    """Where a session is in the table, and the lowest offset that it keeps."""
    found = reader.rows(statements.SESSION_PLACE, (session_id,), integers)
    return found[0] if found else None


def is_of(reader: Reader, session_id: str, principal: str | None) -> bool:
    """Whether a session is somebody's; None: anybody's."""
    found = reader.rows(statements.FIND_SESSION, (session_id,), session_of_row)
    return bool(found) and principal in (None, found[0].principal)


def integers(row: Row) -> tuple[int, int]:
    """Two integers; raises as the others of :mod:`agentgate_server.store.session_rows`."""
    one, other = row
    if not (isinstance(one, int) and isinstance(other, int)):
        raise TypeError("an offset is no integer")
    return one, other


def sums(reader: Reader, query: SumUsage) -> list[UsageSum]:
    """Answer this query."""
    sql = usage_sums.sum_usage_sql(
        query.by, of_session=bool(query.session), of_principal=query.principal is not None
    )
    values = query.principal, query.session, query.since, query.limit
    found = reader.rows(sql, values, sum_of_row)
    if query.by is UsageBy.TOTAL and not found and query.limit > 0:
        return [UsageSum(key="")]
    return found

"""Answers of the store to the questions of the writer, and how much memory each takes."""

from __future__ import annotations

from agentgate_proto.records.request import Record
from agentgate_proto.records.session import (
    FindSession,
    ListSessions,
    LogRow,
    ReadLog,
    SumUsage,
    log_row_bytes,
)
from agentgate_proto.records.storage import (
    Answer,
    Query,
    SessionAnswer,
    SessionQuery,
    record_bytes,
)
from agentgate_server.store.engine import Engine


def answer_of(engine: Engine, query: Query | SessionQuery) -> Answer | SessionAnswer:
    """Ask an engine what it is asked."""
    if isinstance(query, FindSession | ListSessions | ReadLog | SumUsage):
        return engine.answer_session(query)
    return engine.answer(query)


def bytes_of(answer: Answer | SessionAnswer) -> int:
    """How much memory an answer takes, as far as it is records, or rows of a log."""
    match answer:
        case Record():
            return record_bytes(answer)
        case list():
            return sum(size_of(row) for row in answer)
        case _:
            return 0


def size_of(row: object) -> int:
    """How many bytes a row of an answer takes, about."""
    match row:
        case Record():
            return record_bytes(row)
        case LogRow():
            return log_row_bytes(row)
        case _:
            return 1_000

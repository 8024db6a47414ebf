"""Sessions to store."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.records.session import (
    EventKind,
    LogRow,
    OpenRun,
    PutSession,
    QueuedMessage,
    RunSoFar,
    SessionRecord,
)
from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus

RUN = OpenRun(
    id="run1",
    message_id="m1",
    first=0,
    model="rehearsal",
    max_iterations=20,
    started_at=1_700_000_001.5,
    so_far=RunSoFar(
        iteration=2,
        tries=1,
        usage=Usage(input=100, output=20, thinking=5, is_estimate=True),
        cost_micros=500,
        unknown=1,
    ),
    started=1,
)

QUEUED = QueuedMessage(
    run="run2",
    message_id="m2",
    first=7,
    text="and the garden?",
    at=1_700_000_002.0,
    model="rehearsal",
    max_iterations=5,
    max_tokens=100,
    params={"seed": 3, "stop": ["a", None]},
    by="front",
    behalf="ann",
    hops=("e1", "e2"),
)

SESSION = SessionRecord(
    id="s0",
    principal="agent",
    epoch="e0",
    model="rehearsal",
    workspace="/srv/agents/s0",
    user_id="ann",
    metadata=msgspec.Raw(b'{"colour":"blue"}'),
    created_at=1_700_000_000.125,
    updated_at=1_700_000_002.5,
    messages=3,
    oldest=2,
    next=9,
    reserved=200,
    run=RUN,
    last_message_id="m0",
    last_run="run0",
    queue=(QUEUED,),
)

USAGE = UsageRow(
    id="run1.1.1",
    session="s0",
    principal="agent",
    run="run1",
    model="rehearsal",
    model_id="rehearsal-1",
    at=1_700_000_001.5,
    day="2023-11-14",
    status=UsageStatus.SETTLED,
    reserved_micros=900,
    cost_micros=500,
    usage=Usage(input=100, output=20, cache_read=60, cache_write=1, cache_write_1h=2, thinking=5),
    prices="2026-11-01",
)


def session(session_id: str, **fields: Any) -> SessionRecord:
    """A session in which nothing has happened, with some fields changed."""
    idle = {"oldest": 0, "next": 0, "reserved": 0, "run": None, "queue": (), **fields}
    return msgspec.structs.replace(SESSION, id=session_id, **idle)


def row(first: int, kind: EventKind = EventKind.TEXT, text: str = "abc", **fields: Any) -> LogRow:
    """A row of a log that says this."""
    data = msgspec.Raw(msgspec.json.encode({"text": text}))
    return LogRow(**{"first": first, "count": 1, "kind": kind, "at": 1.5, "data": data, **fields})


def usage(usage_id: str, **fields: Any) -> UsageRow:
    """``USAGE`` under another id, with some fields changed."""
    return msgspec.structs.replace(USAGE, id=usage_id, **fields)


def grown(session_id: str, rows: int, **fields: Any) -> PutSession:
    """Put a session with so many rows, each one event."""
    log = tuple(row(first) for first in range(rows))
    return PutSession(session(session_id, next=rows, reserved=rows, **fields), log)

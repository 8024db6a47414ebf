"""What sessions did and spent is told once, when it is durable."""

from __future__ import annotations

import msgspec
import pytest

from agentgate_proto.records.session import (
    DropSession,
    EventKind,
    LogRow,
    PutSession,
    SessionRecord,
)
from agentgate_proto.records.usage import UsageRow, UsageStatus
from agentgate_server.observing.observers import Observer, Observers
from agentgate_server.sessions.counting import Counting

SESSION = SessionRecord(
    id="s", principal="agent", epoch="e", model="m", workspace="", created_at=1.0, updated_at=1.0
)
SETTLED = UsageRow(
    id="u",
    session="s",
    principal="agent",
    run="r",
    model="m",
    model_id="m",
    at=1.0,
    day="2026-11-29",
    status=UsageStatus.SETTLED,
)
RESERVED = msgspec.structs.replace(SETTLED, id="v", status=UsageStatus.RESERVED)


class Listener(Observer):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def spent(self, row: UsageRow) -> None:
        self.heard.append(row)

    def run_ended(self, status: str) -> None:
        self.heard.append(status)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def counting(listener: Listener) -> Counting:
    return Counting(Observers([listener]))


def row(first: int, kind: EventKind, status: str) -> LogRow:
    data = msgspec.Raw(msgspec.json.encode({"run": "r", "status": status}))
    return LogRow(first=first, count=1, kind=kind, at=1.0, data=data)


def test_what_is_settled_and_ended_is_told_when_it_is_durable(
    counting: Counting, listener: Listener
) -> None:
    rows = row(1, EventKind.TOOL_RESULT, "executed"), row(2, EventKind.RUN_ENDED, "completed")
    counting.written(3, PutSession(SESSION, rows, (RESERVED, SETTLED)))
    counting.written(5, PutSession(SESSION, (row(3, EventKind.RUN_ENDED, "failed"),)))
    counting.written(6, DropSession("s", "agent"))
    counting.durable(2)
    assert listener.heard == []
    counting.durable(4)
    assert listener.heard == [SETTLED, "completed"]
    counting.durable(6)
    counting.durable(6)
    assert listener.heard == [SETTLED, "completed", "failed"]


def test_what_could_not_be_written_is_told_when_it_was_written_again(
    counting: Counting, listener: Listener
) -> None:
    counting.written(1, PutSession(SESSION, (), (SETTLED,)))
    counting.written(2, PutSession(SESSION, (), (RESERVED,)))
    counting.failed(2)
    counting.durable(2)
    assert listener.heard == []
    counting.written(3, PutSession(SESSION, (), (SETTLED,)))
    counting.durable(3)
    assert listener.heard == [SETTLED]

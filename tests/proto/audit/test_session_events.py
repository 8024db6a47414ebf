"""What the audit says of sessions, and what it does not."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.audit.events import entries_of
from agentgate_proto.records.session import (
    DropSession,
    EventKind,
    LogRow,
    PutSession,
    SessionRecord,
)
from agentgate_proto.records.storage import Change

SESSION = SessionRecord(
    id="s1",
    principal="garden",
    epoch="e",
    model="rehearsal",
    metadata=msgspec.Raw(b'{"note":"HUSH"}'),
    user_id="HUSH",
    created_at=1.0,
    updated_at=1.0,
)
WHOSE = {"session": "s1", "agent": "garden"}


def row(kind: EventKind, **data: Any) -> LogRow:
    encoded = msgspec.Raw(msgspec.json.encode({"run": "r1", **data}))
    return LogRow(first=0, count=1, kind=kind, at=1.0, data=encoded)


STARTED = row(EventKind.RUN_STARTED, message_id="HUSH", model="big", max_iterations=20, text="HUSH")
ENDED = row(
    EventKind.RUN_ENDED,
    status="completed",
    reason="HUSH",
    iterations=2,
    still_running=[],
    usage={"input": 5},
    cost_micros=1_250,
)


def told(change: Change) -> list[dict[str, Any]]:
    """The entries that a change makes, as they are written."""
    found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(entries_of(change)))
    return found


def test_a_session_is_told_once_when_it_begins() -> None:
    assert told(PutSession(SESSION, is_new=True)) == [
        {"event": "session.created", **WHOSE, "model": "rehearsal"}
    ]
    assert told(PutSession(SESSION)) == []


def test_a_run_is_told_when_it_begins_and_when_it_ends() -> None:
    assert told(PutSession(SESSION, (STARTED,))) == [
        {"event": "session.run_started", **WHOSE, "run": "r1", "model": "big"}
    ]
    assert told(PutSession(SESSION, (ENDED,))) == [
        {
            "event": "session.run_ended",
            **WHOSE,
            "run": "r1",
            "status": "completed",
            "cost_micros": 1_250,
        }
    ]


def test_a_run_whose_cost_nobody_knows_has_none() -> None:
    unknown = row(EventKind.RUN_ENDED, status="interrupted", cost_micros=None)
    (entry,) = told(PutSession(SESSION, (unknown,)))
    assert "cost_micros" not in entry
    free = row(EventKind.RUN_ENDED, status="completed", cost_micros=0)
    (entry,) = told(PutSession(SESSION, (free,)))
    assert entry["cost_micros"] == 0


def test_all_that_happens_in_one_change_is_told_in_order() -> None:
    events = [entry["event"] for entry in told(PutSession(SESSION, (STARTED, ENDED), is_new=True))]
    assert events == ["session.created", "session.run_started", "session.run_ended"]


def test_nothing_of_what_was_said_is_told() -> None:
    rows = tuple(
        row(kind, text="HUSH", args={"a": "HUSH"}, result="HUSH", error="HUSH", reason="HUSH")
        for kind in EventKind
    )
    found = told(PutSession(SESSION, (*rows, STARTED, ENDED), is_new=True))
    assert len(found) == 5
    assert "HUSH" not in str(found)


def test_a_session_that_is_deleted_is_told() -> None:
    assert told(DropSession("s1", "garden")) == [{"event": "session.deleted", **WHOSE}]
    assert told(DropSession("s1", "garden", is_old=True)) == []
    (entry,) = told(DropSession("s1", "garden", by="root"))
    assert entry == {"event": "session.deleted", **WHOSE, "principal": "root"}


def test_an_end_that_says_nothing_of_use_is_told_all_the_same() -> None:
    odd = LogRow(first=0, count=1, kind=EventKind.RUN_ENDED, at=1.0, data=msgspec.Raw(b"[]"))
    assert told(PutSession(SESSION, (odd,))) == [{"event": "session.run_ended", **WHOSE}]


def test_a_run_says_who_has_spoken_and_for_whom() -> None:
    behalf = {"principal": "ann", "hops": ["e1", "e2"]}
    spoken = row(EventKind.RUN_STARTED, model="big", by="front", on_behalf_of=behalf)
    (entry,) = told(PutSession(SESSION, (spoken,)))
    assert entry == {
        "event": "session.run_started",
        **WHOSE,
        "principal": "front",
        "on_behalf_of": "ann",
        "hops": ["e1", "e2"],
        "run": "r1",
        "model": "big",
    }

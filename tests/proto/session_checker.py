"""What must hold of sessions at any moment, and what when all has come to rest (I11 to I13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from tests.proto.session_world import World

from agentgate_proto.records.session import LogRow, PutSession, log_row_bytes
from agentgate_proto.records.usage import UsageStatus
from agentgate_proto.sessions.history import History


def check(world: World) -> None:
    """What is stored is sound at any moment."""
    for name, record in world.store.sessions.items():
        rows = world.rows(name)
        check_order(rows)
        running = record.run.id if record.run is not None else ""
        queue = [message.run for message in record.queue]
        assert running or not queue, "without a run nobody waits"
        check_runs(rows, running, queue, record.oldest)
        check_texts(rows, record.oldest)
        ids = [data["message_id"] for data in world.data(name, "message")]
        assert len(ids) == len(set(ids)), "a message is taken once"
        kept = len(bytes(record.metadata)) + sum(map(log_row_bytes, rows))
        assert record.oldest or record.log_bytes == kept, "what it keeps is counted"
    check_money(world)


def check_order(rows: list[LogRow]) -> None:
    """No two rows have an offset in common."""
    end = 0
    for row in rows:
        assert row.first >= end
        end = row.end


def check_runs(rows: list[LogRow], running: str, queue: list[str], oldest: int) -> None:
    """One run at a time; each that has ended has closed its calls, once each.

    Of a log that has lost its beginning, what follows the first run's is looked at.
    """
    if oldest:
        starts = [place for place, row in enumerate(rows) if row.kind == "run_started"]
        rows = rows[starts[0] :] if starts else []
        if not starts:
            return
    under_way, open_calls, closed = "", Counter[str](), Counter[str]()
    unsettled: set[str] = set()
    waits: list[str] = []
    for row in rows:
        data = msgspec.json.decode(row.data)
        match row.kind:
            case "message":
                waits.append(data["run"])
            case "run_started":
                assert not under_way, "one run at a time"
                under_way = data["run"]
                if not oldest:
                    assert waits.pop(0) == under_way, "in the order in which they came"
            case "tool_call":
                open_calls[data["call"]] += 1
                assert open_calls[data["call"]] == 1, "ids are unique in a session"
            case "tool_result" if data.get("late"):
                assert oldest or data["call"] in unsettled, "it was closed as unknown, and is new"
                unsettled.discard(data["call"])
            case "tool_result":
                closed[data["call"]] += 1
                assert closed[data["call"]] == 1, "a call is closed once"
                if data.get("still_running"):
                    unsettled.add(data["call"])
            case "run_ended" if data["run"] != under_way:
                assert data["status"] == "cancelled", "it had not begun"
                assert oldest or data["run"] in waits, "and waited"
                waits = [run for run in waits if run != data["run"]]
            case "run_ended":
                under_way = ""
                assert open_calls == closed, "every end closes every call"
    assert under_way == running, "the session says which run is under way"
    if not oldest:
        assert waits == queue, "and which messages wait"


def check_texts(rows: list[LogRow], oldest: int) -> None:
    """A reply is what was shown of it, and was not withdrawn."""
    text = ""
    for row in rows:
        data = msgspec.json.decode(row.data)
        match row.kind:
            case "model_started" | "reset":
                text = ""
            case "text":
                text += data["text"]
            case "reply":
                assert data["text"] == text or (oldest and data["text"].endswith(text))
                text = ""


def check_money(world: World) -> None:
    """What was settled is settled once, told with the end of its run, and within each budget."""
    settled = Counter(
        row.id
        for change in world.store.changes
        if isinstance(change, PutSession)
        for row in change.usage
        if row.status is UsageStatus.SETTLED
    )
    assert not settled or max(settled.values()) == 1, "usage is counted once"
    for name in world.store.sessions:
        for run, end in world.ends_of(name).items():
            rows = [row for row in world.store.usage.values() if row.run == run]
            assert end["cost_micros"] == sum_of(row.cost_micros for row in rows), "of its whole run"
            assert end["usage"].get("output", 0) == sum(row.usage.output for row in rows)
    for budget in world.budgets:
        spent = sum(row.cost_micros or 0 for row in world.store.usage.values())
        assert budget.over == "ask" or spent <= budget.limit_micros


def sum_of(costs: Iterable[int | None]) -> int | None:
    """What several requests cost; None if nobody knows it of one."""
    known = list(costs)
    return None if None in known else sum(cost or 0 for cost in known)


def check_rest(world: World) -> None:
    """Everything has come to rest: nothing is under way, nothing is owed to anybody."""
    check(world)
    assert world.sessions.is_settled
    assert world.sessions.next_deadline() is None
    for name, record in world.store.sessions.items():
        assert record.run is None, "the session is free"
        assert record.next == record.reserved, "and whole"
        check_history(world, name)
        results = {data["call"] for data in world.data(name, "tool_result")}
        assert results.issuperset(world.calls_in_log(name)), "each call is closed"
    kept = Counter[str]()
    for record in world.store.sessions.values():
        kept[record.principal] += record.log_bytes
    for name in ("ann", "bob"):
        assert world.sessions._book.logs.of(name) == kept[name], "no byte is owed, and none is lost"
    for row in world.store.usage.values():
        assert row.status is UsageStatus.SETTLED, "no money stays reserved"
    assert not world.gate.open_for
    assert world.unanswered == [], "every call was answered"


def check_history(world: World, name: str) -> None:
    """What a session in memory shows its model is what a new process would show it."""
    session = world.sessions._book.get(name)
    if session is None:
        return
    again = History(world.limits.history_bytes_max, world.limits.result_chars_max)
    for row in world.rows(name):
        again.feed(row)
    oldest = session.log.oldest
    assert turns_of(session.history, oldest) == turns_of(again, oldest)
    assert oldest or session.history.worded("x") == again.worded("x")
    assert session.history.open == again.open == {}


def turns_of(history: History, oldest: int) -> list[Any]:
    """Its groups; where the log has lost its beginning, without what that may have led to."""
    groups = [group for group in history.groups if group.first >= oldest]
    return [group.turns[1:] if oldest else group.turns for group in groups]

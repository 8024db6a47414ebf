"""The audit in the SQLite file: appended with what it tells of, dropped only with a signature."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.server.store.samples import done, put, record

from agentgate_proto.audit.chain import DROPPED, Head, verify
from agentgate_proto.audit.denials import entry_of
from agentgate_proto.quotas.denials import Kind, Untold
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.request import Phase
from agentgate_proto.records.storage import MarkDelivered, Put, PutAudit
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.store.audit_rows import DROP_ROWS_MAX, KEY, AuditRows, anchor_of, seal_of
from agentgate_server.store.engine import StoreError
from agentgate_server.store.pace import Doubt
from agentgate_server.store.sqlite import SqliteEngine

NOW = 1_800_000_000.0
DAY_S = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(folder: Path, clock: Clock, **kept: int) -> SqliteEngine:
    days, most = kept.get("keep_days", 365), kept.get("keep_entries_max", 1_000_000)
    size = kept.get("keep_bytes_max", 2**30)
    masker = Masker([Secret("hunter2-hunter2")])
    rows = AuditRows(
        keep_days=days, keep_entries_max=most, keep_bytes_max=size, mask=masker.entries
    )
    return SqliteEngine(folder / "gate.db", audit=rows, utc=clock)


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[SqliteEngine]:
    made = opened(tmp_path, clock)
    yield made
    made.close()


def lines(engine: SqliteEngine) -> list[bytes]:
    rows = engine.connection.execute("SELECT lines FROM audit ORDER BY seq")
    return [line for (lines,) in rows for line in lines.split(b"\n")]


def events(engine: SqliteEngine) -> list[str]:
    return [msgspec.json.decode(line)["event"] for line in lines(engine)]


def test_what_a_batch_tells_is_one_row_with_it(engine: SqliteEngine) -> None:
    note = PutAudit(AuditEntry(event="gateway.started"))
    engine.commit([note, put("r1"), MarkDelivered(("r9",)), Put(done("r2"))])
    assert events(engine) == ["gateway.started", "request.asked", "request.ended"]
    assert engine.connection.execute("SELECT seq, at FROM audit").fetchall() == [(3, NOW)]
    assert engine.head is not None
    assert verify(lines(engine), kept=engine.head).later == 0


def test_a_batch_that_tells_nothing_appends_nothing(engine: SqliteEngine) -> None:
    engine.commit([MarkDelivered(("r1",))])
    assert lines(engine) == []


def test_a_batch_that_fails_leaves_no_entry_and_no_gap(engine: SqliteEngine) -> None:
    engine.commit([put("r1")])
    with pytest.raises(StoreError):
        engine.commit([put("r2"), put("r3", request_id=2**70)])
    assert engine.head is None
    engine.commit([put("r4")])
    assert [msgspec.json.decode(line)["rid"] for line in lines(engine)] == ["r1", "r4"]
    assert verify(lines(engine)).broken is None


def test_the_chain_goes_on_after_reopening(tmp_path: Path, clock: Clock) -> None:
    for number in range(3):
        engine = opened(tmp_path, clock)
        engine.commit([put(f"r{number}")])
        found = verify(lines(engine), kept=engine.head)
        engine.close()
        assert (found.entries, found.broken) == (number + 1, None)


def test_secrets_are_masked_before_they_are_hashed(engine: SqliteEngine) -> None:
    secret = "hunter2-hunter2"
    args = msgspec.Raw(b'{"password":"x1","text":"it is hunter2-hunter2"}')
    running = record("r1", phase=Phase.RUNNING, args=args, client_id=f"id-{secret}", expires_at=0.0)
    engine.commit([Put(running), put("r2", request_id=secret)])
    text = b"".join(lines(engine))
    assert b"x1" not in text
    assert secret.encode() not in text
    row = msgspec.json.decode(lines(engine)[0])
    assert row["args"] == {"password": MASK, "text": f"it is {MASK}"}
    assert verify(lines(engine)).broken is None
    seal = seal_of(engine.connection)
    assert row["digest"] == seal.of_request("r1", running.digest)
    assert row["masked"] == {
        "/password": seal.of_value("r1", "/password", b'"x1"'),
        "/text": seal.of_value("r1", "/text", b'"it is hunter2-hunter2"'),
    }


def test_no_part_of_a_secret_is_left_where_a_long_text_is_cut(engine: SqliteEngine) -> None:
    secret, exact = "hunter2-hunter2", "x" * 195 + "hunter2-hunter2" + "y" * 9_000
    args = msgspec.json.encode({"pin": secret * 600, "text": exact, "to": "bob"})
    engine.commit([Put(record("r1", args=msgspec.Raw(args)))])
    (line,) = lines(engine)
    row = msgspec.json.decode(line)
    assert b"hun" not in line
    assert row["args"]["to"] == "bob"
    assert row["args"]["pin"] == MASK
    assert row["args_bytes"] > 8_192
    seal = seal_of(engine.connection)
    assert row["masked"]["/text"] == seal.of_value("r1", "/text", msgspec.json.encode(exact))


def test_the_key_of_the_seals_stays_in_the_store_and_is_of_this_store_only(
    engine: SqliteEngine, tmp_path: Path, clock: Clock
) -> None:
    (key,) = engine.connection.execute(KEY).fetchone()
    engine.commit([Put(record("r1", args=msgspec.Raw(b'{"pin":"4711"}')))])
    assert key.encode() not in b"".join(lines(engine))
    engine.close()
    again = opened(tmp_path, clock)
    assert again.connection.execute(KEY).fetchone() == (key,)
    (tmp_path / "other").mkdir()
    other = opened(tmp_path / "other", clock)
    assert other.connection.execute(KEY).fetchone() != (key,)
    again.close()
    other.close()


def test_a_file_of_an_older_agent_gate_gets_a_key(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock)
    engine.connection.execute("DELETE FROM meta WHERE key = 'audit_key'")
    engine.close()
    engine = opened(tmp_path, clock)
    engine.commit([put("r1")])
    engine.close()


def test_a_key_that_is_none_stops_the_start(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock)
    engine.connection.execute("UPDATE meta SET value = 'x' WHERE key = 'audit_key'")
    engine.close()
    with pytest.raises(StoreError, match="audit_key in the table meta is no key"):
        opened(tmp_path, clock)


def test_sql_cannot_change_or_delete_an_entry(engine: SqliteEngine) -> None:
    engine.commit([put("r1")])
    for sql in ("UPDATE audit SET at = 0", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            engine.connection.execute(sql)


def test_rows_that_are_gone_from_the_end_leave_a_gap_for_ever(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock)
    for number in range(5):
        engine.commit([put(f"r{number}")])
    engine.connection.execute("DROP TRIGGER audit_kept")
    engine.connection.execute("DELETE FROM audit WHERE seq > 3")
    engine.close()
    engine = opened(tmp_path, clock)
    engine.commit([put("r9")])
    found = verify(lines(engine)).broken
    engine.close()
    assert found is not None
    assert (found.kind, found.seq) == ("missing", 4)
    assert "entries 4 to 5" in found.why


def test_a_row_that_was_damaged_does_not_stop_the_gateway(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock)
    engine.commit([put("r1")])
    engine.connection.execute("DROP TRIGGER audit_stays")
    engine.connection.execute("UPDATE audit SET lines = x'00'")
    engine.close()
    engine = opened(tmp_path, clock)
    engine.commit([put("r2")])
    found = verify(lines(engine)).broken
    engine.close()
    assert found is not None
    assert (found.kind, found.seq) == ("edited", 1)


# Retention


def prune(engine: SqliteEngine, now: float) -> int:
    deleted = 0
    while step := engine.prune(now, math.inf):
        deleted += step
    return deleted


def test_old_entries_go_and_the_chain_signs_for_them(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock, keep_days=10)
    for number in range(4):
        engine.commit([put(f"r{number}"), put(f"s{number}")])
        clock.now += 4 * DAY_S
    fourth = msgspec.json.decode(lines(engine)[3])["hash"]
    assert prune(engine, clock.now) == 2
    assert events(engine) == ["request.asked"] * 4 + [DROPPED]
    signature = msgspec.json.decode(lines(engine)[-1])
    assert (signature["upto"], signature["upto_hash"], signature["count"]) == (4, fourth, 4)
    assert signature["detail"] == "from 2027-01-15T08:00:00.000Z to 2027-01-19T08:00:00.000Z"
    assert (engine.cut, engine.doubts) == (0, []), "it was time for them"
    anchor = anchor_of(engine.connection)
    assert anchor == Head(4, fourth)
    found = verify(lines(engine), start=anchor, kept=engine.head)
    engine.close()
    assert (found.broken, found.entries) == (None, 5)


def test_beyond_the_cap_the_oldest_go(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock, keep_entries_max=10)
    for number in range(DROP_ROWS_MAX + 20):
        engine.commit([put(f"r{number}")])
    prune(engine, clock.now)
    found = verify(lines(engine), start=anchor_of(engine.connection))
    signatures = [row for row in map(msgspec.json.decode, lines(engine)) if "upto" in row]
    (doubt,) = engine.doubts
    cut = engine.cut
    engine.close()
    assert found.broken is None
    assert 10 <= found.entries <= 12
    assert cut == signatures[-1]["upto"] == found.start.seq
    end = "2027-01-15T08:00:00.000Z"
    assert signatures[-1]["detail"] == (
        f"from {end} to {end}; {signatures[-1]['count']} before their time:"
        " audit.keep_entries_max (10) is reached, and most of what is there is of agent"
    )
    assert doubt == Doubt(
        "audit.keep_entries_max",
        f"audit.keep_entries_max (10) is reached: {cut} entries from {end} to {end} are gone from"
        " the audit before audit.keep_days (365), and most of what is left is of agent: raise it,"
        " or find out who asks so much",
        is_past=True,
    )


def test_of_what_goes_only_that_was_cut_whose_time_had_not_come(
    tmp_path: Path, clock: Clock
) -> None:
    engine = opened(tmp_path, clock, keep_days=10, keep_entries_max=4)
    for number in range(8):
        engine.commit([put(f"r{number}"), put(f"s{number}")])
        clock.now += 2 * DAY_S
    prune(engine, clock.now)
    signature = msgspec.json.decode(lines(engine)[-1])
    old = sum(1 for number in range(8) if number * 2 < 8 * 2 - 10)
    assert signature["count"] == 12
    assert f"; {12 - 2 * old} before their time" in signature["detail"]
    assert engine.cut == 12 - 2 * old
    engine.close()


def test_the_newest_entry_always_stays(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock, keep_days=1, keep_entries_max=1)
    engine.commit([put("r1")])
    assert prune(engine, clock.now + 900 * DAY_S) == 0
    assert events(engine) == ["request.asked"]
    engine.close()


def test_requests_go_without_their_entries(engine: SqliteEngine, clock: Clock) -> None:
    engine.commit([Put(done("r1", delivered=True))])
    clock.now += 20 * DAY_S
    assert prune(engine, clock.now) == 1
    assert engine.connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    assert events(engine) == ["request.ended"]


def test_beyond_a_cap_on_bytes_the_oldest_go(tmp_path: Path, clock: Clock) -> None:
    engine = opened(tmp_path, clock, keep_bytes_max=20_000)
    args = msgspec.Raw(b'{"text":"%s"}' % (b"x" * 4_000))
    for number in range(9):
        engine.commit([put(f"r{number}", args=args)])
        if number == 5:  # what it knows by heart is what is written
            engine.close()
            engine = opened(tmp_path, clock, keep_bytes_max=20_000)
    while engine.prune(NOW, math.inf):
        pass
    kept = lines(engine)
    assert events(engine) == ["request.asked"] * 5 + [DROPPED]
    assert "4 before their time: audit.keep_bytes_max (20000) is reached" in kept[-1].decode()
    assert engine.cut == 4
    assert [doubt.setting for doubt in engine.doubts] == ["audit.keep_bytes_max"]
    assert sum(map(len, kept[1:])) < 20_000 < sum(map(len, kept)), "but for one row"
    start = anchor_of(engine.connection)
    assert verify(kept, start=start, kept=engine.head).broken is None
    (upto,) = engine.execute("SELECT upto_bytes FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    (first,) = engine.execute("SELECT upto_bytes FROM audit ORDER BY seq LIMIT 1").fetchone()
    assert upto - first == sum(map(len, kept[1:]))
    engine.close()


def test_a_batch_that_fails_counts_no_bytes(engine: SqliteEngine) -> None:
    engine.commit([put("r1")])
    with pytest.raises(StoreError):
        engine.commit([put("r2", request_id=2**70)])
    engine.commit([put("r3")])
    (upto,) = engine.execute("SELECT max(upto_bytes) FROM audit").fetchone()
    assert upto == sum(map(len, lines(engine)))


@pytest.mark.parametrize("kind", Kind)
def test_what_is_told_together_has_keyed_digests(engine: SqliteEngine, kind: Kind) -> None:
    many = Untold(
        principal="evil", kind=kind, rid="r1", tool="t", digest="d1", since=NOW, last="d2", count=57
    )
    engine.commit([PutAudit(entry_of(many)), Put(done("r2"), is_told=False)])
    (row,) = map(msgspec.json.decode, lines(engine))
    seal = seal_of(engine.connection)
    assert (row["count"], row["digest"]) == (57, seal.of_request("r1", "d1"))
    assert row["masked"] == {"last": seal.of_request("r1", "d2")}

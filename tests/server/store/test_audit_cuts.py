"""What a cap took off the audit before its time is kept to be said, and whose most of it is."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.store.samples import done, put

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.storage import Put, PutAudit
from agentgate_server.store.audit_cuts import (
    SAID_FOR_S,
    SAMPLE_ENTRIES,
    Cut,
    cut_of,
    kept,
    sample,
    whose_most,
    written,
)
from agentgate_server.store.audit_rows import AuditRows
from agentgate_server.store.engine import StoreError
from agentgate_server.store.pace import Promises, pace_doubts
from agentgate_server.store.sqlite import SqliteEngine

NOW = 1_800_000_000.0
LARGE = Promises(7.0, 10**9, 10**15)
CUT = Cut(at=NOW, count=7, first_at=NOW - 60.0, last_at=NOW - 30.0, setting="a", most=60)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "gate.db", utc=lambda: NOW)
    yield engine
    engine.close()


def test_cuts_that_come_soon_are_said_together_and_later_ones_of_other_caps_alone() -> None:
    later = Cut(at=NOW + 60.0, count=3, first_at=NOW - 29.0, last_at=NOW, setting="a", most=60)
    both = later.after(CUT, later.at)
    assert (both.count, both.first_at, both.last_at, both.at) == (10, NOW - 60.0, NOW, later.at)
    assert later.after(None, later.at) == later
    assert later.after(CUT, NOW + SAID_FOR_S + 1.0) == later
    other = Cut(at=NOW + 60.0, count=3, first_at=NOW, last_at=NOW, setting="a", most=90)
    assert other.after(CUT, other.at) == other


def test_a_cut_is_said_for_a_week_unless_its_cap_is_raised(engine: SqliteEngine) -> None:
    cut = Cut(at=NOW, count=7, first_at=NOW, last_at=NOW, setting="audit.keep_entries_max", most=60)
    engine.execute(*kept(cut))

    def said(now: float, most: int) -> list[str]:
        promised = Promises(365.0, most, 10**15)
        return [each.text for each in pace_doubts(engine.connection, now, LARGE, promised)]

    (text,) = said(NOW + SAID_FOR_S, 60)
    assert text == (
        "audit.keep_entries_max (60) is reached: 7 entries from 2027-01-15T08:00:00.000Z to"
        " 2027-01-15T08:00:00.000Z are gone from the audit before audit.keep_days (365): raise it,"
        " or find out who asks so much"
    )
    assert said(NOW + SAID_FOR_S + 1.0, 60) == []
    assert said(NOW, 61) == []
    assert len(said(NOW, 59)) == 1


def test_what_is_kept_of_it_is_read_again_and_nonsense_is_nothing(engine: SqliteEngine) -> None:
    assert cut_of(engine.connection) is None
    engine.execute(*kept(CUT))
    assert cut_of(engine.connection) == CUT
    for nonsense in ("{", b"\xff", "[1]", '{"at":"x"}', "", 7):
        engine.execute("UPDATE meta SET value = ? WHERE key = 'audit_cut'", (nonsense,))
        assert cut_of(engine.connection) is None


def test_whose_entries_are_most_is_found_by_looking_at_some(engine: SqliteEngine) -> None:
    assert whose_most(engine.connection) == ""
    engine.commit([PutAudit(AuditEntry(event="gateway.started"))])
    assert whose_most(engine.connection) == "", "nobody's"
    for turn in range(15):
        row = ["good", "evil", "evil"] * 20
        engine.commit([Put(done(f"r{turn}-{n}", principal=who)) for n, who in enumerate(row)])
        looked_at = list(sample(engine.connection))
        assert len(looked_at) == min(SAMPLE_ENTRIES, 1 + 60 * (turn + 1))
        assert len(set(looked_at)) > 0.9 * len(looked_at)
        assert 0.6 < sum(b"evil" in line for line in looked_at) / len(looked_at) < 0.7
        assert whose_most(engine.connection) == "evil"


def test_rows_that_somebody_wrote_are_nobody_s(engine: SqliteEngine) -> None:
    engine.commit([put("r1"), put("r2")])
    engine.execute("DROP TRIGGER audit_stays")
    engine.execute("UPDATE audit SET lines = x'00', seq = 9")
    assert whose_most(engine.connection) == ""


def test_a_cut_that_is_not_committed_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = AuditRows(keep_entries_max=2)
    engine = SqliteEngine(tmp_path / "other.db", audit=audit, utc=lambda: NOW)
    for number in range(9):
        engine.commit([put(f"r{number}")])

    def fail(_engine: object, _todo: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteEngine, "transact", fail)
        with pytest.raises(StoreError):
            engine.prune(NOW, math.inf)
    assert engine.cut == 0
    while engine.prune(NOW, math.inf):
        pass
    assert engine.cut > 0
    engine.close()


def test_a_time_that_is_none_is_written_as_it_is() -> None:
    assert written(NOW) == "2027-01-15T08:00:00.000Z"
    assert written(-1e300) == "second -1e+300"

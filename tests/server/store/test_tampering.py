"""Values that somebody wrote into the file by hand: borne, or refused in words."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.server.store.samples import done, put

from agentgate_proto.records.storage import HighestId, ListNotes, Put, PutNote
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine

NOW = 1_700_000_100.0
LATER = NOW + 1_000 * 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gate.db"
    engine = SqliteEngine(path, utc=lambda: NOW)
    engine.commit([put("r1", request_id=1), PutNote("telegram", "r1", "7")])
    engine.commit([Put(done("r2", request_id=2, needs_code=True, decided_at=NOW))])
    engine.close()
    return path


def tamper(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER audit_stays")
        connection.execute(sql)
        connection.commit()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET lines = 'text'",
        "UPDATE audit SET lines = 7",
        "UPDATE audit SET at = 'noon'",
        "UPDATE audit SET at = 9e999",
        "UPDATE sqlite_sequence SET seq = NULL",
        "UPDATE sqlite_sequence SET seq = 'many'",
        "UPDATE requests SET decided_at = 'noon'",
        "UPDATE requests SET request_id = 9e999 WHERE rid = 'r2'",
    ],
)
def test_a_value_of_another_kind_does_not_stop_the_gateway(path: Path, sql: str) -> None:
    tamper(path, sql)
    engine = SqliteEngine(path, utc=lambda: NOW)
    engine.coded_at()
    assert engine.answer(HighestId("agent", "client")) in (1, 2)
    engine.commit([put("r3", request_id=3)])
    engine.prune(LATER, math.inf)
    engine.close()


@pytest.mark.parametrize(
    "sql",
    ["UPDATE audit SET lines = 'text'", "UPDATE audit SET lines = 7"]
    + [f"UPDATE audit SET at = {at}" for at in ("'noon'", "9e999", "-1e300", "1e18")],
)
def test_an_audit_with_a_value_of_another_kind_is_called_edited(path: Path, sql: str) -> None:
    tamper(path, sql)
    with AuditFile(path) as audit:
        broken = audit.verify().broken
    assert broken is not None
    assert broken.kind == "edited"


@pytest.mark.parametrize("anchor", ["'nonsense'", "7"])
def test_an_anchor_that_is_no_head_is_damage(path: Path, anchor: str) -> None:
    tamper(path, f"INSERT INTO meta VALUES ('audit_anchor', {anchor})")
    engine = SqliteEngine(path, utc=lambda: NOW)
    with pytest.raises(StoreError, match="damaged: the audit_anchor"):
        engine.prune(LATER, math.inf)
    engine.close()
    with AuditFile(path) as audit, pytest.raises(StoreError, match="damaged: the audit_anchor"):
        audit.verify()


def test_an_epoch_that_is_no_text_is_damage(path: Path) -> None:
    tamper(path, "UPDATE meta SET value = x'ff' WHERE key = 'epoch'")
    engine = SqliteEngine(path)
    with pytest.raises(StoreError, match="names no epoch"):
        engine.restore()
    engine.close()


def test_a_note_that_is_no_text_is_none(path: Path) -> None:
    tamper(path, "UPDATE notes SET value = x'ff'")
    engine = SqliteEngine(path)
    assert engine.answer(ListNotes("telegram", 10)) == {}
    engine.close()


def test_a_schema_so_damaged_that_its_error_is_no_text_is_damage(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"CREATE TABLE meta", b"CREATE T\x80BLE meta"))
    with pytest.raises(StoreError, match="damaged"):
        SqliteEngine(path)


@pytest.mark.parametrize("version", [-1, -(2**31)])
def test_a_version_below_zero_is_damage_and_nothing_is_migrated(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="damaged"):
        SqliteEngine(path)
    assert path.read_bytes() == before

"""The schema comes about step by step, and each step whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.server.store.samples import WAITING, put

from agentgate_server.store.migrations import (
    APPLICATION_ID,
    MIGRATIONS,
    VERSION,
    migrate,
    restore_triggers,
    take_steps,
)
from agentgate_server.store.rows import COLUMNS, row_of
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.store.statements import EPOCH


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def tables(connection: sqlite3.Connection) -> set[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in found}


def test_a_new_file_gets_the_newest_schema_and_our_mark(connection: sqlite3.Connection) -> None:
    migrate(connection)

    assert pragma(connection, "user_version") == VERSION
    assert pragma(connection, "application_id") == APPLICATION_ID
    assert tables(connection) == {
        *("audit", "grants", "meta", "notes", "requests", "sqlite_sequence"),
        *("sessions", "session_log", "usage", "usage_days", "usage_sessions", "mutes"),
    }


def test_migrating_again_changes_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection)
    before = list(connection.iterdump())

    migrate(connection)

    assert list(connection.iterdump()) == before


def test_an_older_file_gets_only_what_it_lacks(connection: sqlite3.Connection) -> None:
    migrate(connection)
    epoch = connection.execute("SELECT value FROM meta").fetchone()

    migrate(connection, [*MIGRATIONS, ("CREATE TABLE later (x)",)])

    assert pragma(connection, "user_version") == VERSION + 1
    assert "later" in tables(connection)
    assert connection.execute("SELECT value FROM meta").fetchone() == epoch


def test_a_migration_that_fails_leaves_what_was_before_it(connection: sqlite3.Connection) -> None:
    migrate(connection, MIGRATIONS[:-1])
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, [*MIGRATIONS, ("CREATE TABLE later (x)", "CREATE TABLE later (x)")])

    assert not connection.in_transaction
    assert pragma(connection, "user_version") == VERSION
    assert "later" not in tables(connection)

    migrate(connection, [*MIGRATIONS, ("CREATE TABLE later (x)",)])
    assert "later" in tables(connection)


def test_a_new_file_gets_all_at_once_or_nothing(connection: sqlite3.Connection) -> None:
    broken = [*MIGRATIONS, ("CREATE TABLE later (x)", "CREATE TABLE later (x)")]
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, broken)
    assert not tables(connection)
    assert pragma(connection, "user_version") == 0


def test_what_is_there_stays_whatever_its_version_says(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.execute("INSERT INTO meta VALUES ('kept', 'as it was')")
    connection.execute("PRAGMA user_version = 0")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection)
    assert connection.execute("SELECT value FROM meta WHERE key = 'kept'").fetchone()


def test_a_new_file_is_what_its_steps_would_have_made(connection: sqlite3.Connection) -> None:
    migrate(connection)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as stepwise:
        take_steps(stepwise, MIGRATIONS, 0)
        schema = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
        assert connection.execute(schema).fetchall() == stepwise.execute(schema).fetchall()
        for name in ("user_version", "application_id"):
            assert pragma(connection, name) == pragma(stepwise, name)


def test_no_two_new_files_have_the_same_epoch() -> None:
    epochs = set()
    for _ in range(3):
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
            migrate(new)
            epochs |= set(new.execute(EPOCH))
    assert len(epochs) == 3


def test_a_file_of_the_first_version_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.touch(0o600)
    old = sqlite3.connect(path, isolation_level=None)
    migrate(old, MIGRATIONS[:1])
    row = dict(zip(COLUMNS, row_of(WAITING), strict=True))
    names = {name for _, name, *_ in old.execute("PRAGMA table_info(requests)")}
    first = {name: value for name, value in row.items() if name in names}
    assert len(first) == len(row) - 12, "what the first version did not know"
    places = ", ".join("?" * len(first))
    sql = " ".join(("INSERT INTO requests (", ", ".join(first), ") VALUES (", places, ")"))
    old.execute(sql, tuple(first.values()))
    old.close()

    engine = SqliteEngine(path)

    restored = engine.restore()
    assert restored.active == [WAITING]
    assert (restored.grants, restored.coded_at) == ([], 0.0)
    engine.close()


def test_what_sessions_of_an_older_file_keep_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.touch(0o600)
    old = sqlite3.connect(path, isolation_level=None)
    before = next(
        number
        for number, statements in enumerate(MIGRATIONS)
        if any("ADD COLUMN log_bytes" in sql for sql in statements)
    )
    migrate(old, MIGRATIONS[:before])
    old.execute(
        """
        INSERT INTO sessions VALUES
        (5, 's1', 'agent', 'e', 1.0, 'm', '', '', x'7b7d', 1.0, 1, 0, 2, 2, '', '', '', 0, ''),
        (6, 's2', 'agent', 'e', 1.0, 'm', '', '', x'7b7d', 1.0, 0, 0, 0, 0, '', '', '', 0, '')
        """
    )
    old.execute(
        """
        INSERT INTO session_log VALUES
        (5, 0, 1, 'note', 1.0, x'7b7d', x''), (5, 1, 1, 'reply', 1.0, x'7b7d', x'00010203')
        """
    )
    old.close()

    engine = SqliteEngine(path)

    sizes = engine.connection.execute("SELECT id, log_bytes FROM sessions ORDER BY id").fetchall()
    assert sizes == [("s1", 2 + 302 + 306), ("s2", 2)]
    assert engine.restore().sessions.log_bytes == {"agent": 2 + 302 + 306 + 2}
    engine.close()


FOREIGN = 'CREATE TRIGGER "it\'s ""mine""" AFTER INSERT ON audit BEGIN DELETE FROM audit; END'
WEAK = "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit WHEN 0 BEGIN SELECT 1; END"


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TRIGGER audit_stays", "DROP TRIGGER audit_kept"),
        ("DROP TRIGGER audit_stays", WEAK),
        (FOREIGN,),
    ],
    ids=["gone", "weakened", "one more"],
)
def test_what_keeps_the_audit_append_only_is_put_back(
    tmp_path: Path, statements: tuple[str, ...]
) -> None:
    path = tmp_path / "gate.db"
    SqliteEngine(path).close()
    whole = sqlite3.connect(path)
    triggers = whole.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    for sql in statements:
        whole.execute(sql)
    whole.close()

    engine = SqliteEngine(path)

    assert len(engine.repaired) == len([sql for sql in statements if sql != WEAK])
    found = engine.connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    assert {name: " ".join(sql.split()) for name, sql in found} == {
        name: " ".join(sql.split()) for name, sql in triggers
    }
    engine.commit([put("r1")])
    for sql in ("UPDATE audit SET at = 0", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            engine.connection.execute(sql)
    engine.close()
    again = SqliteEngine(path)
    assert again.repaired == []
    again.close()


def test_triggers_that_cannot_be_put_back_leave_nothing_half_done(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection)
    connection.execute("DROP TRIGGER audit_stays")
    connection.set_authorizer(
        lambda action, *_: (
            sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_CREATE_TRIGGER else sqlite3.SQLITE_OK
        )
    )
    with pytest.raises(sqlite3.DatabaseError):
        restore_triggers(connection)
    connection.set_authorizer(None)
    assert not connection.in_transaction
    assert len(restore_triggers(connection)) == 1

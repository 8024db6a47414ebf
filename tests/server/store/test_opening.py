"""A file is opened only if it is ours, and ready to be written when it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentgate_server.store.engine import StoreError
from agentgate_server.store.migrations import APPLICATION_ID, AUDIT_TRIGGERS, VERSION
from agentgate_server.store.opening import check_kind, connect, prepare


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    path.touch()
    return path


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as connection:
        yield connection


def setting(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        connect(tmp_path / "none.db")

    assert list(tmp_path.iterdir()) == []


def test_a_new_file_becomes_ours_and_commits_are_synced(
    path: Path, connection: sqlite3.Connection
) -> None:
    assert prepare(connection, path) == []

    assert setting(connection, "application_id") == APPLICATION_ID
    assert setting(connection, "user_version") == VERSION
    assert setting(connection, "journal_mode") == "wal"
    assert setting(connection, "synchronous") == 2
    assert not connection.in_transaction


def test_what_was_put_back_is_said(path: Path, connection: sqlite3.Connection) -> None:
    prepare(connection, path)
    for name in AUDIT_TRIGGERS:
        connection.execute(f"DROP TRIGGER {name}")

    assert len(prepare(connection, path)) == len(AUDIT_TRIGGERS)
    assert prepare(connection, path) == []


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE theirs (a)", "some other program"),
        ("PRAGMA application_id = 7", "some other program"),
        ("PRAGMA user_version = 1", "some other program"),
    ],
)
def test_a_file_of_another_program_is_refused_and_left_as_it_is(
    path: Path, connection: sqlite3.Connection, statement: str, reason: str
) -> None:
    connection.execute(statement)
    before = path.read_bytes()

    with pytest.raises(StoreError, match=reason):
        prepare(connection, path)

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "reason"), [(VERSION + 1, "a newer agent-gate"), (-1, "^damaged: ")]
)
def test_a_version_that_nobody_knows_is_refused(
    path: Path, connection: sqlite3.Connection, version: int, reason: str
) -> None:
    prepare(connection, path)
    connection.execute(f"PRAGMA user_version = {version}")

    with pytest.raises(StoreError, match=reason):
        check_kind(connection, path)

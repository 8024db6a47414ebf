"""The key of what faces seal: made once with the store, and never another one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentgate_server.store.engine import StoreError
from agentgate_server.store.face_seal import SEAL_BYTES
from agentgate_server.store.sqlite import SqliteEngine


def seal_at(path: Path) -> bytes:
    """Open a store, as a gateway does, and take its key."""
    engine = SqliteEngine(path)
    try:
        return engine.restore().seal
    finally:
        engine.close()


def test_each_store_has_a_key_of_its_own_that_outlives_the_process(tmp_path: Path) -> None:
    one, other = seal_at(tmp_path / "one.db"), seal_at(tmp_path / "other.db")
    assert len(one) == len(other) == SEAL_BYTES
    assert one != other
    assert seal_at(tmp_path / "one.db") == one


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_a_store_of_before_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    first = seal_at(path)
    change(path, "DELETE FROM meta WHERE key = 'face_seal'")
    again = seal_at(path)
    assert len(again) == SEAL_BYTES
    assert again != first


@pytest.mark.parametrize("value", ["''", "'00'", "x'00ff'", "7"])
def test_what_is_no_key_is_refused_in_words(tmp_path: Path, value: str) -> None:
    path = tmp_path / "gate.db"
    seal_at(path)
    change(path, f"UPDATE meta SET value = {value} WHERE key = 'face_seal'")
    with pytest.raises(StoreError, match="no key for the seals of faces"):
        seal_at(path)

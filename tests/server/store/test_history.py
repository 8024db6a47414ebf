"""The history is read beside the gateway that writes it, whatever its length."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.store.samples import done, put, record

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Status, ended
from agentgate_proto.records.request import Phase
from agentgate_proto.records.storage import Put
from agentgate_server.store import history as module
from agentgate_server.store.engine import StoreError
from agentgate_server.store.history import history
from agentgate_server.store.sqlite import SqliteEngine

DENIED = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, "no")
WITHDRAWN = ended(Status.CANCELLED, ErrorCode.CANCELLED)
BY_A_PERSON = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON, "no")


def actions(path: Path, **options: Any) -> dict[str, str]:
    return {past.id: past.action.value for past in history(path, **options)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.db"


def test_what_was_decided_is_told_from_how_it_went_on(path: Path) -> None:
    engine = SqliteEngine(path)
    engine.commit(
        [
            put("waits"),
            Put(record("runs", phase=Phase.RUNNING, expires_at=0.0)),
            Put(done("denied", DENIED, expires_at=0.0)),
            Put(done("refused", BY_A_PERSON)),
            Put(done("granted", expires_at=0.0, grant="g1")),
            Put(done("withdrawn", WITHDRAWN, expires_at=0.0, rule="")),
        ]
    )
    # The engine is open: this is a gateway that runs.
    assert actions(path) == {
        "waits": "ask",
        "runs": "allow",
        "denied": "deny",
        "refused": "ask",
        "granted": "ask",
    }
    engine.commit([put("later", warning="may have run")])
    assert list(history(path))[-1].repeats_unknown
    engine.close()
    assert len(actions(path)) == 6


def test_it_can_be_narrowed_and_comes_in_pages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", 3)
    engine = SqliteEngine(path)
    for n in range(10):
        principal = "a" if n % 2 else "b"
        engine.commit([put(f"r{n}", created_at=float(n), principal=principal, request_id=n)])
    assert list(actions(path)) == [f"r{n}" for n in range(10)]
    assert list(actions(path, since=4.0, agent="a")) == ["r5", "r7", "r9"]
    assert actions(path, agent="nobody") == {}
    engine.close()


def test_reading_holds_no_transaction_between_pages(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", 1)
    engine = SqliteEngine(path)
    engine.commit([put("r0", request_id=0), put("r1", request_id=1)])
    reading = history(path)
    assert next(reading).id == "r0"
    engine.commit([put("r2", request_id=2)])
    assert [past.id for past in reading] == ["r1", "r2"]
    engine.close()


def test_what_is_no_store_of_ours_is_named(path: Path) -> None:
    with pytest.raises(StoreError, match="has this gateway ever run"):
        list(history(path))
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(StoreError, match="some other program"):
        list(history(path))
    path.write_text("a letter, long enough to be no database at all " * 50)
    with pytest.raises(StoreError, match="not a database"):
        list(history(path))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("PRAGMA user_version = 999", "has schema 999 and this agent-gate reads"),
        ("UPDATE requests SET effects = 'odd'", "holds a record that nobody wrote so"),
    ],
)
def test_a_store_that_cannot_be_read_is_said_to_be_so(path: Path, damage: str, words: str) -> None:
    engine = SqliteEngine(path)
    engine.commit([put("r0")])
    engine.close()
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(StoreError, match=words):
        list(history(path))


def test_what_is_not_kept_whole_says_how_long_it_was(path: Path) -> None:
    engine = SqliteEngine(path)
    args = msgspec.Raw(b'{"text":"%s"}' % (b"x" * 20_000))
    engine.commit([Put(done("long", DENIED, expires_at=0.0, args=args)), put("whole", args=args)])
    assert [past.args_bytes for past in history(path)] == [20_011, 0]
    engine.close()

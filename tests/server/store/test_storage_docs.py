"""What docs/storage.md tells operators to do works on a real store."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from tests.server.store.samples import put
from tests.server.store.session_samples import session

from agentgate_proto.records.session import ListSessions, PutSession, SessionRecord
from agentgate_server.store.rows import COLUMNS
from agentgate_server.store.session_rows import LOG_COLUMNS, SESSION_COLUMNS, USAGE_COLUMNS
from agentgate_server.store.sqlite import SqliteEngine

PAGE = (Path(__file__).parents[3] / "docs" / "storage.md").read_text()


def test_every_statement_in_the_documentation_runs(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    engine = SqliteEngine(path)
    engine.commit([put("r1")])
    statements = re.findall(r'["`]((?:SELECT|UPDATE) [^"`]*)["`]', PAGE)

    shell = sqlite3.connect(path, isolation_level=None)
    rows = [shell.execute(statement).fetchall() for statement in statements]
    shell.close()

    assert len(rows) == 4
    assert engine.restore().active
    engine.close()


def test_a_restored_backup_with_a_new_epoch_is_another_memory_with_the_same_records(
    tmp_path: Path,
) -> None:
    engine = SqliteEngine(tmp_path / "store.db")
    engine.commit([put("r1")])
    engine.commit([PutSession(session("s1")), PutSession(session("s2"))])
    epoch = engine.restore().epoch
    shell = sqlite3.connect(tmp_path / "store.db")
    backup = sqlite3.connect(tmp_path / "backup.db", isolation_level=None)
    shell.backup(backup)
    for update in re.findall(r'"(UPDATE [^"]*)"', PAGE):
        backup.execute(update)
    backup.close()
    shell.close()
    engine.close()

    restored = SqliteEngine(tmp_path / "backup.db")

    assert restored.restore().epoch != epoch
    assert [record.rid for record in restored.restore().active] == ["r1"]
    found = restored.answer_session(ListSessions("agent", 10))
    assert isinstance(found, list)
    epochs = {each.epoch for each in found if isinstance(each, SessionRecord)}
    assert len(epochs - {session("s1").epoch}) == 2
    restored.close()


def test_every_column_is_explained() -> None:
    of_sessions = (*SESSION_COLUMNS, "dropped", *LOG_COLUMNS, "session", *USAGE_COLUMNS)
    for column in (*COLUMNS, "seq", "superseded", "rank", "bytes", *of_sessions):
        assert f"`{column}`" in PAGE

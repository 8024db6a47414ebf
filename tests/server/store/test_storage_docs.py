"""What docs/storage.md tells operators to do works on a real store."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from tests.server.store.samples import put

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

    assert len(rows) == 1
    assert engine.restore().active
    engine.close()


def test_every_column_is_explained() -> None:
    of_sessions = (*SESSION_COLUMNS, "dropped", *LOG_COLUMNS, "session", *USAGE_COLUMNS)
    for column in (*COLUMNS, "seq", "superseded", "rank", "bytes", *of_sessions):
        assert f"`{column}`" in PAGE

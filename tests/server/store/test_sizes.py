"""How much a store holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.storage import PutAudit
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sizes import sizes_of
from agentgate_server.store.sqlite import SqliteEngine


def test_what_a_store_holds_is_counted_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    engine = SqliteEngine(path, utc=lambda: 1_000.0)
    empty = sizes_of(path)
    assert (empty.requests, empty.sessions, empty.audit_entries, empty.audit_from) == (0, 0, 0, 0.0)
    assert empty.database_bytes > 0
    engine.commit([PutAudit(AuditEntry(event="x")), PutAudit(AuditEntry(event="y"))])
    found = sizes_of(path)
    assert (found.audit_entries, found.audit_from) == (2, 1_000.0)
    engine.close()


def test_a_store_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gate\.db"):
        sizes_of(tmp_path / "gate.db")

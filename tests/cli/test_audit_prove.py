"""``agent-gate audit prove``: what the audit hides can be proven with the database, and only so."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.server.store.samples import put

from agentgate_cli.main import run
from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.storage import Put, PutAudit
from agentgate_server.secrets.masking import Masker
from agentgate_server.store.audit_rows import KEY, AuditRows
from agentgate_server.store.sqlite import SqliteEngine

ARGS = {"code": "4711", "pin": 4711, "door": {"token": '"x"'}}


def audit(folder: Path, *args: str) -> int:
    return run(["audit", *args, "--database", str(folder / "gate.db")])


def plain() -> Put:
    args = canonical_args({"door": "front"})
    return put("r2", tool="lock", args=msgspec.Raw(args), digest=digest_of("lock", args))


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A database whose second entry hides a few values."""
    engine = SqliteEngine(tmp_path / "gate.db", audit=AuditRows(mask=Masker().entries))
    exact = canonical_args(ARGS)
    args = {"args": msgspec.Raw(exact), "tool": "unlock", "digest": digest_of("unlock", exact)}
    engine.commit([PutAudit(AuditEntry(event="gateway.started")), put("r1", **args), plain()])
    engine.close()
    return tmp_path


@pytest.mark.parametrize(
    ("seq", "place", "said", "code"),
    [
        ("2", "/code", "4711", 0),
        ("2", "/code", '"4711"', 0),
        ("2", "/code", "4712", 1),
        ("2", "/pin", "4711", 0),
        ("2", "/pin", '"4711"', 1),
        ("2", "/door/token", '"x"', 0),
        ("2", "/door/token", "x", 1),
        ("2", "", json.dumps(ARGS), 0),
        ("2", "", json.dumps({**ARGS, "pin": 4712}), 1),
        ("3", "", '{"door": "front"}', 0),
        ("3", "", '{"door": "back"}', 1),
        ("2", "", "4711", 4),
        ("2", "/door", "x", 4),
        ("1", "", "{}", 4),
        ("9", "", "{}", 4),
    ],
)
def test_who_has_the_database_can_prove_what_was_hidden(
    sealed: Path, monkeypatch: pytest.MonkeyPatch, seq: str, place: str, said: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(said + "\n"))
    assert audit(sealed, "prove", seq, *([place] if place else [])) == code


HASH = re.compile(rb"[0-9a-f]{32,}")
"""Any four digits are in one by chance."""


def test_no_export_holds_the_key_nor_what_is_sealed(
    sealed: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with closing(sqlite3.connect(sealed / "gate.db")) as connection:
        (key,) = connection.execute(KEY).fetchone()
    for form in ("jsonl", "csv"):
        assert audit(sealed, "export", "--format", form) == 0
        text = capfdbinary.readouterr().out
        assert b"hmac-sha256:" in text
        assert b"4711" not in HASH.sub(b"", text)
        assert key.encode() not in text
    assert audit(sealed, "verify") == 0


def test_a_database_without_a_key_says_so(
    sealed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(sealed / "gate.db")) as connection:
        connection.execute("DELETE FROM meta WHERE key = 'audit_key'")
        connection.commit()
    monkeypatch.setattr(sys, "stdin", io.StringIO("4711"))
    assert audit(sealed, "prove", "2", "/code") == 1
    assert "nothing is sealed in it yet" in capsys.readouterr().err

"""Heads that are kept: a start that finds another log than that one covers nothing up."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.server.embedded import http, serving
from tests.server.store.samples import put

from agentgate_proto.audit.chain import BEGINNING, Head, chained
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.audit.heads import append_head, look_back, read_head, read_heads
from agentgate_server.store.audit_rows import AuditRows, anchor_of
from agentgate_server.store.sqlite import SqliteEngine

NOW = 1_800_000_000.0
LATER = NOW + 1_000 * 86_400.0
ROWS = 20
KEPT = 12
"""What was kept: the head after so many of the rows."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A log of twenty entries; the head of the twelfth was kept, and one before it."""
    path = tmp_path / "gate.db"
    engine = SqliteEngine(path, utc=lambda: NOW)
    for number in range(1, ROWS + 1):
        engine.commit([put(f"r{number}", request_id=number)])
        if number in (KEPT // 2, KEPT):
            assert engine.head is not None
            append_head(tmp_path / "heads", engine.head)
    engine.close()
    return path


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for name in ("audit_stays", "audit_kept"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for sql in statements:
            connection.execute(sql)
        connection.commit()


def cut(path: Path, left: int) -> None:
    """Take the end away, and what SQLite knows of it."""
    tamper(
        path,
        f"DELETE FROM audit WHERE seq > {left}",
        f"UPDATE sqlite_sequence SET seq = {left} WHERE name = 'audit'",
    )


def write_anew(path: Path) -> None:
    """Write the whole log anew, with hashes that fit."""
    lines, _ = chained(BEGINNING, "2026-11-29T10:00:00.000Z", [AuditEntry(event="x")] * ROWS)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER audit_stays")
        for seq, line in enumerate(lines, start=1):
            connection.execute("UPDATE audit SET lines = ? WHERE seq = ?", (line, seq))
        connection.commit()


def edit(path: Path, seq: int) -> None:
    tamper(path, f"UPDATE audit SET lines = replace(lines, 'r{seq}', 'rX') WHERE seq = {seq}")


def verdict(path: Path, heads: Path) -> str:
    """What ``audit verify`` says."""
    with AuditFile(path) as audit:
        found = audit.verify(read_head(heads), read_heads(heads)).broken
    return found.kind if found else ""


def gone_on(path: Path) -> None:
    """A gateway that looked at nothing goes on from whatever it finds."""
    engine = SqliteEngine(path, utc=lambda: NOW)
    for number in range(100, 100 + 2 * ROWS):
        engine.commit([put(f"r{number}", request_id=number)])
    engine.close()


def test_a_log_that_goes_through_the_kept_head_is_gone_on_with(database: Path) -> None:
    heads = database.with_name("heads")
    found = look_back(database, heads, [])
    assert (found.head_file, found.broken, found.problem) == (heads, (), "")
    gone_on(database)
    assert look_back(database, heads, []) == found
    assert verdict(database, heads) == ""


TAMPERED: dict[str, Callable[[Path], None]] = {
    "cut before it": lambda path: cut(path, KEPT - 3),
    "cut to nothing": lambda path: cut(path, 0),
    "written anew": write_anew,
    "the kept entry edited": lambda path: edit(path, KEPT),
    "edited after it": lambda path: edit(path, KEPT + 3),
    "its row gone": lambda path: tamper(path, f"DELETE FROM audit WHERE seq = {KEPT}"),
    "a row after it gone": lambda path: tamper(path, f"DELETE FROM audit WHERE seq = {KEPT + 2}"),
    "no text": lambda path: tamper(path, f"UPDATE audit SET lines = 7 WHERE seq = {KEPT}"),
    "the end gone": lambda path: tamper(path, f"DELETE FROM audit WHERE seq > {ROWS - 2}"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_log_that_was_tampered_with_keeps_the_head_that_tells_of_it(
    how: str, database: Path
) -> None:
    heads = database.with_name("heads")
    before = heads.read_text()
    TAMPERED[how](database)

    found = look_back(database, heads, [])

    assert found.head_file == database.with_name("heads.new")
    (entry,) = found.broken
    assert (entry.event, entry.upto) == ("audit.broken", KEPT)
    assert f"{KEPT}-{entry.upto_hash}" == before.split()[-1]
    assert str(heads) in entry.detail
    gone_on(database)
    again = look_back(database, heads, [])  # a longer log is still not the one that was kept
    assert again.head_file == found.head_file
    assert heads.read_text() == before
    assert verdict(database, heads) in {"truncated", "edited", "missing", "inserted"}


def test_what_is_before_the_kept_head_is_not_read_at_a_start(database: Path) -> None:
    kept = read_head(database.with_name("heads"))
    with AuditFile(database) as audit:
        assert audit.verify_end(kept).entries == ROWS - KEPT + 1
        assert audit.verify(kept).entries == ROWS
    edit(database, 3)
    assert not look_back(database, database.with_name("heads"), []).broken
    assert verdict(database, database.with_name("heads")) == "edited"


def test_a_head_without_its_number_is_looked_for_in_all_of_it(database: Path) -> None:
    heads = database.with_name("noted")
    heads.write_text(f"{read_head(database.with_name('heads')).hash}\n")
    assert not look_back(database, heads, []).broken
    heads.write_text(f"{'7' * 64}\n")
    assert "not in it" in look_back(database, heads, []).broken[0].detail


def test_retention_up_to_the_kept_head_is_no_tampering_and_beyond_it_is(tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    rows = AuditRows(keep_days=1)
    engine = SqliteEngine(tmp_path / "gate.db", audit=rows, utc=lambda: NOW)
    for number in range(1, 4):
        engine.commit([put(f"r{number}", request_id=number)])
    while engine.prune(LATER, math.inf):
        pass
    assert engine.head is not None
    old, now = anchor_of(engine.connection), engine.head
    assert 3 <= old.seq < now.seq
    engine.close()
    for head, is_broken in ((old, False), (now, False), (Head(1, "1" * 64), True)):
        heads.unlink(missing_ok=True)
        append_head(heads, head)
        assert bool(look_back(engine.path, heads, []).broken) is is_broken, head


def test_where_no_head_was_kept_nothing_is_looked_at(tmp_path: Path, database: Path) -> None:
    cut(database, 3)
    none = tmp_path / "none"
    assert look_back(database, None, []).head_file is None
    assert look_back(database, none, []).head_file == none
    none.touch()
    assert look_back(database, none, []).broken == ()


@pytest.mark.parametrize("what", ["a note", "12-123\n9-zz", "folder"])
def test_what_is_no_file_of_heads_is_left_alone(what: str, tmp_path: Path, database: Path) -> None:
    heads = tmp_path / "odd"
    if what == "folder":
        heads.mkdir()
    else:
        heads.write_text(what)
    found = look_back(database, heads, [])
    assert found.head_file == tmp_path / "odd.new"
    assert found.broken[0].detail.startswith(f"{heads}: ")
    assert what == "folder" or heads.read_text() == what


# The file


def test_a_head_that_was_cut_short_is_none_and_eats_none(tmp_path: Path) -> None:
    heads, one, two = tmp_path / "heads", Head(7, "1" * 64), Head(8, "2" * 64)
    append_head(heads, one)
    for length in range(1, len(str(two))):
        heads.write_text(f"{one}\n{str(two)[:length]}")
        assert read_head(heads) == one
        append_head(heads, two)
        assert list(read_heads(heads)) == [one, two]
        assert read_head(heads) == two
    heads.write_text(f"{one}\n{two}")  # whole, without its line end
    assert read_head(heads) == two
    assert heads.stat().st_mode & 0o777 == 0o600


def test_heads_are_added_to_the_very_file_which_may_be_mounted_by_itself(tmp_path: Path) -> None:
    heads, one, two = tmp_path / "heads", Head(7, "1" * 64), Head(8, "2" * 64)
    heads.touch()
    with heads.open("rb") as held:  # another name for it, as a mount is
        append_head(heads, one)
        append_head(heads, two)
        assert held.read().decode() == f"{one}\n{two}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["heads"]


def test_of_a_long_file_the_end_is_read_and_a_lower_head_at_it_hides_nothing(
    tmp_path: Path,
) -> None:
    heads = tmp_path / "heads"
    lines = [str(Head(number, f"{number:064x}")) for number in range(1, 5_001)]
    heads.write_text("\n".join([*lines, str(Head(3, "f" * 64)), ""]))
    assert read_head(heads).seq == 5_000
    assert len(list(read_heads(heads))) == 5_001


# A gateway


@pytest.mark.anyio
async def test_a_gateway_says_what_it_found_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heads = tmp_path / "heads"
    audit = {"head_file": str(heads)}
    async with serving(tmp_path, audit=audit) as gateway:
        assert "audit" not in (await http(gateway, "GET", "/health"))[2]
    before = heads.read_text()
    cut(tmp_path / "gate.db", 1)
    async with serving(tmp_path, audit=audit) as gateway:
        status, _, health = await http(gateway, "GET", "/health")
        assert (status, health["status"]) == (200, "ok")
        assert health["audit"].startswith("not as it was kept")
    assert "the audit is not as it was kept" in caplog.text
    assert heads.read_text() == before
    with AuditFile(tmp_path / "gate.db") as found:
        told = [line for line in found.lines() if b'"audit.broken"' in line]
    assert len(told) == 3  # two triggers, and the end
    assert b"the trigger audit_kept was gone" in told[1]
    assert read_head(tmp_path / "heads.new").seq > 1
    assert verdict(tmp_path / "gate.db", heads)

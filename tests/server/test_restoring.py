"""Backups: one whole file or none, and a restored store that is honest about what it can't know."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from tests.server.store.samples import done, put
from tests.server.store.session_samples import session

from agentgate_proto.audit.chain import Head
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase
from agentgate_proto.records.session import ListSessions, PutSession, SessionRecord
from agentgate_proto.records.storage import FindRid, Put
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.restoring import keep_files, look_at_backup, make_backup, restore
from agentgate_server.store.copying import back_up, notes_in
from agentgate_server.store.disk_watch import Space
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine

NOW = 1_800_000_000.0


def utc() -> float:
    return NOW


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """One request that waits, and one that is done."""
    path = tmp_path / "data" / "gate.db"
    engine = SqliteEngine(path, utc=utc)
    engine.commit([put("r1", request_id=1), Put(done("r2", request_id=2))])
    engine.close()
    return path


def backed_up(database: Path, name: str = "b.backup") -> Path:
    target = database.parent.parent / name
    make_backup(database, target, {}, now=NOW)
    return target


def epoch_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        (epoch,) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    assert isinstance(epoch, str)
    return epoch


def left_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_a_backup_is_of_one_moment_while_a_gateway_writes(database: Path) -> None:
    engine = SqliteEngine(database, utc=utc)
    target = database.parent.parent / "b.backup"

    def write_on(_done: int, _all: int) -> None:
        engine.commit([put(f"r{len(heard) + 10}", request_id=len(heard) + 10)])
        heard.append(1)

    heard: list[int] = []
    head, size = make_backup(database, target, {}, now=NOW, progress=write_on)
    assert heard
    engine.commit([put("r99", request_id=99)])
    engine.close()
    assert size == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with AuditFile(target) as audit:
        assert audit.head() == head
        assert audit.verify().broken is None
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT rid FROM requests ORDER BY seq").fetchall() == [
            ("r1",),
            ("r2",),
        ]
        notes = notes_in(copy)
    assert notes["made_at"] == b"2027-01-15T08:00:00.000Z"
    assert notes["head"] == str(head).encode()
    assert left_in(target.parent) == {"data", "b.backup"}


def test_a_name_that_is_taken_is_not_overwritten(database: Path) -> None:
    target = backed_up(database)
    before = target.read_bytes()
    with pytest.raises(StoreError, match="is there already"):
        make_backup(database, target, {}, now=NOW)
    assert target.read_bytes() == before


def test_nothing_is_left_of_a_backup_that_fails(database: Path) -> None:
    target = database.parent.parent / "b.backup"

    def fail(_done: int, _all: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="disk full"):
        make_backup(database, target, {}, now=NOW, progress=fail)
    assert left_in(target.parent) == {"data"}


def test_a_disk_that_is_too_full_is_told_before_anything_is_written(database: Path) -> None:
    target = database.parent.parent / "b.backup"
    with pytest.raises(StoreError, match=r"bytes free, and .* are needed"):
        back_up(database, target, lambda _copy: {}, look=lambda _folder: Space(1_000, 10**9))
    floor = 10**9
    needs_floor = Space(database.stat().st_size + floor, 10**10)
    with pytest.raises(StoreError, match=r"storage\.free_min"):
        back_up(
            database, target, lambda _copy: {}, leave_free=floor, look=lambda _folder: needs_floor
        )
    assert left_in(target.parent) == {"data"}


def test_what_is_no_database_of_ours_is_not_backed_up(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"some text\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        make_backup(tmp_path / "other.db", tmp_path / "b", {}, now=NOW)
    with pytest.raises(StoreError, match="is not there"):
        make_backup(tmp_path / "none.db", tmp_path / "b", {}, now=NOW)
    assert left_in(tmp_path) == {"other.db"}


def test_a_restored_store_has_another_epoch_and_knows_what_it_does_not(database: Path) -> None:
    target = backed_up(database)
    engine = SqliteEngine(database, utc=utc)
    engine.commit([put("r3", request_id=3)])
    engine.close()
    was = epoch_of(database)

    report = restore(target, database, utc=lambda: NOW + 60)

    assert (report.unknown, report.grants) == (1, 0)
    assert report.aside is not None
    assert epoch_of(report.aside) == was != epoch_of(database)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    with closing(sqlite3.connect(database)) as copy:
        assert notes_in(copy) == {}
    engine = SqliteEngine(database, utc=utc)
    waited, finished, later = (engine.answer(FindRid(rid)) for rid in ("r1", "r2", "r3"))
    assert later is None
    assert finished == done("r2", request_id=2)
    assert getattr(waited, "phase", None) is Phase.DONE
    outcome = getattr(waited, "outcome", None)
    assert outcome is not None
    assert outcome.status is Status.UNKNOWN
    restored = engine.restore()
    assert [each.rid for each in restored.unknown] == ["r1"], "a repeat asks a person"
    engine.close()
    with AuditFile(database) as audit:
        assert audit.verify(report.backup.head).broken is None
        assert b'"event":"gateway.restored"' in b"\n".join(audit.newest(2))
    looked = {"gate.db-wal", "gate.db-shm"}  # what a reader leaves
    assert left_in(database.parent) - looked == {"gate.db", "gate.db-lock", report.aside.name}


def test_the_log_of_each_session_is_another_one(database: Path) -> None:
    engine = SqliteEngine(database, utc=utc)
    engine.commit([PutSession(session("s1")), PutSession(session("s2"))])
    engine.close()
    restore(backed_up(database), database, utc=utc)
    engine = SqliteEngine(database, utc=utc)
    found = engine.answer_session(ListSessions("agent", 10))
    engine.close()
    assert isinstance(found, list)
    epochs = {each.epoch for each in found if isinstance(each, SessionRecord)}
    assert len(epochs - {session("s1").epoch}) == 2


def test_names_may_be_relative(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_backup(database, Path("b.backup"), {}, now=NOW)
    assert look_at_backup(Path("b.backup")).entries == 2
    assert restore(Path("b.backup"), Path("data/gate.db"), utc=utc).unknown == 1


def test_it_refuses_while_a_gateway_runs(database: Path) -> None:
    target = backed_up(database)
    engine = SqliteEngine(database, utc=utc)
    was = epoch_of(database)
    with pytest.raises(StoreError, match="locked by another gateway process"):
        restore(target, database, utc=utc)
    assert epoch_of(database) == was
    engine.close()


def test_it_restores_where_no_database_is(database: Path, tmp_path: Path) -> None:
    target = backed_up(database)
    new = tmp_path / "elsewhere" / "gate.db"
    report = restore(target, new, utc=utc)
    assert report.aside is None
    engine = SqliteEngine(new, utc=utc)
    assert engine.answer(FindRid("r2")) is not None
    engine.close()


def test_a_backup_that_another_tool_made_is_taken(database: Path, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(database)) as source,
        closing(sqlite3.connect(tmp_path / "by_shell.db")) as copy,
    ):
        source.backup(copy)
    report = restore(tmp_path / "by_shell.db", database, utc=utc)
    assert report.backup.version == ""
    assert report.backup.entries == 2


def damaged(target: Path, statement: str) -> None:
    with closing(sqlite3.connect(target)) as copy:
        for name in ("audit_stays", "audit_kept"):
            copy.execute(f"DROP TRIGGER IF EXISTS {name}")
        copy.execute(statement)
        copy.commit()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET lines = replace(lines, 'agent', 'other')", "its audit"),
        ("DELETE FROM audit", "its audit was changed since it was made"),
        ("UPDATE backup SET value = '9-' || hex(zeroblob(32)) WHERE key = 'head'", "was changed"),
    ],
)
def test_a_backup_whose_audit_is_not_in_order_is_refused(
    database: Path, statement: str, words: str
) -> None:
    target = backed_up(database)
    damaged(target, statement)
    was = epoch_of(database)
    with pytest.raises(StoreError, match=words):
        restore(target, database, utc=utc)
    assert epoch_of(database) == was
    assert left_in(database.parent) == {"gate.db", "gate.db-lock"}


def test_a_backup_that_was_cut_or_is_no_database_is_refused(database: Path) -> None:
    target = backed_up(database)
    with target.open("r+b") as file:
        file.truncate(target.stat().st_size // 2)
    with pytest.raises(StoreError, match="damaged"):
        look_at_backup(target)
    target.write_bytes(b"no database")
    with pytest.raises(StoreError, match="not a database"):
        look_at_backup(target)
    with pytest.raises(StoreError, match="is not there"):
        look_at_backup(target.with_name("none"))


def test_the_database_itself_is_no_backup_of_it(database: Path) -> None:
    with pytest.raises(StoreError, match="is the database itself"):
        restore(database, database, utc=utc)


def test_heads_that_were_kept_must_be_its_own_as_far_as_it_goes(database: Path) -> None:
    target = backed_up(database)
    with AuditFile(target) as audit:
        head = audit.head()
    later = Head(head.seq + 5, "ab" * 32)
    assert look_at_backup(target, [head, later]).entries == 2
    with pytest.raises(StoreError, match="its audit is not in order"):
        look_at_backup(target, [Head(head.seq, "cd" * 32), later])


def test_a_former_database_that_is_damaged_is_kept_with_its_log(database: Path) -> None:
    target = backed_up(database)
    database.write_bytes(b"damaged" * 1_000)
    log = database.with_name("gate.db-wal")
    log.write_bytes(b"its log")
    report = restore(target, database, utc=utc)
    assert report.aside is not None
    assert report.aside.read_bytes().startswith(b"damaged")
    SqliteEngine(database, utc=utc).close()


def test_files_of_the_configuration_are_kept_and_never_overwrite_others(
    database: Path, tmp_path: Path
) -> None:
    target = tmp_path / "b.backup"
    files = {"config.yaml": b"agent: {}\n", "tools/weather.yaml": b"tools: {}\n"}
    make_backup(database, target, files, now=NOW)
    found = look_at_backup(target).files
    assert found == files
    folder = tmp_path / "etc"
    keep_files(folder, found)
    assert (folder / "tools" / "weather.yaml").read_bytes() == b"tools: {}\n"
    assert stat.S_IMODE((folder / "config.yaml").stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="is there already"):
        keep_files(folder, found)
    shutil.rmtree(folder)
    for name in ("../outside", "/etc/outside"):
        with pytest.raises(StoreError, match="outside of"):
            keep_files(folder, {name: b""})
    assert not folder.exists()

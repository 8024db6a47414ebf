"""Full, read-only, locked, damaged, foreign: each is said in words, and nothing is half done."""

from __future__ import annotations

import hashlib
import math
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.server.store.samples import put, record

from agentgate_proto.records.storage import Change, FindRid, ListRequests
from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import explain
from agentgate_server.store.migrations import VERSION
from agentgate_server.store.sqlite import SqliteEngine

IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
"""Runs a program that may mount file systems, seen by nobody else."""

FULL_TMPFS = """
import subprocess, sys
from pathlib import Path
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_proto.records.storage import ListRequests
from tests.server.store.samples import put

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", folder], check=True)
engine = SqliteEngine(folder / "store.db")
filler = folder / "filler"
try:
    filler.write_bytes(bytes(10_000_000))
except OSError:
    pass
committed = []
for number in range(10_000):
    rids = [f"{number}-{part}" for part in range(20)]
    try:
        engine.commit([put(rid) for rid in rids])
    except StoreError as error:
        print(error)
        break
    committed += rids
found = engine.answer(ListRequests(None, 100_000))
print([record.rid for record in found] == committed[::-1])
filler.unlink()
engine.commit([put("after")])
engine.close()
print(len(SqliteEngine(folder / "store.db").answer(ListRequests(None, 100_000))) - len(committed))
"""

READ_ONLY_MOUNT = """
import subprocess, sys
from pathlib import Path
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
SqliteEngine(folder / "store.db").close()
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
for name in ("store.db", "other.db", "new/store.db"):
    try:
        SqliteEngine(folder / name)
    except StoreError as error:
        print(error)
"""


def can_mount(folder: Path) -> bool:
    command = [*IN_NAMESPACE, "mount", "-t", "tmpfs", "none", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def run_in_namespace(program: str, folder: Path) -> list[str]:
    """Run a program with the folder as its argument; returns the lines that it printed."""
    command = [*IN_NAMESPACE, sys.executable, "-c", program, str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def mountable(tmp_path: Path) -> Path:
    """A folder on which a program in a namespace may mount something."""
    folder = tmp_path / "mount"
    folder.mkdir()
    if not can_mount(folder):
        pytest.skip("this machine lets nobody mount a file system in a namespace of their own")
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def engine(path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(path)
    yield engine
    engine.close()


def puts(prefix: str, count: int) -> list[Change]:
    return [put(f"{prefix}{number}") for number in range(count)]


def count(engine: SqliteEngine) -> int:
    found = engine.answer(ListRequests(None, 100_000))
    assert isinstance(found, list)
    return len(found)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Writes beyond ``size`` bytes of any file fail, as they do over a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [1, 40, 600])
def test_a_full_database_refuses_a_batch_whole_and_takes_it_when_there_is_room(
    engine: SqliteEngine, size: int
) -> None:
    engine.commit(puts("old", 10))
    pages = engine.execute("PRAGMA page_count").fetchone()[0]
    engine.execute(f"PRAGMA max_page_count = {pages}")
    large = msgspec.Raw(b'"%b"' % (b"x" * 50_000))
    batch: list[Change] = [put(f"new{number}", args=large) for number in range(size)]

    with pytest.raises(StoreError, match=r"disk full: free some space for .*store\.db"):
        engine.commit(batch)
    assert count(engine) == 10
    assert engine.answer(FindRid("old3")) == record("old3")

    engine.execute("PRAGMA max_page_count = 1000000")
    engine.commit(batch)
    assert count(engine) == 10 + size


def test_a_write_that_the_system_refuses_leaves_the_store_as_it_was(
    path: Path, engine: SqliteEngine
) -> None:
    engine.commit(puts("old", 10))
    wal = path.with_name("store.db-wal")

    with (
        file_size_limit(wal.stat().st_size + 10_000),
        pytest.raises(StoreError, match=r"the disk failed \(SQLITE_IOERR_WRITE\).*free space"),
    ):
        engine.commit(puts("new", 500))
    assert count(engine) == 10

    engine.commit(puts("new", 500))
    engine.close()
    again = SqliteEngine(path)
    assert count(again) == 510
    again.close()


def test_a_full_disk_is_called_so_and_what_was_committed_before_is_kept(mountable: Path) -> None:
    lines = run_in_namespace(FULL_TMPFS, mountable)

    assert lines[0].startswith("disk full: free some space for")
    assert lines[1:] == ["True", "1"]


def test_a_read_only_disk_is_called_so_at_the_start(mountable: Path) -> None:
    lines = run_in_namespace(READ_ONLY_MOUNT, mountable)

    assert len(lines) == 3
    for line in lines:
        assert line.startswith("read-only: ")
        assert "mounted read-only" in line


def test_a_store_that_becomes_read_only_refuses_writes_and_still_answers(
    engine: SqliteEngine,
) -> None:
    engine.commit(puts("old", 3))
    engine.execute("PRAGMA query_only = ON")

    with pytest.raises(StoreError, match=r"read-only: .*store\.db cannot be written"):
        engine.commit(puts("new", 1))
    with pytest.raises(StoreError, match="read-only"):
        engine.prune(1e12, math.inf)
    assert count(engine) == 3

    engine.execute("PRAGMA query_only = OFF")
    engine.commit(puts("new", 1))
    assert count(engine) == 4


@pytest.mark.parametrize("size", [1, 600])
def test_a_transaction_of_another_program_is_named_as_what_is_in_the_way(
    path: Path, engine: SqliteEngine, size: int
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine.execute("PRAGMA busy_timeout = 0")

    with pytest.raises(StoreError, match="locked: another program"):
        engine.commit(puts("new", size))
    assert count(engine) == 0

    other.execute("COMMIT")
    other.close()
    engine.commit(puts("new", size))
    assert count(engine) == size


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    content = b"Dear diary, " * 1000
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"not a database: .*store\.db"):
        SqliteEngine(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    path.chmod(0o644)
    before = hashlib.sha256(path.read_bytes()).digest()

    with pytest.raises(StoreError, match=r"database of some other program: set storage\.path"):
        SqliteEngine(path)
    assert hashlib.sha256(path.read_bytes()).digest() == before
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_of_a_newer_version_is_refused_with_what_to_do(path: Path) -> None:
    SqliteEngine(path).close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()

    with pytest.raises(StoreError, match=f"newer agent-gate .schema {VERSION + 1}, .*upgrade"):
        SqliteEngine(path)


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.write_bytes(b"")

    engine = SqliteEngine(path)
    engine.commit(puts("new", 1))

    assert count(engine) == 1
    engine.close()


def test_damaged_pages_are_reported_and_not_served(path: Path) -> None:
    engine = SqliteEngine(path)
    engine.commit(puts("old", 200))
    engine.close()
    junk = Random(0)
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(junk.randbytes(4096))

    with pytest.raises(StoreError, match=r"damaged: .*restore a backup"):
        everything_of(path)


def everything_of(path: Path) -> None:
    engine = SqliteEngine(path)
    try:
        engine.restore()
        engine.answer(ListRequests(None, 1000))
    finally:
        engine.close()


def test_a_record_that_nobody_wrote_is_reported_and_not_guessed_at(
    path: Path, engine: SqliteEngine
) -> None:
    engine.commit(puts("old", 2))
    vandal = sqlite3.connect(path)
    vandal.execute("UPDATE requests SET phase = 'aproved' WHERE rid = 'old1'")
    vandal.commit()
    vandal.close()

    with pytest.raises(StoreError, match=r"damaged: .*aproved.*restore a backup"):
        engine.restore()
    assert engine.answer(FindRid("old0")) == record("old0")


def test_a_store_without_its_epoch_is_damaged(path: Path, engine: SqliteEngine) -> None:
    vandal = sqlite3.connect(path)
    vandal.execute("DELETE FROM meta")
    vandal.commit()
    vandal.close()

    with pytest.raises(StoreError, match=r"damaged: .*epoch"):
        engine.restore()


DAMAGED = (
    "damaged: gate.db (Could not decode to UTF-8 column 'sql' with text 'CREATE TRIGGER"
    " app\ufffdnd'); stop the gateway, keep a copy, and restore a backup"
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Could not decode to UTF-8 column 'sql' with text 'CREATE\n  TRIGGER app\x80nd'",
            DAMAGED,
        ),
        ("a\x1b[2J\nb", "gate.db: a\ufffd[2J b (OperationalError)"),
        ("x" * 500, f"gate.db: {'x' * 300} (OperationalError)"),
    ],
)
def test_what_sqlite_quotes_of_a_damaged_file_is_one_line_and_no_more(said: str, told: str) -> None:
    assert explain(sqlite3.OperationalError(said), Path("gate.db")) == told

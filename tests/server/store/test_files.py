"""The file belongs to one process and is private from its first byte on."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.store.samples import put, record

from agentgate_proto.records.storage import FindRid
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.store.engine import StoreError
from agentgate_server.store.files import OwnedFile, uri_for_reading
from agentgate_server.store.history import history
from agentgate_server.store.looking import look_at_store
from agentgate_server.store.sqlite import SqliteEngine

HOLD = """
import sys
from pathlib import Path
from agentgate_server.store.sqlite import SqliteEngine
engine = SqliteEngine(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that takes nothing away: what is private is so because we made it so."""
    before = os.umask(0)
    yield
    os.umask(before)


@contextmanager
def another_gateway(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the store, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"open\n"
            yield holder
        finally:
            holder.kill()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_umask")
def test_every_file_and_every_new_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "gate" / "data"
    engine = SqliteEngine(folder / "store.db")
    engine.commit([put("r1")])

    found = {path.name: mode(path) for path in folder.iterdir()}

    assert set(found) == {"store.db", "store.db-wal", "store.db-shm", "store.db-lock"}
    assert set(found.values()) == {0o600}
    assert mode(folder) == mode(folder.parent) == 0o700
    engine.close()


@pytest.mark.usefixtures("open_umask")
def test_there_is_no_moment_at_which_a_new_file_is_not_private(tmp_path: Path) -> None:
    owned = OwnedFile(tmp_path / "store.db")  # nothing was written yet, SQLite has not seen it

    assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
        "store.db": 0o600,
        "store.db-lock": 0o600,
    }
    owned.release()


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o750)

    SqliteEngine(folder / "store.db").close()

    assert mode(folder) == 0o750


def test_a_restored_backup_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SqliteEngine(path).close()
    path.chmod(0o644)

    engine = SqliteEngine(path)

    assert mode(path) == 0o600
    assert mode(tmp_path / "store.db-wal") == 0o600
    engine.close()


def test_a_second_gateway_in_the_same_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    link = tmp_path / "link.db"
    link.symlink_to(path)
    engine = SqliteEngine(path)

    for name in (path, link):
        with pytest.raises(StoreError, match=f"locked by another gateway process .*{os.getpid()}"):
            SqliteEngine(name)

    engine.close()
    SqliteEngine(path).close()


def test_a_second_gateway_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with (
        another_gateway(path) as holder,
        pytest.raises(StoreError, match=f"locked by another gateway .*{holder.pid}"),
    ):
        SqliteEngine(path)

    SqliteEngine(path).close()


def test_a_failed_start_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        SqliteEngine(path)

    path.unlink()
    SqliteEngine(path).close()


@pytest.mark.parametrize("part", ["store.db", "store.db-wal"])
def test_nothing_is_called_durable_after_the_file_was_taken_away(tmp_path: Path, part: str) -> None:
    engine = SqliteEngine(tmp_path / "store.db")
    engine.commit([put("r1")])
    away = tmp_path / "away"
    (tmp_path / part).rename(away)

    with pytest.raises(StoreError, match="moved, replaced or deleted"):
        engine.commit([put("r2")])
    (tmp_path / part).write_bytes(b"")
    with pytest.raises(StoreError, match="moved, replaced or deleted"):
        engine.commit([put("r2")])

    away.rename(tmp_path / part)
    engine.commit([put("r3")])
    assert engine.answer(FindRid("r2")) is None
    assert engine.answer(FindRid("r3")) == record("r3")
    engine.close()


def test_a_database_with_two_names_is_refused_whoever_runs(tmp_path: Path) -> None:
    path, link = tmp_path / "a" / "store.db", tmp_path / "b" / "store.db"
    link.parent.mkdir()
    with another_gateway(path):
        link.hardlink_to(path)
        with pytest.raises(StoreError, match=r"b/store\.db has 2 names .*hard links.*folder"):
            SqliteEngine(link)
    for name in (path, link):  # nobody runs, and the log of the one that was killed is beside a
        with pytest.raises(StoreError, match="has 2 names"):
            SqliteEngine(name)
    link.unlink()
    SqliteEngine(path).close()


def test_the_lock_is_on_the_file_whatever_it_is_called(tmp_path: Path) -> None:
    path, moved = tmp_path / "a" / "store.db", tmp_path / "b" / "store.db"
    moved.parent.mkdir()
    with another_gateway(path):
        path.rename(moved)
        with pytest.raises(StoreError, match=r"another gateway .*b/store\.db under another name"):
            SqliteEngine(moved)
    SqliteEngine(moved).close()


def test_readers_and_shells_go_on_beside_the_locks(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    script = (
        "import sqlite3, sys\n"
        "from pathlib import Path\n"
        "from agentgate_server.audit.audit_file import AuditFile\n"
        "from agentgate_server.store.history import history\n"
        "path = Path(sys.argv[1])\n"
        "with AuditFile(path) as audit:\n"
        "    print(audit.verify().entries, audit.verify().broken)\n"
        "print(len(list(history(path))))\n"
        "shell = sqlite3.connect(path, timeout=0)\n"
        "shell.execute('BEGIN IMMEDIATE')\n"
        "shell.execute(\"INSERT INTO notes VALUES ('shell', 'r1', 'x')\")\n"
        "shell.commit()\n"
    )
    engine = SqliteEngine(path)
    engine.commit([put("r1")])
    # The first reader closed its descriptors, which must not cost us our locks
    for number in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script.replace("'r1'", f"'r{number}'"), str(path)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.stdout, done.stderr) == (f"{number + 1} None\n1\n", "")
        engine.commit([put("r1")])
        with pytest.raises(StoreError, match="locked by another"):
            SqliteEngine(path)
    engine.close()
    assert not (tmp_path / "store.db-wal").exists()


def test_a_stopped_database_on_a_disk_that_cannot_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    engine = SqliteEngine(path)
    engine.commit([put("r1")])
    assert uri_for_reading(path).endswith("?mode=ro")
    assert uri_for_reading(path, briefly=True).endswith("?mode=ro"), "what is in the log counts"
    engine.close()
    before = sorted(tmp_path.iterdir())
    look_at_store(path)
    assert sorted(tmp_path.iterdir()) == before
    monkeypatch.setattr("os.access", lambda *_: False)  # as root, a mode takes no right away
    with AuditFile(path) as audit:
        assert audit.verify().entries == 1
    assert [past.id for past in history(path)] == ["r1"]
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(StoreError, match="read-only"):
        look_at_store(path)


MOUNTINFO = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
malformed
97 27 254:0 {root} {point} rw,relatime shared:1 master:2 - {kind} /dev/vda rw
"""


def mounts(tmp_path: Path, point: Path, kind: str = "ext4") -> Path:
    table = tmp_path / "mountinfo"
    escaped = str(point).replace("\\", r"\134").replace(" ", r"\040")
    table.write_text(MOUNTINFO.format(root="/srv/gate", point=escaped, kind=kind))
    return table


@pytest.mark.parametrize("name", ["store.db", "my store\\040.db"])
def test_a_database_that_is_mounted_by_itself_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(StoreError, match=r"mounted by itself.*mount the folder"):
        OwnedFile(path, mounts(tmp_path, path))
    for point in (tmp_path, tmp_path / "store.db-lock", Path("/")):
        OwnedFile(path, mounts(tmp_path, point)).release()
    OwnedFile(path, tmp_path / "no such table").release()


@pytest.mark.parametrize(("kind", "held"), [("nfs4", False), ("cifs", False), ("xfs", True)])
def test_where_a_lock_would_be_in_the_way_of_sqlite_it_is_not_taken(
    tmp_path: Path, kind: str, held: bool
) -> None:
    path = tmp_path / "store.db"
    owned = OwnedFile(path, mounts(tmp_path, tmp_path, kind))
    moved = path.rename(tmp_path / "moved.db")
    if held:
        with pytest.raises(StoreError, match="another name"):
            OwnedFile(moved, mounts(tmp_path, tmp_path, kind))
    else:
        OwnedFile(moved, mounts(tmp_path, tmp_path, kind)).release()
    owned.release()
    OwnedFile(moved, mounts(tmp_path, tmp_path, "ext4")).release()


@pytest.mark.parametrize("kind", ["symlink", "link", "pipe", "dangling"])
def test_a_lock_that_is_another_file_leaves_that_file_alone(tmp_path: Path, kind: str) -> None:
    path, lock = tmp_path / "store.db", tmp_path / "store.db-lock"
    precious = tmp_path / "precious"
    precious.write_text("a key")
    match kind:
        case "symlink":
            lock.symlink_to(precious)
        case "dangling":
            lock.symlink_to(tmp_path / "nothing")
        case "link":
            lock.hardlink_to(precious)
        case _:
            os.mkfifo(lock)
    with pytest.raises(StoreError, match=r"store\.db-lock is a link or no file.*remove it"):
        SqliteEngine(path)
    assert precious.read_text() == "a key"
    assert not (tmp_path / "nothing").exists()
    lock.unlink()
    SqliteEngine(path).close()


def test_a_path_that_cannot_be_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreError, match=r"folder is not a file; set storage\.path"):
        SqliteEngine(tmp_path / "folder")
    with pytest.raises(StoreError, match=r"cannot be used: .*must be a folder.*storage\.path"):
        SqliteEngine(tmp_path / "file" / "store.db")

"""The file belongs to one process and is private from its first byte on."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.store.samples import put, record

from agentgate_proto.records.storage import FindRid
from agentgate_server.store.engine import StoreError
from agentgate_server.store.files import OwnedFile
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
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"open\n"

            with pytest.raises(StoreError, match=f"locked by another gateway .*{holder.pid}"):
                SqliteEngine(path)
        finally:
            holder.send_signal(signal.SIGKILL)

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


def test_a_path_that_cannot_be_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreError, match=r"folder is not a file; set storage\.path"):
        SqliteEngine(tmp_path / "folder")
    with pytest.raises(StoreError, match=r"cannot be used: .*File exists.*storage\.path"):
        SqliteEngine(tmp_path / "file" / "store.db")

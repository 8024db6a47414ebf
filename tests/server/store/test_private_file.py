"""A small file beside the database: replaced whole, one writer at a time, its owner's alone.

More of it is tested with the token file, which is one.
"""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentgate_server.store.private_file import PrivateFile, PrivateFileError


class Numbers(PrivateFile):
    bytes_max = 100
    forbidden = stat.S_IRWXG | stat.S_IRWXO
    danger = "others can read the numbers"

    def count(self) -> None:
        with self.writing():
            before = self.read_bytes() or b"0"
            self.replace(b"%d" % (int(before) + 1))


@pytest.fixture
def file(tmp_path: Path) -> Numbers:
    return Numbers(tmp_path / "data" / "numbers")


def test_there_need_be_no_file(file: Numbers) -> None:
    assert file.read_bytes() is None
    assert file.stamp() is None
    assert Numbers(file.path / "below" / "a" / "file").read_bytes() is None


def test_what_is_written_is_private_and_another_state_of_the_file(file: Numbers) -> None:
    file.count()
    first = file.stamp()
    assert file.read_bytes() == b"1"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    file.count()
    assert file.stamp() not in (first, None)


def test_writers_take_turns(file: Numbers) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: file.count(), range(40)))
    assert file.read_bytes() == b"40"


def test_what_others_may_read_is_refused_and_says_how_to_mend_it(file: Numbers) -> None:
    file.count()
    file.path.chmod(0o640)
    with pytest.raises(PrivateFileError, match="others can read the numbers: chmod 600 "):
        file.read_bytes()


def test_a_large_file_is_taken_for_another(file: Numbers) -> None:
    file.count()
    file.path.write_bytes(b"1" * 101)
    with pytest.raises(PrivateFileError, match="larger than 100 bytes"):
        file.read_bytes()


def test_what_cannot_be_read_or_written_says_why(file: Numbers) -> None:
    file.path.mkdir(parents=True)
    with pytest.raises(PrivateFileError, match="cannot be read: Is a directory"):
        file.read_bytes()
    with pytest.raises(PrivateFileError, match="cannot be read"):
        file.count()
    loop = Numbers(file.path / "loop")
    loop.path.symlink_to(loop.path)
    with pytest.raises(PrivateFileError, match="cannot be looked at"):
        loop.stamp()


def test_a_write_that_fails_leaves_the_old_file(file: Numbers) -> None:
    file.count()
    file.path.with_name("numbers-new").mkdir()
    with pytest.raises(PrivateFileError, match="cannot be written: "):
        file.count()
    assert file.read_bytes() == b"1"


def test_a_file_that_is_mounted_by_itself_cannot_be_replaced_and_says_what_to_mount(
    file: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.count()

    def busy(self: Path, target: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", busy)  # as the system says of what is a mount point
    said = "cannot be written: .* busy; if it is mounted by itself, mount the folder that it is in"
    with pytest.raises(PrivateFileError, match=said):
        file.count()
    assert file.read_bytes() == b"1"


@pytest.mark.parametrize("kind", ["a link", "a second name", "a pipe"])
def test_the_lock_is_a_file_of_its_own(file: Numbers, tmp_path: Path, kind: str) -> None:
    """It is given to the folder's owner, so a link there would give away any file of root's."""
    file.count()
    lock, other = file.path.with_name("numbers-lock"), tmp_path / "other"
    lock.unlink()
    other.write_text("precious")
    if kind == "a link":
        lock.symlink_to(other)
    elif kind == "a second name":
        lock.hardlink_to(other)
    else:
        os.mkfifo(lock)
    with pytest.raises(PrivateFileError, match=r"numbers-lock is .*remove it"):
        file.count()
    assert other.read_text() == "precious"
    assert file.read_bytes() == b"1"

"""The disk is looked at, what changes is logged once, and a file that grows fast is noticed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from agentgate_proto.quotas.disk import DiskFloor
from agentgate_server.store.disk_watch import GROWN_BYTES, DiskWatch, Space, space_of

MB = 1_000_000


class Disk:
    """A disk of which the test says how full it is."""

    def __init__(self) -> None:
        self.free = 900 * MB
        self.broken = False
        self.asked: list[Path] = []

    def __call__(self, folder: Path) -> Space:
        self.asked.append(folder)
        if self.broken:
            raise OSError("gone")
        return Space(self.free, 10_000 * MB)


def test_the_system_says_what_a_disk_has(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    assert 0 <= space.free <= space.size
    with pytest.raises(FileNotFoundError):
        space_of(tmp_path / "nowhere")


def test_each_turn_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    disk, floor = Disk(), DiskFloor(200 * MB)
    watch = DiskWatch(tmp_path / "gate.db", floor, disk)
    for free in (900, 199, 150, 240, 250, 250):
        disk.free = free * MB
        watch.measure()
    low, over = caplog.messages
    assert low == (
        "new requests are refused: the disk of the gateway's database has 199 MB left, and 200 MB"
        " must stay free (storage.free_min); nothing was run"
    )
    assert over == "there is room on the disk again: new requests are taken"
    assert set(disk.asked) == {tmp_path}


def test_a_disk_that_can_not_be_asked_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk, floor = Disk(), DiskFloor(200 * MB)
    watch = DiskWatch(tmp_path / "gate.db", floor, disk)
    disk.free = 0
    watch.measure()
    disk.broken = True
    watch.measure()
    watch.measure()
    assert floor.is_low
    assert [message for message in caplog.messages if "nobody knows" in message] == [
        f"nobody knows how full the disk of {tmp_path / 'gate.db'} is: gone"
    ]


def test_a_file_that_grows_is_told_of_each_time_it_has_grown_by_so_much(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    watch = DiskWatch(path, DiskFloor(0), Disk())
    assert not watch.has_grown(), "there is none"
    sizes = (10, GROWN_BYTES, GROWN_BYTES + 10, GROWN_BYTES + 20, 0, GROWN_BYTES)
    path.touch()
    told = []
    for size in sizes:
        os.truncate(path, size)  # nothing of it is on the disk
        told.append(watch.has_grown())
    assert told == [False, False, True, False, False, True]

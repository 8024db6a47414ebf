"""The floor under a disk: it closes the door in time, and does not swing."""

from __future__ import annotations

import pytest

from agentgate_proto.quotas.disk import DiskFloor

LARGE = 10**12


def test_below_the_floor_nothing_new_is_taken_until_there_is_a_quarter_more() -> None:
    floor = DiskFloor(100_000_000)
    assert (floor.objection, floor.free) == ("", None)
    looks = [(200, False), (100, False), (99, True), (120, False), (124, False), (125, True)]
    turned = [floor.measured(free * 1_000_000, LARGE) for free, _ in looks]
    assert turned == [turns for _, turns in looks]
    assert not floor.is_low


def test_it_says_how_much_is_left_and_what_to_change() -> None:
    floor = DiskFloor(268_435_456)
    floor.measured(99_999_999, LARGE)
    assert floor.objection == (
        "the disk of the gateway's database has 99 MB left, and 268 MB must stay free"
        " (storage.free_min); nothing was run"
    )
    floor.measured(LARGE, LARGE)
    assert (floor.objection, floor.free) == ("", LARGE)


@pytest.mark.parametrize(("free", "is_low"), [(7_000_000, False), (6_000_000, True)])
def test_of_a_small_disk_a_tenth_is_enough(free: int, is_low: bool) -> None:
    floor = DiskFloor(268_435_456)
    floor.measured(free, 64_000_000)
    assert floor.is_low is is_low


def test_without_a_floor_the_last_byte_may_be_used() -> None:
    floor = DiskFloor(0)
    assert not floor.measured(0, LARGE)
    assert floor.objection == ""

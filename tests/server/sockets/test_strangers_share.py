"""The share of strangers: no wait without a flood, one behind the other in it. Pure."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agentgate_server.sockets.strangers_share import BURST_S, SHARE, StrangersShare

TURN_S = 0.001


def test_a_few_turns_may_begin_at_once() -> None:
    share = StrangersShare(TURN_S)
    at_once = int(BURST_S * SHARE / TURN_S)
    turns = [share.next_turn(100.0) for _ in range(at_once)]
    assert turns == [100.0] * at_once


def test_in_a_flood_each_turn_has_a_place_of_its_own_and_time_is_left_between_them() -> None:
    share = StrangersShare(TURN_S)
    turns = [share.next_turn(100.0) for _ in range(500)][100:]
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert gaps == pytest.approx([TURN_S / SHARE] * len(gaps))


def test_turns_count_as_what_they_took() -> None:
    share, other = StrangersShare(TURN_S), StrangersShare(TURN_S)
    for _ in range(1_000):
        assert share.next_turn(100.0) == 100.0
        share.took(0.0)
    other.next_turn(100.0)
    other.took(1.0)
    assert other.next_turn(100.0) == pytest.approx(100.0 + 1.0 / SHARE - BURST_S)


def test_after_a_flood_nobody_waits_for_it() -> None:
    share = StrangersShare(TURN_S)
    for _ in range(500):
        share.next_turn(100.0)
    assert share.next_turn(100.0) > 100.9
    assert share.next_turn(102.0) == 102.0

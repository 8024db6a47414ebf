"""Lanes: what hangs, however much of it, leaves a thread to whoever has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.quotas.lanes import Lanes, Verdict
from agentgate_proto.quotas.places import RESERVED

OWNER = "agent"


def started(lanes: Lanes, lane: str, most: int = 100, owner: str = OWNER) -> int:
    """Start calls of a lane until no more may; return how many."""
    for count in range(most):
        if lanes.verdict(lane, owner) is not Verdict.START:
            return count
        lanes.start(lane, owner)
    return most


def test_one_lane_never_has_the_last_quarter_and_another_gets_in() -> None:
    lanes = Lanes(32, 32)
    assert started(lanes, "hangs") == 24
    assert lanes.verdict("hangs", OWNER) is Verdict.WAIT
    assert lanes.verdict("quick", OWNER) is Verdict.START


@pytest.mark.parametrize("hanging", [4, 5, 8, 12])
def test_whatever_lanes_hang_one_that_is_well_gets_a_thread(hanging: int) -> None:
    lanes = Lanes(32, 32)
    for n in range(hanging):
        for _ in range(started(lanes, f"hangs{n}", 8)):
            lanes.abandon(f"hangs{n}", OWNER)
    assert lanes.abandoned >= 32
    assert lanes.verdict("quick", OWNER) is Verdict.START


def test_lanes_that_run_at_once_leave_places_to_those_that_have_none() -> None:
    lanes = Lanes(32, 32)
    assert [started(lanes, f"slow{n}", 8) for n in range(5)] == [8, 8, 8, 1, 1]
    assert lanes.verdict("slow0", OWNER) is Verdict.WAIT
    lanes.end("slow0", OWNER, abandoned=False)
    assert lanes.verdict("slow3", OWNER) is Verdict.WAIT, "it has one"
    assert lanes.verdict("quick", OWNER) is Verdict.START


def test_when_every_thread_hangs_nothing_is_started_until_one_ends() -> None:
    lanes = Lanes(4, 4)
    for n in range(8):
        lanes.start(f"hangs{n}", OWNER)
        lanes.abandon(f"hangs{n}", OWNER)
    assert lanes.verdict("quick", OWNER) is Verdict.REFUSE
    lanes.end("hangs0", OWNER, abandoned=True)
    assert lanes.verdict("quick", OWNER) is Verdict.START
    assert (lanes.running, lanes.abandoned) == (0, 7)


@pytest.mark.parametrize(("places", "closing"), [(1, 1), (2, 1), (8, 4), (100, 12)])
def test_a_lane_of_which_half_hangs_is_closed_until_one_ends(places: int, closing: int) -> None:
    lanes = Lanes(32, 32)
    for count in range(closing):
        assert lanes.closed_by("hangs", OWNER, places) == 0, count
        lanes.start("hangs", OWNER)
        lanes.abandon("hangs", OWNER)
    assert lanes.closed_by("hangs", OWNER, places) == closing
    assert lanes.closed_by("quick", OWNER, places) == 0
    lanes.end("hangs", OWNER, abandoned=True)
    assert lanes.closed_by("hangs", OWNER, places) == 0


def test_an_agent_without_a_thread_gets_one_of_a_lane_that_another_has_filled() -> None:
    lanes = Lanes(32, 32)
    assert [started(lanes, f"slow{n}", 8) for n in range(3)] == [8, 8, 8]
    assert lanes.verdict("slow0", OWNER) is Verdict.WAIT
    assert lanes.verdict("slow0", "other") is Verdict.START
    assert started(lanes, "slow0", owner="other") == 1, "now it has one"


def test_a_lane_that_hangs_for_one_agent_is_closed_for_that_one() -> None:
    lanes = Lanes(32, 32)
    for _ in range(4):
        lanes.start("slow", OWNER)
        lanes.abandon("slow", OWNER)
    assert (lanes.closed_by("slow", OWNER, 8), lanes.closed_by("slow", "other", 8)) == (4, 0)
    lanes.start("slow", "other")
    lanes.abandon("slow", "other")
    assert (lanes.closed_by("slow", "other", 8), lanes.closed_by("slow", "third", 8)) == (5, 5)
    lanes.end("slow", "other", abandoned=True)
    assert lanes.closed_by("slow", "third", 8) == 0
    for _ in range(4):
        lanes.start("slow", OWNER)
        lanes.abandon("slow", OWNER)
    assert lanes.closed_by("slow", "third", 8) == 8, "there is no place left"


@quick
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["start", "abandon", "end"]))))
def test_the_counts_are_those_of_a_plain_list(steps: list[tuple[str, str]]) -> None:
    lanes, calls = Lanes(8, 4), list[tuple[str, bool]]()
    for lane, step in steps:
        running, hanging = (lane, False), (lane, True)
        if step == "start" and lanes.verdict(lane, OWNER) is Verdict.START:
            lanes.start(lane, OWNER)
            calls.append(running)
        elif step == "abandon" and running in calls:
            lanes.abandon(lane, OWNER)
            calls[calls.index(running)] = hanging
        elif step == "end" and (running in calls or hanging in calls):
            ended = hanging if hanging in calls else running
            lanes.end(lane, OWNER, abandoned=ended[1])
            calls.remove(ended)
        assert lanes.running == sum(not abandoned for _, abandoned in calls) <= 8
        assert lanes.abandoned == sum(abandoned for _, abandoned in calls)
        assert len(calls) <= 12
        for each in "abcd":
            own = sum(owner == each for owner, _ in calls)
            others_left = 8 - lanes.running > 8 // RESERVED * bool(own)
            assert (lanes.verdict(each, OWNER) is Verdict.WAIT) != others_left

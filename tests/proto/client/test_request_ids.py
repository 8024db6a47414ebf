"""Ids: none comes twice, and none is an integer that some languages can't tell from the next."""

from __future__ import annotations

from agentgate_proto.client.request_ids import RequestIds
from agentgate_proto.limits import ID_COUNTED_MAX, ID_INTEGER_MAX


def test_they_count_from_one() -> None:
    ids = RequestIds("p1")
    assert [ids.take() for _ in range(3)] == [1, 2, 3]


def test_they_go_on_above_what_the_gateway_knows_and_never_back() -> None:
    ids = RequestIds("p1")
    ids.follow(41)
    assert ids.take() == 42
    ids.follow(7)
    assert ids.take() == 43


def test_the_one_that_comes_next_can_be_known_before() -> None:
    ids = RequestIds("p1")
    assert ids.upcoming == ids.upcoming == ids.take() == 1
    assert ids.upcoming == 2


def test_beyond_the_integers_they_are_texts_of_this_very_process() -> None:
    ids = RequestIds("p1")
    ids.follow(ID_INTEGER_MAX - 1)
    assert ids.take() == ID_INTEGER_MAX
    assert [ids.upcoming, ids.take(), ids.take()] == ["p1-1", "p1-1", "p1-2"]
    ids.follow(2**63 - 1)
    assert ids.take() == "p1-3"


def test_what_a_gateway_counts_leaves_room() -> None:
    ids = RequestIds("p1")
    ids.follow(ID_COUNTED_MAX)
    assert ids.take() == ID_COUNTED_MAX + 1

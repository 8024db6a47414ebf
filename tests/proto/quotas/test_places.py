"""Places: nobody has all of a thing, nor all of the room to wait for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.quotas.places import RESERVED, Places


def entered(places: Places[str], owner: str) -> int:
    count = 0
    while places.enter(owner):
        count += 1
    return count


def first(owner: str, calls: list[str]) -> str:
    return next((call for call in calls if call[0] == owner), "")


@pytest.mark.parametrize(("places", "own", "others"), [(1, 1, 0), (3, 3, 0), (4, 3, 1), (8, 6, 1)])
def test_the_last_quarter_is_for_those_who_have_none(places: int, own: int, others: int) -> None:
    each = Places[str](places, 10)
    assert (entered(each, "a"), entered(each, "b")) == (own, others)
    assert each.running == own + others


def test_who_waits_has_a_turn_after_each_other_owner() -> None:
    places = Places[str](1, 100)
    assert places.enter("a")
    for call in ("a1", "a2", "a3", "b1", "c1"):
        assert places.wait(call[0], call) is None
    seen = []
    for owner in "aabcaa":
        places.end(owner)
        seen += places.admit()
    assert seen == ["a1", "b1", "c1", "a2", "a3"]
    assert (places.running, places.waiting) == (0, 0)


def test_the_newest_of_whoever_waits_most_gives_way() -> None:
    places = Places[str](1, 4)
    assert places.enter("a")
    assert [places.wait("a", f"a{n}") for n in range(6)] == [None, None, None, None, "a4", "a5"]
    assert [places.wait("b", f"b{n}") for n in range(3)] == ["a3", "a2", "b2"]
    assert places.wait("c", "c0") == "a1"
    places.end("a")
    assert places.admit() == ["a0"]


def test_where_nobody_may_wait_whoever_comes_is_refused() -> None:
    places = Places[str](1, 0)
    assert places.enter("a")
    assert places.wait("b", "b0") == "b0"


def test_who_does_not_wait_any_more_is_passed_over() -> None:
    places = Places[str](1, 10)
    assert places.enter("a")
    for call in ("a0", "b0", "b1"):
        assert places.wait(call[0], call) is None
    places.leave("a", "a0")
    places.leave("a", "a0")
    places.leave("b", "b0")
    assert places.waiting == 1
    places.end("a")
    assert (places.admit(), places.admit()) == (["b1"], [])


STEPS = st.tuples(st.sampled_from("abc"), st.sampled_from(["ask", "ask", "leave", "end"]))


@quick
@given(st.lists(STEPS, max_size=60), st.integers(1, 9), st.integers(0, 5))
def test_whatever_comes_no_cap_is_passed_and_nobody_is_forgotten(
    steps: list[tuple[str, str]], running_max: int, waiting_max: int
) -> None:
    places, running, waiting = Places[str](running_max, waiting_max), list[str](), list[str]()
    for number, (owner, step) in enumerate(steps):
        if step == "ask" and places.enter(owner):
            running.append(f"{owner}{number}")
        elif step == "ask":
            waiting.append(f"{owner}{number}")
            if (evicted := places.wait(owner, waiting[-1])) is not None:
                waiting.remove(evicted)
        elif step == "leave" and (own := first(owner, waiting)):
            places.leave(owner, own)
            waiting.remove(own)
        elif step == "end" and (own := first(owner, running)):
            running.remove(own)
            places.end(owner)
        for call in places.admit():
            waiting.remove(call)
            running.append(call)
        assert (places.running, places.waiting) == (len(running), len(waiting))
        assert len(running) <= running_max
        assert len(waiting) <= waiting_max
        free = running_max - len(running)
        for call in waiting:
            holds = any(other[0] == call[0] for other in running)
            assert free <= (running_max // RESERVED if holds else 0)
